//! What one decision may cost, and that no order of rows decides what it answers.

use serde_json::{Value, json};

use crate::memory::{ALWAYS, MemoryWorld, query};

/// Places, each leading to others: a guest of one is a guest of all from which it can be reached.
fn places() -> Value {
    json!({ "resources": { "place": {
        "actions": { "enter": {} },
        "relations": {
            "next": { "subjects": ["place"] },
            "guest": { "subjects": ["user", "group#member"], "from": ["guest from next"], "grants": ["enter"] },
        },
    } } })
}

fn world(edges: &[String]) -> MemoryWorld {
    let world = MemoryWorld::new(Some(&places()), &[], None).has("user:alice").has("group:staff");
    edges.iter().fold(world, |world, edge| world.edge(edge, ALWAYS))
}

fn way(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|at| format!("place:{at}#next@place:{}", at + 1)).collect()
}

fn either_order(edges: &[String], check: impl Fn(&MemoryWorld)) {
    let back: Vec<_> = edges.iter().rev().cloned().collect();
    for edges in [edges, &back] {
        check(&world(edges));
    }
}

#[test]
fn the_shortest_way_counts_whatever_the_order_of_edges() {
    let short = ["place:0#next@place:300", "place:300#next@place:50"].map(str::to_owned).to_vec();
    let edges = [way(0, 50), short, way(50, 100)].concat();
    let asked = query("user:alice enter place:0");
    either_order(&edges, |world| assert!(!world.decide(&asked).unwrap().allowed));
    let found = [edges.clone(), vec!["place:100#guest@user:alice".to_owned()]].concat();
    either_order(&found, |world| {
        assert!(world.decide(&asked).unwrap().allowed);
        assert!(world.explain(&asked).unwrap().allowed);
    });
}

#[test]
fn what_is_near_permits_although_more_than_a_decision_may_walk_lies_behind() {
    let edges =
        [way(0, 80), vec!["place:0#next@place:200".to_owned(), "place:200#guest@user:alice".to_owned()]].concat();
    let asked = query("user:alice enter place:0");
    either_order(&edges, |world| {
        assert!(world.decide(&asked).unwrap().allowed);
        assert!(world.explain(&asked).unwrap().allowed);
    });
    either_order(&way(0, 80), |world| assert_eq!(world.decide(&asked), Err("over budget")));
}

#[test]
fn principals_times_scopes_are_bounded() {
    let model = json!({ "resources": { "folder": {
        "actions": { "read": {} }, "relations": { "parent": { "subjects": ["folder"] } },
    } } });
    let wide = |groups: usize, parents: usize| {
        let world = MemoryWorld::new(Some(&model), &[], None).has("user:alice");
        let world = (0..groups).fold(world, |world, group| {
            let name = format!("group:g{group}");
            world.has(&name).member(&name, "user:alice", ALWAYS)
        });
        (1..=parents).fold(world, |world, at| world.edge(&format!("folder:0#parent@folder:{at}"), ALWAYS))
    };
    let asked = query("user:alice read folder:0");
    assert!(!wide(99, 398).decide(&asked).unwrap().allowed);
    assert_eq!(wide(299, 198).decide(&asked), Err("over budget"));
}

#[test]
fn edges_that_are_looked_at_are_bounded() {
    // Each of so many relations looks at the same list again.
    let named = |n: usize| format!("r{n}");
    let mut relations: serde_json::Map<_, _> =
        (0..50).map(|n| (named(n), json!({ "subjects": ["group#member"], "grants": ["enter"] }))).collect();
    relations.insert("next".to_owned(), json!({ "subjects": ["place"] }));
    relations.insert(
        "r0".to_owned(),
        json!({ "subjects": ["group#member"], "from": ["r0 from next"], "grants": ["enter"] }),
    );
    let model = json!({ "resources": { "place": { "actions": { "enter": {} }, "relations": relations } } });
    let with = |others: usize| {
        let world = MemoryWorld::new(Some(&model), &[], None).has("user:alice");
        (0..others).fold(world, |world, at| world.edge(&format!("place:0#next@place:{}", at + 1), ALWAYS))
    };
    let asked = query("user:alice enter place:0");
    assert!(!with(1_900).decide(&asked).unwrap().allowed);
    assert_eq!(with(2_100).decide(&asked), Err("over budget"));
}
