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

    async fn names_are_found_by_how_they_begin_and_in_either_order(house: House) {
        let root = house.root().await;
        // Some of them differ only in how a language would sort them.
        for name in ["q-a", "q-ab", "qab", "q.b", "q_c", "qb", "r"] {
            let person = json!({ "username": name, "email": format!("{}@Example.com", name.to_uppercase()) });
            root.made("/api/v1/users", &person).await;
            root.made("/api/v1/groups", &json!({ "name": name })).await;
            root.made("/api/v1/clients", &json!({ "client_id": format!("c-{name}") })).await;
        }
        root.made("/api/v1/users", &json!({ "username": "zoe", "email": "q-a.zoe@example.com" })).await;
        assert_eq!(root.act("/api/v1/users/qab/disable").await.status, 200);
        let names = async |path: &str, member: &str| {
            let (items, _) = root.pages(path, 2).await;
            items.iter().map(|item| item[member].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let set = |mut names: Vec<String>| {
            names.sort();
            names
        };
        for (q, expected) in [
            ("q-a", vec!["q-a", "q-ab", "zoe"]), ("Q-A", vec!["q-a", "q-ab", "zoe"]), ("q-ab", vec!["q-ab"]), ("q_", vec!["q_c"]),
            ("Q.B@EXAMPLE", vec!["q.b"]), ("r", vec!["r"]), ("%25", vec![]), ("q%C3%A9", vec![]),
        ] {
            assert_eq!(set(names(&format!("/api/v1/users?q={q}"), "username").await), expected, "{q}");
        }
        for (path, q, member, expected) in [
            ("groups", "q-a", "name", vec!["q-a", "q-ab"]), ("groups", "Q-a", "name", vec![]),
            ("groups", "q", "name", vec!["q-a", "q-ab", "q.b", "q_c", "qab", "qb"]),
            ("clients", "c-q-a", "client_id", vec!["c-q-a", "c-q-ab"]), ("clients", "bot", "client_id", vec!["bot"]),
        ] {
            assert_eq!(set(names(&format!("/api/v1/{path}?q={q}"), member).await), expected, "{path} {q}");
        }
        for (path, member) in [("users?", "username"), ("users?q=q&", "username"), ("groups?", "name"), ("clients?", "client_id"), ("audit?", "id"), ("audit?actor=client:root&", "id")] {
            let up = names(&format!("/api/v1/{path}order=asc"), member).await;
            let mut down = names(&format!("/api/v1/{path}order=desc"), member).await;
            assert!(up.len() > 2, "{path}: {up:?}");
            if path.starts_with("audit") {
                // To be read here leaves no fact.
                assert!(up.is_sorted(), "{path}");
            }
            down.reverse();
            assert_eq!(up, down, "{path}");
        }
        assert_eq!(names("/api/v1/users?disabled=true", "username").await, ["qab"]);
        let others = names("/api/v1/users?disabled=false&q=qa", "username").await;
        assert!(others.is_empty() && !names("/api/v1/users?disabled=false", "username").await.contains(&"qab".to_owned()));
        let long = "q".repeat(255);
        for (path, member) in [
            ("users?order=up".to_owned(), "order"), ("users?disabled=yes".to_owned(), "disabled"), ("users?q=".to_owned(), "q"),
            (format!("users?q={long}"), "q"), ("users?q=a%0A".to_owned(), "q"), ("groups?order=ASC".to_owned(), "order"),
            ("groups?disabled=true".to_owned(), "disabled"), ("clients?search=c".to_owned(), "search"), ("audit?order=newest".to_owned(), "order"),
        ] {
            let wrong = root.get(&format!("/api/v1/{path}")).await;
            assert_eq!((wrong.status, wrong.json()["member"].clone()), (400, json!(member)), "{path}: {wrong:?}");
        }
        let listed = |arguments: &[&str]| house.command(arguments);
        let found = listed(&["user", "list", "--search", "Q-a", "--disabled", "false", "--order", "desc"]);
        assert_eq!(found["users"][0]["username"], "zoe", "{found}");
        assert_eq!(listed(&["group", "list", "--search", "q-a", "--after", "q-a"])["groups"], json!(["q-ab"]));
        assert_eq!(listed(&["client", "list", "--search", "c-q-ab"])["clients"][0]["client_id"], "c-q-ab");
        assert_eq!(listed(&["audit", "--order", "asc", "--limit", "1"])["facts"].as_array().unwrap().len(), 1);
    }

    async fn assignments_are_found_by_role_and_by_what_they_are_on(house: House) {
        let root = house.root().await;
        let give = |to: &str, server: &str, more: &Value| {
            let mut given = json!({ "principal": to, "resource_server": server });
            given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            given
        };
        root.made("/api/v1/resource-servers/doorward/roles", &json!({ "name": "viewer", "permissions": ["read:user"] })).await;
        for given in [
            give("user:carol", "notes", &json!({ "role": "viewer" })),
            give("user:carol", "notes", &json!({ "role": "viewer", "on": "note:1" })),
            give("user:carol", "notes", &json!({ "permission": "read:note", "on": "note:1" })),
            give("user:carol", "doorward", &json!({ "role": "viewer", "on": "user:alice" })),
        ] {
            root.made("/api/v1/assignments", &given).await;
        }
        let count = async |filter: &str| root.pages(&format!("/api/v1/assignments?principal=user:carol&{filter}"), 1).await.0.len();
        for (filter, expected) in [
            ("role=viewer", 3), ("role=viewer&resource_server=notes", 2), ("on=note:1", 2), ("on=note:1&role=viewer", 1),
            ("on=note:2", 0), ("on=user:alice", 1), ("on=user:ALICE&resource_server=doorward", 1), ("on=user:alice&resource_server=notes", 0),
            ("on=user:nobody", 0),
        ] {
            assert_eq!(count(filter).await, expected, "{filter}");
        }
        assert_eq!(root.get("/api/v1/assignments?role=none").await.refusal(), (400, "unknown_name".into()));
        for (filter, member) in [("on=note", "on"), ("role=*", "role"), ("scope=note:1", "scope")] {
            let wrong = root.get(&format!("/api/v1/assignments?{filter}")).await;
            assert_eq!((wrong.status, wrong.json()["member"].clone()), (400, json!(member)), "{filter}: {wrong:?}");
        }
        let listed = house.command(&["assign", "list", "--role", "viewer", "--on", "note:1"]);
        assert_eq!(listed["assignments"].as_array().unwrap().len(), 1, "{listed}");
    }
}
