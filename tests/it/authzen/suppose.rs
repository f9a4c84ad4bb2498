//! `POST /api/v1/authz/explain` with changes that nobody made: what would be, if.

use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::relations::documents;
use super::watch::store_of;
use crate::support::{Answer, House, both, evaluation, permission};
use doorward::domain::assignment::Effect;

async fn asked(house: &House, (subject, action, object): (&str, &str, &str), changes: &Value) -> Answer {
    let ((of, id), (resource, name)) = (subject.split_once(':').unwrap(), object.split_once(':').unwrap());
    let mut body = evaluation(of, id, action, resource, name);
    body["changes"] = changes.clone();
    house.with(house.notes_api()).post("/api/v1/authz/explain", &body).await
}

async fn would(house: &House, question: (&str, &str, &str), changes: Value) -> bool {
    let answer = asked(house, question, &changes).await;
    assert_eq!(answer.status, 200, "{question:?} {changes}: {answer:?}");
    assert!(answer.json()["explanation"]["kind"].is_string(), "{answer:?}");
    answer.json()["decision"] == true
}

async fn with_the_right_to_ask(house: &House) {
    house.give("client:notes-api", "explain:decision", Effect::Allow).await;
    assert_eq!(permission("explain:decision").to_string(), "explain:decision");
    house.model(&documents()).await;
    let body = json!({ "subject": { "type": "user", "id": "bob" }, "action": { "name": "read" }, "resource": { "type": "document", "id": "7" } });
    crate::support::eventually("the right to ask why", async || {
        house.json("/api/v1/authz/explain", &house.notes_api(), &body).await.status == 200
    })
    .await;
}

const BOB: (&str, &str, &str) = ("user:bob", "read", "document:7");

/// The status, code and place of a refusal, and its words.
fn refused(answer: &Answer) -> Value {
    let body = answer.json();
    json!([answer.status, body["code"], body["member"], body["detail"]])
}

/// What an answer says, apart from when.
fn said(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

both! {
    async fn to_suppose_what_is_so_already_is_no_error_and_tells_nothing(house: House) {
        with_the_right_to_ask(&house).await;
        let admin = house.root().await;
        for group in ["staff", "board", "above"] {
            admin.made("/api/v1/groups", &json!({ "name": group })).await;
        }
        for (group, member) in [("staff", "user:carol"), ("above", "group:board")] {
            admin.post(&format!("/api/v1/groups/{group}/members"), &json!({ "member": member })).await;
        }
        house.relate(&["document:7#viewer@user:bob"]).await;
        house.comes_out(&[("user:bob", "read", "document:7", true)]).await;

        // Whether it is so or not, the answer is the same.
        let plain = said(&asked(&house, BOB, &json!({})).await);
        for member in ["user:carol", "user:alice", "client:bot", "group:board"] {
            for list in ["members", "without_members"] {
                for group in ["staff", "above"] {
                    let changes = json!({ list: [{ "group": group, "member": member }] });
                    assert_eq!(said(&asked(&house, BOB, &changes).await), plain, "{changes}");
                }
            }
        }
        let given = json!({ "principal": "user:carol", "permission": "read:document" });
        let mut to_write = given.clone();
        to_write["resource_server"] = json!("notes");
        admin.post("/api/v1/assignments", &to_write).await;
        let edge = json!({ "object": "document:7", "relation": "viewer", "subject": "user:bob" });
        let nowhere = json!({ "object": "document:9", "relation": "viewer", "subject": "user:bob" });
        for changes in [
            json!({ "assignments": [given, given] }),
            json!({ "write": [edge, edge] }),
            json!({ "delete": [nowhere] }),
            json!({ "members": [{ "group": "staff", "member": "user:carol" }, { "group": "staff", "member": "user:carol" }] }),
        ] {
            assert_eq!(said(&asked(&house, BOB, &changes).await), plain, "{changes}");
        }
        // What there is not is told the same whoever is in what.
        let place = |list: &str| format!("changes.{list}[0]");
        for list in ["members", "without_members"] {
            for (group, member, detail) in [
                ("staff", "user:nobody", "there is no person \"nobody\""),
                ("nowhere", "user:carol", "there is no group \"nowhere\""),
                ("nowhere", "user:bob", "there is no group \"nowhere\""),
            ] {
                let changes = json!({ list: [{ "group": group, "member": member }] });
                let answer = asked(&house, BOB, &changes).await;
                assert_eq!(refused(&answer), json!([400, "unknown_name", place(list), detail]), "{changes}");
            }
        }
    }

    async fn a_membership_that_ended_can_be_supposed_to_last(house: House) {
        with_the_right_to_ask(&house).await;
        let admin = house.root().await;
        admin.made("/api/v1/groups", &json!({ "name": "staff" })).await;
        let over = json!({ "member": "user:bob", "expires_at": "2020-01-01T00:00:00Z" });
        assert_eq!(admin.post("/api/v1/groups/staff/members", &over).await.status / 100, 2);
        house.relate(&["document:7#viewer@group:staff#member"]).await;
        assert!(!would(&house, BOB, json!({})).await);
        assert!(would(&house, BOB, json!({ "members": [{ "group": "staff", "member": "user:bob" }] })).await);
    }

    async fn nothing_beyond_the_resource_server_can_be_supposed_or_found_out(house: House) {
        with_the_right_to_ask(&house).await;
        let admin = house.root().await;
        let elsewhere = admin.post("/api/v1/assignments", &json!({
            "principal": "user:carol", "resource_server": "files", "role": "viewer",
        })).await.json()["id"].clone();
        let own = admin.got("/api/v1/assignments?resource_server=doorward&principal=client:root").await["items"][0]["id"].clone();
        let unknown = json!("0190a5a2-7a2b-7c3d-8e4f-000000000001");
        for id in [&elsewhere, &own, &unknown] {
            let answer = asked(&house, BOB, &json!({ "without_assignments": [id] })).await;
            let detail = format!("there is no assignment {id}");
            assert_eq!(refused(&answer), json!([400, "unknown_name", "changes.without_assignments[0]", detail]));
        }
        // A group that is worth something at doorward looks like any other.
        for group in ["admins", "plain"] {
            admin.made("/api/v1/groups", &json!({ "name": group })).await;
        }
        let given = json!({ "principal": "group:admins", "resource_server": "doorward", "role": "admin" });
        assert_eq!(admin.post("/api/v1/assignments", &given).await.status / 100, 2);
        let member = json!({ "member": "client:root" });
        assert_eq!(admin.post("/api/v1/groups/admins/members", &member).await.status / 100, 2);
        let taken = admin.delete(&format!("/api/v1/assignments/{}", own.as_str().unwrap())).await;
        assert_eq!(taken.status / 100, 2, "{taken:?}");
        let last = admin.delete("/api/v1/groups/admins/members/client:root").await;
        assert_eq!(last.refusal(), (409, "last_administrator".into()));
        let plain = said(&asked(&house, BOB, &json!({})).await);
        for group in ["admins", "plain"] {
            let changes = json!({ "without_members": [{ "group": group, "member": "client:root" }] });
            assert_eq!(said(&asked(&house, BOB, &changes).await), plain, "{changes}");
        }
    }

    async fn what_leads_in_a_ring_or_too_deep_is_a_wrong_request(house: House) {
        with_the_right_to_ask(&house).await;
        let admin = house.root().await;
        for n in 0..40 {
            admin.made("/api/v1/groups", &json!({ "name": format!("g{n}") })).await;
        }
        let within = |n: usize, m: usize| json!({ "group": format!("g{n}"), "member": format!("group:g{m}") });
        let ring = asked(&house, BOB, &json!({ "members": [within(0, 1), within(1, 0)] })).await;
        assert_eq!((ring.status, ring.json()["code"].clone()), (400, json!("includes_itself")), "{ring:?}");
        assert_eq!(ring.json()["member"], "changes.members[1]");
        let deep: Vec<_> = (1..40).map(|n| within(n - 1, n)).collect();
        let deep = asked(&house, BOB, &json!({ "members": deep })).await;
        assert_eq!((deep.status, deep.json()["code"].clone()), (400, json!("too_deep")), "{deep:?}");
        let lead = |n: usize| json!({ "object": format!("folder:{n}"), "relation": "parent", "subject": format!("folder:{}", n + 1) });
        let far = asked(&house, BOB, &json!({ "write": (0..60).map(lead).collect::<Vec<_>>() })).await;
        assert_eq!((far.status, far.json()["code"].clone()), (400, json!("too_deep")), "{far:?}");
    }

    async fn two_suppose_at_once_and_who_comes_then_is_told_to_come_back(house: House) {
        with_the_right_to_ask(&house).await;
        assert!(!would(&house, BOB, json!({})).await);
        // Whoever supposes waits for the writer.
        let store = store_of(&house).await;
        let writer = store.edit().await.unwrap();
        let changes = json!({ "members": [] });
        let mut asking: futures_util::stream::FuturesUnordered<_> =
            (0..5).map(|_| asked(&house, BOB, &changes)).collect();
        for _ in 0..3 {
            let answer = asking.next().await.unwrap();
            assert_eq!(answer.refusal(), (503, "unavailable".into()));
            assert_eq!(answer.header("retry-after"), "1");
        }
        // Others are answered meanwhile, also about why.
        let body = evaluation("user", "bob", "read", "document", "7");
        assert_eq!(house.json("/api/v1/authz/explain", &house.notes_api(), &body).await.status, 200);
        writer.rollback().await.unwrap();
        for _ in 0..2 {
            assert_eq!(asking.next().await.unwrap().status, 200);
        }
        assert!(!would(&house, BOB, json!({})).await);
    }

    async fn what_would_be_if_is_answered_and_nothing_of_it_stays(house: House) {
        with_the_right_to_ask(&house).await;
        let admin = house.root().await;
        admin.made("/api/v1/groups", &json!({ "name": "staff" })).await;
        house.relate(&["document:7#viewer@group:staff#member", "document:8#viewer@user:bob"]).await;
        let given = admin.post("/api/v1/assignments", &json!({
            "principal": "user:carol", "resource_server": "notes", "permission": "read:document",
        })).await;
        house.comes_out(&[("user:bob", "read", "document:8", true), ("user:carol", "read", "document:7", true)]).await;
        let audit = admin.got("/api/v1/audit?limit=1").await;
        let revision = || async { admin.post("/api/v1/groups", &json!({ "name": "staff" })).await.status };

        let bob = ("user:bob", "read", "document:7");
        assert!(!would(&house, bob, json!({})).await);
        assert!(would(&house, bob, json!({ "members": [{ "group": "staff", "member": "user:bob" }] })).await);
        assert!(would(&house, bob, json!({ "assignments": [{ "principal": "user:bob", "permission": "read:document" }] })).await);
        let on = json!({ "assignments": [{ "principal": "user:bob", "permission": "read:document", "on": "document:9" }] });
        assert!(!would(&house, bob, on).await, "only on another one");
        let edge = json!({ "object": "document:7", "relation": "viewer", "subject": "user:bob" });
        assert!(would(&house, bob, json!({ "write": [edge] })).await);
        let over = json!({ "write": [{ "object": "document:7", "relation": "viewer", "subject": "user:bob", "expires_at": "2020-01-01T00:00:00Z" }] });
        assert!(!would(&house, bob, over).await, "long over");

        let gone = json!({ "delete": [{ "object": "document:8", "relation": "viewer", "subject": "user:bob" }] });
        assert!(!would(&house, ("user:bob", "read", "document:8"), gone).await);
        let denied = json!({ "assignments": [{ "principal": "user:bob", "permission": "read:document", "effect": "deny" }] });
        assert!(!would(&house, ("user:bob", "read", "document:8"), denied).await);
        let id = given.json()["id"].clone();
        assert!(!would(&house, ("user:carol", "read", "document:7"), json!({ "without_assignments": [id] })).await);

        // Nothing of it was ever so.
        assert!(!house.decides("user:bob", "read", "document:7").await);
        assert!(house.decides("user:bob", "read", "document:8").await);
        assert!(house.decides("user:carol", "read", "document:7").await);
        assert_eq!(admin.got("/api/v1/audit?limit=1").await["items"], audit["items"], "no fact");
        assert_eq!(revision().await, 409, "writes go on");
    }

    async fn what_could_not_be_is_refused_by_its_place(house: House) {
        with_the_right_to_ask(&house).await;
        let bob = ("user:bob", "read", "document:7");
        for (changes, status, member) in [
            (json!([]), 400, "changes"),
            (json!({ "rules": {} }), 400, "changes"),
            (json!({ "members": [{ "group": "staff" }] }), 400, "changes.members[0].member"),
            (json!({ "members": [{ "group": "staff", "member": "user:bob" }] }), 400, "changes.members[0]"),
            (json!({ "assignments": [{ "principal": "user:bob" }] }), 400, "changes.assignments[0].role"),
            (json!({ "assignments": [{ "principal": "user:nobody", "role": "viewer" }] }), 400, "changes.assignments[0]"),
            (json!({ "write": [{ "object": "document:7", "relation": "boss", "subject": "user:bob" }] }), 400, "changes.write[0]"),
            (json!({ "write": [{ "object": "document:7", "relation": "viewer", "subject": "user:b\u{0}b" }] }), 400, "changes.write[0].subject"),
        ] {
            let answer = asked(&house, bob, &changes).await;
            assert_eq!(answer.status, status, "{changes}: {answer:?}");
            let named = answer.json()["member"].as_str().unwrap_or_default().to_owned();
            assert!(named.starts_with(member), "{changes}: {named:?} of {answer:?}");
        }
        let edge = |n: usize| json!({ "object": format!("document:{n}"), "relation": "viewer", "subject": "user:bob" });
        let many = json!({ "write": (0..101).map(edge).collect::<Vec<_>>() });
        let answer = asked(&house, bob, &many).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.json()["detail"].as_str().unwrap().contains("at most 100"), "{answer:?}");
    }

    async fn to_suppose_needs_the_permission_to_ask_why(house: House) {
        house.model(&documents()).await;
        let answer = asked(&house, ("user:bob", "read", "document:7"), &json!({})).await;
        assert_eq!(answer.refusal(), (403, "not_an_explanation_caller".into()));
    }
}
