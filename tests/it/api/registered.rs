//! Resources and subjects under preconditions, and subjects that are forgotten.

use serde_json::{Value, json};

use super::support::Operator;
use crate::support::{House, both};

const NOTES: &str = "/api/v1/resource-servers/notes";

fn model() -> Value {
    json!({
        "subjects": {
            "badge": { "kind": "external", "attributes": { "floor": { "type": "integer" } } },
        },
        "resources": { "room": {
            "actions": { "enter": {} },
            "relations": { "guest": { "subjects": ["user", "badge"], "grants": ["enter"] } },
        } },
    })
}

async fn rooms(house: &House) -> Operator<'_> {
    let root = house.root().await;
    assert_eq!(root.put(&format!("{NOTES}/rules"), &json!({ "model": model() })).await.status, 200);
    root
}

async fn names(root: &Operator<'_>, list: &str, member: &str) -> Vec<Value> {
    let items = root.got(&format!("{NOTES}/{list}")).await["items"].as_array().unwrap().clone();
    items.into_iter().map(|item| item[member].clone()).collect()
}

both! {
    async fn resources_are_written_if_what_is_required_is_so(house: House) {
        let root = rooms(&house).await;
        let at = format!("{NOTES}/resources");
        let first = json!({ "require_absent": ["room:1", "room:2"], "put": [{ "resource": "room:1" }] });
        assert_eq!(root.post(&at, &first).await.status, 200);
        for (body, item) in [
            (first, "require_absent[0]"),
            (json!({ "require_absent": ["room:2", "room:1"], "put": [{ "resource": "room:3" }] }), "require_absent[1]"),
            (json!({ "require_present": ["room:1", "room:2"], "put": [{ "resource": "room:3" }] }), "require_present[1]"),
            (json!({ "require_present": ["room:2"], "require_absent": ["room:1"], "delete": ["room:1"] }), "require_present[0]"),
        ] {
            let refused = root.post(&at, &body).await;
            assert_eq!(refused.refusal(), (412, "precondition_failed".into()), "{body}: {refused:?}");
            assert_eq!(refused.json()["member"], item, "{refused:?}");
        }
        assert_eq!(names(&root, "resources?type=room", "resource").await, ["room:1"]);
        let moved = json!({ "require_present": ["room:1"], "delete": ["room:1"], "put": [{ "resource": "room:2" }] });
        assert_eq!(root.post(&at, &moved).await.status, 200);
        assert_eq!(names(&root, "resources?type=room", "resource").await, ["room:2"]);
    }

    async fn subjects_are_written_if_what_is_required_is_so(house: House) {
        let root = rooms(&house).await;
        let at = format!("{NOTES}/subjects");
        let first = json!({
            "require_absent": ["badge:1", "user:alice"],
            "put": [{ "subject": "badge:1", "attributes": { "floor": 3 } }, { "subject": "user:Alice", "attributes": { "team": "a" } }],
        });
        assert_eq!(root.post(&at, &first).await.status, 200);
        for (body, item) in [
            (first, "require_absent[0]"),
            (json!({ "require_absent": ["badge:2", "user:alice"], "put": [{ "subject": "badge:3" }] }), "require_absent[1]"),
            (json!({ "require_present": ["badge:1", "user:alice", "badge:2"], "put": [{ "subject": "badge:3" }] }), "require_present[2]"),
            (json!({ "require_present": ["user:bob"], "delete": ["badge:1"] }), "require_present[0]"),
        ] {
            let refused = root.post(&at, &body).await;
            assert_eq!(refused.refusal(), (412, "precondition_failed".into()), "{body}: {refused:?}");
            assert_eq!(refused.json()["member"], item, "{refused:?}");
        }
        let nobody = root.post(&at, &json!({ "require_absent": ["user:nobody"] })).await;
        assert_eq!((nobody.status, nobody.json()["member"].clone()), (400, json!("require_absent[0]")), "{nobody:?}");
        let listed = root.got(&format!("{at}?type=badge")).await;
        assert_eq!(listed["items"], json!([{ "subject": "badge:1", "disabled": false, "attributes": { "floor": 3 } }]));
        // One subject twice in a write: the later item counts, and knows of the earlier.
        let twice = json!({ "put": [
            { "subject": "badge:5", "attributes": { "floor": 1 } }, { "subject": "badge:5", "attributes": { "floor": 2 }, "disabled": true },
        ] });
        assert_eq!(root.post(&at, &twice).await.status, 200);
        let listed = root.got(&format!("{at}?type=badge")).await;
        assert_eq!(listed["items"][1], json!({ "subject": "badge:5", "disabled": true, "attributes": { "floor": 2 } }));
        let fact = root.got("/api/v1/audit?kind=subjects.changed&limit=1").await["items"][0]["id"].as_str().unwrap().to_owned();
        let changes = root.got(&format!("/api/v1/audit/{fact}")).await["changes"].as_array().unwrap().clone();
        assert_eq!(changes.len(), 4, "registered, attributes, disabled, attributes: {changes:?}");
        assert_eq!((&changes[3]["before"]["attributes"]["floor"], &changes[3]["after"]["attributes"]["floor"]), (&json!(1), &json!(2)));
    }

    async fn a_subject_that_is_forgotten_leaves_nothing_to_the_next_of_its_name(house: House) {
        let root = rooms(&house).await;
        let at = format!("{NOTES}/subjects");
        let put = json!({ "put": [{ "subject": "badge:1", "attributes": { "floor": 3 } }, { "subject": "badge:2" }] });
        assert_eq!(root.post(&at, &put).await.status, 200);
        let edge = |subject: &str, room: &str| json!({ "object": room, "relation": "guest", "subject": subject });
        let write = json!({ "write": [edge("badge:1", "room:1"), edge("badge:2", "room:1")] });
        assert_eq!(root.post(&format!("{NOTES}/relations"), &write).await.status, 200);
        for badge in ["badge:1", "badge:2"] {
            let given = json!({ "principal": badge, "resource_server": "notes", "permission": "enter:room", "on": "room:2" });
            root.made("/api/v1/assignments", &given).await;
        }
        house.comes_out(&[("badge:1", "enter", "room:1", true), ("badge:1", "enter", "room:2", true)]).await;
        assert_eq!(root.post(&at, &json!({ "delete": ["badge:1", "badge:9"] })).await.status, 200);
        house.comes_out(&[("badge:1", "enter", "room:1", false), ("badge:1", "enter", "room:2", false)]).await;
        assert_eq!(names(&root, "subjects?type=badge", "subject").await, ["badge:2"]);
        let fact = root.got("/api/v1/audit?resource=badge:1&limit=1").await["items"][0]["id"].as_str().unwrap().to_owned();
        let shown = root.got(&format!("/api/v1/audit/{fact}")).await;
        assert_eq!(shown["changes"].as_array().unwrap().len(), 4, "the edge, the attributes, what was given, itself: {shown}");
        assert_eq!(root.post(&at, &json!({ "put": [{ "subject": "badge:1" }] })).await.status, 200);
        house.comes_out(&[
            ("badge:1", "enter", "room:1", false), ("badge:1", "enter", "room:2", false),
            ("badge:2", "enter", "room:1", true), ("badge:2", "enter", "room:2", true),
        ]).await;
        let listed = root.got(&format!("{at}?type=badge")).await;
        assert_eq!(listed["items"][0], json!({ "subject": "badge:1", "disabled": false, "attributes": {} }));

        // Of a person only what was registered here goes; and in one write an old one goes before a new one comes.
        let known = json!({ "put": [{ "subject": "user:bob", "attributes": { "team": "a" } }] });
        assert_eq!(root.post(&at, &known).await.status, 200);
        let again = json!({ "require_present": ["user:bob"], "delete": ["user:bob", "badge:2"], "put": [{ "subject": "badge:2" }] });
        assert_eq!(root.post(&at, &again).await.status, 200);
        house.comes_out(&[("badge:2", "enter", "room:1", false), ("badge:2", "enter", "room:2", false)]).await;
        assert_eq!(root.post(&at, &json!({ "require_absent": ["user:bob"] })).await.status, 200);
        let nobody = root.post(&at, &json!({ "delete": ["user:nobody"] })).await;
        assert_eq!((nobody.status, nobody.json()["member"].clone()), (400, json!("delete[0]")), "{nobody:?}");
    }
}
