//! Lists: what narrows them, in which order they are, and that their pages fit together whatever happens between two.

use serde_json::{Value, json};

use super::support::Operator;
use crate::support::{House, both};

const NOTES: &str = "/api/v1/resource-servers/notes";
const RELATIONS: &str = "/api/v1/resource-servers/notes/relations";

/// Teams in teams and badges, which the model may speak of or no longer.
fn model(former: bool) -> Value {
    let of = |all: &[&str]| if former { json!(all) } else { json!(["user"]) };
    let mut model = json!({
        "resources": {
            "room": { "actions": { "enter": {} }, "relations": {
                "guest": { "subjects": of(&["user", "badge", "badge:*", "team#member"]), "grants": ["enter"] },
                "owner": { "subjects": ["user"], "grants": ["*"] },
            } },
            "team": { "actions": { "leave": {} }, "relations": { "boss": { "subjects": ["user"], "grants": ["*"] } } },
        },
    });
    if former {
        model["subjects"] = json!({ "badge": { "kind": "external" } });
        model["resources"]["team"]["relations"]["member"] = json!({ "subjects": ["user"], "grants": ["leave"] });
    }
    model
}

fn edge(object: &str, relation: &str, subject: &str) -> Value {
    json!({ "object": object, "relation": relation, "subject": subject })
}

/// The edges of these items, as texts.
fn edges(items: &[Value]) -> Vec<String> {
    let text = |of: &Value, member: &str| of[member].as_str().unwrap().to_owned();
    items.iter().map(|of| format!("{}#{}@{}", text(of, "object"), text(of, "relation"), text(of, "subject"))).collect()
}

async fn relate(root: &Operator<'_>, written: &[Value]) {
    let answer = root.post(RELATIONS, &json!({ "write": written })).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

async fn put(root: &Operator<'_>, former: bool) {
    let answer = root.put(&format!("{NOTES}/rules"), &json!({ "model": model(former) })).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

both! {
    async fn relations_are_narrowed_by_all_that_is_said(house: House) {
        let root = house.root().await;
        put(&root, true).await;
        let rooms = ["room:1", "room:2"];
        for room in rooms {
            relate(&root, &[
                edge(room, "guest", "user:alice"), edge(room, "guest", "user:bob"), edge(room, "owner", "user:alice"),
                edge(room, "guest", "team:1#member"),
            ]).await;
        }
        for (filter, expected) in [
            ("object=room:1&subject=user:bob", vec!["room:1#guest@user:bob"]),
            ("object=room:2&subject=team:1%23member", vec!["room:2#guest@team:1#member"]),
            ("object=room:1&subject=user:alice&relation=owner", vec!["room:1#owner@user:alice"]),
            ("subject=user:alice&relation=owner", vec!["room:1#owner@user:alice", "room:2#owner@user:alice"]),
            ("object=room:2&relation=owner", vec!["room:2#owner@user:alice"]),
            ("object=room:3&subject=user:bob", vec![]),
            ("relation=boss", vec![]),
        ] {
            let (items, _) = root.pages(&format!("{RELATIONS}?{filter}"), 1).await;
            assert_eq!(edges(&items), expected, "{filter}");
        }
        let (of_alice, _) = root.pages(&format!("{RELATIONS}?object=room:1&subject=user:alice"), 1).await;
        assert_eq!(of_alice.len(), 2, "{of_alice:?}");
        let wrong = root.get(&format!("{RELATIONS}?relation=*")).await;
        assert_eq!((wrong.status, wrong.json()["member"].clone()), (400, json!("relation")), "{wrong:?}");
    }

    async fn what_a_former_model_allowed_is_listed_to_the_end_and_can_be_taken_away(house: House) {
        let root = house.root().await;
        put(&root, true).await;
        let former = [
            edge("room:1", "guest", "badge:*"), edge("room:1", "guest", "badge:1"), edge("room:1", "guest", "badge:2"),
            edge("room:1", "guest", "team:1#member"), edge("room:1", "guest", "team:2#member"),
        ];
        relate(&root, &former).await;
        relate(&root, &[edge("room:1", "owner", "user:bob"), edge("room:2", "owner", "user:bob")]).await;
        put(&root, false).await;
        let (items, pages) = root.pages(RELATIONS, 1).await;
        assert_eq!((items.len(), pages), (7, 7), "{items:?}");
        let taken = |gone: &[Value]| json!({ "delete": gone });
        // What neither model knows is a mistake, and of what could be there is nothing.
        let unknown = root.post(RELATIONS, &taken(&[edge("room:1", "guest", "martian:1")])).await;
        assert_eq!((unknown.status, unknown.json()["member"].clone()), (400, json!("delete[0]")), "{unknown:?}");
        let other = root.post(RELATIONS, &taken(&[edge("room:1", "guest", "team:3#member"), edge("room:2", "guest", "team:1#member")])).await;
        assert_eq!(other.status, 200, "{other:?}");
        assert_eq!(root.pages(RELATIONS, 200).await.0.len(), 7);
        let gone = root.post(RELATIONS, &taken(&former)).await;
        assert_eq!(gone.status, 200, "{gone:?}");
        let (left, _) = root.pages(RELATIONS, 200).await;
        assert_eq!(edges(&left), ["room:1#owner@user:bob", "room:2#owner@user:bob"]);
        // The former model again: they are gone for it, too.
        put(&root, true).await;
        assert_eq!(root.pages(RELATIONS, 200).await.0.len(), 2);
    }

    async fn a_name_that_changes_between_two_pages_loses_no_relation(house: House) {
        let root = house.root().await;
        put(&root, true).await;
        let all: Vec<_> = (1..=3).map(|i| edge(&format!("room:{i}"), "owner", "user:bob")).collect();
        relate(&root, &all).await;
        let first = root.got(&format!("{RELATIONS}?limit=1")).await;
        let renamed = root.patch("/api/v1/users/bob", &json!({ "username": "robert" })).await;
        assert_eq!(renamed.status, 200, "{renamed:?}");
        let next = first["next"].as_str().unwrap();
        let rest = root.got(&format!("{RELATIONS}?after={next}")).await;
        assert_eq!(edges(rest["items"].as_array().unwrap()), ["room:2#owner@user:robert", "room:3#owner@user:robert"]);
        for no_token in ["bm9uZQ", "WyJhIiwiYiIsImMiXQ"] {
            let wrong = root.get(&format!("{RELATIONS}?after={no_token}")).await;
            assert_eq!((wrong.status, wrong.json()["member"].clone()), (400, json!("after")), "{wrong:?}");
        }
    }
}
