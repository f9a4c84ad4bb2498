//! `POST /access/v1/search/{subject,resource,action}`: who may, to what, and what (AuthZEN 1.0 §8).

use std::collections::BTreeSet;

use doorward::admin::assignments::{HeldRef, NewAssignment};
use doorward::admin::resources::ResourceWrite;
use doorward::admin::subjects::SubjectPut;
use doorward::domain::assignment::Effect;
use doorward::domain::name::Username;
use doorward::domain::object::ObjectRef;
use doorward::domain::time::Interval;
use serde_json::{Value, json};

use super::evaluation::refuses_everybody_else;
use super::policies::{fixture, records};
use super::relations::documents;
use crate::support::{Answer, House, assign, both, eventually, permission, slug};

pub(super) async fn search(house: &House, target: &str, body: &Value) -> Answer {
    house.json(&format!("/access/v1/search/{target}"), &house.notes_api(), body).await
}

/// One page: what was found, and the token that leads on.
pub(super) async fn page(house: &House, target: &str, body: &Value) -> (Vec<String>, String) {
    let answer = search(house, target, body).await;
    assert_eq!(answer.status, 200, "{target} {body}: {answer:?}");
    let answer = answer.json();
    let results = answer["results"].as_array().unwrap();
    let of_type = &body[target]["type"];
    for result in results.iter().filter(|_| target != "action") {
        assert_eq!(&result["type"], of_type, "of the type that was asked for");
    }
    let member = if target == "action" { "name" } else { "id" };
    let found: Vec<_> = results.iter().map(|result| result[member].as_str().unwrap().to_owned()).collect();
    if !answer["page"].is_null() {
        assert_eq!(answer["page"]["count"], found.len());
    }
    (found, answer["page"]["next_token"].as_str().unwrap_or_default().to_owned())
}

/// All pages of so many results each.
pub(super) async fn pages_of(house: &House, target: &str, body: &Value, limit: usize) -> Vec<String> {
    let mut body = body.clone();
    body["page"] = json!({ "limit": limit });
    let mut all = Vec::new();
    loop {
        let (found, next) = page(house, target, &body).await;
        assert!(found.len() <= limit);
        all.extend(found);
        if next.is_empty() {
            return all;
        }
        // An omitted limit is inherited.
        body["page"] = json!({ "token": next });
    }
}

/// What is found in one answer.
pub(super) async fn finds(house: &House, target: &str, body: &Value) -> BTreeSet<String> {
    let (found, next) = page(house, target, body).await;
    assert_eq!(next, "", "all of it");
    let set: BTreeSet<_> = found.iter().cloned().collect();
    assert_eq!(set.len(), found.len(), "each once");
    set
}

fn set(of: &[&str]) -> BTreeSet<String> {
    of.iter().map(|text| (*text).to_owned()).collect()
}

pub(super) fn who(action: &str, object: &str) -> Value {
    let (of, id) = object.split_once(':').unwrap();
    json!({ "subject": { "type": "user" }, "action": { "name": action }, "resource": { "type": of, "id": id } })
}

pub(super) fn which(subject: &str, action: &str, of: &str) -> Value {
    let (kind, id) = subject.split_once(':').unwrap();
    json!({ "subject": { "type": kind, "id": id }, "action": { "name": action }, "resource": { "type": of } })
}

fn what(subject: &str, object: &str) -> Value {
    let ((kind, who), (of, id)) = (subject.split_once(':').unwrap(), object.split_once(':').unwrap());
    json!({ "subject": { "type": kind, "id": who }, "resource": { "type": of, "id": id } })
}

pub(super) async fn give(house: &House, to: &str, what: &str, on: Option<&str>, effect: Effect) {
    let new = NewAssignment {
        principal: to.parse().unwrap(),
        resource_server: slug("notes"),
        held: HeldRef::Permission(permission(what)),
        scope: on.map(|on| ObjectRef::parse(on).unwrap()),
        effect,
        interval: Interval::ALWAYS,
        reason: None,
    };
    house.node().admin().add_assignment(&new).await.unwrap();
}

pub(super) async fn register(house: &House, objects: &[String]) {
    let put = objects.iter().map(|object| (object.parse().unwrap(), serde_json::Map::new())).collect();
    house.node().admin().write_resources(&slug("notes"), &ResourceWrite { put, delete: Vec::new() }).await.unwrap();
}

async fn unregister(house: &House, object: &str) {
    let write = ResourceWrite { delete: vec![object.parse().unwrap()], put: Vec::new() };
    house.node().admin().write_resources(&slug("notes"), &write).await.unwrap();
}

/// Folders in folders with documents, shared in every way there is: by owner, team, group, everybody, on one resource and
/// all below it, with denies.
async fn library(house: &House) {
    house.model(&documents()).await;
    let admin = house.node().admin();
    admin.create_group(slug("staff")).await.unwrap();
    admin.add_group_member(&slug("staff"), &"user:carol".parse().unwrap(), Interval::ALWAYS, None).await.unwrap();
    for id in ["41", "42"] {
        let put = SubjectPut {
            subject: format!("employee:{id}").parse().unwrap(),
            attributes: None,
            disabled: Some(id == "41"),
        };
        admin.put_subjects(&slug("notes"), &[put]).await.unwrap();
    }
    house
        .relate(&[
            "folder:a#parent@folder:root",
            "folder:b#parent@folder:a",
            "document:1#parent@folder:root",
            "document:2#parent@folder:a",
            "document:3#parent@folder:b",
            "document:4#owner@user:alice",
            "document:5#viewer@user:*",
            "document:6#editor@group:staff#member",
            "document:7#viewer@team:in#member",
            "document:8#viewer@employee:42",
            "document:8#viewer@employee:41",
            "team:in#member@team:out#member",
            "team:out#member@user:bob",
            "folder:a#viewer@user:bob",
            "folder:b#owner@employee:42",
            "folder:root#editor@client:bot",
        ])
        .await;
    register(house, &["document:9".to_owned(), "folder:empty".to_owned()]).await;
    give(house, "user:carol", "share:document", Some("folder:a"), Effect::Allow).await;
    give(house, "user:bob", "read:document", Some("folder:b"), Effect::Deny).await;
    give(house, "group:staff", "read:folder", None, Effect::Allow).await;
    house.comes_out(&[("group:staff", "read", "folder:b", false), ("user:carol", "read", "folder:b", true)]).await;
}

/// Every search of a world, page by page, against evaluations one by one.
async fn equals_brute_force(house: &House, limit: usize) {
    let alice = house.world.alice_sub.clone();
    let people: Vec<_> = pages_of(house, "subject", &anybody("user"), 1).await;
    assert_eq!((people.len(), people.contains(&alice)), (3, true), "{people:?}");
    let subjects: Vec<_> = people.iter().map(|sub| format!("user:{sub}")).collect();
    let others = ["client:bot", "client:notes-api", "employee:42", "employee:41"].map(str::to_owned);
    let subjects: Vec<_> = subjects.into_iter().chain(others).collect();
    let objects: Vec<_> = (1..=9).map(|i| format!("document:{i}")).collect();
    let folders = ["folder:a", "folder:b", "folder:root", "folder:empty"].map(str::to_owned);
    let objects: Vec<_> = objects.into_iter().chain(folders).collect();
    let mut expected = BTreeSet::new();
    for subject in &subjects {
        for object in &objects {
            for action in ["read", "write", "share"] {
                if house.decides(subject, action, object).await {
                    expected.insert((subject.clone(), action, object.clone()));
                }
            }
        }
    }
    assert!(expected.len() > 20, "{expected:?}");
    let mut found = [const { BTreeSet::new() }; 3];
    for action in ["read", "write", "share"] {
        for subject in &subjects {
            for of in ["document", "folder"] {
                for id in pages_of(house, "resource", &which(subject, action, of), limit).await {
                    assert!(found[0].insert((subject.clone(), action, format!("{of}:{id}"))), "twice");
                }
            }
        }
        for object in &objects {
            for kind in ["user", "client", "employee"] {
                let mut body = who(action, object);
                body["subject"]["type"] = json!(kind);
                for id in pages_of(house, "subject", &body, limit).await {
                    assert!(found[1].insert((format!("{kind}:{id}"), action, object.clone())), "twice");
                }
            }
        }
    }
    for (subject, object) in subjects.iter().flat_map(|s| objects.iter().map(move |o| (s, o))) {
        let names = pages_of(house, "action", &what(subject, object), limit).await;
        for action in ["read", "write", "share"].into_iter().filter(|action| names.iter().any(|name| name == action)) {
            assert!(found[2].insert((subject.clone(), action, object.clone())));
        }
    }
    for found in found {
        assert_eq!(found, expected);
    }
}

/// What everybody may do to one document, in a world where that is so.
fn anybody(kind: &str) -> Value {
    json!({ "subject": { "type": kind }, "action": { "name": "read" }, "resource": { "type": "document", "id": "5" } })
}

both! {
    async fn a_search_needs_a_decision_caller(house: House) {
        for target in ["subject", "resource", "action"] {
            refuses_everybody_else(&house, &format!("/access/v1/search/{target}")).await;
            assign(house.node().admin(), "client:notes-api", "doorward", "decision-caller", Effect::Allow, Interval::ALWAYS).await;
            eventually("it may ask again", async || {
                search(&house, target, &crate::support::evaluation("user", "alice", "read", "note", "1")).await.status == 200
            }).await;
        }
    }

    async fn the_certification_fixture_is_found_as_it_says(house: House) {
        fixture(&house).await;
        let alice = house.world.alice_sub.as_str();
        let readers = finds(&house, "subject", &who("read", "record:record-1")).await;
        assert_eq!((readers.len(), readers.contains(alice)), (2, true), "alice and bob, not carol");
        assert_eq!(finds(&house, "subject", &who("write", "record:record-1")).await, set(&[alice]));
        assert_eq!(finds(&house, "subject", &who("delete", "record:record-1")).await, set(&[]));
        let mut softly = who("delete", "record:record-1");
        softly["action"]["properties"] = json!({ "soft": true });
        assert_eq!(finds(&house, "subject", &softly).await, set(&[alice]));
        let both = set(&["record-1", "record-2"]);
        for user in ["user:alice", "user:bob"] {
            assert_eq!(finds(&house, "resource", &which(user, "read", "record")).await, both);
        }
        assert_eq!(finds(&house, "resource", &which("user:alice", "write", "record")).await, set(&["record-1"]));
        assert_eq!(finds(&house, "resource", &which("user:bob", "write", "record")).await, set(&[]));
        assert_eq!(finds(&house, "action", &what("user:alice", "record:record-1")).await, set(&["read", "write"]));
        assert_eq!(finds(&house, "action", &what("user:alice", "record:record-2")).await, set(&["read"]));
        assert_eq!(finds(&house, "action", &what("user:bob", "record:record-1")).await, set(&["read"]));
        // What is sent counts for each candidate where the model lets it count.
        let mut sent = which("user:bob", "write", "record");
        sent["subject"]["properties"] = json!({ "role": "admin" });
        assert_eq!(finds(&house, "resource", &sent).await, set(&["record-2"]));
        sent = which("user:alice", "write", "record");
        sent["resource"]["properties"] = json!({ "status": "archived" });
        assert_eq!(finds(&house, "resource", &sent).await, set(&[]));
        sent["resource"]["properties"] = json!({ "status": 7 });
        assert_eq!(search(&house, "resource", &sent).await.refusal(), (400, "invalid_request".into()));
    }

    async fn what_is_not_known_is_found_nowhere(house: House) {
        fixture(&house).await;
        let mut other_type = who("read", "record:record-1");
        other_type["subject"]["type"] = json!("martian");
        for (target, body) in [
            ("subject", who("read", "record:record-9")), ("subject", who("read", "martian:1")), ("subject", other_type),
            ("subject", who("erase", "record:record-1")), ("resource", which("user:nobody", "read", "record")),
            ("resource", which("martian:1", "read", "record")), ("resource", which("user:alice", "read", "martian")),
            ("resource", which("user:alice", "read", "not a type")), ("resource", which("user:alice", "erase", "record")),
            ("resource", which("access_token:x", "read", "record")),
            ("action", what("user:nobody", "record:record-1")), ("action", what("user:alice", "record:record-9")),
            ("action", what("user:alice", "martian:1")),
        ] {
            let answer = search(&house, target, &body).await;
            assert_eq!((answer.status, answer.text.as_str()), (200, "{\"results\":[]}"), "{target} {body}");
        }
        // The identifier of what is searched for means nothing.
        let mut body = which("user:bob", "read", "record");
        body["resource"]["id"] = json!("record-9");
        assert_eq!(finds(&house, "resource", &body).await, set(&["record-1", "record-2"]));
        body = who("read", "record:record-1");
        body["subject"]["id"] = json!("nobody");
        assert_eq!(finds(&house, "subject", &body).await.len(), 2);
        house.command(&["user", "disable", "bob"]);
        eventually("bob is gone", async || finds(&house, "resource", &which("user:bob", "read", "record")).await.is_empty()).await;
        assert_eq!(finds(&house, "subject", &who("read", "record:record-1")).await, set(&[house.world.alice_sub.as_str()]));
    }

    async fn without_a_model_declared_permissions_are_the_actions(house: House) {
        assert_eq!(finds(&house, "action", &what("user:alice", "note:42")).await, set(&["create", "delete", "read", "update"]));
        assert_eq!(finds(&house, "action", &what("user:bob", "note:42")).await, set(&["read"]));
        assert_eq!(finds(&house, "action", &what("user:carol", "note:42")).await, set(&[]));
        let mut clients = who("update", "note:42");
        clients["subject"]["type"] = json!("client");
        assert_eq!(finds(&house, "subject", &clients).await, set(&["bot"]));
    }

    async fn searches_find_what_evaluations_permit(house: House) {
        library(&house).await;
        equals_brute_force(&house, 1).await;
        equals_brute_force(&house, 100).await;
    }

    async fn a_deny_takes_out_of_every_search(house: House) {
        library(&house).await;
        let body = which("user:alice", "share", "document");
        assert_eq!(finds(&house, "resource", &body).await, set(&["4"]));
        give(&house, "user:alice", "*:*", None, Effect::Deny).await;
        assert_eq!(finds(&house, "resource", &body).await, set(&[]));
        assert!(!finds(&house, "subject", &anybody("user")).await.contains(&house.world.alice_sub));
        assert_eq!(finds(&house, "action", &what("user:alice", "document:4")).await, set(&[]));
    }

    async fn wrong_searches_are_refused_by_the_name_of_the_member(house: House) {
        let good = crate::support::evaluation("user", "alice", "read", "note", "1");
        let members: [(&str, &[&str]); 3] = [
            ("subject", &["subject.type", "action.name", "resource.type", "resource.id"]),
            ("resource", &["subject.type", "subject.id", "action.name", "resource.type"]),
            ("action", &["subject.type", "subject.id", "resource.type", "resource.id"]),
        ];
        for (target, required) in members {
            for path in required {
                let (entity, member) = path.split_once('.').unwrap();
                for value in [None, Some(json!(7)), Some(json!(null)), Some(json!("")), Some(json!("a\nb"))] {
                    let mut body = good.clone();
                    match value {
                        Some(value) => body[entity][member] = value,
                        None => drop(body[entity].as_object_mut().unwrap().remove(member)),
                    }
                    refused(&house, target, &body, path).await;
                }
                let mut body = good.clone();
                body[entity] = json!([]);
                refused(&house, target, &body, entity).await;
                body.as_object_mut().unwrap().remove(entity);
                refused(&house, target, &body, entity).await;
            }
            for (page, member) in [
                (json!([]), "page"), (json!(null), "page"), (json!({ "limit": 0 }), "page.limit"),
                (json!({ "limit": 1001 }), "page.limit"), (json!({ "limit": -1 }), "page.limit"),
                (json!({ "limit": "1" }), "page.limit"), (json!({ "limit": 1.5 }), "page.limit"),
                (json!({ "limit": null }), "page.limit"), (json!({ "token": "" }), "page.token"),
                (json!({ "token": 7 }), "page.token"), (json!({ "token": "x" }), "page.token"),
                (json!({ "token": "x".repeat(5_000) }), "page.token"),
            ] {
                let mut body = good.clone();
                body["page"] = page;
                refused(&house, target, &body, member).await;
            }
            let mut body = good.clone();
            body["context"] = json!([]);
            refused(&house, target, &body, "context").await;
            let path = format!("/access/v1/search/{target}");
            assert_eq!(house.get(&path).await.status, 405);
        }
    }

    async fn a_token_leads_on_only_in_the_search_it_was_given_for(house: House) {
        library(&house).await;
        let mut first = which("user:carol", "read", "folder");
        first["page"] = json!({ "limit": 1 });
        let (found, token) = page(&house, "resource", &first).await;
        assert_eq!(found.len(), 1);
        let with = |mut body: Value| { body["page"] = json!({ "token": token }); body };
        let mut same = json!({ "context": {}, "resource": { "id": "ignored", "type": "folder" } });
        for member in ["action", "subject"] {
            same[member] = first[member].clone();
        }
        assert_eq!(page(&house, "resource", &with(same)).await.0.len(), 1, "the same search, said otherwise");
        let mut others = vec![
            which("user:alice", "read", "folder"), which("user:carol", "write", "folder"), which("user:carol", "read", "document"),
        ];
        for (entity, properties) in [("subject", "properties"), ("resource", "properties"), ("action", "properties")] {
            let mut body = first.clone();
            body[entity][properties] = json!({ "a": 1 });
            others.push(body);
        }
        let mut body = first.clone();
        body["context"] = json!({ "a": 1 });
        others.push(body);
        for other in others {
            refused(&house, "resource", &with(other), "page.token").await;
        }
        for i in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[i] = if changed[i] == b'A' { b'B' } else { b'A' };
            let mut body = first.clone();
            body["page"] = json!({ "token": String::from_utf8(changed).unwrap() });
            let answer = search(&house, "resource", &body).await;
            // The last character holds bits that mean nothing; they must be zero.
            assert_eq!(answer.status, 400, "character {i}");
        }
        // Another caller, of the same resource server even.
        let files = crate::support::Auth::basic("files-api", &house.world.files_api);
        let answer = house.json("/access/v1/search/resource", &files, &with(first.clone())).await;
        assert_eq!(answer.refusal(), (400, "invalid_request".into()));
        assert!(!token.contains("folder"), "it says nothing");
    }

    async fn what_stays_permitted_while_pages_are_read_is_found_exactly_once(house: House) {
        house.model(&records()).await;
        let name = |i: usize| format!("record:r-{i:03}");
        register(&house, &(0..60).map(|i| name(i * 2)).collect::<Vec<_>>()).await;
        give(&house, "user:bob", "read:record", None, Effect::Allow).await;
        give(&house, "user:bob", "read:record", Some("record:r-050"), Effect::Deny).await;
        let mut body = which("user:bob", "read", "record");
        body["page"] = json!({ "limit": 7 });
        let (mut all, mut round) = (Vec::new(), 0);
        loop {
            let (found, next) = page(&house, "resource", &body).await;
            all.extend(found);
            if next.is_empty() {
                break;
            }
            body["page"] = json!({ "token": next });
            // Something comes before and after, something goes.
            register(&house, &[name(round * 2 + 1), name(119 - round * 2)]).await;
            unregister(&house, &name(118 - round * 4)).await;
            unregister(&house, &name(round * 4)).await;
            round += 1;
        }
        let unique: BTreeSet<_> = all.iter().collect();
        assert_eq!(unique.len(), all.len(), "none twice: {all:?}");
        let gone: BTreeSet<_> = (0..round).flat_map(|r| [118 - r * 4, r * 4]).collect();
        for i in (0..60).map(|i| i * 2).filter(|i| !gone.contains(i) && *i != 50) {
            assert!(unique.contains(&format!("r-{i:03}")), "{i} of {all:?}");
        }
        assert!(!unique.contains(&"r-050".to_owned()));
    }

    async fn a_page_that_looked_at_enough_leads_on_even_if_it_is_empty(house: House) {
        house.model(&records()).await;
        let all: Vec<_> = (0..1_100).map(|i| format!("record:r-{i:04}")).collect();
        register(&house, &all).await;
        // A policy may permit any of them, so each is looked at.
        house.policies("permit(principal, action, resource is Resource::record) when { resource has status && resource.status == \"free\" };").await;
        give(&house, "user:bob", "read:record", Some("record:r-1099"), Effect::Allow).await;
        let mut body = which("user:bob", "read", "record");
        let (found, next) = page(&house, "resource", &body).await;
        assert_eq!((found.len(), next.is_empty()), (0, false));
        body["page"] = json!({ "token": next });
        assert_eq!(page(&house, "resource", &body).await, (vec!["r-1099".to_owned()], String::new()));
        give(&house, "user:carol", "read:record", None, Effect::Allow).await;
        let (found, next) = page(&house, "resource", &which("user:carol", "read", "record")).await;
        assert_eq!((found.len(), next.is_empty()), (100, false), "the limit of those who say none");
        assert_eq!(pages_of(&house, "resource", &which("user:carol", "read", "record"), 1_000).await.len(), 1_100);
    }

    async fn a_page_of_one_node_leads_on_at_another(house: House) {
        library(&house).await;
        let mut body = anybody("user");
        body["page"] = json!({ "limit": 2 });
        let (mut found, next) = page(&house, "subject", &body).await;
        body["page"] = json!({ "token": next });
        if !house.database_url.starts_with("postgres") {
            return;
        }
        let neighbour = house.neighbour().await;
        found.extend(page(&neighbour, "subject", &body).await.0);
        assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), 3, "{found:?}");
    }

    async fn more_people_than_are_read_at_once_are_all_found(house: House) {
        library(&house).await;
        for i in 0..230 {
            let person = doorward::admin::people::NewPerson::named(Username::parse(&format!("person-{i}")).unwrap());
            house.node().admin().create_person(person).await.unwrap();
        }
        for limit in [1_000, 210, 60] {
            let found = pages_of(&house, "subject", &anybody("user"), limit).await;
            assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), 233, "{limit}");
            assert_eq!(found.len(), 233, "{limit}");
        }
    }
}

async fn refused(house: &House, target: &str, body: &Value, member: &str) {
    let answer = search(house, target, body).await;
    assert_eq!(answer.refusal(), (400, "invalid_request".into()), "{target} {body}");
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains(member), "{target} {body}: {detail} names {member}");
}
