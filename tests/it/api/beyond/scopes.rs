//! What is held on one resource is given on it and below it.

use std::time::Duration;

use doorward::admin::relations::RelationWrite;
use doorward::domain::assignment::Effect;
use doorward::domain::time::{Clock as _, Interval};
use serde_json::{Value, json};

use super::{gift, is_beyond, is_done, on, with};
use crate::support::authz::new_edge;
use crate::support::{House, both, slug};

/// Folders in folders, documents in folders.
pub(super) fn folders() -> Value {
    let actions = json!({ "read": {}, "update": {}, "delete": {} });
    json!({ "resources": {
        "folder": { "actions": actions, "relations": {
            "parent": { "subjects": ["folder"] },
            "keeper": { "subjects": ["user"], "grants": ["read"] },
        } },
        "document": { "actions": actions, "relations": {
            "parent": { "subjects": ["folder"] },
            "near": { "subjects": ["folder"] },
            "reader": { "subjects": ["user", "group#member"], "from": ["keeper from near"], "grants": ["read"] },
        } },
    } })
}

const EDGES: [&str; 4] = [
    "folder:inner#parent@folder:top",
    "document:1#parent@folder:inner",
    "document:2#parent@folder:side",
    "document:2#near@folder:inner",
];

both! {
    async fn what_is_held_on_a_folder_is_given_on_it_and_all_below_it(house: House) {
        house.model(&folders()).await;
        house.relate(&EDGES).await;
        let lead = house.operator("lead", &["*:assignment"]).await;
        house.gives("client:lead", "read:*", Some("folder:inner"), Effect::Allow).await;
        for place in ["folder:inner", "document:1"] {
            let body = on(gift("user:carol", "notes", "read:document"), place);
            let given = lead.gives(&body).await;
            is_done(place, &given);
            let id = given.json()["id"].as_str().unwrap().to_owned();
            is_done("taking", &lead.delete(&format!("/api/v1/assignments/{id}")).await);
            is_beyond("more", &lead.gives(&with(body, "permission", json!("update:document"))).await, &["update:document at notes on", place]);
        }
        for place in ["folder:top", "folder:side", "document:2", "document:3"] {
            let answer = lead.gives(&on(gift("user:carol", "notes", "read:document"), place)).await;
            is_beyond(place, &answer, &["read:document at notes on", place]);
        }
        is_beyond("everywhere", &lead.gives(&gift("user:carol", "notes", "read:document")).await, &["read:document at notes,"]);
        let admin = house.node().admin();
        admin.create_role(&slug("notes"), slug("reader"), vec!["read:document".parse().unwrap()], &[]).await.unwrap();
        house.gives("client:lead", "reader", Some("folder:top"), Effect::Allow).await;
        is_done("a role on a folder", &lead.gives(&on(gift("user:carol", "notes", "reader"), "document:1")).await);
        is_beyond("a sibling", &lead.gives(&on(gift("user:carol", "notes", "reader"), "document:2")).await, &["on document:2"]);
    }

    async fn what_is_held_by_an_edge_for_a_time_is_given_for_no_longer(house: House) {
        house.model(&folders()).await;
        let start = house.clock.now();
        let hour = |number: u64| start.plus(Duration::from_hours(number));
        let write = |text: &str, from, until| new_edge(text, Interval::new(from, until).unwrap());
        let write = RelationWrite {
            write: vec![
                write("folder:inner#parent@folder:top", None, Some(hour(2))),
                write("document:1#parent@folder:inner", None, Some(hour(3))),
                write("document:2#parent@folder:top", Some(hour(1)), None),
                write("document:3#parent@folder:top", None, Some(hour(1))),
                write("document:3#parent@folder:inner", None, None),
                write("folder:top#parent@folder:inner", None, None),
            ],
            ..RelationWrite::default()
        };
        house.node().admin().write_relations(&slug("notes"), &write).await.unwrap();
        let lead = house.operator("lead", &["*:assignment"]).await;
        house.gives("client:lead", "*:document", Some("folder:top"), Effect::Allow).await;
        let until = |place: &str, number| with(on(gift("user:carol", "notes", "read:document"), place), "expires_at", json!(hour(number)));
        is_beyond("for good", &lead.gives(&on(gift("user:carol", "notes", "read:document"), "document:1")).await, &["on document:1"]);
        is_beyond("longer than the way", &lead.gives(&until("document:1", 3)).await, &["on document:1 until"]);
        is_done("as long as the way", &lead.gives(&until("document:1", 2)).await);
        is_beyond("by an edge that has yet to begin", &lead.gives(&until("document:2", 2)).await, &["on document:2"]);
        is_done("by the way that lasts longer", &lead.gives(&until("document:3", 2)).await);
    }
}
