//! `POST /api/v1/authz/explain` with changes that nobody made: what would be, if.

use serde_json::{Value, json};

use super::relations::documents;
use crate::support::{Answer, House, both, evaluation, permission};
use doorward::domain::assignment::Effect;

async fn asked(house: &House, (subject, action, object): (&str, &str, &str), changes: &Value) -> Answer {
    let ((of, id), (resource, name)) = (subject.split_once(':').unwrap(), object.split_once(':').unwrap());
    let mut body = evaluation(of, id, action, resource, name);
    body["changes"] = changes.clone();
    house.json("/api/v1/authz/explain", &house.notes_api(), &body).await
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

both! {
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
