//! How permits read, each kind of them.

use serde_json::{Value, json};

use crate::memory::{ALWAYS, MemoryWorld, RoleText, until};

pub fn documents() -> Value {
    let shared = json!({
        "actions": { "read": {}, "write": {} },
        "relations": {
            "parent": { "subjects": ["folder"] },
            "editor": { "subjects": ["user", "group#member"], "from": ["editor from parent"], "grants": ["write"] },
            "viewer": { "subjects": ["user", "user:*", "employee", "team#member"], "includes": ["editor"], "grants": ["read"] },
        },
    });
    json!({
        "subjects": { "employee": { "kind": "external" } },
        "resources": {
            "document": shared, "folder": shared,
            "team": { "relations": { "member": { "subjects": ["user", "team#member"] } } },
        },
    })
}

pub const ROLES: [RoleText<'_>; 3] = [
    ("viewer", &["read:document"], &[]),
    ("editor", &["write:document"], &["viewer"]),
    ("owner", &["*:*"], &["editor"]),
];

pub fn world() -> MemoryWorld {
    let world = MemoryWorld::new(Some(&documents()), &ROLES, None);
    world.has("user:alice").has("group:inner").has("group:staff").has("employee:42")
}

#[test]
fn a_role_is_told_with_the_groups_the_roles_and_the_scope_through_which_it_counts() {
    let world = world()
        .member("group:inner", "user:alice", ALWAYS)
        .member("group:staff", "group:inner", ALWAYS)
        .edge("document:7#parent@folder:a", ALWAYS)
        .edge("folder:a#parent@folder:9", ALWAYS)
        .assigned("group:staff", "role editor", Some("folder:9"), until("2027-01-01T00:00:00Z"));
    assert_eq!(
        world.why("user:alice read document:7"),
        "user:alice may read document:7\n\
         └─ role \"editor\" is assigned to group:staff on folder:9, until 2027-01-01T00:00:00Z\n   \
            ├─ user:alice is in group:inner, which is in group:staff\n   \
            ├─ role \"editor\" includes \"viewer\", which holds \"read:document\"\n   \
            └─ document:7 is in folder:a, which is in folder:9"
    );
}

#[test]
fn each_way_that_permits_is_told() {
    let world = world()
        .assigned("user:alice", "role viewer", None, ALWAYS)
        .assigned("user:alice", "permission read:*", Some("document:7"), ALWAYS)
        .edge("document:7#viewer@user:alice", ALWAYS);
    assert_eq!(
        world.why("user:alice read document:7"),
        "user:alice may read document:7\n\
         ├─ role \"viewer\" is assigned to user:alice\n\
         │  └─ role \"viewer\" holds \"read:document\"\n\
         ├─ permission \"read:*\" is assigned to user:alice on document:7\n\
         │  └─ \"read:*\" covers read on document\n\
         └─ relation \"viewer\" of document:7 permits read\n   \
            └─ document:7#viewer is given to user:alice"
    );
}

#[test]
fn a_relation_is_told_edge_by_edge() {
    let world = world()
        .member("group:staff", "user:alice", ALWAYS)
        .edge("document:7#parent@folder:a", ALWAYS)
        .edge("folder:a#editor@group:staff#member", ALWAYS);
    assert_eq!(
        world.why("user:alice read document:7"),
        "user:alice may read document:7\n\
         └─ relation \"viewer\" of document:7 permits read\n   \
            ├─ document:7#viewer includes document:7#editor\n   \
            ├─ document:7#editor is taken from folder:a#editor, to which document:7#parent leads\n   \
            ├─ folder:a#editor is given to group:staff#member\n   \
            └─ user:alice is in group:staff"
    );
}

#[test]
fn teams_everybody_and_external_subjects_are_told_by_name() {
    let world = world()
        .edge("document:8#viewer@team:outer#member", ALWAYS)
        .edge("team:outer#member@team:inner#member", ALWAYS)
        .edge("team:inner#member@user:alice", ALWAYS)
        .edge("document:9#viewer@user:*", ALWAYS)
        .edge("document:9#viewer@employee:42", ALWAYS);
    assert_eq!(
        world.why("user:alice read document:8"),
        "user:alice may read document:8\n\
         └─ relation \"viewer\" of document:8 permits read\n   \
            ├─ document:8#viewer is given to team:outer#member\n   \
            ├─ team:outer#member is given to team:inner#member\n   \
            └─ team:inner#member is given to user:alice"
    );
    for (who, edge) in [("user:alice", "user:*"), ("employee:42", "employee:42")] {
        let expected = format!(
            "{who} may read document:9\n\
             └─ relation \"viewer\" of document:9 permits read\n   \
                └─ document:9#viewer is given to {edge}"
        );
        assert_eq!(world.why(&format!("{who} read document:9")), expected);
    }
}

#[test]
fn a_policy_is_told_by_its_name() {
    let text = "@id(\"staff reads\") permit(principal in Group::\"staff\", action == Action::\"read\", resource);";
    let world = MemoryWorld::new(Some(&documents()), &[], Some(text)).has("user:alice").has("group:staff");
    let world = world.member("group:staff", "user:alice", ALWAYS);
    assert_eq!(
        world.why("user:alice read document:7"),
        "user:alice may read document:7\n\
         └─ policy \"staff reads\" permits this"
    );
}

#[test]
fn a_tree_is_bounded_and_names_cannot_command_a_terminal() {
    let many = (0..30).fold(world(), |world, _| world.assigned("user:alice", "permission read:document", None, ALWAYS));
    let drawn = many.why("user:alice read document:7");
    assert!(drawn.ends_with("└─ and 10 more"), "{drawn}");
    let mut asked = crate::memory::query("user:alice read document:7");
    asked.resource_id = "7\u{1b}[2J\n".to_owned();
    let drawn = many.explain(&asked).unwrap().tree.draw();
    assert_eq!(drawn.lines().next(), Some("user:alice may read document:7\u{fffd}[2J\u{fffd}"));
}
