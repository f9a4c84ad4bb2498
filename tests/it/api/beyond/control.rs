//! Whoever may write the rules of an application may give anything there.

use std::time::Duration;

use doorward::domain::assignment::Effect;
use doorward::domain::time::{Clock as _, Interval};
use serde_json::json;

use super::super::support::Operator;
use super::{deny, gift, is_beyond, is_done, on, with};
use crate::support::{Auth, House, both};

/// `update:rules` at doorward, on what and for how long it says.
async fn rules(root: &Operator<'_>, of: &str, on: Option<&str>, more: serde_json::Value) {
    let mut body = gift(of, "doorward", "update:rules");
    for (member, value) in more.as_object().unwrap() {
        body[member] = value.clone();
    }
    if let Some(on) = on {
        body["on"] = json!(on);
    }
    root.made("/api/v1/assignments", &body).await;
}

both! {
    async fn whoever_writes_the_rules_of_one_application_gives_anything_there_and_nothing_elsewhere(house: House) {
        let root = house.root().await;
        let keeper = house.operator("keeper", &["*:assignment", "*:role"]).await;
        rules(&root, "client:keeper", Some("rules:notes"), json!({})).await;
        for held in ["owner", "*:*", "read:note"] {
            is_done(held, &keeper.gives(&gift("user:carol", "notes", held)).await);
            is_done(held, &keeper.gives(&on(gift("user:carol", "notes", held), "note:7")).await);
            is_done(held, &keeper.gives(&deny(gift("user:bob", "notes", held))).await);
            is_beyond(held, &keeper.gives(&gift("user:carol", "doorward", "*:*")).await, &["*:* at doorward"]);
        }
        let body = json!({ "name": "all", "permissions": ["*:*"] });
        is_done("a role", &keeper.post("/api/v1/resource-servers/notes/roles", &body).await);
        is_beyond("elsewhere", &keeper.gives(&gift("user:carol", "files", "viewer")).await, &["read:* at files"]);
        let role = keeper.post("/api/v1/resource-servers/files/roles", &body).await;
        is_beyond("a role elsewhere", &role, &["*:* at files"]);
        rules(&root, "client:keeper", None, json!({})).await;
        is_done("everywhere", &keeper.gives(&gift("user:carol", "files", "viewer")).await);
        // What is denied on the rules of one application leaves the other.
        rules(&root, "client:keeper", Some("rules:notes"), json!({ "effect": "deny" })).await;
        is_beyond("denied", &keeper.gives(&gift("user:alice", "notes", "viewer")).await, &["read:note at notes"]);
        is_done("not denied", &keeper.gives(&gift("user:alice", "files", "viewer")).await);
    }

    async fn control_for_a_time_gives_for_no_longer(house: House) {
        let root = house.root().await;
        let keeper = house.operator("keeper", &["*:assignment"]).await;
        let end = house.clock.now().plus(Duration::from_hours(24));
        rules(&root, "client:keeper", None, json!({ "expires_at": end })).await;
        let body = gift("user:carol", "notes", "owner");
        is_beyond("for good", &keeper.gives(&body).await, &["at notes"]);
        is_done("for a day", &keeper.gives(&with(body.clone(), "expires_at", json!(end))).await);
        rules(&root, "client:keeper", None, json!({ "effect": "deny", "not_before": end })).await;
        is_beyond("to be denied", &keeper.gives(&with(body, "expires_at", json!(end.plus(Duration::from_hours(1))))).await, &["until"]);
    }

    async fn a_key_controls_what_is_written_on_it(house: House) {
        let root = house.root().await;
        for (held, controls) in [(json!(["*:assignment"]), false), (json!(["*:assignment", "update:rules"]), true), (json!(["*:*"]), true)] {
            let made = root.made("/api/v1/api-keys", &json!({ "name": "k", "permissions": held })).await;
            let key = house.with(Auth::Bearer(made["secret"].as_str().unwrap().to_owned()));
            let answer = key.gives(&gift("user:carol", "notes", "owner")).await;
            if controls {
                is_done("a key", &answer);
                let id = answer.json()["id"].as_str().unwrap().to_owned();
                is_done("taking", &key.delete(&format!("/api/v1/assignments/{id}")).await);
            } else {
                is_beyond("a key", &answer, &["at notes"]);
            }
        }
        // What its owner holds at the application it gives, if it may give at all.
        let lead = house.operator("lead", &["*:assignment", "*:api-key"]).await;
        house.gives_for("client:lead", "viewer", None, Effect::Allow, Interval::ALWAYS).await;
        let made = lead.made("/api/v1/api-keys", &json!({ "name": "k", "permissions": ["create:assignment"] })).await;
        let key = house.with(Auth::Bearer(made["secret"].as_str().unwrap().to_owned()));
        let given = key.post("/api/v1/assignments", &gift("user:carol", "notes", "viewer")).await;
        assert_eq!(given.status, 201, "{given:?}");
        is_beyond("more", &key.gives(&gift("user:carol", "notes", "editor")).await, &["at notes"]);
    }
}
