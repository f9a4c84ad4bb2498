//! What of the stored data counts. Each of these was found by the oracle.

use serde_json::{Value, json};

use crate::memory::{ALWAYS, MemoryWorld, query};

fn places() -> Value {
    let viewer = json!({ "subjects": ["user"], "grants": ["read"] });
    let inherited = json!({ "subjects": ["user"], "from": ["viewer from parent"], "grants": ["read"] });
    let of = |viewer: &Value| json!({ "actions": { "read": {} }, "relations": { "parent": { "subjects": ["folder"] }, "viewer": viewer } });
    json!({ "resources": { "document": of(&inherited), "folder": of(&viewer), "team": of(&viewer) } })
}

fn is_allowed(world: &MemoryWorld, question: &str) -> bool {
    world.decide(&query(question)).unwrap().allowed
}

#[test]
fn a_parent_that_the_model_does_not_allow_any_more_hands_nothing_down() {
    let world = || MemoryWorld::new(Some(&places()), &[], None).has("user:alice");
    for (parent, expected) in [("folder:1", true), ("team:1", false)] {
        let world = || world().edge(&format!("document:7#parent@{parent}"), ALWAYS);
        let related = world().edge(&format!("{parent}#viewer@user:alice"), ALWAYS);
        assert_eq!(is_allowed(&related, "user:alice read document:7"), expected, "a relation from {parent}");
        let assigned = world().assigned("user:alice", "permission read:document", Some(parent), ALWAYS);
        assert_eq!(is_allowed(&assigned, "user:alice read document:7"), expected, "an assignment on {parent}");
    }
}

#[test]
fn a_resource_is_in_another_by_as_many_steps_as_are_promised_and_by_no_more() {
    for (steps, expected) in [(64, Ok(true)), (65, Err("over budget"))] {
        let world = MemoryWorld::new(Some(&places()), &[], None).has("user:alice");
        let world = world.assigned("user:alice", "permission read:folder", Some(&format!("folder:{steps}")), ALWAYS);
        let world =
            (0..steps).fold(world, |world, at| world.edge(&format!("folder:{at}#parent@folder:{}", at + 1), ALWAYS));
        let decided = world.decide(&query("user:alice read folder:0"));
        assert_eq!(decided.map(|decision| decision.allowed), expected, "{steps} steps");
    }
}

#[test]
fn an_address_that_was_not_verified_is_not_made_so_by_a_resource_server() {
    let mut model = places();
    let attributes = json!({ "email": { "type": "string" }, "unit": { "type": "string" } });
    model["subjects"] = json!({ "user": { "kind": "directory", "attributes": attributes } });
    for (name, expected) in [("unit", true), ("email", false)] {
        let text = format!(
            "permit(principal is Subject::user, action, resource) when {{ principal has {name} && principal.{name} == \"a@b.example\" }};"
        );
        let world = MemoryWorld::new(Some(&model), &[], Some(&text)).has("user:alice");
        let world = world.registered("user:alice", &json!({ name: "a@b.example" }));
        assert_eq!(is_allowed(&world, "user:alice read document:7"), expected, "{name}");
    }
}
