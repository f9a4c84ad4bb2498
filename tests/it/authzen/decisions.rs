//! What is permitted and what is not: roles, groups, intervals, denies, scope of the resource server, disabled subjects.

use std::time::Duration;

use doorward::admin::assignments::{HeldRef, NewAssignment};
use doorward::admin::roles::RoleChange;
use doorward::domain::assignment::Effect;
use doorward::domain::time::{Clock as _, Interval};

use crate::support::{Auth, House, assign, both, evaluation, eventually, permission, slug};

async fn group(house: &House, name: &str, members: &[&str]) {
    let admin = house.node().admin();
    admin.create_group(slug(name)).await.unwrap();
    for member in members {
        admin.add_group_member(&slug(name), &member.parse().unwrap(), Interval::ALWAYS, None).await.unwrap();
    }
}

async fn give(house: &House, to: &str, what: &str, effect: Effect) {
    let new = NewAssignment {
        principal: to.parse().unwrap(),
        resource_server: slug("notes"),
        held: HeldRef::Permission(permission(what)),
        scope: None,
        effect,
        interval: Interval::ALWAYS,
        reason: None,
    };
    house.node().admin().add_assignment(&new).await.unwrap();
}

/// After a write in this process a decision follows within a second; mostly at once.
async fn comes_to(house: &House, user: &str, action: &str, expected: bool) {
    eventually(&format!("{user} {action} {expected}"), async || house.may(user, action).await == expected).await;
}

both! {
    async fn roles_permit_what_they_and_the_roles_they_include_hold(house: House) {
        for (user, permitted) in [("alice", 4), ("bob", 1), ("carol", 0), ("nobody", 0)] {
            let verbs = ["read", "create", "update", "delete"];
            for (i, verb) in verbs.iter().enumerate() {
                assert_eq!(house.may(user, verb).await, i < permitted, "{user} {verb}");
            }
        }
        let sub = house.world.alice_sub.clone();
        assert!(house.may(&sub, "delete").await, "by sub as by username");
        assert!(house.may_as("client", "bot", "update").await);
        assert!(!house.may_as("client", "bot", "delete").await);
    }

    async fn names_match_whole_and_never_by_prefix_or_case(house: House) {
        for action in ["rea", "reader", "Read", "read ", "*", "re*", "read:note"] {
            assert!(!house.may("alice", action).await, "{action}");
        }
        for resource_type in ["not", "notes", "Note", "*"] {
            let body = evaluation("user", "alice", "read", resource_type, "42");
            let answer = house.json("/access/v1/evaluation", &house.notes_api(), &body).await;
            assert_eq!(answer.json()["decision"], false, "{resource_type}");
        }
        for user in ["Alice", "alice ", "ali", "ALICE"] {
            assert!(!house.may(user, "read").await, "{user}");
        }
        for subject_type in ["client", "User", "group", "person"] {
            assert!(!house.may_as(subject_type, "alice", "read").await, "{subject_type}");
        }
    }

    async fn wildcards_match_a_segment_and_stay_at_their_resource_server(house: House) {
        give(&house, "user:carol", "read:*", Effect::Allow).await;
        comes_to(&house, "carol", "read", true).await;
        assert!(!house.may("carol", "update").await);
        give(&house, "user:carol", "*:*", Effect::Allow).await;
        comes_to(&house, "carol", "delete", true).await;
        // files declares read:note too; nothing that was given at notes counts there.
        let files = Auth::basic("files-api", &house.world.files_api);
        for action in ["read", "delete"] {
            let answer = house.json("/access/v1/evaluation", &files, &evaluation("user", "carol", action, "note", "42")).await;
            assert_eq!(answer.json()["decision"], false, "{action}");
        }
    }

    async fn a_deny_outweighs_every_permit_however_it_is_given(house: House) {
        give(&house, "user:alice", "delete:note", Effect::Deny).await;
        comes_to(&house, "alice", "delete", false).await;
        assert!(house.may("alice", "read").await, "only what it names");
        give(&house, "user:alice", "delete:note", Effect::Allow).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!house.may("alice", "delete").await, "a later permit changes nothing");

        group(&house, "suspended", &["user:bob"]).await;
        let admin = house.node().admin();
        let deny = assign(admin, "group:suspended", "notes", "owner", Effect::Deny, Interval::ALWAYS).await;
        comes_to(&house, "bob", "read", false).await;
        admin.remove_assignment(deny).await.unwrap();
        comes_to(&house, "bob", "read", true).await;
    }

    async fn groups_hand_down_what_they_hold_through_any_depth(house: House) {
        group(&house, "g0", &["user:carol"]).await;
        for i in 1..10 {
            group(&house, &format!("g{i}"), &[&format!("group:g{}", i - 1)]).await;
        }
        assert!(!house.may("carol", "update").await);
        let admin = house.node().admin();
        let id = assign(admin, "group:g9", "notes", "editor", Effect::Allow, Interval::ALWAYS).await;
        comes_to(&house, "carol", "update", true).await;
        admin.remove_group_member(&slug("g5"), &"group:g4".parse().unwrap()).await.unwrap();
        comes_to(&house, "carol", "update", false).await;
        admin.add_group_member(&slug("g5"), &"group:g4".parse().unwrap(), Interval::ALWAYS, None).await.unwrap();
        comes_to(&house, "carol", "update", true).await;
        admin.remove_assignment(id).await.unwrap();
        comes_to(&house, "carol", "update", false).await;
    }

    async fn assignments_and_memberships_count_from_their_start_to_their_end(house: House) {
        let now = house.clock.now();
        let minutes = |m: u64| now.plus(Duration::from_secs(60 * m));
        let window = Interval::new(Some(minutes(10)), Some(minutes(20))).unwrap();
        assign(house.node().admin(), "user:carol", "notes", "editor", Effect::Allow, window).await;
        group(&house, "later", &[]).await;
        let window = Interval::new(Some(minutes(30)), Some(minutes(40))).unwrap();
        house.node().admin().add_group_member(&slug("later"), &"user:carol".parse().unwrap(), window, None).await.unwrap();
        assign(house.node().admin(), "group:later", "notes", "owner", Effect::Allow, Interval::ALWAYS).await;
        tokio::time::sleep(Duration::from_millis(300)).await;

        let body = evaluation("user", "carol", "update", "note", "1");
        let expected = [(0, false), (9, false), (11, true), (19, true), (21, false), (29, false), (31, true), (41, false)];
        let mut at = 0;
        for (minute, allowed) in expected {
            house.advance(Duration::from_secs(60 * (minute - at)));
            at = minute;
            let answer = house.json("/access/v1/evaluation", &house.notes_api(), &body).await;
            assert_eq!(answer.json()["decision"], allowed, "at minute {minute}");
            // The caches hold these rows all along: only the clock moved.
            let until = answer.header("doorward-valid-until");
            assert_eq!(until.is_empty(), minute > 40, "at minute {minute}: {until:?}");
        }
    }

    async fn a_disabled_person_is_denied_everything_within_a_second_and_comes_back(house: House) {
        assert!(house.may("alice", "read").await);
        house.command(&["user", "disable", "alice"]);
        comes_to(&house, "alice", "read", false).await;
        let sub = house.world.alice_sub.clone();
        assert!(!house.may(&sub, "read").await, "by either name");
        house.command(&["user", "enable", "alice"]);
        comes_to(&house, "alice", "read", true).await;
        house.command(&["client", "disable", "bot"]);
        eventually("a disabled client", async || !house.may_as("client", "bot", "read").await).await;
    }

    async fn changing_a_role_changes_everybody_who_holds_it(house: House) {
        let admin = house.node().admin();
        let change = RoleChange { add_permissions: vec![permission("delete:note")], ..RoleChange::default() };
        admin.change_role(&slug("notes"), &slug("viewer"), &change).await.unwrap();
        comes_to(&house, "bob", "delete", true).await;
        let change = RoleChange {
            remove_permissions: vec![permission("delete:note"), permission("read:note")],
            ..RoleChange::default()
        };
        admin.change_role(&slug("notes"), &slug("viewer"), &change).await.unwrap();
        comes_to(&house, "bob", "read", false).await;
        assert!(!house.may("alice", "read").await, "read came from viewer alone");
        assert!(house.may("alice", "delete").await);
    }

    async fn an_access_token_decides_for_its_bearer_after_full_verification(house: House) {
        let token = house.token().await;
        let body = evaluation("access_token", &token, "update", "note", "1");
        let answer = house.json("/access/v1/evaluation", &house.notes_api(), &body).await;
        assert_eq!(answer.json()["decision"], true);
        assert!(!answer.header("doorward-valid-until").is_empty(), "what a token permits ends with it");
        assert!(!house.may_as("access_token", &token, "delete").await);
        assert!(!house.may_as("access_token", &token[..token.len() - 3], "update").await);
        let two = Auth::basic("two", &house.world.two);
        let for_files = house.token_of(&two, &[("resource", "https://files.example/api")]).await;
        assert!(!house.may_as("access_token", &for_files, "read").await, "of another audience");
        house.advance(Duration::from_secs(1000));
        assert!(!house.may_as("access_token", &token, "update").await, "expired");
    }

    async fn a_person_created_after_being_asked_about_is_known_at_once(house: House) {
        assert!(!house.may("dave", "read").await);
        house.command(&["user", "create", "dave"]);
        house.command(&["assign", "add", "user:dave", "--resource-server", "notes", "--role", "viewer"]);
        comes_to(&house, "dave", "read", true).await;
    }
}
