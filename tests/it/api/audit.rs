//! `GET /api/v1/audit`.

use std::time::Duration;

use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;
use doorward::domain::time::Clock as _;
use serde_json::{Value, json};

use super::support::Operator;
use crate::support::{Auth, House, both};

both! {
    async fn what_happened_is_found_by_whom_to_whom_what_and_when(house: House) {
        let root = house.root().await;
        let other = house.operator("other", &["*:user"]).await;
        let kinds = |all: &[Value]| all.iter().map(|f| f["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        for name in ["u1", "u2", "u3"] {
            root.made("/api/v1/users", &json!({ "username": name, "sub": name })).await;
            assert_eq!(other.act(&format!("/api/v1/users/{name}/lock")).await.status, 200);
        }
        let (by_root, _) = root.pages("/api/v1/audit?actor=client:root", 2).await;
        assert_eq!(kinds(&by_root), ["person.created"; 3]);
        let (about, pages) = root.pages("/api/v1/audit?subject=user:u2", 1).await;
        assert_eq!((kinds(&about), pages), (vec!["person.locked".into(), "person.created".into()], 2));
        let (locked, _) = root.pages("/api/v1/audit?kind=person.locked", 50).await;
        let subjects: Vec<_> = locked.iter().map(|f| f["subject"].as_str().unwrap()).collect();
        assert_eq!(subjects, ["user:u3", "user:u2", "user:u1"], "newest first");
        let both = root.got("/api/v1/audit?actor=client:other&subject=user:u1&kind=person.locked").await;
        assert_eq!(both["items"].as_array().unwrap().len(), 1);
        assert_eq!(root.got("/api/v1/audit?actor=client:other&kind=person.created").await["items"], json!([]));
        house.advance(Duration::from_hours(1));
        let before = house.clock.now();
        root.made("/api/v1/users", &json!({ "username": "u4", "sub": "u4" })).await;
        let after = root.got(&format!("/api/v1/audit?from={before}&actor=client:root")).await;
        assert_eq!(after["items"].as_array().unwrap().len(), 1);
        assert_eq!(after["items"][0]["subject"], "user:u4");
        let earlier = root.got(&format!("/api/v1/audit?until={before}&actor=client:root")).await;
        assert_eq!(earlier["items"].as_array().unwrap().len(), 3);
        for wrong in ["from=yesterday", "until=1", "after=AAAA", "who=root"] {
            assert_eq!(root.get(&format!("/api/v1/audit?{wrong}")).await.refusal(), (400, "invalid_request".into()), "{wrong}");
        }
        // What could end a statement is a text like any other.
        assert_eq!(root.got("/api/v1/audit?actor='%3BDROP%20TABLE%20facts--").await["items"], json!([]));
    }

    async fn pages_stay_whole_while_facts_are_added(house: House) {
        let root = house.root().await;
        for i in 0..6 {
            root.made("/api/v1/users", &json!({ "username": format!("u{i}"), "sub": format!("u{i}") })).await;
        }
        let first = root.got("/api/v1/audit?actor=client:root&limit=4").await;
        root.made("/api/v1/users", &json!({ "username": "late" })).await;
        let next = first["next"].as_str().unwrap();
        let second = root.got(&format!("/api/v1/audit?actor=client:root&limit=4&after={next}")).await;
        let all = [&first, &second].map(|page| page["items"].as_array().unwrap().clone()).concat();
        let subjects: Vec<_> = all.iter().map(|f| f["subject"].as_str().unwrap()).collect();
        assert_eq!(subjects, ["user:u5", "user:u4", "user:u3", "user:u2", "user:u1", "user:u0"]);
        assert!(second.get("next").is_none());
    }

    async fn a_fact_shows_what_was_before_and_after(house: House) {
        let root = house.root().await;
        root.patch("/api/v1/users/bob", &json!({ "name": "Bob", "email": "bob@example.com" })).await;
        root.patch("/api/v1/users/bob", &json!({ "name": "Robert", "email": null })).await;
        let latest = root.got("/api/v1/audit?kind=person.changed&limit=1").await["items"][0].clone();
        let fact = root.got(&format!("/api/v1/audit/{}", latest["id"].as_str().unwrap())).await;
        let change = &fact["changes"][0];
        assert_eq!((&change["before"]["name"], &change["after"]["name"]), (&json!("Bob"), &json!("Robert")));
        assert_eq!((&change["before"]["email"], change["after"].get("email")), (&json!("bob@example.com"), None));
        for (act, path) in [("lock", "/api/v1/users/bob/lock"), ("secret", "/api/v1/clients/bot/secret")] {
            root.act(path).await;
            let latest = root.got("/api/v1/audit?limit=1").await["items"][0].clone();
            let fact = root.got(&format!("/api/v1/audit/{}", latest["id"].as_str().unwrap())).await.to_string();
            assert!(!fact.contains("dwcs_") && !fact.contains("digest"), "{act}: {fact}");
        }
        assert_eq!(root.get("/api/v1/audit/none").await.refusal(), (404, "not_found".into()));
        let gone = "/api/v1/audit/01a20413-57c8-7332-9494-7b5d4da9a5c2";
        assert_eq!(root.get(gone).await.refusal(), (404, "not_found".into()));
    }

    async fn what_a_key_did_is_its_owners_doing_and_names_the_key(house: House) {
        let root = house.root().await;
        let made = root.made("/api/v1/api-keys", &json!({ "name": "robot", "permissions": ["*:user"] })).await;
        let key = house.with(Auth::Bearer(made["secret"].as_str().unwrap().to_owned()));
        assert_eq!(key.act("/api/v1/users/bob/lock").await.status, 200);
        let fact = root.got("/api/v1/audit?kind=person.locked").await["items"][0].clone();
        assert_eq!((&fact["actor"], &fact["detail"]["api_key"]), (&json!("client:root"), &made["id"]));
        let created = root.got("/api/v1/audit?kind=api_key.created").await["items"][0].clone();
        assert_eq!(created["subject"], "client:root");
        assert!(!created.to_string().contains(made["secret"].as_str().unwrap()));
    }

    async fn what_concerns_a_thing_is_found_by_it(house: House) {
        let root = house.root().await;
        let model = json!({ "subjects": { "badge": { "kind": "external" } }, "resources": {
            "folder": { "actions": { "read": {} } },
            "document": { "actions": { "read": {} }, "relations": {
                "parent": { "subjects": ["folder"] }, "viewer": { "subjects": ["user", "group#member"], "grants": ["read"] },
            } },
        } });
        for server in ["notes", "files"] {
            let at = format!("/api/v1/resource-servers/{server}");
            assert_eq!(root.put(&format!("{at}/rules"), &json!({ "model": model })).await.status, 200);
            let edge = |object: &str, subject: &str| json!({ "object": object, "relation": "viewer", "subject": subject });
            for write in [
                vec![edge("document:7", "user:alice")],
                vec![edge("document:7", "user:bob"), edge("document:8", "user:bob")],
                vec![edge("document:9", "user:bob")],
            ] {
                assert_eq!(root.post(&format!("{at}/relations"), &json!({ "write": write })).await.status, 200);
            }
            let put = json!({ "put": [{ "resource": "folder:1" }, { "resource": "document:8", "attributes": { "pages": 3 } }] });
            assert_eq!(root.post(&format!("{at}/resources"), &put).await.status, 200);
            assert_eq!(root.post(&format!("{at}/subjects"), &json!({ "put": [{ "subject": "badge:1" }] })).await.status, 200);
        }
        let given = json!({ "principal": "user:carol", "resource_server": "notes", "permission": "read:document", "on": "document:7" });
        let given = root.made("/api/v1/assignments", &given).await;
        root.delete(&format!("/api/v1/assignments/{}", given["id"].as_str().unwrap())).await;
        root.made("/api/v1/resource-servers/notes/roles", &json!({ "name": "reader", "permissions": ["read:document"] })).await;
        let stored = json!({ "policies": "permit(principal, action, resource);", "activate": false });
        root.put("/api/v1/resource-servers/notes/rules", &stored).await;

        everything_is_found(&root).await;
        // As on a database whose facts were written before there was anything to find them by.
        fill_in_again(&house).await;
        everything_is_found(&root).await;

        let moment = house.clock.now();
        house.advance(Duration::from_hours(1));
        root.made("/api/v1/resource-servers/notes/roles", &json!({ "name": "late", "permissions": [] })).await;
        let late = house.command(&["audit", "--resource", "resource-server:notes", "--from", &moment.plus(Duration::from_mins(1)).to_string()]);
        assert_eq!(kinds(late["facts"].as_array().unwrap()), ["role.created"]);
        let until = house.command(&["audit", "--resource-server", "notes", "--until", &moment.plus(Duration::from_mins(1)).to_string(), "--order", "asc", "--limit", "2"]);
        let first = until["facts"].as_array().unwrap();
        let next = house.command(&["audit", "--resource-server", "notes", "--order", "asc", "--limit", "1", "--after", first[0]["id"].as_str().unwrap()]);
        assert_eq!(next["facts"][0], first[1]);
        for wrong in ["resource=document", "resource=resource-server:", "resource_server=a/b"] {
            let refused = root.get(&format!("/api/v1/audit?{wrong}")).await;
            assert_eq!(refused.refusal(), (400, "invalid_request".into()), "{wrong}");
        }
    }
}

fn kinds(of: &[Value]) -> Vec<&str> {
    of.iter().map(|fact| fact["kind"].as_str().unwrap()).collect()
}

async fn everything_is_found(root: &Operator<'_>) {
    let find = async |query: &str| root.pages(&format!("/api/v1/audit?{query}"), 2).await.0;
    let of_seven = find("resource=document:7&resource_server=notes").await;
    assert_eq!(kinds(&of_seven), ["assignment.removed", "assignment.added", "relations.changed", "relations.changed"]);
    assert_eq!(find("resource=document:7&order=asc").await.len(), 6, "of both resource servers");
    assert_eq!(
        kinds(&find("resource=document:8&resource_server=files").await),
        ["resources.changed", "relations.changed"]
    );
    assert_eq!(kinds(&find("resource=folder:1&resource_server=files").await), ["resources.changed"]);
    assert_eq!(kinds(&find("resource=badge:1&resource_server=files").await), ["subjects.changed"]);
    assert_eq!(kinds(&find("resource=document:7&kind=assignment.added").await), ["assignment.added"]);
    assert_eq!(find("resource=document:70").await.len() + find("resource_server=nowhere").await.len(), 0);
    let of_notes = find("resource=resource-server:notes&actor=client:root").await;
    let expected = [
        "rules.stored",
        "role.created",
        "assignment.removed",
        "assignment.added",
        "subjects.changed",
        "resources.changed",
        "relations.changed",
        "relations.changed",
        "relations.changed",
        "model.changed",
    ];
    assert_eq!(kinds(&of_notes), expected);
    assert_eq!(find("resource_server=notes&actor=client:root").await, of_notes);
    let created = find("resource=resource-server:files&kind=resource_server.created").await;
    assert_eq!(created.len(), 1, "{created:?}");
}

/// Forgets what facts concern, and finds it again as the migration does.
async fn fill_in_again(house: &House) {
    let path =
        |of: &str| format!("{}/migrations/{of}/2026-11-23-000005_fact_resources/up.sql", env!("CARGO_MANIFEST_DIR"));
    let backfill = |of: &str| {
        let text = std::fs::read_to_string(path(of)).unwrap();
        let from = text.find("INSERT").unwrap();
        format!("DELETE FROM fact_resources;\n{}", &text[from..])
    };
    if let Some(file) = house.database_url.strip_prefix("sqlite://") {
        let mut conn = diesel::SqliteConnection::establish(file).unwrap();
        conn.batch_execute(&format!("PRAGMA busy_timeout=5000; {}", backfill("sqlite"))).unwrap();
        return;
    }
    let (client, connection) = tokio_postgres::connect(&house.database_url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&backfill("postgres")).await.unwrap();
}
