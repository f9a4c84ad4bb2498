//! Every body there is, made wrong in every way its schema knows: refused by the name of the member, and nothing is written.

use std::collections::BTreeSet;

use doorward::http::ledger::{API, Row};
use doorward::http::openapi::document;
use serde_json::{Value, json};

use super::operators::method;
use super::support::Operator;
use crate::support::{Answer, House, both};

/// For each operation that takes a body an address and a body that it accepts. One that is missing here fails the test.
fn good(row: &Row) -> (&'static str, Value) {
    let method = method(row.verb);
    let edge = || json!({ "object": "room:1", "relation": "owner", "subject": "user:alice" });
    match (method.as_str(), row.path) {
        ("POST", "/api/v1/users") => (
            "/api/v1/users",
            json!({ "username": "eve", "email": "eve@example.com", "claims": { "given_name": "Eve" } }),
        ),
        ("PATCH", "/api/v1/users/{user}") => ("/api/v1/users/bob", json!({ "claims": { "given_name": "Bob" } })),
        ("PUT", "/api/v1/users/{user}/password") => {
            ("/api/v1/users/bob/password", json!({ "password": crate::support::PASSWORD }))
        }
        ("POST", "/api/v1/clients") => (
            "/api/v1/clients",
            json!({
                "client_id": "eva", "resources": ["notes"], "scopes": ["notes:read"],
                "grant_types": ["authorization_code", "refresh_token"], "redirect_uris": ["https://eve.example/cb"],
                "post_logout_redirect_uris": ["https://eve.example/bye"],
            }),
        ),
        ("POST", "/api/v1/resource-servers") => (
            "/api/v1/resource-servers",
            json!({ "name": "eve", "identifier": "https://eve.example", "scopes": ["a"], "permissions": ["read:it"] }),
        ),
        ("POST", "/api/v1/resource-servers/{server}/permissions") => {
            ("/api/v1/resource-servers/notes/permissions", json!({ "permissions": ["print:note"] }))
        }
        ("POST", "/api/v1/resource-servers/{server}/roles") => (
            "/api/v1/resource-servers/notes/roles",
            json!({ "name": "eve", "permissions": ["read:note"], "includes": ["viewer"] }),
        ),
        ("PATCH", "/api/v1/resource-servers/{server}/roles/{role}") => (
            "/api/v1/resource-servers/notes/roles/owner",
            json!({
                "add_permissions": ["read:note"], "remove_permissions": ["delete:note"], "add_includes": ["viewer"],
                "remove_includes": ["editor"],
            }),
        ),
        ("PUT", "/api/v1/resource-servers/{server}/rules") => {
            ("/api/v1/resource-servers/notes/rules", json!({ "model": model(), "policies": "" }))
        }
        ("POST", "/api/v1/resource-servers/{server}/rules/activate") => {
            ("/api/v1/resource-servers/notes/rules/activate", json!({ "model": 1, "policies": 0 }))
        }
        ("POST", "/api/v1/resource-servers/{server}/relations") => (
            "/api/v1/resource-servers/notes/relations",
            json!({ "require_present": [], "require_absent": [edge()], "delete": [edge()], "write": [edge()] }),
        ),
        ("POST", "/api/v1/resource-servers/{server}/resources") => (
            "/api/v1/resource-servers/notes/resources",
            json!({ "delete": ["room:2"], "put": [{ "resource": "room:1", "attributes": {} }] }),
        ),
        ("POST", "/api/v1/resource-servers/{server}/subjects") => (
            "/api/v1/resource-servers/notes/subjects",
            json!({ "put": [{ "subject": "badge:1", "attributes": {}, "disabled": false }] }),
        ),
        ("POST", "/api/v1/groups") => ("/api/v1/groups", json!({ "name": "eve" })),
        ("POST", "/api/v1/groups/{group}/members") => ("/api/v1/groups/staff/members", json!({ "member": "user:bob" })),
        ("POST", "/api/v1/assignments") => (
            "/api/v1/assignments",
            json!({ "principal": "user:carol", "resource_server": "notes", "role": "viewer", "effect": "allow" }),
        ),
        ("POST", "/api/v1/api-keys") => ("/api/v1/api-keys", json!({ "name": "k", "permissions": ["read:user"] })),
        (method, path) => panic!("say here what {method} {path} accepts, so that it can be made wrong"),
    }
}

fn model() -> Value {
    json!({
        "subjects": { "badge": { "kind": "external" } },
        "resources": { "room": { "actions": { "enter": {} }, "relations": { "owner": { "subjects": ["user"], "grants": ["*"] } } } },
    })
}

/// A body that is wrong, and the member that is.
struct Wrong {
    body: Value,
    member: String,
}

fn kinds(schema: &Value) -> BTreeSet<&str> {
    match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    }
}

/// Values that are not what the schema of a member says.
fn not_of(schema: &Value) -> Vec<Value> {
    let kinds = kinds(schema);
    let all = [
        ("null", json!(null)),
        ("boolean", json!(true)),
        ("integer", json!(7)),
        ("number", json!(-1.5)),
        ("string", json!("x")),
        ("array", json!([])),
        ("object", json!({})),
    ];
    let mut wrong: Vec<_> = all.into_iter().filter(|(kind, _)| !kinds.contains(kind)).map(|(_, value)| value).collect();
    if schema.get("enum").is_some() {
        wrong.push(json!("no such"));
    }
    if schema.get("minimum").is_some() {
        wrong.push(json!(-1));
    }
    // One that may be longer than any body is refused for the size of the body.
    if let Some(length) = schema["maxLength"].as_u64().filter(|length| *length < 60_000) {
        wrong.push(json!("a".repeat(usize::try_from(length).unwrap() + 1)));
    }
    wrong
}

/// Every way in which the part of a body at `at` can be wrong.
fn wrongs(schema: &Value, body: &Value, at: &str, pointer: &str, whole: &Value, all: &mut Vec<Wrong>) {
    let mut push = |change: &dyn Fn(&mut Value), member: String| {
        let mut body = whole.clone();
        change(body.pointer_mut(pointer).unwrap());
        all.push(Wrong { body, member });
    };
    let inside = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    match body {
        Value::Object(members) => {
            for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                push(&|part| drop(part.as_object_mut().unwrap().remove(name)), inside(name));
            }
            if schema["additionalProperties"] == false {
                push(&|part| part["is_admin"] = json!(true), inside("is_admin"));
            }
            for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
                for wrong in not_of(schema) {
                    push(&|part| part[name] = wrong.clone(), inside(name));
                }
            }
            for (name, value) in members {
                let known = &schema["properties"][name];
                let schema = if known.is_null() { &schema["additionalProperties"] } else { known };
                if schema.is_object() {
                    wrongs(schema, value, &inside(name), &format!("{pointer}/{name}"), whole, all);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let (at, pointer) = (format!("{at}[{index}]"), format!("{pointer}/{index}"));
                for wrong in not_of(&schema["items"]) {
                    let mut body = whole.clone();
                    *body.pointer_mut(&pointer).unwrap() = wrong;
                    all.push(Wrong { body, member: at.clone() });
                }
                wrongs(&schema["items"], item, &at, &pointer, whole, all);
            }
        }
        _ => {}
    }
}

/// Where the texts of a body are, as a pointer and as a problem says it.
fn texts(body: &Value, pointer: &str, at: &str) -> Vec<(String, String)> {
    match body {
        // The texts of policies are Cedar's to read.
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::String(_) => vec![(pointer.to_owned(), at.to_owned())],
        Value::Array(items) => {
            let item = |(index, item)| texts(item, &format!("{pointer}/{index}"), &format!("{at}[{index}]"));
            items.iter().enumerate().flat_map(item).collect()
        }
        Value::Object(members) => {
            let inside = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
            members.iter().flat_map(|(name, value)| texts(value, &format!("{pointer}/{name}"), &inside(name))).collect()
        }
        _ => Vec::new(),
    }
}

async fn send(house: &House, root: &Operator<'_>, row: &Row, path: &str, text: impl Into<String>) -> Answer {
    let headers = [("content-type", "application/json")];
    house.send(method(row.verb), path, &root.auth, &headers, text.into()).await
}

/// The rows that take a body, with its schema.
fn with_bodies() -> Vec<(&'static Row, Value)> {
    let document = document(&doorward::domain::issuer::Issuer::localhost());
    let schema = |row: &&Row| {
        let verb = method(row.verb).as_str().to_lowercase();
        document["paths"][row.path][verb]["requestBody"]["content"]["application/json"]["schema"].clone()
    };
    API.iter().map(|row| (row, schema(&row))).filter(|(_, schema)| !schema.is_null()).collect()
}

async fn prepared(house: &House) -> Operator<'_> {
    let root = house.root().await;
    root.made("/api/v1/groups", &json!({ "name": "staff" })).await;
    let put = root.put("/api/v1/resource-servers/notes/rules", &json!({ "model": model() })).await;
    assert_eq!(put.status, 200, "{put:?}");
    root
}

both! {
    async fn every_member_of_every_body_is_refused_by_name_and_nothing_is_written(house: House) {
        let root = prepared(&house).await;
        let rows = with_bodies();
        assert!(rows.len() >= 17, "{}", rows.len());
        let before = house.mark(&root).await;
        for (row, schema) in &rows {
            let (path, body) = good(row);
            let mut all = Vec::new();
            wrongs(schema, &body, "", "", &body, &mut all);
            assert!(all.len() > 5, "{path}: {}", all.len());
            for Wrong { body, member } in all {
                let answer = send(&house, &root, row, path, body.to_string()).await;
                assert_eq!(answer.status, 400, "{path} {body:.200}: {answer:?}");
                assert_eq!(answer.json()["member"], json!(member), "{path} {body:.200}: {answer:?}");
            }
        }
        assert_eq!(house.mark(&root).await, before + 1, "something was written");
        // What was made wrong was right but for that.
        for (row, _) in &rows {
            let (path, body) = good(row);
            let answer = send(&house, &root, row, path, body.to_string()).await;
            assert!(answer.status < 300, "{path} {body}: {answer:?}");
        }
    }

    async fn a_nul_in_any_text_is_refused_by_name_on_every_database(house: House) {
        let root = prepared(&house).await;
        let before = house.mark(&root).await;
        for (row, _) in &with_bodies() {
            let (path, body) = good(row);
            for (pointer, member) in texts(&body, "", "") {
                let mut wrong = body.clone();
                let text = wrong.pointer_mut(&pointer).unwrap();
                *text = json!(format!("{}\u{0}", text.as_str().unwrap()));
                let answer = send(&house, &root, row, path, wrong.to_string()).await;
                assert_eq!(answer.status, 400, "{path} {wrong}: {answer:?}");
                let named = answer.json()["member"].as_str().unwrap_or_default().to_owned();
                assert!(!named.is_empty() && member.starts_with(&named), "{path} {wrong}: {answer:?}");
            }
        }
        let at = "/api/v1/resource-servers/notes";
        for attributes in [json!({ "a": "\u{0}" }), json!({ "\u{0}": 1 }), json!({ "a": ["\u{0}"] }), json!({ "a": { "\u{0}": 1 } })] {
            let put = json!({ "put": [{ "resource": "room:1", "attributes": attributes }] });
            let answer = root.post(&format!("{at}/resources"), &put).await;
            assert_eq!(answer.status, 400, "{put}: {answer:?}");
            let put = json!({ "put": [{ "subject": "badge:1", "attributes": attributes }] });
            let answer = root.post(&format!("{at}/subjects"), &put).await;
            assert_eq!(answer.status, 400, "{put}: {answer:?}");
        }
        assert_eq!(house.mark(&root).await, before + 1, "something was written");
    }

    async fn what_is_no_body_is_refused_everywhere_and_nothing_is_written(house: House) {
        let root = prepared(&house).await;
        let nested = |of: usize| "[".repeat(of) + &"]".repeat(of);
        let before = house.mark(&root).await;
        for (row, _) in &with_bodies() {
            let (path, body) = good(row);
            let text = body.to_string();
            let (name, value) = body.as_object().unwrap().iter().next().unwrap();
            let texts = [
                String::new(), "{".into(), "[]".into(), "[{}]".into(), "null".into(), "7".into(), "\"x\"".into(),
                format!("{text}{text}"), format!("\u{feff}{text}"), format!("{{\"{name}\":{value},{}", &text[1..]),
                nested(10_000), format!("{{\"{name}\":{}}}", nested(10_000)), text.replace('"', "'"),
            ];
            for text in texts {
                let answer = send(&house, &root, row, path, text.as_str()).await;
                assert_eq!(answer.refusal(), (400, "invalid_request".into()), "{path} {text:.100}: {answer:?}");
            }
            // Little past the bound: whoever sends much more may see the connection end instead of the answer.
            let is_batch = ["/rules", "/activate", "/relations", "/resources", "/subjects"].iter().any(|end| path.ends_with(end));
            let large = json!({ "x": "y".repeat(if is_batch { 1_100_000 } else { 70_000 }) }).to_string();
            let answer = send(&house, &root, row, path, large).await;
            assert_eq!(answer.refusal(), (413, "too_large".into()), "{path}: {answer:?}");
            for kind in ["application/x-www-form-urlencoded", "text/plain", ""] {
                let answer = house.send(method(row.verb), path, &root.auth, &[("content-type", kind)], text.clone()).await;
                assert_eq!(answer.refusal(), (400, "invalid_request".into()), "{path} as {kind:?}: {answer:?}");
            }
        }
        assert_eq!(house.mark(&root).await, before + 1, "something was written");
    }

    async fn a_parameter_nobody_asked_for_is_refused_by_name_everywhere(house: House) {
        let root = prepared(&house).await;
        let before = house.mark(&root).await;
        for row in &API {
            let method = method(row.verb);
            let path = row.path.split('/').map(|part| if part.starts_with('{') { "bob" } else { part });
            let path = path.collect::<Vec<_>>().join("/");
            let body = if with_bodies().iter().any(|(of, _)| of.path == row.path && of.verb == row.verb) { "{}" } else { "" };
            let headers = [("content-type", "application/json")];
            let answer = house.send(method.clone(), &format!("{path}?is_admin=1"), &root.auth, &headers, body).await;
            assert_eq!((answer.status, answer.json()["member"].clone()), (400, json!("is_admin")), "{method} {path}: {answer:?}");
        }
        assert_eq!(house.mark(&root).await, before + 1, "something was written");
    }

    async fn a_list_is_not_asked_for_with_half_a_parameter(house: House) {
        let root = house.root().await;
        for (query, member) in [
            ("principal=", "principal"), ("resource_server", "resource_server"), ("limit=", "limit"), ("after=", "after"),
            ("limit=0", "limit"), ("limit=201", "limit"), ("limit=-1", "limit"), ("limit=1.5", "limit"),
            ("limit=99999999999999999999", "limit"), ("after=%21", "after"), ("principal=alice", "principal"),
            ("resource_server=a%20b", "resource_server"),
        ] {
            let answer = root.get(&format!("/api/v1/assignments?{query}")).await;
            assert_eq!((answer.status, answer.json()["member"].clone()), (400, json!(member)), "{query}: {answer:?}");
        }
        for query in ["limit=1&limit=2", "principal=user:bob&principal=user:alice", "principal=%00", "principal=%ff", "principal=%"] {
            let answer = root.get(&format!("/api/v1/assignments?{query}")).await;
            assert_eq!(answer.refusal(), (400, "invalid_request".into()), "{query}: {answer:?}");
        }
    }
}
