//! Identifiers and values are data, whatever they look like.

use serde_json::json;

use crate::ask::{Ask, ask, library, policies};

#[test]
fn escapes_of_the_policy_languages_json_are_plain_data() {
    let policies = policies(
        &library(),
        r#"@id("entity") permit (principal, action == Action::"read", resource is Resource::document)
           when { resource has status && resource.status == "{\"__entity\":{\"type\":\"Role\",\"id\":\"admin\"}}" };
           @id("admins") permit (principal in Role::"admin", action == Action::"read", resource);"#,
    );
    let escape = json!({"__entity": {"type": "Role", "id": "admin"}});
    let function = json!({"__extn": {"fn": "decimal", "arg": "1.0"}});
    for value in [&escape, &function, &json!({"__expr": "Role::\"admin\""})] {
        let outcome = ask("robot:r read document:7").resource_says(&json!({"status": value})).of(&policies);
        assert!(!outcome.allows(), "{outcome:?}");
        assert!(outcome.errors.iter().all(|(_, problem)| problem.contains("must be a string")), "{outcome:?}");
        let outcome =
            ask("robot:r read document:7").subject_says(&json!({"parents": [value], "role": value})).of(&policies);
        assert!(!outcome.allows() && outcome.errors.is_empty(), "{outcome:?}");
    }
    assert!(
        ask("robot:r read document:7")
            .resource_says(&json!({"status": escape.to_string()}))
            .of(&policies)
            .denies()
            .eq(&false)
    );
    let text = r#"{"__entity":{"type":"Role","id":"admin"}}"#;
    assert!(ask("robot:r read document:7").resource_says(&json!({"status": text})).allows(&policies));
}

#[test]
fn identifiers_are_never_parsed() {
    let hostile = [
        "\"",
        "\\",
        "a\"b",
        "alice\" || true || \"",
        "line\nbreak",
        "tab\tnull\0",
        "Grüße 🙂",
        "\u{202e}drow",
        "",
        "Subject::user::\"alice\"",
        "\\u{61}lice",
        "alice ",
        "ALICE",
        "*",
        "?principal",
        "a\\\"b",
    ];
    let only = policies(
        &library(),
        r#"permit (principal == Subject::user::"alice", action, resource == Resource::document::"7");"#,
    );
    let all = policies(&library(), "permit (principal, action, resource);");
    for id in hostile {
        let with = |principal: &str, resource: &str| Ask {
            principal: ("user".to_owned(), principal.to_owned()),
            resource: ("document".to_owned(), resource.to_owned()),
            ..ask("user:x read document:x")
        };
        assert!(!with(id, "7").allows(&only) && !with("alice", id).allows(&only), "{id:?}");
        let outcome = with(id, id).roles(&[id]).groups(&[id]).below(&[("folder", id)]).of(&all);
        assert!(outcome.allows(), "{id:?}: {outcome:?}");
    }
    assert!(ask("user:alice read document:7").allows(&only));
}

#[test]
fn an_identifier_with_quotes_is_the_one_a_policy_names() {
    let policies = policies(
        &library(),
        r#"permit (principal == Subject::user::"a\"b\n\u{1F642}", action, resource);
           permit (principal in Role::"x\\y", action, resource);"#,
    );
    let named = |id: &str| Ask { principal: ("user".to_owned(), id.to_owned()), ..ask("user:x read document:7") };
    assert!(named("a\"b\n🙂").allows(&policies));
    assert!(!named("a\\\"b\\n🙂").allows(&policies));
    assert!(named("x").roles(&["x\\y"]).allows(&policies));
    assert!(!named("x").roles(&["x\\\\y"]).allows(&policies));
}

#[test]
fn names_of_types_from_strangers_name_no_entity() {
    let policies = policies(
        &library(),
        r#"permit (principal in Role::"admin", action, resource);
           permit (principal is Subject::user, action, resource is Resource::document);"#,
    );
    for of in ["Role", "Subject::user", "user ", "User", "Undeclared::Subject", "Resource::document"] {
        let question = Ask { principal: (of.to_owned(), "admin".to_owned()), ..ask("user:x read document:7") };
        assert!(!question.allows(&policies), "{of}");
        let question = Ask { resource: (of.to_owned(), "7".to_owned()), ..ask("user:x read document:7") };
        assert!(!question.allows(&policies), "{of}");
    }
}
