//! What is not held is not given; what is held is given, for no longer.

use std::time::Duration;

use doorward::admin::assignments::{HeldRef, NewAssignment};
use doorward::admin::{AdminError, Needed, Operator};
use doorward::decision::SubjectRef;
use doorward::domain::assignment::Effect;
use doorward::domain::time::{Clock as _, Interval};
use serde_json::json;

use super::{deny, gift, is_beyond, is_done, on, with};
use crate::support::{House, both, permission, slug};

both! {
    async fn whoever_holds_nothing_at_an_application_gives_and_takes_nothing_there(house: House) {
        let hand = house.operator("hand", &["*:assignment"]).await;
        for to in ["client:hand", "user:bob", "user:alice"] {
            for (held, named) in [
                ("owner", ":note at notes"), ("viewer", "read:note at notes"), ("*:*", "*:* at notes"),
                ("*:note", "*:note at notes"), ("read:note", "read:note at notes"),
            ] {
                let body = gift(to, "notes", held);
                is_beyond(held, &hand.gives(&body).await, &[named]);
                is_beyond(held, &hand.gives(&deny(body.clone())).await, &[named]);
                is_beyond(held, &hand.gives(&on(body, "note:7")).await, &[named, "on note:7"]);
            }
        }
        let denied = house.gives("user:carol", "read:note", None, Effect::Deny).await;
        is_beyond("lifting a deny", &hand.takes(denied).await, &["read:note at notes"]);
        for who in ["user:alice", "user:bob", "client:bot"] {
            let held = hand.got(&format!("/api/v1/assignments?resource_server=notes&principal={who}")).await;
            let id = held["items"][0]["id"].as_str().unwrap();
            is_beyond(who, &hand.delete(&format!("/api/v1/assignments/{id}")).await, &["at notes"]);
        }
    }

    async fn whoever_holds_a_role_gives_it_and_what_it_includes_for_no_longer(house: House) {
        let lead = house.operator("lead", &["*:assignment"]).await;
        let start = house.clock.now();
        let day = |number: u64| start.plus(Duration::from_hours(24 * number));
        let week = Interval::new(None, Some(day(7))).unwrap();
        house.gives_for("client:lead", "editor", None, Effect::Allow, week).await;
        let until = |held: &str, number| with(gift("user:carol", "notes", held), "expires_at", json!(day(number)));
        for held in ["editor", "viewer", "read:note"] {
            is_beyond(held, &lead.gives(&gift("user:carol", "notes", held)).await, &["at notes"]);
            is_beyond(held, &lead.gives(&until(held, 8)).await, &["until"]);
            is_done(held, &lead.gives(&until(held, 7)).await);
            is_done(held, &lead.gives(&on(until(held, 6), "note:7")).await);
        }
        for held in ["owner", "delete:note", "*:note", "*:*"] {
            is_beyond(held, &lead.gives(&until(held, 6)).await, &["at notes"]);
        }
        is_beyond("elsewhere", &lead.gives(&with(until("viewer", 6), "resource_server", json!("files"))).await, &["at files"]);
        // A deny is taken away as it would be given; what is given, whoever gave it, as long as its like is held.
        let shut = lead.made("/api/v1/assignments", &deny(until("viewer", 5))).await;
        is_done("its own deny", &lead.delete(&format!("/api/v1/assignments/{}", shut["id"].as_str().unwrap())).await);
        let longer = Interval::new(None, Some(day(8))).unwrap();
        let longer = house.gives_for("user:carol", "viewer", None, Effect::Deny, longer).await;
        is_beyond("a longer deny", &lead.takes(longer).await, &["read:note at notes until"]);
        let ever = house.gives("user:carol", "update:note", None, Effect::Allow).await;
        is_done("taking", &lead.takes(ever).await);
        let more = house.gives("user:carol", "owner", None, Effect::Allow).await;
        is_beyond("taking more", &lead.takes(more).await, &["delete:note at notes"]);
    }

    async fn what_a_group_holds_its_members_give_until_they_leave(house: House) {
        let lead = house.operator("lead", &["*:assignment"]).await;
        house.joins("client:lead", "inner", Interval::ALWAYS).await;
        house.joins("group:inner", "outer", Interval::ALWAYS).await;
        house.gives("group:outer", "editor", None, Effect::Allow).await;
        is_done("by two groups", &lead.gives(&gift("user:carol", "notes", "editor")).await);
        let admin = house.node().admin();
        admin.remove_group_member(&slug("inner"), &"client:lead".parse().unwrap()).await.unwrap();
        is_beyond("left", &lead.gives(&gift("user:carol", "notes", "viewer")).await, &["read:note at notes"]);
        let hour = Interval::new(None, Some(house.clock.now().plus(Duration::from_hours(1)))).unwrap();
        house.joins("client:lead", "outer", hour).await;
        is_beyond("for an hour", &lead.gives(&gift("user:carol", "notes", "viewer")).await, &["read:note at notes"]);
        is_done("for an hour", &lead.gives(&with(gift("user:carol", "notes", "viewer"), "expires_at", json!(hour.expires_at))).await);
    }

    async fn of_many_the_first_that_is_beyond_is_named_and_nothing_is_written(house: House) {
        house.operator("lead", &["create:assignment"]).await;
        house.gives("client:lead", "editor", None, Effect::Allow).await;
        let operator = Operator { subject: SubjectRef::Client("lead".into()), key: None };
        let needed = Needed { action: "create", resource_type: "assignment", id: "*".into() };
        let lead = house.node().admin().on_behalf_of(&operator, needed, None);
        let new = |held: &str| NewAssignment {
            principal: "user:carol".parse().unwrap(),
            resource_server: slug("notes"),
            held: HeldRef::Permission(permission(held)),
            scope: None,
            effect: Effect::Allow,
            interval: Interval::ALWAYS,
            reason: None,
        };
        let refused = lead.add_assignments(&slug("notes"), &[new("read:note"), new("delete:note")]).await.unwrap_err();
        assert!(matches!(&refused, AdminError::Item { index: 1, .. }), "{refused:?}");
        assert_eq!(refused.to_string(), "assignments[1]: this reaches delete:note at notes, which the operator does not hold");
        assert!(!house.may("carol", "read").await);
        lead.add_assignments(&slug("notes"), &[new("read:note"), new("update:note")]).await.unwrap();
    }
}
