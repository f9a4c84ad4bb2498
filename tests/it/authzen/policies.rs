//! Policies beside roles and relations: the certification fixture of AuthZEN, its Todo interop, and what policies never do.

use doorward::admin::AdminError;
use doorward::admin::rules::RuleChange;
use doorward::store::rules::Versions;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{House, both, eventually, slug};

/// Users alice and bob, records of which one is archived (OpenID AuthZEN certification fixture).
pub(super) fn records() -> Value {
    json!({
        "subjects": { "user": { "kind": "directory", "attributes": { "role": { "type": "string", "source": "request" } } } },
        "resources": { "record": {
            "actions": { "read": {}, "write": {}, "delete": { "properties": { "soft": { "type": "boolean" } } } },
            "attributes": { "status": { "type": "string", "source": "request" } },
        } },
    })
}

const RECORD_POLICIES: &str = r#"
@id("alice writes what is not archived")
permit(principal == Subject::user::"ALICE", action == Action::"write", resource is Resource::record)
unless { resource has status && resource.status == "archived" };

@id("an admin writes what is archived")
permit(principal is Subject::user, action == Action::"write", resource is Resource::record)
when { principal has role && principal.role == "admin" && resource has status && resource.status == "archived" };

@id("alice deletes softly")
permit(principal == Subject::user::"ALICE", action == Action::"delete", resource is Resource::record)
when { context.action has soft && context.action.soft };
"#;

/// What is answered to a whole request.
async fn ask(house: &House, body: &Value) -> bool {
    let answer = house.json("/access/v1/evaluation", &house.notes_api(), body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["decision"].as_bool().unwrap()
}

fn on_record(user: &str, action: &Value, id: &str) -> Value {
    json!({ "subject": { "type": "user", "id": user }, "action": action, "resource": { "type": "record", "id": id } })
}

/// The fixture, written through the public API.
pub(super) async fn fixture(house: &House) {
    let root = house.root().await;
    let notes = "/api/v1/resource-servers/notes";
    let policies = RECORD_POLICIES.replace("ALICE", &house.world.alice_sub);
    root.done(Method::PUT, &format!("{notes}/rules"), &json!({ "model": records(), "policies": policies })).await;
    let role = json!({ "name": "reader", "permissions": ["read:record"] });
    root.done(Method::POST, &format!("{notes}/roles"), &role).await;
    for user in ["user:alice", "user:bob"] {
        let given = json!({ "principal": user, "resource_server": "notes", "role": "reader" });
        root.done(Method::POST, "/api/v1/assignments", &given).await;
    }
    let record =
        |id: &str, status: &str| json!({ "resource": format!("record:{id}"), "attributes": { "status": status } });
    let put = json!({ "put": [record("record-1", "active"), record("record-2", "archived")] });
    root.done(Method::POST, &format!("{notes}/resources"), &put).await;
    let seen = on_record("bob", &json!({ "name": "read" }), "record-1");
    eventually("the fixture is seen", async || ask(house, &seen).await).await;
}

both! {
    async fn the_certification_fixture_comes_out_as_it_says(house: House) {
        fixture(&house).await;
        let name = |action: &str| json!({ "name": action });
        let soft = |soft: bool| json!({ "name": "delete", "properties": { "soft": soft } });
        let mut sent = on_record("bob", &name("write"), "record-2");
        sent["subject"]["properties"] = json!({ "role": "admin" });
        let mut archived = on_record("alice", &name("write"), "record-1");
        archived["resource"]["properties"] = json!({ "status": "archived" });
        for (body, expected) in [
            (on_record("alice", &name("read"), "record-1"), true),
            (on_record("bob", &name("read"), "record-1"), true),
            (on_record("alice", &name("write"), "record-1"), true),
            (on_record("bob", &name("write"), "record-1"), false),
            (on_record("alice", &name("write"), "record-2"), false),
            (sent, true),
            (archived, false),
            (on_record("alice", &soft(true), "record-1"), true),
            (on_record("alice", &soft(false), "record-1"), false),
            (on_record("alice", &name("delete"), "record-1"), false),
            (on_record("bob", &soft(true), "record-1"), false),
        ] {
            assert_eq!(ask(&house, &body).await, expected, "{body}");
        }
    }

    async fn the_todo_interop_comes_out_byte_for_byte(house: House) {
        let root = house.root().await;
        let notes = "/api/v1/resource-servers/notes";
        let cases: Value = serde_json::from_str(include_str!("../data/authzen-todo-decisions.json")).unwrap();
        let model = json!({
            "subjects": { "user": { "kind": "directory", "attributes": { "email": { "type": "string" } } } },
            "resources": {
                "user": { "actions": { "can_read_user": {} } },
                "todo": {
                    "actions": { "can_read_todos": {}, "can_create_todo": {}, "can_update_todo": {}, "can_delete_todo": {} },
                    "attributes": { "ownerID": { "type": "string", "source": "request" } },
                },
            },
        });
        let policies = r#"
            permit(principal is Subject::user in Role::"todo-editor",
                   action in [Action::"can_update_todo", Action::"can_delete_todo"], resource is Resource::todo)
            when { principal has email && resource has ownerID && principal.email == resource.ownerID };
        "#;
        root.done(Method::PUT, &format!("{notes}/rules"), &json!({ "model": model, "policies": policies })).await;
        let reads = ["can_read_user:user", "can_read_todos:todo"];
        for (role, more) in [
            ("todo-viewer", &[][..]),
            ("todo-editor", &["can_create_todo:todo"]),
            ("todo-admin", &["can_create_todo:todo", "can_delete_todo:todo"]),
            ("evil_genius", &["can_update_todo:todo"]),
        ] {
            let permissions: Vec<_> = reads.iter().chain(more).collect();
            let role = json!({ "name": role, "permissions": permissions });
            root.done(Method::POST, &format!("{notes}/roles"), &role).await;
        }
        for (key, email, roles) in [
            ("DA2", "rick@the-citadel.com", &["todo-admin", "evil_genius"][..]),
            ("DE2", "morty@the-citadel.com", &["todo-editor"]),
            ("DI2", "summer@the-smiths.com", &["todo-editor"]),
            ("DM2", "beth@the-smiths.com", &["todo-viewer"]),
            ("DQ2", "jerry@the-smiths.com", &["todo-viewer"]),
        ] {
            let sub = format!("CiRmZ{key}MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs");
            let username = email.split('@').next().unwrap();
            let new = json!({ "sub": sub, "username": username, "email": email, "email_verified": true });
            root.done(Method::POST, "/api/v1/users", &new).await;
            for role in roles {
                let given = json!({ "principal": format!("user:{sub}"), "resource_server": "notes", "role": role });
                root.done(Method::POST, "/api/v1/assignments", &given).await;
            }
        }
        let all = cases["evaluation"].as_array().unwrap();
        assert_eq!(all.len(), 40);
        let last = &all[all.len() - 8]["request"];
        eventually("the last of them is seen", async || ask(&house, last).await).await;
        for case in all {
            let answer = house.json("/access/v1/evaluation", &house.notes_api(), &case["request"]).await;
            assert_eq!(answer.text, json!({ "decision": case["expected"] }).to_string(), "{}", case["request"]);
        }
        for case in cases["evaluations"].as_array().unwrap() {
            let answer = house.json("/access/v1/evaluations", &house.notes_api(), &case["request"]).await;
            assert_eq!(answer.text, json!({ "evaluations": case["expected"] }).to_string(), "{}", case["request"]);
        }
    }

    async fn what_is_sent_is_checked_by_name_and_never_feeds_what_is_stored(house: House) {
        fixture(&house).await;
        let mut body = on_record("alice", &json!({ "name": "delete", "properties": { "soft": "yes" } }), "record-1");
        let refused = house.json("/access/v1/evaluation", &house.notes_api(), &body).await;
        assert_eq!(refused.status, 400, "{refused:?}");
        assert!(refused.text.contains("action.properties.soft must be true or false"), "{refused:?}");
        let batch = json!({ "evaluations": [body, on_record("alice", &json!({ "name": "read" }), "record-1")] });
        let answer = house.json("/access/v1/evaluations", &house.notes_api(), &batch).await;
        let items = &answer.json()["evaluations"];
        assert_eq!((items[0]["context"]["error"]["status"].as_u64(), items[1].clone()), (Some(400), json!({ "decision": true })));
        // Undeclared: dropped. Null: absent. Roles, groups and relations are never taken from a request.
        body = on_record("bob", &json!({ "name": "write", "properties": { "soft": true } }), "record-1");
        body["subject"]["properties"] = json!({ "role": null, "roles": ["admin"], "groups": ["admin"], "extra": { "a": [1] } });
        body["context"] = json!({ "anything": 1 });
        assert!(!ask(&house, &body).await);
    }

    async fn a_policy_that_forbids_wins_and_one_that_fails_to_forbid_denies(house: House) {
        fixture(&house).await;
        let reads = on_record("bob", &json!({ "name": "read" }), "record-1");
        let forbid = |when: &str| format!("forbid(principal is Subject::user, action == Action::\"read\", resource is Resource::record) when {{ {when} }};");
        house.policies(&forbid("resource has status && resource.status == \"active\"")).await;
        eventually("the forbid is seen", async || !ask(&house, &reads).await).await;
        let archived = on_record("bob", &json!({ "name": "read" }), "record-2");
        assert!(ask(&house, &archived).await);
        house.policies("").await;
        eventually("and gone", async || ask(&house, &reads).await).await;
        let mut model = records();
        model["context"] = json!({ "risk": { "type": "integer", "required": true } });
        house.model(&model).await;
        house.policies(&forbid("context.risk > 3")).await;
        eventually("without the attribute it needs it denies", async || !ask(&house, &reads).await).await;
        let mut told = reads.clone();
        told["context"] = json!({ "risk": 1 });
        assert!(ask(&house, &told).await);
        told["context"] = json!({ "risk": 4 });
        assert!(!ask(&house, &told).await);
    }

    async fn policies_are_checked_before_they_count_and_rolled_back_at_once(house: House) {
        fixture(&house).await;
        let admin = house.node().admin();
        let writes = on_record("alice", &json!({ "name": "write" }), "record-1");
        assert!(ask(&house, &writes).await);
        for (text, expected) in [
            ("permit(principal, action, resource", "policies: "),
            ("permit(principal is Subject::martian, action, resource);", "policies: "),
            ("permit(principal, action == Action::\"erase\", resource);", "policies: "),
            ("permit(principal is Subject::user, action == Action::\"read\", resource is Resource::record) when { resource.color == \"red\" };", "color"),
            ("permit(principal == ?principal, action, resource);", "templates"),
        ] {
            let change = RuleChange { model: None, policies: Some(text.to_owned()) };
            let refused = admin.put_rules(&slug("notes"), &change).await.unwrap_err().to_string();
            assert!(refused.contains(expected), "{text}: {refused}");
        }
        // A model under which the policies would not compile is refused, too.
        let mut without = records();
        without["resources"]["record"]["attributes"] = json!({});
        let change = RuleChange { model: Some(doorward::domain::model::Model::parse(&without).unwrap()), policies: None };
        assert!(matches!(admin.put_rules(&slug("notes"), &change).await.unwrap_err(), AdminError::Invalid { member: "policies", .. }));
        assert!(ask(&house, &writes).await);

        house.policies("forbid(principal, action, resource);").await;
        eventually("everything is forbidden", async || !ask(&house, &writes).await).await;
        admin.activate_rules(&slug("notes"), Versions { model: 1, policies: 1 }).await.unwrap();
        eventually("as before", async || ask(&house, &writes).await).await;
    }
}
