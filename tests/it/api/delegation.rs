//! An operator never gives, takes or reaches what they do not hold.

use std::time::Duration;

use doorward::admin::assignments::{HeldRef, NewAssignment};
use doorward::domain::assignment::Effect;
use doorward::domain::time::{Clock as _, Interval};
use reqwest::Method;
use serde_json::{Value, json};

use super::support::{Operator, giving};
use crate::support::{Answer, Auth, House, both, permission, slug};

const ROLES: &str = "/api/v1/resource-servers/doorward/roles";

fn is_beyond(what: &str, answer: &Answer) {
    assert_eq!(answer.refusal(), (403, "beyond_own_permissions".into()), "{what}: {answer:?}");
}

fn is_done(what: &str, answer: &Answer) {
    assert!(answer.status < 300, "{what}: {answer:?}");
}

/// Everything a helpdesk does to an account.
async fn reach(operator: &Operator<'_>, name: &str) -> Vec<(&'static str, Answer)> {
    let at = |act: &str| format!("/api/v1/users/{name}/{act}");
    let password = json!({ "password": crate::support::PASSWORD });
    vec![
        ("password", operator.put(&at("password"), &password).await),
        ("e-mail", operator.patch(&format!("/api/v1/users/{name}"), &json!({ "email": "me@evil.example" })).await),
        ("lock", operator.act(&at("lock")).await),
        ("unlock", operator.act(&at("unlock")).await),
        ("disable", operator.act(&at("disable")).await),
        ("enable", operator.act(&at("enable")).await),
        ("sign out", operator.act(&at("sign-out")).await),
        ("withdraw", operator.delete(&at("consents/app")).await),
    ]
}

const HELPDESK: [&str; 3] = ["*:user", "withdraw:consent", "read:audit"];

both! {
    async fn a_helpdesk_takes_no_account_over_that_holds_more_than_it(house: House) {
        let desk = house.operator("desk", &HELPDESK).await;
        house.make_admin("user:alice").await;
        house.give("user:bob", "read:user", Effect::Allow).await;
        for (what, answer) in reach(&desk, "alice").await {
            is_beyond(what, &answer);
        }
        for name in ["bob", "carol"] {
            for (what, answer) in reach(&desk, name).await {
                is_done(&format!("{what} of {name}"), &answer);
            }
        }
        // Nor one that has its power by nested groups, or will have it one day.
        let admin = house.node().admin();
        for name in ["inner", "outer"] {
            admin.create_group(slug(name)).await.unwrap();
        }
        let later = Interval::new(Some(house.clock.now().plus(Duration::from_hours(24))), None).unwrap();
        admin.add_group_member(&slug("outer"), &"group:inner".parse().unwrap(), Interval::ALWAYS, None).await.unwrap();
        admin.add_group_member(&slug("inner"), &"user:carol".parse().unwrap(), later, None).await.unwrap();
        house.make_admin("group:outer").await;
        for (what, answer) in reach(&desk, "carol").await {
            is_beyond(what, &answer);
        }
    }

    async fn nobody_assigns_what_they_do_not_hold(house: House) {
        let hand = house.operator("hand", &["*:assignment", "read:user", "lock:user"]).await;
        house.make_admin("user:alice").await;
        for to in ["client:hand", "user:bob", "user:alice"] {
            for held in ["admin", "decision-caller", "*:*", "*:user", "read:*", "create:user"] {
                is_beyond(&format!("{held} for {to}"), &hand.post("/api/v1/assignments", &giving(to, held)).await);
                let mut deny = giving(to, held);
                deny["effect"] = json!("deny");
                is_beyond(&format!("deny {held} for {to}"), &hand.post("/api/v1/assignments", &deny).await);
            }
        }
        let given = hand.made("/api/v1/assignments", &giving("user:bob", "lock:user")).await;
        is_done("taking back", &hand.delete(&format!("/api/v1/assignments/{}", given["id"].as_str().unwrap())).await);
        // What others hold is not theirs to take.
        let alices = hand.got("/api/v1/assignments?resource_server=doorward&principal=user:alice").await;
        let id = alices["items"][0]["id"].as_str().unwrap();
        is_beyond("taking admin", &hand.delete(&format!("/api/v1/assignments/{id}")).await);
        // What is held at doorward is worth nothing at an application.
        let notes = json!({ "principal": "user:bob", "resource_server": "notes", "role": "owner" });
        is_beyond("owner of notes", &hand.post("/api/v1/assignments", &notes).await);
    }

    async fn a_deny_counts_against_its_holder_and_is_not_theirs_to_lift(house: House) {
        let most = house.operator("most", &["*:*"]).await;
        house.give("client:most", "*:audit", Effect::Deny).await;
        for held in ["*:*", "read:audit", "admin", "read:*"] {
            is_beyond(held, &most.post("/api/v1/assignments", &giving("user:bob", held)).await);
        }
        is_done("what the deny does not touch", &most.post("/api/v1/assignments", &giving("user:bob", "*:user")).await);
        let own = most.got("/api/v1/assignments?principal=client:most").await;
        let deny = own["items"].as_array().unwrap().iter().find(|a| a["effect"] == "deny").unwrap();
        is_beyond("the deny", &most.delete(&format!("/api/v1/assignments/{}", deny["id"].as_str().unwrap())).await);
        // Nor by a group that is denied something.
        let admin = house.node().admin();
        admin.create_group(slug("shut")).await.unwrap();
        admin.add_group_member(&slug("shut"), &"user:bob".parse().unwrap(), Interval::ALWAYS, None).await.unwrap();
        house.give("group:shut", "read:audit", Effect::Deny).await;
        is_beyond("leaving", &most.delete("/api/v1/groups/shut/members/user:bob").await);
        is_beyond("joining", &most.post("/api/v1/groups/shut/members", &json!({ "member": "user:carol" })).await);
    }

    async fn nobody_makes_a_role_of_more_than_they_hold(house: House) {
        let maker = house.operator("maker", &["*:role", "read:user"]).await;
        let root = house.root().await;
        root.made(ROLES, &json!({ "name": "auditor", "permissions": ["read:audit"] })).await;
        for (what, body) in [
            ("everything", json!({ "name": "big", "permissions": ["*:*"] })),
            ("one more", json!({ "name": "big", "permissions": ["read:user", "lock:user"] })),
            ("by inclusion", json!({ "name": "big", "includes": ["admin"] })),
            ("by a smaller inclusion", json!({ "name": "big", "includes": ["auditor"] })),
        ] {
            is_beyond(what, &maker.post(ROLES, &body).await);
        }
        maker.made(ROLES, &json!({ "name": "reader", "permissions": ["read:user"] })).await;
        let own = format!("{ROLES}/reader");
        for change in [
            json!({ "add_permissions": ["*:*"] }),
            json!({ "add_includes": ["admin"] }),
            json!({ "add_includes": ["auditor"], "remove_permissions": ["read:user"] }),
        ] {
            is_beyond(&change.to_string(), &maker.patch(&own, &change).await);
        }
        let auditor = format!("{ROLES}/auditor");
        is_beyond("emptying", &maker.patch(&auditor, &json!({ "remove_permissions": ["read:audit"] })).await);
        is_beyond("deleting", &maker.delete(&auditor).await);
        for (name, root_too) in [("admin", &root), ("decision-caller", &root), ("admin", &maker)] {
            let change = json!({ "add_permissions": ["read:user"] });
            let answer = root_too.patch(&format!("{ROLES}/{name}"), &change).await;
            assert_eq!(answer.refusal(), (400, "invalid_request".into()), "{name} is built in: {answer:?}");
        }
        is_done("its own", &maker.delete(&own).await);
        let notes = json!({ "name": "all", "permissions": ["*:note"] });
        is_beyond("at notes", &maker.post("/api/v1/resource-servers/notes/roles", &notes).await);
    }

    async fn nobody_joins_a_group_to_more_than_they_hold(house: House) {
        let usher = house.operator("usher", &["*:member", "*:group", "read:user"]).await;
        let root = house.root().await;
        for name in ["staff", "chiefs", "readers"] {
            root.made("/api/v1/groups", &json!({ "name": name })).await;
        }
        is_done("nesting", &root.post("/api/v1/groups/chiefs/members", &json!({ "member": "group:staff" })).await);
        for (group, held) in [("chiefs", "admin"), ("readers", "read:user")] {
            is_done(held, &root.post("/api/v1/assignments", &giving(&format!("group:{group}"), held)).await);
        }
        for (group, member) in [("chiefs", "client:usher"), ("staff", "client:usher"), ("staff", "user:bob"), ("chiefs", "group:readers")] {
            let answer = usher.post(&format!("/api/v1/groups/{group}/members"), &json!({ "member": member })).await;
            is_beyond(&format!("{member} into {group}"), &answer);
        }
        is_beyond("emptying", &usher.delete("/api/v1/groups/chiefs/members/group:staff").await);
        is_done("what it holds", &usher.post("/api/v1/groups/readers/members", &json!({ "member": "user:bob" })).await);
        is_done("taking out", &usher.delete("/api/v1/groups/readers/members/user:bob").await);
    }

    async fn nobody_takes_a_client_over_or_makes_one_that_holds_more(house: House) {
        let keeper = house.operator("keeper", &["*:client"]).await;
        let root = house.root().await;
        for act in ["secret", "disable", "enable"] {
            is_beyond(act, &keeper.act(&format!("/api/v1/clients/root/{act}")).await);
        }
        is_done("a plain one", &keeper.act("/api/v1/clients/bot/secret").await);
        is_beyond("a decision caller's secret", &keeper.act("/api/v1/clients/notes-api/secret").await);
        let caller = json!({ "client_id": "c", "resource_servers": ["notes"], "decision_caller": true });
        is_beyond("a decision caller", &keeper.post("/api/v1/clients", &caller).await);
        // Whoever signs in with it would hand it a token of theirs for this very API.
        let console = json!({
            "client_id": "c", "resources": ["doorward"], "scopes": ["openid"], "first_party": true,
            "redirect_uris": ["https://evil.example/cb"],
        });
        is_beyond("a console", &keeper.post("/api/v1/clients", &console).await);
        is_done("the administrator's console", &root.post("/api/v1/clients", &console).await);
        is_beyond("its secret", &keeper.act("/api/v1/clients/c/secret").await);
        let machine = json!({ "client_id": "r", "resources": ["doorward"] });
        is_done("a client that acts for itself alone", &keeper.post("/api/v1/clients", &machine).await);
    }

    async fn what_is_held_for_a_time_is_given_for_no_longer(house: House) {
        let guest = house.operator("guest", &[]).await;
        let end = house.clock.now().plus(Duration::from_hours(24 * 7));
        let new = NewAssignment {
            scope: None,
            principal: "client:guest".parse().unwrap(),
            resource_server: slug("doorward"),
            held: HeldRef::Permission(permission("*:*")),
            effect: Effect::Allow,
            interval: Interval::new(None, Some(end)).unwrap(),
            reason: None,
        };
        house.node().admin().add_assignment(&new).await.unwrap();
        for to in ["client:guest", "user:bob"] {
            is_beyond("for good", &guest.post("/api/v1/assignments", &giving(to, "read:user")).await);
        }
        let mut longer = giving("user:bob", "read:user");
        longer["expires_at"] = json!(house.clock.now().plus(Duration::from_hours(24 * 8)));
        is_beyond("longer", &guest.post("/api/v1/assignments", &longer).await);
        longer["expires_at"] = json!(house.clock.now().plus(Duration::from_hours(24 * 6)));
        is_done("no longer", &guest.post("/api/v1/assignments", &longer).await);
        is_beyond("as a role", &guest.post(ROLES, &json!({ "name": "r", "permissions": ["read:user"] })).await);
    }

    async fn a_key_reaches_no_further_than_what_is_written_on_it(house: House) {
        let root = house.root().await;
        house.make_admin("user:alice").await;
        let body = json!({ "name": "hand", "permissions": ["*:assignment", "*:api-key", "*:user"] });
        let made = root.made("/api/v1/api-keys", &body).await;
        let key = house.with(Auth::Bearer(made["secret"].as_str().unwrap().to_owned()));
        assert_eq!(key.get("/api/v1/audit").await.refusal(), (403, "not_permitted".into()));
        is_beyond("admin", &key.post("/api/v1/assignments", &giving("user:bob", "admin")).await);
        is_beyond("an account", &key.put("/api/v1/users/alice/password", &json!({ "password": crate::support::PASSWORD })).await);
        let bigger = json!({ "name": "more", "permissions": ["*:*"] });
        is_beyond("a bigger key", &key.post("/api/v1/api-keys", &bigger).await);
        let longer = json!({ "name": "more", "permissions": ["read:user"], "expires_at": house.clock.now().plus(Duration::from_hours(24 * 300)) });
        let answer = key.post("/api/v1/api-keys", &longer).await;
        assert_eq!((answer.status, answer.json()["member"].clone()), (400, json!("expires_at")), "{answer:?}");
        is_done("a smaller one", &key.post("/api/v1/api-keys", &json!({ "name": "less", "permissions": ["read:user"] })).await);
        is_done("what it carries", &key.post("/api/v1/assignments", &giving("user:bob", "lock:user")).await);
    }

    async fn a_key_is_made_in_nobody_elses_name(house: House) {
        let root = house.root().await;
        let smith = house.operator("smith", &["*:api-key", "read:user"]).await;
        house.make_admin("user:alice").await;
        let key = |owner: &str, held: &str| json!({ "name": "k", "permissions": [held], "owner": owner });
        is_beyond("more", &smith.post("/api/v1/api-keys", &json!({ "name": "k", "permissions": ["lock:user"] })).await);
        is_beyond("of a client that holds more", &smith.post("/api/v1/api-keys", &key("client:root", "read:user")).await);
        for operator in [&smith, &root] {
            let answer = operator.post("/api/v1/api-keys", &key("user:alice", "read:user")).await;
            assert_eq!((answer.status, answer.json()["member"].clone()), (400, json!("owner")), "{answer:?}");
        }
        is_done("of a lesser client", &smith.post("/api/v1/api-keys", &key("client:bot", "read:user")).await);
        let roots = root.made("/api/v1/api-keys", &json!({ "name": "k", "permissions": ["*:*"] })).await;
        let path = format!("/api/v1/api-keys/{}", roots["id"].as_str().unwrap());
        is_beyond("ending a greater key", &smith.delete(&path).await);
    }

    async fn two_operators_at_once_raise_nobody(house: House) {
        // One empties a role while the other, who holds it, gives it on: each write sees the other's or comes first.
        let root = house.root().await;
        root.made(ROLES, &json!({ "name": "giver", "permissions": ["*:assignment", "lock:user"] })).await;
        let giver = house.operator("giver", &[]).await;
        is_done("giver", &root.post("/api/v1/assignments", &giving("client:giver", "giver")).await);
        let (change, gift) = (json!({ "remove_permissions": ["lock:user"] }), giving("user:bob", "lock:user"));
        let (role, assignments) = (format!("{ROLES}/giver"), "/api/v1/assignments");
        let (taken, added) = tokio::join!(root.patch(&role, &change), giver.post(assignments, &gift));
        is_done("taking", &taken);
        let revision = |fact: &Value| fact["revision"].as_i64().unwrap();
        let at = |kind: &'static str| { let root = &root; async move { root.got(&format!("/api/v1/audit?kind={kind}&limit=1")).await["items"][0].clone() } };
        if added.status == 201 {
            assert!(revision(&at("assignment.added").await) < revision(&at("role.changed").await), "given before it was taken");
        } else {
            is_beyond("given after it was taken", &added);
        }
        assert_eq!(giver.ask(Method::POST, assignments, Some(&giving("user:carol", "lock:user"))).await.status, 403);
    }
}
