//! Somebody can always put things right.

use std::time::Duration;

use doorward::admin::assignments::{HeldRef, NewAssignment};
use doorward::admin::clients::NewClient;
use doorward::domain::assignment::Effect;
use doorward::domain::client::{AuthMethod, GrantTypes};
use doorward::domain::redirect::RedirectUri;
use doorward::domain::time::{Clock as _, Interval};
use serde_json::json;

use super::support::giving;
use crate::support::{Answer, Auth, House, assign, both, new_client, slug};

fn is_refused(what: &str, answer: &Answer) {
    assert_eq!(answer.refusal(), (409, "last_administrator".into()), "{what}: {answer:?}");
}

/// An administrator who can sign in.
async fn chief(house: &House, name: &str) {
    house.give_password(name).await;
    house.make_admin(&format!("user:{name}")).await;
}

/// A client by which people sign in, and which can prove nothing itself.
fn public(client_id: &str) -> NewClient {
    NewClient {
        resources: vec![slug("doorward")],
        grant_types: GrantTypes { authorization_code: true, ..GrantTypes::default() },
        redirect_uris: vec![RedirectUri::parse("https://app.example/cb").unwrap()],
        ..new_client(client_id, AuthMethod::None)
    }
}

both! {
    async fn the_last_administrator_is_neither_shut_out_nor_denied_anything(house: House) {
        // Everything is held, but not the role: such an operator could lock the last administrator out.
        let rival = house.operator("rival", &["*:*"]).await;
        chief(&house, "alice").await;
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
        chief(&house, "bob").await;
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
        house.give_password("alice").await;
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
        chief(&house, "alice").await;
        let end = house.clock.now().plus(Duration::from_hours(24));
        let until = Interval::new(None, Some(end)).unwrap();
        house.give_password("bob").await;
        assign(house.node().admin(), "user:bob", "doorward", "admin", Effect::Allow, until).await;
        is_refused("disable", &rival.act("/api/v1/users/alice/disable").await);
        assert_eq!(rival.act("/api/v1/users/bob/disable").await.status, 200);
    }

    async fn whoever_cannot_come_in_does_not_stand_in_for_an_administrator(house: House) {
        let rival = house.operator("rival", &["*:*"]).await;
        chief(&house, "alice").await;
        let admin = house.node().admin();
        admin.create_client(public("pub")).await.unwrap();
        // By `client_secret_post` it needs a token, and may not ask for one.
        admin.create_client(new_client("poster", AuthMethod::ClientSecretPost)).await.unwrap();
        for who in ["user:bob", "client:pub", "client:poster"] {
            house.make_admin(who).await;
        }
        is_refused("nobody else can sign in", &rival.act("/api/v1/users/alice/disable").await);
        house.give_password("bob").await;
        assert_eq!(rival.act("/api/v1/users/alice/disable").await.status, 200, "bob can");
        is_refused("bob is the last", &rival.act("/api/v1/users/bob/lock").await);
        let secret = NewClient { resources: vec![slug("doorward")], ..new_client("agent", AuthMethod::ClientSecretPost) };
        admin.create_client(secret).await.unwrap();
        house.make_admin("client:agent").await;
        assert_eq!(rival.act("/api/v1/users/bob/lock").await.status, 200, "the agent can get a token");
    }

    async fn the_set_up_link_comes_while_nobody_could_administer(house: House) {
        let admin = house.node().admin();
        let is_open = async || admin.open_setup().await.unwrap().is_some();
        let end = house.clock.now().plus(Duration::from_hours(1));
        house.give_password("bob").await;
        let passing = Interval::new(None, Some(end)).unwrap();
        assign(admin, "user:bob", "doorward", "admin", Effect::Allow, passing).await;
        assert!(!is_open().await, "bob is there");
        house.advance(Duration::from_hours(2));
        assert!(is_open().await, "his time is over");
        house.make_admin("user:carol").await;
        admin.create_client(public("pub")).await.unwrap();
        house.make_admin("client:pub").await;
        assert!(is_open().await, "neither can come in");
        let one = NewAssignment {
            scope: Some("user:bob".parse().unwrap()),
            principal: "user:bob".parse().unwrap(),
            resource_server: slug("doorward"),
            held: HeldRef::Role(slug("admin")),
            effect: Effect::Allow,
            interval: Interval::ALWAYS,
            reason: None,
        };
        admin.add_assignment(&one).await.unwrap();
        assert!(is_open().await, "an administrator of one thing alone");
        let link = admin.open_setup().await.unwrap().unwrap();
        house.give_password("carol").await;
        assert!(!is_open().await, "carol is there");
        let form = [("username", "eve"), ("password", "copper lantern seven rivers")];
        let used = house.form(&format!("/setup/{}", link.reveal()), &Auth::None, &form).await;
        assert_eq!(used.status, 410, "also for whoever has a link from before");
    }
}
