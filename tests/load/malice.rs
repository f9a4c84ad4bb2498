//! Requests that are made to hurt, by callers who may come in: each is refused by name, memory keeps its bound, and
//! applications are served meanwhile.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::applications::{Applications, at, furnish};
use crate::program::Program;

const ROUNDS: usize = 5;
const AT_ONCE: usize = 8;
const RESIDENT_GROWTH_MAX_KIB: u64 = 64 * 1024;
/// More than one decision may walk.
const PARENTS: usize = 1_200;

/// A request, and how it must be answered.
struct Wrong {
    what: &'static str,
    path: &'static str,
    body: String,
    status: u16,
}

fn question(id: &str) -> Value {
    json!({ "subject": { "type": "user", "id": "alice" }, "action": { "name": "read" }, "resource": { "type": "note", "id": id } })
}

fn nested(depth: usize) -> String {
    format!("{}{}", "{\"context\":".repeat(depth), "[".repeat(depth))
}

/// Of every kind: oversized, deep, long, doubled, forged, and more than may be walked.
fn wrong() -> Vec<Wrong> {
    const EVALUATION: &str = "/access/v1/evaluation";
    const EVALUATIONS: &str = "/access/v1/evaluations";
    const SEARCH: &str = "/access/v1/search/resource";
    const RELATIONS: &str = "/api/v1/resource-servers/notes/relations";
    let long = "x".repeat(900_000);
    let mut deep = question("1");
    deep["context"] = json!({ "a": "DEEP" });
    let deep = deep.to_string().replace("\"DEEP\"", &format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)));
    let many: Vec<_> = (0..20_000).map(|n| json!({ "resource": { "type": "note", "id": n.to_string() } })).collect();
    let mut too_many = question("1");
    too_many["evaluations"] = many.clone().into();
    let mut large_defaults = question("1");
    large_defaults["context"] = json!({ "text": "y".repeat(60_000) });
    large_defaults["evaluations"] = vec![json!({}); 400].into();
    let mut forged = json!({ "subject": { "type": "user", "id": "alice" }, "action": { "name": "read" }, "resource": { "type": "note" } });
    forged["page"] = json!({ "token": "A".repeat(4_000) });
    let edges: Vec<_> = (0..30_000)
        .map(|n| json!({ "object": format!("note:{n}"), "relation": "parent", "subject": "folder:1" }))
        .collect();
    let wrong = |what, path, body, status| Wrong { what, path, body, status };
    vec![
        wrong("a body beyond its bound", EVALUATION, question(&long).to_string(), 413),
        wrong("a batch of too many", EVALUATIONS, too_many.to_string(), 400),
        wrong("deep JSON", EVALUATION, deep, 400),
        wrong("deep JSON that never ends", EVALUATIONS, nested(4_000), 400),
        wrong("defaults that stand in for too much", EVALUATIONS, large_defaults.to_string(), 400),
        wrong("a member that stands twice", EVALUATION, r#"{"subject":{},"subject":{}}"#.to_owned(), 400),
        wrong("a forged place in a search", SEARCH, forged.to_string(), 400),
        wrong("more than a decision may walk", EVALUATION, question("deep").to_string(), 422),
        wrong("edges without end", RELATIONS, json!({ "write": edges }).to_string(), 413),
    ]
}

/// A model with parents, and a note that is in more than a decision may walk.
async fn prepare(applications: &Applications, key: &str) {
    let send = async |method: reqwest::Method, path: &str, body: Value| {
        let asked = applications.http.request(method, format!("{}{path}", applications.base)).bearer_auth(key);
        let answer = asked.json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
    };
    let model = json!({ "resources": {
        "note": { "actions": { "read": {} }, "relations": { "parent": { "subjects": ["folder"] } } },
        "folder": { "actions": { "read": {} } },
    } });
    send(reqwest::Method::PUT, "/api/v1/resource-servers/notes/rules", json!({ "model": model })).await;
    let edge = |n: usize| json!({ "object": "note:deep", "relation": "parent", "subject": format!("folder:{n}") });
    let edges: Vec<_> = (0..PARENTS).map(edge).collect();
    send(reqwest::Method::POST, "/api/v1/resource-servers/notes/relations", json!({ "write": edges })).await;
}

async fn send(applications: &Applications, key: &str, wrong: &Wrong) -> u16 {
    let asked = applications.http.post(format!("{}{}", applications.base, wrong.path));
    let asked = if wrong.path.starts_with("/api") {
        asked.bearer_auth(key)
    } else {
        asked.basic_auth("notes-api", Some(&applications.api))
    };
    let answer = asked.header("content-type", "application/json").body(wrong.body.clone()).send().await.unwrap();
    let status = answer.status().as_u16();
    let problem: Value = answer.json().await.unwrap();
    assert!(problem["detail"].is_string(), "{}: {problem}", wrong.what);
    status
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_made_to_hurt_are_refused_and_everybody_else_is_served() {
    let program = Program::start(&[]).await;
    let applications = furnish(&program);
    program.command("user create operator");
    program.command("assign add user:operator --resource-server doorward --role admin");
    let key = program.command("api-key create user:operator --name load --permission *:*");
    let key = key["secret"].as_str().unwrap().to_owned();
    prepare(&applications, &key).await;
    let mut idle = applications.ask_during(Box::pin(tokio::time::sleep(Duration::from_secs(2)))).await;
    let idle_kib = program.resident_kib();

    let answered = Arc::new(Mutex::new(BTreeMap::<(&str, u16), usize>::new()));
    // Connections of their own, each for one request: what is refused before it was read ends its connection.
    let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
    let (attackers, seen) = (Applications { http, ..applications.clone() }, answered.clone());
    let attack = async move {
        let wrong = wrong();
        for _ in 0..ROUNDS {
            for wrong in &wrong {
                let statuses = join_all((0..AT_ONCE).map(|_| send(&attackers, &key, wrong))).await;
                for status in statuses {
                    assert_eq!(status, wrong.status, "{}", wrong.what);
                    *seen.lock().unwrap().entry((wrong.what, status)).or_default() += 1;
                }
            }
        }
    };
    let mut busy = applications.ask_during(Box::pin(attack)).await;
    let peak_kib = program.resident_peak_kib();
    println!("resident memory: idle {} MiB, at most {} MiB", idle_kib / 1024, peak_kib / 1024);
    println!("answered: {:?}", answered.lock().unwrap());
    let p99 = [at(99, &mut idle.decisions), at(99, &mut busy.decisions)];
    println!("decisions: p99 {:.1} ms idle, {:.1} ms beside it, of {}", p99[0], p99[1], busy.decisions.len());
    assert!(peak_kib < idle_kib + RESIDENT_GROWTH_MAX_KIB, "{idle_kib} KiB grew to {peak_kib}");
    assert!(!busy.decisions.is_empty());
}
