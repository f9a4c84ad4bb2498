//! What relations to resources permit: owners, folders, teams, groups, everybody, external subjects, and grants on one
//! resource and all below it.

use std::time::Duration;

use doorward::admin::AdminError;
use doorward::admin::assignments::{HeldRef, NewAssignment};
use doorward::admin::relations::{RelationFilter, RelationWrite};
use doorward::admin::resources::ResourceWrite;
use doorward::admin::subjects::SubjectPut;
use doorward::domain::assignment::Effect;
use doorward::domain::model::Model;
use doorward::domain::object::ObjectRef;
use doorward::domain::time::{Clock as _, Interval};
use doorward::store::rules::Versions;
use serde_json::{Value, json};

use crate::support::authz::{deletes, edge, new_edge, writes};
use crate::support::{House, both, permission, slug};

/// Documents in folders; teams that nest; employees that only the resource server knows.
pub(super) fn documents() -> Value {
    let shared = |extra: Value| {
        let mut relations = json!({
            "parent": { "subjects": ["folder"] },
            "owner": { "subjects": ["user", "employee"], "from": ["owner from parent"], "grants": ["*"] },
            "editor": { "subjects": ["user", "client", "group#member", "team#member"], "includes": ["owner"],
                        "from": ["editor from parent"], "grants": ["write"] },
            "viewer": { "subjects": ["user", "user:*", "client", "employee", "employee:*", "group#member", "team#member"],
                        "includes": ["editor"], "from": ["viewer from parent"], "grants": ["read"] },
        });
        relations.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!({ "actions": { "read": {}, "write": {}, "share": {} }, "relations": relations })
    };
    json!({
        "subjects": { "employee": { "kind": "external" }, "person": { "kind": "directory" } },
        "resources": {
            "document": shared(json!({})),
            "folder": shared(json!({})),
            "team": { "relations": { "member": { "subjects": ["user", "team#member"] } } },
        },
    })
}

async fn give(house: &House, to: &str, what: &str, on: Option<&str>, effect: Effect, interval: Interval) {
    let new = NewAssignment {
        principal: to.parse().unwrap(),
        resource_server: slug("notes"),
        held: HeldRef::Permission(permission(what)),
        scope: on.map(|on| ObjectRef::parse(on).unwrap()),
        effect,
        interval,
        reason: None,
    };
    house.node().admin().add_assignment(&new).await.unwrap();
}

both! {
    async fn relations_permit_what_the_model_says_and_nothing_else(house: House) {
        house.model(&documents()).await;
        house.relate(&["document:7#owner@user:alice", "document:7#editor@client:bot", "document:7#viewer@user:bob"]).await;
        house.comes_out(&[
            ("user:alice", "share", "document:7", true),
            ("user:alice", "read", "document:7", true),
            ("person:alice", "read", "document:7", true),
            ("client:bot", "write", "document:7", true),
            ("client:bot", "read", "document:7", true),
            ("client:bot", "share", "document:7", false),
            ("user:bob", "read", "document:7", true),
            ("user:bob", "write", "document:7", false),
            ("user:carol", "read", "document:7", false),
            ("user:bob", "read", "document:70", false),
            ("user:bob", "read", "folder:7", false),
            ("user:bob", "erase", "document:7", false),
            ("client:bob", "read", "document:7", false),
            ("team:1", "read", "document:7", false),
        ]).await;
        house.unrelate(&["document:7#viewer@user:bob"]).await;
        house.comes_out(&[("user:bob", "read", "document:7", false), ("user:alice", "read", "document:7", true)]).await;
    }

    async fn a_folder_gives_its_relations_to_all_below_it(house: House) {
        house.model(&documents()).await;
        house.relate(&[
            "folder:root#viewer@user:bob", "folder:a#parent@folder:root", "folder:b#parent@folder:a",
            "document:7#parent@folder:b", "folder:a#owner@user:carol",
        ]).await;
        house.comes_out(&[
            ("user:bob", "read", "document:7", true),
            ("user:bob", "write", "document:7", false),
            ("user:carol", "write", "document:7", true),
            ("user:carol", "read", "folder:root", false),
        ]).await;
        // Moved elsewhere: what the old place gave is gone, at once and for all below.
        house.unrelate(&["folder:b#parent@folder:a"]).await;
        house.comes_out(&[("user:bob", "read", "document:7", false), ("user:carol", "write", "document:7", false)]).await;
        // A ring of folders ends.
        house.relate(&["folder:b#parent@folder:a", "folder:root#parent@folder:b"]).await;
        house.comes_out(&[
            ("user:bob", "read", "document:7", true),
            ("user:carol", "read", "folder:root", true),
            ("user:alice", "read", "document:7", false),
        ]).await;
    }

    async fn groups_teams_and_everybody_are_subjects_too(house: House) {
        house.model(&documents()).await;
        let admin = house.node().admin();
        admin.create_group(slug("staff")).await.unwrap();
        admin.create_group(slug("inner")).await.unwrap();
        admin.add_group_member(&slug("staff"), &"group:inner".parse().unwrap(), Interval::ALWAYS, None).await.unwrap();
        admin.add_group_member(&slug("inner"), &"user:carol".parse().unwrap(), Interval::ALWAYS, None).await.unwrap();
        house.relate(&[
            "document:7#editor@group:staff#member", "document:8#viewer@team:outer#member",
            "team:outer#member@team:inner#member", "team:inner#member@user:bob", "document:9#viewer@user:*",
        ]).await;
        house.comes_out(&[
            ("user:carol", "write", "document:7", true),
            ("user:bob", "write", "document:7", false),
            ("user:bob", "read", "document:8", true),
            ("user:carol", "read", "document:8", false),
            ("user:alice", "read", "document:9", true),
            ("user:nobody", "read", "document:9", false),
            ("client:bot", "read", "document:9", false),
        ]).await;
        admin.remove_group_member(&slug("inner"), &"user:carol".parse().unwrap()).await.unwrap();
        house.unrelate(&["team:outer#member@team:inner#member"]).await;
        house.comes_out(&[("user:carol", "write", "document:7", false), ("user:bob", "read", "document:8", false)]).await;
    }

    async fn subjects_of_the_resource_server_are_known_only_there(house: House) {
        house.model(&documents()).await;
        let admin = house.node().admin();
        let put = |disabled| SubjectPut { subject: "employee:42".parse().unwrap(), attributes: None, disabled: Some(disabled) };
        house.relate(&["document:7#viewer@employee:42", "document:8#viewer@employee:*"]).await;
        // Mentioned but not registered: unknown, so denied.
        house.comes_out(&[("employee:42", "read", "document:7", false), ("employee:42", "read", "document:8", false)]).await;
        admin.put_subjects(&slug("notes"), &[put(false)]).await.unwrap();
        house.comes_out(&[
            ("employee:42", "read", "document:7", true),
            ("employee:42", "read", "document:8", true),
            ("employee:43", "read", "document:8", false),
            ("user:alice", "read", "document:8", false),
        ]).await;
        give(&house, "employee:42", "write:document", None, Effect::Allow, Interval::ALWAYS).await;
        house.comes_out(&[("employee:42", "write", "document:1", true)]).await;
        admin.put_subjects(&slug("notes"), &[put(true)]).await.unwrap();
        house.comes_out(&[("employee:42", "read", "document:7", false), ("employee:42", "write", "document:1", false)]).await;
        admin.put_subjects(&slug("notes"), &[put(false)]).await.unwrap();
        house.comes_out(&[("employee:42", "read", "document:7", true)]).await;
    }

    async fn a_grant_on_one_resource_holds_for_all_below_it_and_a_deny_too(house: House) {
        house.model(&documents()).await;
        house.relate(&["document:7#parent@folder:a", "folder:a#parent@folder:root", "document:7#owner@user:alice"]).await;
        give(&house, "user:bob", "read:*", Some("folder:root"), Effect::Allow, Interval::ALWAYS).await;
        house.comes_out(&[
            ("user:bob", "read", "document:7", true),
            ("user:bob", "read", "folder:root", true),
            ("user:bob", "write", "document:7", false),
            ("user:bob", "read", "document:8", false),
        ]).await;
        give(&house, "user:alice", "write:document", Some("folder:a"), Effect::Deny, Interval::ALWAYS).await;
        house.comes_out(&[("user:alice", "write", "document:7", false), ("user:alice", "read", "document:7", true)]).await;
        house.unrelate(&["folder:a#parent@folder:root"]).await;
        house.comes_out(&[("user:bob", "read", "document:7", false)]).await;
    }

    async fn an_edge_counts_in_its_interval_and_the_answer_says_until_when(house: House) {
        house.model(&documents()).await;
        let now = house.clock.now();
        let (from, until) = (now.plus(Duration::from_mins(1)), now.plus(Duration::from_mins(2)));
        let interval = Interval::new(Some(from), Some(until)).unwrap();
        let write = RelationWrite { write: vec![new_edge("document:7#viewer@user:bob", interval)], ..RelationWrite::default() };
        house.node().admin().write_relations(&slug("notes"), &write).await.unwrap();
        let until_of = async || {
            let body = crate::support::evaluation("user", "bob", "read", "document", "7");
            let answer = house.json("/access/v1/evaluation", &house.notes_api(), &body).await;
            (answer.json()["decision"] == true, answer.header("doorward-valid-until").to_owned())
        };
        crate::support::eventually("the edge is seen", async || !until_of().await.1.is_empty()).await;
        assert_eq!(until_of().await, (false, from.to_string()));
        house.clock.advance(Duration::from_secs(61));
        assert_eq!(until_of().await, (true, until.to_string()));
        house.clock.advance(Duration::from_mins(1));
        assert_eq!(until_of().await, (false, String::new()));
    }

    async fn a_write_happens_whole_or_not_at_all_and_says_which_item_was_wrong(house: House) {
        house.model(&documents()).await;
        let admin = house.node().admin();
        for (bad, expected) in [
            ("document:7#reader@user:alice", "write[1]: relation: the model has no relation \"reader\""),
            ("docu:7#viewer@user:alice", "write[1]: relation: the model has no relation"),
            ("document:7#viewer@user:nobody", "write[1]: there is no person \"nobody\""),
            ("document:7#viewer@group:none#member", "write[1]: there is no group"),
            ("document:7#owner@client:bot", "write[1]: subject: owner of document may not be client:bot; it may be user, employee"),
            ("document:7#parent@user:alice", "write[1]: subject: parent of document may not be user:alice; it may be folder"),
            ("document:7#viewer@martian:1", "write[1]: subject: the model has no type \"martian\""),
            ("document:7#viewer@folder:1", "write[1]: subject: viewer of document may not be folder:1"),
        ] {
            let refused = admin.write_relations(&slug("notes"), &writes(&["document:7#viewer@user:bob", bad])).await;
            let refused = refused.unwrap_err().to_string();
            assert!(refused.starts_with(expected), "{bad}: {refused}");
        }
        house.comes_out(&[("user:bob", "read", "document:7", false)]).await;
        assert!(admin.relations(&slug("notes"), RelationFilter::default(), None, 1_000).await.unwrap().is_empty());
    }

    async fn preconditions_hold_at_the_moment_of_the_write(house: House) {
        house.model(&documents()).await;
        let admin = house.node().admin();
        let claim = |who: &str| RelationWrite {
            require_absent: vec![edge("document:7#owner@user:alice"), edge("document:7#owner@user:bob")],
            ..writes(&[&format!("document:7#owner@user:{who}")])
        };
        let (alice, bob) = (claim("alice"), claim("bob"));
        let notes = slug("notes");
        let (a, b) = tokio::join!(admin.write_relations(&notes, &alice), admin.write_relations(&notes, &bob));
        assert_eq!(u8::from(a.is_ok()) + u8::from(b.is_ok()), 1, "{a:?} {b:?}");
        let refused = a.err().or(b.err()).unwrap();
        assert!(matches!(&refused, AdminError::Item { list: "require_absent", .. }), "{refused}");
    }

    async fn what_is_written_twice_is_there_once(house: House) {
        house.model(&documents()).await;
        let admin = house.node().admin();
        for _ in 0..2 {
            house.relate(&["document:7#viewer@user:bob", "document:7#parent@folder:a"]).await;
        }
        let all = admin.relations(&slug("notes"), RelationFilter::default(), None, 1_000).await.unwrap();
        assert_eq!(all.len(), 2, "{all:?}");
        admin.write_relations(&slug("notes"), &deletes(&["document:7#viewer@user:bob", "document:7#viewer@user:carol"])).await.unwrap();
        let of_bob = RelationFilter { subject: Some("user:bob"), ..RelationFilter::default() };
        let of_bob = admin.relations(&slug("notes"), of_bob, None, 1_000).await.unwrap();
        assert!(of_bob.is_empty());
        let resources = admin.resources(&slug("notes"), "folder", None, 1_000).await.unwrap();
        assert_eq!(resources.len(), 1, "what is mentioned is registered: {resources:?}");
    }

    async fn a_deleted_resource_takes_its_edges_with_it(house: House) {
        house.model(&documents()).await;
        house.relate(&["document:7#parent@folder:a", "folder:a#viewer@user:bob", "document:7#viewer@user:carol"]).await;
        house.comes_out(&[("user:bob", "read", "document:7", true)]).await;
        let write = ResourceWrite { delete: vec!["folder:a".parse().unwrap()], put: Vec::new() };
        house.node().admin().write_resources(&slug("notes"), &write).await.unwrap();
        house.comes_out(&[("user:bob", "read", "document:7", false), ("user:carol", "read", "document:7", true)]).await;
        let left = house.node().admin().relations(&slug("notes"), RelationFilter::default(), None, 1_000).await.unwrap();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    async fn a_model_that_is_rolled_back_restores_the_earlier_decisions(house: House) {
        house.model(&documents()).await;
        house.relate(&["document:7#viewer@user:bob"]).await;
        house.comes_out(&[("user:bob", "read", "document:7", true)]).await;
        let mut stricter = documents();
        stricter["resources"]["document"]["relations"]["viewer"]["grants"] = json!([]);
        stricter["resources"]["document"]["relations"]["viewer"]["subjects"] = json!(["client"]);
        stricter["resources"]["document"]["relations"]["editor"]["includes"] = json!(["owner", "viewer"]);
        stricter["resources"]["document"]["relations"]["viewer"]["includes"] = json!([]);
        house.model(&stricter).await;
        house.comes_out(&[("user:bob", "read", "document:7", false)]).await;
        let admin = house.node().admin();
        let versions = |model| Versions { model, policies: 0 };
        admin.activate_rules(&slug("notes"), versions(1)).await.unwrap();
        house.comes_out(&[("user:bob", "read", "document:7", true)]).await;
        assert!(admin.activate_rules(&slug("notes"), versions(7)).await.is_err());
        let listed = admin.rule_versions(&slug("notes")).await.unwrap();
        assert_eq!(listed["model"].as_array().unwrap().iter().map(|v| v["active"].as_bool().unwrap()).collect::<Vec<_>>(), [false, true]);
    }

    async fn too_wide_a_tree_is_an_error_that_says_so_and_no_silent_deny(house: House) {
        house.model(&documents()).await;
        let edges: Vec<_> = (1..=1_000).map(|i| format!("folder:0#parent@folder:{i}")).collect();
        house.relate(&edges.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let body = crate::support::evaluation("user", "bob", "read", "folder", "0");
        let ask = async |path: &str, body: &Value| house.json(path, &house.notes_api(), body).await;
        crate::support::eventually("the tree is seen", async || ask("/access/v1/evaluation", &body).await.status != 200).await;
        let document = doorward::http::openapi::document(&doorward::domain::issuer::Issuer::localhost());
        let mut search = body.clone();
        search["subject"] = json!({ "type": "user" });
        for (path, body) in [("/access/v1/evaluation", &body), ("/access/v1/evaluations", &body), ("/access/v1/search/subject", &search)] {
            let answer = ask(path, body).await;
            assert_eq!(answer.refusal(), (422, "over_budget".into()), "{path}: {answer:?}");
            assert!(document["paths"][path]["post"]["responses"]["422"].is_object(), "{path}");
        }
        // In a batch it is nobody else's.
        let easy = crate::support::evaluation("user", "bob", "read", "folder", "1");
        let batch = ask("/access/v1/evaluations", &json!({ "evaluations": [body, easy] })).await;
        assert_eq!(batch.status, 200, "{batch:?}");
        let items = &batch.json()["evaluations"];
        assert_eq!((&items[0]["decision"], &items[0]["context"]["error"]["status"]), (&json!(false), &json!(422)), "{items}");
        assert_eq!(items[1], json!({ "decision": false }), "{items}");
    }
}

#[test]
fn a_model_that_makes_no_sense_is_refused_with_the_path_of_what_is_wrong() {
    let with = |change: &dyn Fn(&mut Value)| {
        let mut model = documents();
        change(&mut model);
        Model::parse(&model).unwrap_err().to_string()
    };
    let document =
        |m: &mut Value, relation: &str, value: Value| m["resources"]["document"]["relations"][relation] = value;
    for (change, expected) in [
        (&(|m: &mut Value| m["resource"] = json!({})) as &dyn Fn(&mut Value), "unknown field `resource`"),
        (&|m| m["resources"]["document"]["actions"] = json!(["read"]), "resources.document.actions: invalid type"),
        (
            &|m| document(m, "viewer", json!({ "grants": ["read"] })),
            "resources.document.relations.viewer: nobody can have",
        ),
        (
            &|m| document(m, "viewer", json!({ "subjects": ["martian"], "grants": ["read"] })),
            "viewer.subjects: \"martian\" is neither",
        ),
        (
            &|m| document(m, "viewer", json!({ "subjects": ["user"], "grants": ["erase"] })),
            "viewer.grants: there is no action \"erase\"",
        ),
        (
            &|m| document(m, "viewer", json!({ "subjects": ["user"], "includes": ["boss"], "grants": ["read"] })),
            "viewer.includes: there is no relation \"boss\"",
        ),
        (
            &|m| document(m, "owner", json!({ "subjects": ["user"], "includes": ["viewer"], "grants": ["*"] })),
            "includes itself",
        ),
        (&|m| document(m, "extra", json!({ "subjects": ["user"] })), "relations.extra: this relation permits nothing"),
        (
            &|m| document(m, "viewer", json!({ "from": ["viewer to parent"] })),
            "viewer.from[0]: a relation from another must be",
        ),
        (
            &|m| document(m, "viewer", json!({ "from": ["reader from parent"], "grants": ["read"] })),
            "nothing that \"parent\" leads to has a relation \"reader\"",
        ),
        (
            &|m| m["subjects"]["group"] = json!({ "kind": "external" }),
            "subjects.group: this name has a meaning of its own",
        ),
        (
            &|m| m["subjects"]["user"] = json!({ "kind": "external" }),
            "subjects.user.kind: people and clients are known here",
        ),
    ] {
        let refused = with(change);
        assert!(refused.contains(expected), "{expected}: {refused}");
    }
}
