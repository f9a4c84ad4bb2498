//! How denials read: what denied, or what came nearest to a permit.

use doorward::domain::assignment::Effect;
use serde_json::json;

use crate::memory::{ALWAYS, MemoryWorld, from, until};
use crate::permits::{ROLES, documents, world};

#[test]
fn a_subject_that_is_unknown_or_disabled_is_told() {
    let world = world().disabled("user:mallory");
    assert_eq!(
        world.why("user:nobody read document:7"),
        "user:nobody may not read document:7\n\
         └─ user:nobody is not known here, or not registered"
    );
    assert_eq!(
        world.why("user:mallory read document:7"),
        "user:mallory may not read document:7\n\
         └─ user:mallory is disabled or locked"
    );
}

#[test]
fn a_deny_is_told_with_its_path_and_what_it_outweighs() {
    let world = world()
        .member("group:staff", "user:alice", ALWAYS)
        .assigned("user:alice", "role viewer", None, ALWAYS)
        .assign("group:staff", "permission *:document", None, Effect::Deny, ALWAYS);
    assert_eq!(
        world.why("user:alice read document:7"),
        "user:alice may not read document:7\n\
         ├─ permission \"*:document\" is denied to group:staff\n\
         │  ├─ user:alice is in group:staff\n\
         │  └─ \"*:document\" covers read on document\n\
         └─ but for that, this would permit it\n   \
            └─ role \"viewer\" is assigned to user:alice\n      \
               └─ role \"viewer\" holds \"read:document\""
    );
}

#[test]
fn a_policy_that_forbids_or_cannot_be_evaluated_is_told() {
    let mut model = documents();
    model["resources"]["document"]["attributes"] = json!({ "level": { "type": "integer", "required": true } });
    let text = "@id(\"not these\") forbid(principal, action, resource == Resource::document::\"1\");\n\
                @id(\"not high\") forbid(principal, action == Action::\"read\", resource is Resource::document) when { resource.level > 3 };\n\
                @id(\"low\") permit(principal, action == Action::\"write\", resource is Resource::document) when { resource.level < 3 };";
    let world = MemoryWorld::new(Some(&model), &[], Some(text)).has("user:alice");
    let world = world.resource("document:1", &json!({ "level": 1 })).resource("document:3", &json!({ "level": 3 }));
    assert_eq!(
        world.why("user:alice write document:1"),
        "user:alice may not write document:1\n\
         └─ policy \"not these\" forbids this"
    );
    assert_eq!(
        world.why("user:alice read document:2"),
        "user:alice may not read document:2\n\
         └─ policy \"not high\" could not be evaluated, so it counts as forbidding this: \
         resource.properties.level is required, and missing"
    );
    let lacked = "user:alice is not editor of document:N, which would permit write\n";
    let not_evaluated = "resource.properties.level is required, and missing";
    assert_eq!(
        world.why("user:alice write document:2"),
        format!(
            "user:alice may not write document:2\n├─ {}\
             └─ policy \"low\" could not be evaluated, so it permits nothing: {not_evaluated}",
            lacked.replace('N', "2")
        )
    );
    assert_eq!(
        world.why("user:alice write document:3"),
        format!(
            "user:alice may not write document:3\n├─ {}\
             └─ policy \"low\" could permit this, but what it asks for does not hold",
            lacked.replace('N', "3")
        )
    );
}

#[test]
fn assignments_at_another_time_or_place_are_told() {
    let world = world()
        .assigned("user:alice", "role viewer", None, until("2026-01-01T00:00:00Z"))
        .assigned("user:alice", "permission read:document", Some("document:7"), from("2027-01-01T00:00:00Z"))
        .assigned("user:alice", "role editor", Some("folder:9"), ALWAYS);
    assert_eq!(
        world.why("user:alice read document:7"),
        "user:alice may not read document:7\n\
         ├─ role \"viewer\" is assigned to user:alice, but only until 2026-01-01T00:00:00Z\n\
         ├─ permission \"read:document\" is assigned to user:alice on document:7, but only from 2027-01-01T00:00:00Z\n\
         ├─ role \"editor\" is assigned to user:alice on folder:9, which this is not in\n\
         ├─ user:alice is not viewer of document:7, which would permit read\n\
         └─ user:alice does not have role \"owner\", which would permit it"
    );
}

#[test]
fn memberships_and_edges_at_another_time_are_told() {
    let ended = until("2026-01-01T00:00:00Z");
    let world = world()
        .member("group:staff", "user:alice", ended)
        .assigned("group:staff", "role editor", Some("document:7"), ALWAYS)
        .edge("document:7#viewer@user:alice", ended)
        .edge("document:7#parent@folder:a", from("2027-01-01T00:00:00Z"));
    let drawn = world.why("user:alice read document:7");
    let mut lines: Vec<_> = drawn.lines().collect();
    lines[2..4].sort_unstable();
    assert_eq!(
        lines,
        [
            "user:alice may not read document:7",
            "├─ user:alice is in group:staff, but only until 2026-01-01T00:00:00Z",
            "├─ document:7#parent leads to folder:a, but only from 2027-01-01T00:00:00Z",
            "├─ document:7#viewer is given to user:alice, but only until 2026-01-01T00:00:00Z",
            "├─ user:alice is not viewer of document:7, which would permit read",
            "├─ user:alice does not have role \"editor\", which would permit it",
            "├─ user:alice does not have role \"owner\", which would permit it",
            "└─ user:alice does not have role \"viewer\", which would permit it",
        ]
    );
}

#[test]
fn memberships_at_another_time_are_told_only_where_the_group_could_permit_it() {
    let ended = until("2026-01-01T00:00:00Z");
    let soon = from("2027-01-01T00:00:00Z");
    let policy = "@id(\"board\") permit(principal in Group::\"board\", action == Action::\"read\", resource is Resource::document);\n\
                  @id(\"clerks\") permit(principal in Role::\"clerk\", action == Action::\"read\", resource is Resource::document);";
    let roles = [("viewer", &["read:document"][..], &[][..]), ("clerk", &["write:team"], &[])];
    let mut world = MemoryWorld::new(Some(&documents()), &roles, Some(policy)).has("user:alice");
    let groups =
        ["inner", "outer", "edged", "board", "office", "choir", "elsewhere", "denied", "unable", "indoors", "team"];
    for group in groups {
        world = world.has(&format!("group:{group}"));
        let interval = if group == "edged" { soon } else { ended };
        let to = if group == "outer" { "group:inner" } else { "user:alice" };
        world = world.member(&format!("group:{group}"), to, if group == "outer" { ALWAYS } else { interval });
    }
    let world = world
        .assigned("group:outer", "role viewer", None, ended)
        .assigned("group:office", "role clerk", None, ALWAYS)
        .assigned("group:elsewhere", "role viewer", Some("document:8"), ALWAYS)
        .assigned("group:unable", "permission write:document", None, ALWAYS)
        .assign("group:denied", "role viewer", None, Effect::Deny, ALWAYS)
        .edge("document:7#editor@group:edged#member", ALWAYS)
        .edge("document:8#editor@group:indoors#member", ALWAYS)
        .edge("team:1#member@user:alice", ended);
    let drawn = world.why("user:alice read document:7");
    let mut told: Vec<_> =
        drawn.lines().filter_map(|line| line.split_once("alice is in group:")?.1.split_once(',')).collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            ("board", " but only until 2026-01-01T00:00:00Z"),
            ("edged", " but only from 2027-01-01T00:00:00Z"),
            ("inner", " but only until 2026-01-01T00:00:00Z"),
            ("office", " but only until 2026-01-01T00:00:00Z"),
        ],
        "{drawn}"
    );
}

#[test]
fn what_the_model_does_not_know_is_told_and_where_nothing_could_permit_that() {
    let few = MemoryWorld::new(Some(&documents()), &ROLES[..2], None).has("user:alice");
    assert_eq!(
        few.why("user:alice read invoice:7"),
        "user:alice may not read invoice:7\n\
         └─ the model has no resource type \"invoice\""
    );
    assert_eq!(
        few.why("user:alice erase document:7"),
        "user:alice may not erase document:7\n\
         └─ the model has no action \"erase\" on document"
    );
    let none = MemoryWorld::new(None, &[], None).has("user:alice");
    assert_eq!(
        none.why("user:alice read document:7"),
        "user:alice may not read document:7\n\
         └─ no role, relation or policy here could permit it"
    );
}

#[test]
fn of_each_kind_of_miss_five_are_told() {
    let names: Vec<String> = (0..9).map(|n| format!("role{n}")).collect();
    let roles: Vec<_> = names.iter().map(|name| (name.as_str(), &["read:note"][..], &[][..])).collect();
    let drawn = MemoryWorld::new(None, &roles, None).has("user:alice").why("user:alice read note:1");
    assert_eq!(drawn.lines().count(), 7, "{drawn}");
    assert!(drawn.ends_with("└─ and 4 more"), "{drawn}");
}
