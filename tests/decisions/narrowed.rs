//! A model is made narrower while edges of the earlier one are still stored: they lead nowhere.

use serde_json::{Value, json};

use crate::memory::{ALWAYS, MemoryWorld, query};

/// Documents lie in folders; once they lay in archives, too.
fn narrowed() -> Value {
    let viewer = json!({ "subjects": ["user"], "grants": ["read"] });
    json!({ "resources": {
        "document": {
            "actions": { "read": {} },
            "relations": {
                "parent": { "subjects": ["folder"] },
                "viewer": { "subjects": ["user"], "from": ["viewer from parent"], "grants": ["read"] },
            },
        },
        "folder": { "actions": { "read": {} }, "relations": { "viewer": viewer } },
        "archive": { "actions": { "read": {} }, "relations": { "viewer": viewer } },
    } })
}

fn world() -> MemoryWorld {
    let world = MemoryWorld::new(Some(&narrowed()), &[], None).has("user:alice");
    world.edge("document:7#parent@archive:1", ALWAYS).edge("document:8#parent@folder:1", ALWAYS)
}

fn may(world: &MemoryWorld, question: &str) -> bool {
    // What explains says the same.
    world.why(question);
    world.decide(&query(question)).unwrap().allowed
}

#[test]
fn what_is_given_on_a_former_parent_holds_no_more() {
    let given = |on: &str| world().assigned("user:alice", "permission read:document", Some(on), ALWAYS);
    assert!(!may(&given("archive:1"), "user:alice read document:7"));
    assert!(may(&given("folder:1"), "user:alice read document:8"));
}

#[test]
fn a_relation_is_taken_from_no_former_parent() {
    let world = world().edge("archive:1#viewer@user:alice", ALWAYS).edge("folder:1#viewer@user:alice", ALWAYS);
    assert!(!may(&world, "user:alice read document:7"));
    assert!(may(&world, "user:alice read document:8"));
    assert!(may(&world, "user:alice read archive:1"), "there she has it still");
}
