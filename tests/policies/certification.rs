//! The fixture that implementations of AuthZEN are certified with: what its roles do not permit, policies do.

use doorward::decision::policies::Policies;
use serde_json::json;

use crate::ask::{ask, model, policies};

fn fixture() -> Policies {
    let model = model(&json!({
        "subjects": {"user": {"kind": "directory", "attributes": {"role": {"type": "string", "source": "request"}}}},
        "resources": {"record": {
            "actions": {"read": {}, "write": {}, "delete": {"properties": {"soft": {"type": "boolean"}}}},
            "attributes": {"status": {"type": "string", "source": "request"}},
        }},
    }));
    policies(
        &model,
        r#"
        @id("alice writes")
        permit (principal == Subject::user::"alice", action == Action::"write", resource is Resource::record)
        unless { resource has status && resource.status == "archived" };

        @id("admins write what is archived")
        permit (principal is Subject::user, action == Action::"write", resource is Resource::record)
        when { principal has role && principal.role == "admin" && resource has status && resource.status == "archived" };

        @id("alice deletes softly")
        permit (principal == Subject::user::"alice", action == Action::"delete", resource is Resource::record)
        when { context.action has soft && context.action.soft };
        "#,
    )
}

#[test]
fn the_certification_fixture_is_decided_as_written() {
    let policies = fixture();
    let archived = json!({"status": "archived"});
    let active = json!({"status": "active"});
    for (question, expected) in [
        (ask("user:alice write record:record-1"), true),
        (ask("user:alice write record:record-1").resource_has(&active), true),
        (ask("user:alice write record:record-2").resource_has(&archived), false),
        (ask("user:alice write record:record-2").resource_says(&archived), false),
        (ask("user:alice write record:record-1").resource_has(&active).resource_says(&archived), false),
        (ask("user:bob write record:record-1"), false),
        (ask("user:bob write record:record-2").resource_says(&archived).subject_says(&json!({"role": "admin"})), true),
        (ask("user:bob write record:record-1").resource_says(&active).subject_says(&json!({"role": "admin"})), false),
        (ask("user:bob write record:record-2").resource_says(&archived).subject_says(&json!({"role": "clerk"})), false),
        (ask("user:alice delete record:record-1").action_says(&json!({"soft": true})), true),
        (ask("user:alice delete record:record-1").action_says(&json!({"soft": false})), false),
        (ask("user:alice delete record:record-1").action_says(&json!({"soft": null})), false),
        (ask("user:alice delete record:record-1"), false),
        (ask("user:bob delete record:record-1").action_says(&json!({"soft": true})), false),
        (ask("user:alice read record:record-1"), false),
    ] {
        assert_eq!(question.allows(&policies), expected, "{question:?}");
    }
}

#[test]
fn where_no_policy_can_apply_none_is_asked() {
    let policies = fixture();
    assert!(policies.may_apply("write", "record", "user"));
    assert!(!policies.may_apply("read", "record", "user"));
    assert!(!policies.may_apply("write", "record", "client"));
    assert!(!policies.may_apply("write", "folder", "user"));
    assert_eq!(
        policies.ids().collect::<Vec<_>>(),
        ["alice writes", "admins write what is archived", "alice deletes softly"]
    );
}
