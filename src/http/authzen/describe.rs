//! What the decision endpoints take and answer, for the document.

use serde_json::{Value, json};

use super::super::api::{Described, suppose};
use super::super::ledger::Endpoint;
use super::super::openapi::about;
use super::page::LIMIT_MAX;
use super::request::{NAME_LEN_MAX, TOKEN_LEN_MAX};

type Schema = fn() -> Value;

pub(in crate::http) fn describe(endpoint: Endpoint) -> Option<Described> {
    let (question, answer): (Schema, Schema) = match endpoint {
        Endpoint::Evaluation => (evaluation, decision),
        Endpoint::Evaluations => (evaluations, decisions),
        Endpoint::SearchSubject => (search_subject, found),
        Endpoint::SearchResource => (search_resource, found),
        Endpoint::SearchAction => (search_action, found_actions),
        Endpoint::Explain => (explain, explanation),
        _ => return None,
    };
    Some(Described::answers(about(endpoint).1, question, answer))
}

/// The members of the schema of an object. Others may be sent, and mean nothing (AuthZEN §4.4).
fn object(properties: &Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required })
}

fn text(said: &str, len_max: usize) -> Value {
    let plain = "^[^\u{0}-\u{1f}\u{7f}-\u{9f}]+$";
    json!({ "type": "string", "minLength": 1, "maxLength": len_max, "pattern": plain, "description": said })
}

fn name(said: &str) -> Value {
    text(said, NAME_LEN_MAX)
}

fn properties(said: &str) -> Value {
    json!({ "type": "object", "description": said })
}

fn subject(required: &[&str]) -> Value {
    let id = text(
        "the sub or username, the client_id, or the subject's own name; of an access_token the token",
        TOKEN_LEN_MAX,
    );
    let members = json!({
        "type": name("user, client, access_token, or a type that the model declares"), "id": id,
        "properties": properties("what policies may ask of the subject"),
    });
    object(&members, required)
}

fn action(required: &[&str]) -> Value {
    let members =
        json!({ "name": name("what is to be done"), "properties": properties("what policies may ask of it") });
    object(&members, required)
}

fn resource(required: &[&str]) -> Value {
    let members = json!({
        "type": name("of which type it is"), "id": name("which one"),
        "properties": properties("what policies may ask of the resource"),
    });
    object(&members, required)
}

fn context() -> Value {
    properties("what policies may ask of the circumstances; explain asks why, where the caller may know")
}

/// Of whole entities, as an evaluation has them.
fn entities() -> Value {
    json!({
        "subject": subject(&["type", "id"]), "action": action(&["name"]), "resource": resource(&["type", "id"]),
        "context": context(),
    })
}

fn evaluation() -> Value {
    object(&entities(), &["subject", "action", "resource"])
}

const SUPPOSED: &str = "changes under which it is answered, though nobody made them; what is so already may be among them. \
                        What they say of a group is answered like everything else: who may suppose may find out who is in it";

/// The same, and nothing beside it.
fn explain() -> Value {
    let mut changes = suppose::schema();
    if let Some(members) = changes.as_object_mut() {
        members.insert("description".into(), json!(SUPPOSED));
    }
    let mut schema = object(&with(entities(), json!({ "changes": changes })), &["subject", "action", "resource"]);
    if let Some(members) = schema.as_object_mut() {
        members.insert("additionalProperties".into(), json!(false));
    }
    schema
}

fn with(mut members: Value, more: Value) -> Value {
    if let (Some(members), Value::Object(more)) = (members.as_object_mut(), more) {
        members.extend(more);
    }
    members
}

fn evaluations() -> Value {
    let semantic = json!({ "type": "string", "enum": ["execute_all", "deny_on_first_deny", "permit_on_first_permit"] });
    let more = json!({
        "evaluations": {
            "type": "array", "items": object(&entities(), &[]),
            "description": "each takes what it leaves out from beside this member; without any the request is a single one",
        },
        "options": object(&json!({ "evaluations_semantic": semantic }), &[]),
    });
    object(&with(entities(), more), &[])
}

fn page() -> Value {
    let members = json!({
        "limit": { "type": "integer", "minimum": 1, "maximum": LIMIT_MAX },
        "token": { "type": "string", "minLength": 1, "description": "the next_token of an earlier page" },
    });
    object(&members, &[])
}

fn search_subject() -> Value {
    object(
        &with(entities(), json!({ "subject": subject(&["type"]), "page": page() })),
        &["subject", "action", "resource"],
    )
}

fn search_resource() -> Value {
    object(
        &with(entities(), json!({ "resource": resource(&["type"]), "page": page() })),
        &["subject", "action", "resource"],
    )
}

fn search_action() -> Value {
    // What stands there has no say: it is what is searched for.
    let members = with(entities(), json!({ "action": {}, "page": page() }));
    object(&members, &["subject", "resource"])
}

fn decided() -> Value {
    json!({ "decision": { "type": "boolean" }, "context": { "type": "object", "description": "why, or what was wrong" } })
}

fn decision() -> Value {
    object(&decided(), &["decision"])
}

fn decisions() -> Value {
    let items = json!({ "type": "array", "items": decision() });
    json!({ "anyOf": [object(&json!({ "evaluations": items }), &["evaluations"]), decision()] })
}

fn found_of(result: &Value) -> Value {
    let page = json!({ "next_token": { "type": "string" }, "count": { "type": "integer" } });
    let results = json!({ "type": "array", "items": result });
    let members = json!({ "results": results, "page": object(&page, &["next_token"]) });
    object(&members, &["results"])
}

fn plain() -> Value {
    json!({ "type": "string" })
}

fn found() -> Value {
    found_of(&object(&json!({ "type": plain(), "id": plain() }), &["type", "id"]))
}

fn found_actions() -> Value {
    found_of(&object(&json!({ "name": plain() }), &["name"]))
}

fn explanation() -> Value {
    let tree = object(
        &json!({ "kind": plain(), "text": plain(), "children": { "type": "array", "items": { "type": "object" } } }),
        &["kind", "text"],
    );
    let members = json!({ "decision": { "type": "boolean" }, "explanation": tree });
    object(&members, &["decision", "explanation"])
}
