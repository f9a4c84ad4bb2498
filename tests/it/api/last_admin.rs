//! Somebody can always put things right.

use std::time::Duration;

use doorward::domain::assignment::Effect;
use doorward::domain::time::{Clock as _, Interval};
use serde_json::json;

use super::support::giving;
use crate::support::{Answer, House, assign, both, slug};

fn is_refused(what: &str, answer: &Answer) {
    assert_eq!(answer.refusal(), (409, "last_administrator".into()), "{what}: {answer:?}");
}

both! {
    async fn the_last_administrator_is_neither_shut_out_nor_denied_anything(house: House) {
        // Everything is held, but not the role: such an operator could lock the last administrator out.
        let rival = house.operator("rival", &["*:*"]).await;
        house.make_admin("user:alice").await;
        is_refused("disable", &rival.act("/api/v1/users/alice/disable").await);
        is_refused("lock", &rival.act("/api/v1/users/alice/lock").await);
        for held in ["*:*", "admin", "read:audit", "*:user"] {
            let mut deny = giving("user:alice", held);
            deny["effect"] = json!("deny");
            is_refused(held, &rival.post("/api/v1/assignments", &deny).await);
            deny["not_before"] = json!(house.clock.now().plus(Duration::from_hours(24)));
            is_refused("one day", &rival.post("/api/v1/assignments", &deny).await);
        }
        let held = rival.got("/api/v1/assignments?principal=user:alice&resource_server=doorward").await;
        let id = held["items"][0]["id"].as_str().unwrap().to_owned();
        is_refused("remove", &rival.delete(&format!("/api/v1/assignments/{id}")).await);
        // The command line, too.
        let said = |arguments: &[&str]| {
            let output = house.doorward(arguments);
            assert!(!output.status.success(), "{arguments:?}");
            String::from_utf8(output.stderr).unwrap()
        };
        for arguments in [&["user", "disable", "alice"][..], &["user", "lock", "alice"], &["assign", "remove", &id]] {
            assert!(said(arguments).contains("nobody would be left"), "{arguments:?}");
        }
        let deny = ["assign", "add", "user:alice", "--resource-server", "doorward", "--permission", "read:user", "--deny"];
        assert!(said(&deny).contains("nobody would be left"));
        assert_eq!(rival.got("/api/v1/users/alice").await["disabled"], false);
        // With a second one each of them may go, but not both.
        house.make_admin("user:bob").await;
        assert_eq!(rival.act("/api/v1/users/alice/disable").await.status, 200);
        is_refused("the other", &rival.act("/api/v1/users/bob/disable").await);
        assert_eq!(rival.act("/api/v1/users/alice/enable").await.status, 200);
        assert_eq!(rival.act("/api/v1/users/bob/disable").await.status, 200);
    }

    async fn groups_and_roles_shut_the_last_administrator_out_no_more_than_denies_do(house: House) {
        let rival = house.operator("rival", &["*:*"]).await;
        let admin = house.node().admin();
        for name in ["chiefs", "shut"] {
            admin.create_group(slug(name)).await.unwrap();
        }
        admin.add_group_member(&slug("chiefs"), &"user:alice".parse().unwrap(), Interval::ALWAYS, None).await.unwrap();
        house.make_admin("group:chiefs").await;
        house.give("group:shut", "read:audit", Effect::Deny).await;
        is_refused("leave", &rival.delete("/api/v1/groups/chiefs/members/user:alice").await);
        for member in ["user:alice", "group:chiefs"] {
            is_refused("join", &rival.post("/api/v1/groups/shut/members", &json!({ "member": member })).await);
        }
        // A role of nothing can be denied; then it must stay one of nothing.
        let roles = "/api/v1/resource-servers/doorward/roles";
        rival.made(roles, &json!({ "name": "empty" })).await;
        let mut deny = giving("user:alice", "empty");
        deny["effect"] = json!("deny");
        assert_eq!(rival.post("/api/v1/assignments", &deny).await.status, 201);
        is_refused("fill", &rival.patch(&format!("{roles}/empty"), &json!({ "add_permissions": ["read:user"] })).await);
    }

    async fn an_administrator_for_a_time_does_not_stand_in_for_one_for_good(house: House) {
        let rival = house.operator("rival", &["*:*"]).await;
        house.make_admin("user:alice").await;
        let end = house.clock.now().plus(Duration::from_hours(24));
        let until = Interval::new(None, Some(end)).unwrap();
        assign(house.node().admin(), "user:bob", "doorward", "admin", Effect::Allow, until).await;
        is_refused("disable", &rival.act("/api/v1/users/alice/disable").await);
        assert_eq!(rival.act("/api/v1/users/bob/disable").await.status, 200);
    }
}
