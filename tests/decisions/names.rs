//! Names of a request that cannot be names of anything here.

use doorward::domain::assignment::Effect;
use serde_json::json;

use crate::memory::{ALWAYS, MemoryWorld, query};

#[test]
fn what_is_no_name_is_covered_by_no_permission_or_a_deny_would_be_walked_around() {
    let roles = [("all", &["*:*"][..], &[][..])];
    let world = MemoryWorld::new(None, &roles, None).has("user:alice");
    let world = world.assigned("user:alice", "role all", None, ALWAYS);
    let world = world.assigned("user:alice", "permission *:document", None, ALWAYS);
    let world = world.assign("user:alice", "permission delete:document", None, Effect::Deny, ALWAYS);
    let world = world.assign("user:alice", "permission *:secret", None, Effect::Deny, ALWAYS);
    let may = |question: &str| {
        world.why(question);
        world.decide(&query(question)).unwrap().allowed
    };
    assert!(may("user:alice read document:7"));
    for question in ["delete document:7", "* document:7", "delete,read document:7", "read *:7", "read secret*:7"] {
        assert!(!may(&format!("user:alice {question}")), "{question}");
    }
}

#[test]
fn what_is_registered_of_a_person_or_said_of_them_is_not_their_verified_address() {
    let model = json!({
        "subjects": {
            "user": { "kind": "directory", "attributes": {
                "email": { "type": "string", "source": "request" }, "name": { "type": "string" },
                "team": { "type": "string", "source": "request" },
            } },
            "client": { "kind": "directory", "attributes": { "name": { "type": "string" } } },
        },
        "resources": { "document": { "actions": { "read": {}, "write": {}, "list": {} } } },
    });
    let text = r#"permit(principal is Subject::user, action == Action::"read", resource)
                  when { principal has email && principal.email == "kim@example.com" };
                  permit(principal, action == Action::"write", resource) when { principal has name && principal.name == "Kim" };
                  permit(principal is Subject::user, action == Action::"list", resource)
                  when { principal has team && principal.team == "a" };"#;
    let kim = json!({ "email": "kim@example.com", "name": "Kim", "team": "a" });
    let world = || MemoryWorld::new(Some(&model), &[], Some(text)).has("user:kim").has("client:kim");
    let registered = world().registered("user:kim", &kim).registered("client:kim", &kim);
    let may = |world: &MemoryWorld, question: &str| world.decide(&query(question)).unwrap().allowed;
    assert!(!may(&registered, "user:kim read document:7") && !may(&registered, "user:kim write document:7"));
    assert!(may(&registered, "user:kim list document:7"), "other attributes are the resource server's");
    assert!(may(&registered, "client:kim write document:7"), "of clients nothing else is known");
    let mut said = query("user:kim read document:7");
    said.sent.subject = kim.as_object().unwrap().clone();
    assert!(!world().decide(&said).unwrap().allowed);
    said.action = "list".to_owned();
    assert!(world().decide(&said).unwrap().allowed);
}
