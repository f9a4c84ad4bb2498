//! What is denied to an operator, wherever, is not theirs to give, and the deny not theirs to lift.

use std::time::Duration;

use doorward::domain::assignment::Effect;
use doorward::domain::time::{Clock as _, Interval};

use super::{deny, gift, is_beyond, is_done, on};
use crate::support::{House, both};

both! {
    async fn a_deny_on_one_thing_takes_what_overlaps_it_from_what_can_be_given(house: House) {
        let lead = house.operator("lead", &["*:assignment", "*:member"]).await;
        house.gives("client:lead", "editor", None, Effect::Allow).await;
        is_done("before", &lead.gives(&gift("user:bob", "notes", "editor")).await);
        let own = house.gives("client:lead", "update:note", Some("note:7"), Effect::Deny).await;
        for body in [
            gift("user:carol", "notes", "editor"), gift("user:carol", "notes", "update:note"),
            on(gift("user:carol", "notes", "update:note"), "note:8"), deny(gift("user:carol", "notes", "editor")),
        ] {
            is_beyond(&body.to_string(), &lead.gives(&body).await, &["update:note at notes"]);
        }
        is_done("what it does not touch", &lead.gives(&gift("user:carol", "notes", "read:note")).await);
        // Tokens of notes tell roles, and of one that is touched no name: not those it includes either.
        is_beyond("a name", &lead.gives(&gift("user:carol", "notes", "viewer")).await, &["the role viewer at notes"]);
        is_beyond("lifting it", &lead.takes(own).await, &["update:note at notes on note:7"]);
    }

    async fn a_deny_by_a_group_or_one_that_has_yet_to_begin_counts(house: House) {
        let lead = house.operator("lead", &["*:assignment", "*:member"]).await;
        house.gives("client:lead", "editor", None, Effect::Allow).await;
        house.gives("client:lead", "*:note", None, Effect::Allow).await;
        house.joins("client:lead", "shut", Interval::ALWAYS).await;
        house.joins("user:bob", "shut", Interval::ALWAYS).await;
        house.gives("group:shut", "create:note", None, Effect::Deny).await;
        is_beyond("by a group", &lead.gives(&gift("user:carol", "notes", "editor")).await, &["create:note at notes"]);
        for member in ["client:lead", "user:bob"] {
            let left = lead.delete(&format!("/api/v1/groups/shut/members/{member}")).await;
            is_beyond("leaving it", &left, &["create:note at notes"]);
        }
        let tomorrow = Interval::new(Some(house.clock.now().plus(Duration::from_hours(24))), None).unwrap();
        house.gives_for("client:lead", "read:note", None, Effect::Deny, tomorrow).await;
        is_beyond("one to come", &lead.gives(&gift("user:carol", "notes", "viewer")).await, &["read:note at notes"]);
        is_done("another", &lead.gives(&gift("user:carol", "notes", "update:note")).await);
    }
}
