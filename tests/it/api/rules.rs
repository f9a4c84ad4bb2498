//! Models, policies and what a resource server registers, all of it through `/api/v1`; decisions follow.

use std::time::Duration;

use doorward::admin::subjects::SubjectPut;
use doorward::domain::time::Clock as _;
use serde_json::{Value, json};

use crate::support::{House, both, evaluation, eventually, slug};

const NOTES: &str = "/api/v1/resource-servers/notes";

fn model() -> Value {
    json!({
        "subjects": { "badge": { "kind": "external", "attributes": { "floor": { "type": "integer" } } } },
        "resources": { "room": {
            "actions": { "enter": {}, "book": {} },
            "relations": {
                "parent": { "subjects": ["room"] },
                "owner": { "subjects": ["user"], "grants": ["*"] },
                "guest": { "subjects": ["user", "badge", "group#member"], "from": ["guest from parent"], "grants": ["enter"] },
            },
            "attributes": { "floor": { "type": "integer" } },
        } },
    })
}

const SAME_FLOOR: &str = "@id(\"same floor\") permit(principal is Subject::badge, action == Action::\"enter\", resource is Resource::room) when { principal has floor && resource has floor && principal.floor == resource.floor };";

both! {
    async fn what_is_written_over_http_decides(house: House) {
        let root = house.root().await;
        let put = root.put(&format!("{NOTES}/rules"), &json!({ "model": model(), "policies": SAME_FLOOR })).await;
        assert_eq!((put.status, put.json()), (200, json!({ "model": 1, "policies": 1 })), "{put:?}");
        let again = root.put(&format!("{NOTES}/rules"), &json!({ "model": model() })).await;
        assert_eq!(again.json(), json!({ "model": 1, "policies": 1 }), "what counts already is no new version");
        let shown = root.got(&format!("{NOTES}/rules")).await;
        assert_eq!((&shown["model"]["document"], &shown["policies"]["text"]), (&model(), &json!(SAME_FLOOR)));

        let subjects = json!({ "put": [{ "subject": "badge:1", "attributes": { "floor": 3 } }, { "subject": "badge:2" }] });
        assert_eq!(root.post(&format!("{NOTES}/subjects"), &subjects).await.status, 200);
        let resources = json!({ "put": [{ "resource": "room:303", "attributes": { "floor": 3 } }, { "resource": "room:404" }] });
        assert_eq!(root.post(&format!("{NOTES}/resources"), &resources).await.status, 200);
        let relations = json!({
            "require_absent": [{ "object": "room:404", "relation": "owner", "subject": "user:bob" }],
            "write": [
                { "object": "room:404", "relation": "owner", "subject": "user:alice" },
                { "object": "room:405", "relation": "parent", "subject": "room:404" },
                { "object": "room:404", "relation": "guest", "subject": "badge:2", "reason": "a visit" },
            ],
        });
        let written = root.post(&format!("{NOTES}/relations"), &relations).await;
        assert_eq!(written.status, 200, "{written:?}");
        house.comes_out(&[
            ("badge:1", "enter", "room:303", true), ("badge:1", "enter", "room:404", false),
            ("badge:2", "enter", "room:405", true), ("badge:2", "book", "room:405", false),
            ("user:alice", "book", "room:404", true), ("user:bob", "book", "room:404", false),
        ]).await;

        let (edges, pages) = root.pages(&format!("{NOTES}/relations"), 1).await;
        assert_eq!((edges.len(), pages), (3, 3), "{edges:?}");
        let of_alice = root.got(&format!("{NOTES}/relations?subject=user:alice")).await;
        assert_eq!(of_alice["items"][0]["object"], "room:404");
        let (rooms, _) = root.pages(&format!("{NOTES}/resources?type=room"), 2).await;
        assert_eq!(rooms.len(), 3, "{rooms:?}");
        let badges = root.got(&format!("{NOTES}/subjects?type=badge")).await;
        assert_eq!(badges["items"], json!([
            { "subject": "badge:1", "disabled": false, "attributes": { "floor": 3 } },
            { "subject": "badge:2", "disabled": false, "attributes": {} },
        ]));
        let gone = json!({ "delete": ["room:404"] });
        assert_eq!(root.post(&format!("{NOTES}/resources"), &gone).await.status, 200);
        house.comes_out(&[("badge:2", "enter", "room:405", false), ("user:alice", "book", "room:404", false)]).await;
    }

    async fn what_is_wrong_is_named_and_nothing_is_half_written(house: House) {
        let root = house.root().await;
        root.put(&format!("{NOTES}/rules"), &json!({ "model": model() })).await;
        let mut unknown = model();
        unknown["resources"]["room"]["relations"]["guest"]["subjects"] = json!(["martian"]);
        let edge = |subject: &str| json!({ "object": "room:1", "relation": "owner", "subject": subject });
        for (path, body, member) in [
            ("rules", json!({ "model": unknown }), "model.resources.room.relations.guest.subjects"),
            ("rules", json!({ "policies": "permit(principal" }), "policies"),
            ("rules", json!({ "modell": {} }), "modell"),
            ("relations", json!({ "write": [edge("user:alice"), edge("badge:1")] }), "write[1]"),
            ("relations", json!({ "write": [edge("user:alice"), { "object": "room:1" }] }), "write[1].relation"),
            ("relations", json!({ "write": [{ "object": "room", "relation": "owner", "subject": "user:alice" }] }), "write[0].object"),
            ("resources", json!({ "put": [{ "resource": "room:1" }, { "resource": "car:1" }] }), "put[1]"),
            ("resources", json!({ "put": [{ "resource": "room:1", "attributes": [] }] }), "put[0].attributes"),
            ("subjects", json!({ "put": [{ "subject": "badge:1" }, { "subject": "user:nobody" }] }), "put[1]"),
            ("subjects", json!({ "put": [{ "subject": "user:alice", "disabled": true }] }), "put[0]"),
        ] {
            let address = format!("{NOTES}/{path}");
            let refused = if path == "rules" { root.put(&address, &body).await } else { root.post(&address, &body).await };
            assert_eq!((refused.status, refused.json()["member"].clone()), (400, json!(member)), "{body} {refused:?}");
        }
        // A precondition that does not hold is no mistake of the caller's: it has a status of its own.
        let (absent, present) = (edge("user:alice"), edge("user:bob"));
        let unmet = json!({ "require_absent": [absent], "require_present": [present], "write": [edge("user:alice")] });
        let refused = root.post(&format!("{NOTES}/relations"), &unmet).await;
        assert_eq!(refused.refusal(), (412, "precondition_failed".into()), "{refused:?}");
        assert_eq!(refused.json()["member"], "require_present[0]");
        let nobody = json!({ "require_present": [edge("user:alice")], "require_absent": [edge("user:nobody")] });
        let refused = root.post(&format!("{NOTES}/relations"), &nobody).await;
        assert_eq!(refused.refusal(), (412, "precondition_failed".into()), "the first that does not hold: {refused:?}");
        let nobody = json!({ "require_absent": [edge("user:alice"), edge("user:nobody")] });
        let refused = root.post(&format!("{NOTES}/relations"), &nobody).await;
        assert_eq!((refused.status, refused.json()["member"].clone()), (400, json!("require_absent[1]")), "{refused:?}");
        for list in ["relations", "resources?type=room", "subjects?type=badge"] {
            assert_eq!(root.got(&format!("{NOTES}/{list}")).await["items"], json!([]), "{list}");
        }
        assert_eq!(root.get(&format!("{NOTES}/resources")).await.json()["member"], "type");
        let own = root.put("/api/v1/resource-servers/doorward/rules", &json!({ "policies": "forbid(principal, action, resource);" })).await;
        assert_eq!(own.status, 400, "a policy there could lock everybody out: {own:?}");
    }

    async fn earlier_versions_count_again_at_once(house: House) {
        let root = house.root().await;
        root.put(&format!("{NOTES}/rules"), &json!({ "model": model() })).await;
        root.post(&format!("{NOTES}/relations"), &json!({ "write": [{ "object": "room:1", "relation": "guest", "subject": "user:bob" }] })).await;
        house.comes_out(&[("user:bob", "enter", "room:1", true)]).await;
        root.put(&format!("{NOTES}/rules"), &json!({ "policies": "forbid(principal, action, resource);" })).await;
        house.comes_out(&[("user:bob", "enter", "room:1", false)]).await;
        let back = root.post(&format!("{NOTES}/rules/activate"), &json!({ "model": 1, "policies": 0 })).await;
        assert_eq!(back.status, 200, "{back:?}");
        house.comes_out(&[("user:bob", "enter", "room:1", true)]).await;
        let versions = root.got(&format!("{NOTES}/rules/versions")).await;
        assert_eq!((&versions["model"][0]["active"], &versions["policies"][0]["active"]), (&json!(true), &json!(false)));
        let none = root.post(&format!("{NOTES}/rules/activate"), &json!({ "model": 9, "policies": 0 })).await;
        assert_eq!(none.status, 400, "{none:?}");
    }

    async fn a_model_of_two_thousand_permissions_is_taken(house: House) {
        let root = house.root().await;
        let members = |what: &str, count: usize, value: Value| -> Value {
            (0..count).map(|i| (format!("{what}-{i}"), value.clone())).collect::<serde_json::Map<_, _>>().into()
        };
        let of_types = |types: usize| {
            let attributes = members("attribute", 3, json!({ "type": "string" }));
            let relations = members("relation", 3, json!({ "subjects": ["user"], "grants": ["*"] }));
            let actions = members("action", 10, json!({}));
            json!({ "resources": members("kind", types, json!({ "actions": actions, "relations": relations, "attributes": attributes })) })
        };
        let policy = "permit(principal is Subject::user, action == Action::\"action-9\", resource is Resource::kind_199) when { resource has \"attribute-2\" };";
        let put = root.put(&format!("{NOTES}/rules"), &json!({ "model": of_types(200), "policies": policy })).await;
        assert_eq!(put.status, 200, "{put:?}");
        let owner = json!({ "write": [{ "object": "kind-150:1", "relation": "relation-2", "subject": "user:bob" }] });
        assert_eq!(root.post(&format!("{NOTES}/relations"), &owner).await.status, 200);
        // The write was answered once this node knew it. How long the first decision may take depends on the machine.
        for (of, allowed) in [("kind-150", true), ("kind-151", false)] {
            let question = evaluation("user", "bob", "action-7", of, "1");
            let answer = house.json("/access/v1/evaluation", &house.notes_api(), &question).await;
            assert_eq!(answer.json()["decision"], allowed, "{of}: {answer:?}");
        }
        let refused = root.put(&format!("{NOTES}/rules"), &json!({ "model": of_types(295) })).await;
        assert_eq!((refused.status, refused.json()["member"].clone()), (400, json!("model.resources")), "{}", refused.text);
    }

    async fn power_over_one_thing_alone_still_guards_an_account(house: House) {
        let helper = house.operator("helper", &["set-password:user", "read:user"]).await;
        let password = json!({ "password": "correct horse battery staple 9" });
        assert_eq!(helper.put("/api/v1/users/bob/password", &password).await.status, 200);
        let root = house.root().await;
        root.made("/api/v1/assignments", &json!({
            "principal": "user:bob", "resource_server": "doorward", "permission": "*:*", "on": "resource-server:notes",
        })).await;
        eventually("bob is out of reach", async || helper.put("/api/v1/users/bob/password", &password).await.status == 403).await;
    }

    async fn what_was_given_on_a_resource_goes_with_it(house: House) {
        let root = house.root().await;
        root.put(&format!("{NOTES}/rules"), &json!({ "model": model() })).await;
        let put = json!({ "put": [{ "resource": "room:1" }, { "resource": "room:2" }] });
        assert_eq!(root.post(&format!("{NOTES}/resources"), &put).await.status, 200);
        for (to, room) in [("user:bob", "room:1"), ("user:carol", "room:2")] {
            let given = json!({ "principal": to, "resource_server": "notes", "permission": "enter:room", "on": room });
            root.made("/api/v1/assignments", &given).await;
        }
        house.comes_out(&[("user:bob", "enter", "room:1", true)]).await;
        let gone = root.post(&format!("{NOTES}/resources"), &json!({ "delete": ["room:1"] })).await;
        assert_eq!(gone.status, 200, "{gone:?}");
        let again = root.post(&format!("{NOTES}/resources"), &json!({ "put": [{ "resource": "room:1" }] })).await;
        assert_eq!(again.status, 200, "{again:?}");
        house.comes_out(&[("user:bob", "enter", "room:1", false), ("user:carol", "enter", "room:2", true)]).await;
        let left = root.got("/api/v1/assignments?resource_server=notes&principal=user:bob").await;
        assert!(left["items"].as_array().unwrap().iter().all(|given| given["scope"].is_null()), "{left}");
        let fact = root.got("/api/v1/audit?kind=resources.changed&limit=2").await["items"][1]["id"].as_str().unwrap().to_owned();
        let shown = root.got(&format!("/api/v1/audit/{fact}")).await;
        assert!(shown.to_string().contains("enter:room"), "the trail says what went with it: {shown}");
    }

    async fn a_precondition_is_about_edges_that_count_now(house: House) {
        let root = house.root().await;
        root.put(&format!("{NOTES}/rules"), &json!({ "model": model() })).await;
        let at = format!("{NOTES}/relations");
        let edge = |room: &str| json!({ "object": room, "relation": "owner", "subject": "user:alice" });
        let (mut over, mut coming) = (edge("room:1"), edge("room:2"));
        let in_an_hour = house.clock.now().plus(Duration::from_hours(1));
        over["expires_at"] = json!(in_an_hour);
        coming["not_before"] = json!(in_an_hour);
        assert_eq!(root.post(&at, &json!({ "write": [over, coming] })).await.status, 200);
        for (is_later, counts, does_not) in [(false, "room:1", "room:2"), (true, "room:2", "room:1")] {
            if is_later {
                house.advance(Duration::from_hours(2));
            }
            let fulfilled = root.post(&at, &json!({ "require_present": [edge(counts)], "require_absent": [edge(does_not)] })).await;
            assert_eq!(fulfilled.status, 200, "{fulfilled:?}");
            let present = root.post(&at, &json!({ "require_present": [edge(does_not)] })).await;
            assert_eq!(present.refusal(), (412, "precondition_failed".into()), "{present:?}");
            let absent = root.post(&at, &json!({ "require_absent": [edge(counts)] })).await;
            assert_eq!(absent.refusal(), (412, "precondition_failed".into()), "{absent:?}");
        }
    }

    async fn more_changes_than_one_write_holds_are_refused_by_their_number(house: House) {
        let root = house.root().await;
        root.put(&format!("{NOTES}/rules"), &json!({ "model": model() })).await;
        let badge = |i: usize| json!({ "subject": format!("badge:{i}"), "attributes": { "floor": i } });
        let many = |count: usize| json!({ "put": (0..count).map(badge).collect::<Vec<_>>() });
        let refused = root.post(&format!("{NOTES}/subjects"), &many(5_001)).await;
        assert_eq!((refused.status, refused.json()["member"].clone()), (400, json!("put")), "{refused:?}");
        assert!(refused.text.contains("10000 changes"), "{refused:?}");
        assert_eq!(root.got(&format!("{NOTES}/subjects?type=badge")).await["items"], json!([]));
        // Not by a request: on a slow machine they take longer than one may.
        let put: Vec<_> = (0..5_000)
            .map(|i| SubjectPut {
                subject: format!("badge:{i}").parse().unwrap(),
                attributes: json!({ "floor": i }).as_object().cloned(),
                disabled: None,
            })
            .collect();
        house.node().admin().put_subjects(&slug("notes"), &put).await.unwrap();
        // With what a resource takes along.
        let edge = |i: usize| json!({ "object": "room:1", "relation": "guest", "subject": format!("badge:{i}") });
        for from in [0, 5_001] {
            let edges: Vec<_> = (from..from + 5_001).map(edge).collect();
            assert_eq!(root.post(&format!("{NOTES}/relations"), &json!({ "write": edges })).await.status, 200);
        }
        let refused = root.post(&format!("{NOTES}/resources"), &json!({ "delete": ["room:1"] })).await;
        assert_eq!(refused.refusal(), (400, "too_many_changes".into()), "{refused:?}");
        assert!(refused.json()["member"] == "delete[0]" && refused.text.contains("10000"), "{refused:?}");
    }
}
