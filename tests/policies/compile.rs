//! What a model makes policies of, and what is refused of them: by policy, line and what was expected.

use doorward::decision::policies::{POLICIES_MAX, POLICY_TEXT_BYTES_MAX, PolicyOutcome, schema, schema_text};
use serde_json::json;

use crate::ask::{ask, library, model, policies, refusal};

#[test]
fn policies_are_called_as_their_author_says_or_else_by_their_place() {
    let text = "permit (principal, action, resource);\n@id(\"Grüße, \\\"du\\\"\")\npermit (principal, action, resource);\n\
                permit (principal, action == Action::\"read\", resource);";
    let policies = policies(&library(), text);
    assert_eq!(policies.ids().collect::<Vec<_>>(), ["policy0", "Grüße, \"du\"", "policy2"]);
    let outcome = ask("user:alice write document:7").of(&policies);
    assert_eq!(outcome.permits, ["Grüße, \"du\"".into(), "policy0".into()]);
}

#[test]
fn two_policies_of_one_name_are_refused() {
    let text = "@id(\"a\") permit (principal, action, resource);\n\n  @id(\"a\") forbid (principal, action, resource);";
    let expected = "policy \"a\", line 3: another policy has the same @id: each needs one of its own";
    assert_eq!(refusal(&library(), text), expected);
    let text = "permit (principal, action, resource);\n@id(\"policy0\") forbid (principal, action, resource);";
    assert!(refusal(&library(), text).starts_with("policy \"policy0\", line 2: another policy"));
    let text = "@id(\"\") permit (principal, action, resource);";
    assert!(refusal(&library(), text).contains("@id must be 1 to 128 bytes"));
}

#[test]
fn what_does_not_read_as_policies_is_refused_by_its_line() {
    let refused = refusal(&library(), "permit (principal, action, resource);\npermit (principal, action resource);");
    assert!(refused.starts_with("line 2: ") && refused.contains("expected"), "{refused}");
}

#[test]
fn what_the_model_does_not_declare_is_refused_by_policy_and_line() {
    let when = |condition: &str| {
        let head = "permit (principal is Subject::user, action == Action::\"write\", resource is Resource::document)";
        refusal(&library(), &format!("@id(\"p\")\n{head}\nwhen {{ {condition} }};"))
    };
    for (condition, expected) in [
        ("resource.colour == \"red\"", "attribute `colour`"),
        ("resource.status == \"open\"", "unable to guarantee safety"),
        ("principal.clearance == \"high\"", "String"),
        ("principal in Role::\"a\" && context.action.hard", "attribute `action.hard`"),
        ("context.host == \"a\"", "attribute `host`"),
        ("resource == Resource::letter::\"1\"", "Resource::letter"),
        ("principal in Resource::folder::\"1\"", "policy is impossible"),
    ] {
        let refused = when(condition);
        assert!(refused.starts_with("policy \"p\", line "), "{refused}");
        assert!(refused.contains(expected), "{condition}: {refused}");
    }
    let refused = refusal(&library(), "\npermit (principal, action == Action::\"burn\", resource);");
    assert!(refused.starts_with("policy \"policy0\", line 2: ") && refused.contains("burn"), "{refused}");
}

#[test]
fn a_policy_that_can_never_apply_is_refused() {
    let text = "@id(\"never\") forbid (principal, action == Action::\"write\", resource is Resource::folder);";
    assert!(refusal(&library(), text).starts_with("policy \"never\", line 1: "));
    let text = "@id(\"never\") forbid (principal, action, resource) when { 1 == 2 };";
    assert!(refusal(&library(), text).starts_with("policy \"never\", line 1: "));
}

#[test]
fn people_have_one_type_and_a_policy_about_another_is_refused_since_it_would_never_apply() {
    let people = json!({
        "subjects": { "person": { "kind": "directory" } },
        "resources": { "document": { "actions": { "read": {} } } },
    });
    for head in ["forbid (principal is Subject::user,", "forbid (principal == Subject::user::\"mallory\","] {
        let refused = refusal(&model(&people), &format!("{head} action, resource);"));
        assert!(refused.starts_with("policy \"policy0\", line 1: ") && refused.contains("Subject::user"), "{refused}");
    }
    assert!(!schema_text(&model(&people)).unwrap().contains("user"));
    let policies = policies(&model(&people), "forbid (principal is Subject::person, action, resource);");
    assert!(ask("person:mallory read document:7").of(&policies).denies());
}

#[test]
fn templates_are_refused() {
    let refused = refusal(
        &library(),
        "permit (principal, action, resource);\npermit (principal == ?principal, action, resource);",
    );
    assert!(refused.starts_with("line 2: ?principal and ?resource are of templates"), "{refused}");
}

#[test]
fn text_and_number_of_policies_are_bounded() {
    let refused = refusal(&library(), &" ".repeat(POLICY_TEXT_BYTES_MAX + 1));
    assert!(refused.contains("at most 1048576 bytes"), "{refused}");
    let many = "permit (principal, action == Action::\"read\", resource);\n".repeat(POLICIES_MAX + 1);
    assert!(refusal(&library(), &many).contains("policies are at most 2000, not 2001"));
}

#[test]
fn no_policies_apply_to_nothing() {
    let policies = policies(&library(), "// nothing yet\n");
    assert!(policies.is_empty() && !policies.may_apply("read", "document", "user"));
    assert_eq!(ask("user:alice read document:7").of(&policies), PolicyOutcome::default());
}

#[test]
fn types_of_any_name_have_one_in_policies() {
    let names =
        ["tax-return", "v1.invoice", "2fa", "in", "Role", "Group", "Long", "String", "Action", "__cedar", "Set"];
    let resources = names.map(|name| (name.to_owned(), json!({"actions": {"read.all": {}}, "attributes": {
        "content-type": {"type": "string", "required": true}, "__entity": {"type": "integer"}, "in": {"type": "boolean"},
    }})));
    let model = model(&json!({
        "subjects": {"Role": {"kind": "external"}, "if": {"kind": "external"}},
        "resources": serde_json::Map::from_iter(resources),
    }));
    schema(&model).unwrap();
    for (name, written) in names.iter().zip([
        "tax_return",
        "v1_invoice",
        "_2fa",
        "_in",
        "_Role",
        "_Group",
        "Long",
        "String",
        "_Action",
        "___cedar",
        "Set",
    ]) {
        let text = format!(
            "permit (principal is Subject::_Role, action == Action::\"read.all\", resource is Resource::{written})
             when {{ resource[\"content-type\"] == \"text/plain\" && !(resource has \"__entity\") }};"
        );
        let policies = policies(&model, &text);
        let stored = json!({"content-type": "text/plain"});
        assert!(ask(&format!("Role:r read.all {name}:1")).resource_has(&stored).allows(&policies), "{name}");
        assert!(!ask(&format!("if:r read.all {name}:1")).resource_has(&stored).allows(&policies), "{name}");
    }
}

#[test]
fn types_that_would_be_called_the_same_are_refused() {
    let model = model(&json!({"resources": {"a-b": {"actions": {"read": {}}}, "a.b": {"actions": {"read": {}}}}}));
    let refused = schema(&model).unwrap_err().to_string();
    assert_eq!(
        refused,
        "resources.a.b: in policies this type and \"a-b\" would both be Resource::a_b: rename one of them"
    );
}

#[test]
fn one_action_has_properties_of_one_type_and_needs_what_all_its_types_need() {
    let with = |of_memo: serde_json::Value| {
        model(&json!({"resources": {
            "letter": {"actions": {"send": {"properties": {"to": {"type": "string", "required": true}}}}},
            "memo": {"actions": {"send": {"properties": of_memo}}},
        }}))
    };
    let text = "permit (principal, action, resource) when { context.action.to == \"me\" };";
    policies(&with(json!({"to": {"type": "string", "required": true}})), text);
    assert!(refusal(&with(json!({"to": {"type": "string"}})), text).contains("`action.to`"));
    assert!(refusal(&with(json!({})), text).contains("`action.to`"));
    let refused = schema(&with(json!({"to": {"type": "integer"}}))).unwrap_err();
    assert_eq!(refused.at, "resources.memo.actions.send.properties.to");
}

#[test]
fn the_context_keeps_the_name_of_the_action_free() {
    let model =
        model(&json!({"resources": {"a": {"actions": {"read": {}}}}, "context": {"action": {"type": "string"}}}));
    assert_eq!(schema(&model).unwrap_err().at, "context.action");
}

#[test]
fn the_schema_can_be_read_by_people() {
    let text = schema_text(&library()).unwrap();
    for expected in
        ["namespace Subject", "namespace Resource", "entity document in [Resource::folder]", "action \"write\""]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}
