//! Whatever the world is like, what explains a decision says the same as what decides it.

use std::sync::{Arc, LazyLock};

use doorward::decision::{Kind, Node, Policies};
use doorward::domain::assignment::Effect;
use doorward::domain::model::Model;
use doorward::domain::time::Interval;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::json;

use crate::memory::{ALWAYS, MemoryWorld, from, query, until};

const SUBJECTS: [&str; 4] = ["user:a", "client:c", "employee:1", "user:gone"];
const HOLDERS: [&str; 6] = ["user:a", "client:c", "employee:1", "group:g", "group:h", "group:i"];
const OBJECTS: [&str; 5] = ["document:1", "document:2", "folder:1", "folder:2", "team:1"];

/// Edges of every kind, some of which the model does not allow.
const EDGES: [&str; 22] = [
    "document:1#parent@folder:1",
    "document:2#parent@folder:2",
    "folder:1#parent@folder:2",
    "folder:2#parent@folder:1",
    "document:1#owner@user:a",
    "document:1#owner@employee:1",
    "document:1#editor@client:c",
    "document:1#editor@group:g#member",
    "document:1#viewer@user:*",
    "document:2#viewer@employee:*",
    "document:2#viewer@team:1#member",
    "document:2#viewer@group:i#member",
    "document:2#owner@client:c",
    "folder:1#owner@user:a",
    "folder:1#editor@group:h#member",
    "folder:1#viewer@client:c",
    "folder:2#viewer@user:a",
    "folder:2#viewer@team:2#member",
    "folder:2#owner@employee:1",
    "team:1#member@user:a",
    "team:1#member@team:2#member",
    "team:2#member@employee:1",
];

const MEMBERS: [(&str, &str); 6] = [
    ("group:g", "user:a"),
    ("group:g", "client:c"),
    ("group:h", "group:g"),
    ("group:i", "group:h"),
    ("group:i", "employee:1"),
    ("group:h", "user:a"),
];

const HELD: [&str; 7] = [
    "role reader",
    "role writer",
    "role all",
    "permission read:document",
    "permission *:folder",
    "permission write:*",
    "permission read:team",
];

const POLICIES: [&str; 6] = [
    "",
    r#"permit(principal in Role::"writer", action == Action::"read", resource);"#,
    r#"forbid(principal, action == Action::"write", resource is Resource::document) unless { principal in Group::"h" };"#,
    r#"permit(principal is Subject::user, action, resource in Resource::folder::"2");"#,
    r#"forbid(principal is Subject::employee, action == Action::"read", resource is Resource::document)
       when { resource.level > 3 };"#,
    r#"permit(principal, action == Action::"read", resource is Resource::document) when { resource.level > 3 };"#,
];

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    let shared = json!({
        "actions": { "read": {}, "write": {} },
        "attributes": { "level": { "type": "integer", "required": true } },
        "relations": {
            "parent": { "subjects": ["folder"] },
            "owner": { "subjects": ["user", "employee"], "from": ["owner from parent"], "grants": ["*"] },
            "editor": { "subjects": ["client", "group#member"], "includes": ["owner"], "grants": ["write"] },
            "viewer": {
                "subjects": ["user", "user:*", "employee:*", "client", "team#member", "group#member"],
                "includes": ["editor"], "from": ["viewer from parent"], "grants": ["read"],
            },
        },
    });
    Model::parse(&json!({
        "subjects": { "employee": { "kind": "external" } },
        "resources": {
            "document": shared, "folder": shared,
            "team": { "relations": { "member": { "subjects": ["user", "employee", "team#member"] } } },
        },
    }))
    .unwrap()
});

static COMPILED: LazyLock<Vec<Arc<Policies>>> = LazyLock::new(|| {
    let compile = |text: &&str| Arc::new(Policies::compile(&MODEL, text).unwrap());
    POLICIES.iter().map(compile).collect()
});

fn intervals() -> impl Strategy<Value = Interval> {
    let [past, future] = ["2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"];
    select(vec![ALWAYS, ALWAYS, ALWAYS, until(past), until(future), from(past), from(future)])
}

type Given = (&'static str, &'static str, Option<&'static str>, bool, Interval);

fn given() -> impl Strategy<Value = Vec<Given>> {
    let on = prop_oneof![Just(None), select(&OBJECTS[..]).prop_map(Some)];
    let one = (select(&HOLDERS[..]), select(&HELD[..]), on, prop::bool::weighted(0.2), intervals());
    prop::collection::vec(one, 0..4)
}

fn worlds() -> impl Strategy<Value = MemoryWorld> {
    let timed = |len: usize| prop::collection::vec(intervals(), len);
    let edges = (subsequence(&EDGES[..], 0..=10), timed(EDGES.len()));
    let members = (subsequence(&MEMBERS[..], 0..=MEMBERS.len()), timed(MEMBERS.len()));
    let rest = (prop::option::of(select(&COMPILED[..])), prop::bool::ANY, 0..8_i64);
    (given(), edges, members, rest).prop_map(|(given, edges, members, (policies, has_model, level))| {
        let model = (has_model || policies.is_some()).then(|| MODEL.clone());
        let roles = [
            ("reader", &["read:document"][..], &[][..]),
            ("writer", &["write:document"], &["reader"]),
            ("all", &["*:*"], &["writer"]),
        ];
        let mut world = MemoryWorld::with(model, &roles, policies);
        for name in HOLDERS {
            world = world.has(name);
        }
        for ((group, member), interval) in members.0.into_iter().zip(members.1) {
            world = world.member(group, member, interval);
        }
        for (to, what, on, denied, interval) in given {
            world = world.assign(to, what, on, if denied { Effect::Deny } else { Effect::Allow }, interval);
        }
        for (edge, interval) in edges.0.into_iter().zip(edges.1) {
            world = world.edge(edge, interval);
        }
        world.resource("document:1", &json!({ "level": level }))
    })
}

/// What a permit rests on, and what it may not.
fn is_sound(tree: &Node, allowed: bool) -> bool {
    let has = |kinds: &[Kind]| tree.children.iter().any(|child| kinds.contains(&child.kind));
    let permits = has(&[Kind::Assignment, Kind::Relation, Kind::Policy]);
    let is_told = !tree.children.is_empty() && tree.children.len() <= 60;
    is_told && permits == allowed && tree.kind == if allowed { Kind::Permitted } else { Kind::Denied }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_explains_says_what_decides(world in worlds()) {
        for subject in SUBJECTS {
            for action in ["read", "write", "erase"] {
                for object in OBJECTS {
                    let question = format!("{subject} {action} {object}");
                    let query = query(&question);
                    let (decision, explanation) = (world.decide(&query), world.explain(&query));
                    let (decision, explanation) = (decision.unwrap(), explanation.unwrap());
                    let tree = explanation.tree.draw();
                    prop_assert_eq!(explanation.allowed, decision.allowed, "{}:\n{}", question, tree);
                    prop_assert!(is_sound(&explanation.tree, decision.allowed), "{}", tree);
                    // It looks at more, so it may hold for less long, never for longer.
                    let edges = [explanation.valid_until, decision.valid_until];
                    prop_assert!(edges[1].is_none_or(|edge| edges[0].is_some_and(|e| e <= edge)), "{}: {:?}", question, edges);
                }
            }
        }
    }
}

#[test]
fn where_relations_are_too_many_a_decision_made_without_them_is_told_all_the_same() {
    let model = json!({ "resources": { "place": {
        "actions": { "enter": {} },
        "relations": { "next": { "subjects": ["place"] },
                       "guest": { "subjects": ["user"], "from": ["guest from next"], "grants": ["enter"] } },
    } } });
    let deep = |world: MemoryWorld| {
        (0..70).fold(world, |world, at| world.edge(&format!("place:{at}#next@place:{}", at + 1), ALWAYS))
    };
    let lost = deep(MemoryWorld::new(Some(&model), &[], None).has("user:a"));
    let asked = query("user:a enter place:0");
    assert_eq!(lost.decide(&asked), Err("over budget"));
    assert_eq!(lost.explain(&asked).unwrap_err(), "over budget");
    let given = deep(MemoryWorld::new(Some(&model), &[], None).has("user:a"));
    let given = given.assigned("user:a", "permission enter:place", None, ALWAYS);
    assert_eq!(
        given.why("user:a enter place:0"),
        "user:a may enter place:0\n\
         ├─ permission \"enter:place\" is assigned to user:a\n\
         │  └─ \"enter:place\" covers enter on place\n\
         └─ there are more relations than one decision may walk; the rest is untold"
    );
}
