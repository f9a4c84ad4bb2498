//! Models, policies and what a resource server registers, all of it through `/api/v1`; decisions follow.

use serde_json::{Value, json};

use crate::support::{House, both, eventually};

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
        assert_eq!(badges["items"], json!([{ "subject": "badge:1", "disabled": false }, { "subject": "badge:2", "disabled": false }]));
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
}
