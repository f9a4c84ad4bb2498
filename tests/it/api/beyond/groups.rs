//! Who is in a group has what it has, at every application.

use std::time::Duration;

use doorward::domain::assignment::Effect;
use doorward::domain::time::{Clock as _, Interval};
use serde_json::json;

use super::super::support::Operator;
use super::scopes::folders;
use super::{is_beyond, is_done};
use crate::support::{Answer, House, both, slug};

impl Operator<'_> {
    async fn admits(&self, who: &str, group: &str) -> Answer {
        self.post(&format!("/api/v1/groups/{group}/members"), &json!({ "member": who })).await
    }

    async fn expels(&self, who: &str, group: &str) -> Answer {
        self.delete(&format!("/api/v1/groups/{group}/members/{who}")).await
    }
}

both! {
    async fn a_group_is_worth_what_it_was_given_at_each_application(house: House) {
        let usher = house.operator("usher", &["*:member"]).await;
        for group in ["writers", "keepers", "later"] {
            house.joins("user:bob", group, Interval::ALWAYS).await;
        }
        house.joins("group:writers", "all", Interval::ALWAYS).await;
        is_done("worth nothing yet", &usher.admits("user:carol", "writers").await);
        is_done("and out", &usher.expels("user:carol", "writers").await);
        house.gives("group:all", "editor", None, Effect::Allow).await;
        house.gives("group:keepers", "read:note", Some("note:7"), Effect::Allow).await;
        let tomorrow = Interval::new(Some(house.clock.now().plus(Duration::from_hours(24))), None).unwrap();
        house.gives_for("group:later", "viewer", None, Effect::Allow, tomorrow).await;
        for (group, named) in [("writers", ":note at notes"), ("all", ":note at notes"), ("keepers", "read:note at notes on note:7"), ("later", "read:note at notes")] {
            for who in ["user:carol", "client:usher", "group:later"] {
                if who != format!("group:{group}") {
                    is_beyond(group, &usher.admits(who, group).await, &[named]);
                }
            }
            let member = if group == "all" { "group:writers" } else { "user:bob" };
            is_beyond(group, &usher.expels(member, group).await, &[named]);
        }
        house.gives("client:usher", "editor", None, Effect::Allow).await;
        for group in ["writers", "keepers", "later"] {
            is_done(group, &usher.admits("user:carol", group).await);
            is_done(group, &usher.expels("user:carol", group).await);
        }
    }

    async fn whoever_is_in_a_group_lets_others_in_for_no_longer(house: House) {
        let lead = house.operator("lead", &["*:member"]).await;
        let end = house.clock.now().plus(Duration::from_hours(24));
        house.joins("client:lead", "team", Interval::new(None, Some(end)).unwrap()).await;
        let later = Interval::new(Some(end), None).unwrap();
        house.gives_for("group:team", "viewer", None, Effect::Allow, later).await;
        house.gives("group:team", "update:note", None, Effect::Allow).await;
        let until = |who: &str, end| json!({ "member": who, "expires_at": end });
        let team = "/api/v1/groups/team/members";
        is_beyond("for good", &lead.admits("user:carol", "team").await, &["at notes"]);
        is_beyond("longer", &lead.post(team, &until("user:carol", end.plus(Duration::from_secs(1)))).await, &["at notes until"]);
        is_done("no longer", &lead.post(team, &until("user:carol", end)).await);
        house.gives("client:lead", "*:note", Some("note:7"), Effect::Deny).await;
        is_beyond("denied", &lead.post(team, &until("user:alice", end)).await, &["at notes"]);
    }

    async fn a_group_that_relations_name_is_for_who_is_in_it_or_controls_the_application(house: House) {
        house.model(&folders()).await;
        let usher = house.operator("usher", &["*:member"]).await;
        let inside = house.operator("inside", &["*:member"]).await;
        let keeper = house.operator("keeper", &["*:member", "update:rules"]).await;
        house.joins("client:inside", "inner", Interval::ALWAYS).await;
        house.joins("group:inner", "readers", Interval::ALWAYS).await;
        is_done("before", &usher.admits("user:carol", "inner").await);
        house.relate(&["document:1#reader@group:readers#member"]).await;
        for group in ["inner", "readers"] {
            is_beyond(group, &usher.admits("user:bob", group).await, &["relations", "at notes"]);
            for operator in [&inside, &keeper] {
                is_done(group, &operator.admits("user:bob", group).await);
                is_done(group, &operator.expels("user:bob", group).await);
            }
        }
        is_beyond("out", &usher.expels("user:carol", "inner").await, &["relations", "at notes"]);
        house.gives("client:inside", "delete:folder", Some("folder:9"), Effect::Deny).await;
        is_beyond("who is denied anything", &inside.admits("user:bob", "inner").await, &["relations"]);
        house.gives("client:usher", "*:*", None, Effect::Allow).await;
        is_done("who holds everything", &usher.admits("user:bob", "inner").await);
        house.unrelate(&["document:1#reader@group:readers#member"]).await;
        is_done("named no more", &inside.expels("user:bob", "inner").await);
        let admin = house.node().admin();
        admin.remove_group_member(&slug("readers"), &"group:inner".parse().unwrap()).await.unwrap();
    }
}
