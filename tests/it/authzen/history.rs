//! Random writes and questions on three nodes at once. Afterwards the history is played back: each answer is that of the
//! revision it names, whole, and no older than was asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use doorward::domain::change::Position;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{Auth, Database, House, Options, evaluation};

const PEOPLE: [&str; 3] = ["alice", "bob", "carol"];
const TEAMS: [&str; 3] = ["red", "green", "blue"];
const DOCUMENTS: [&str; 3] = ["a", "b", "c"];

const FRESHNESS_BOUND: Duration = Duration::from_secs(2);

/// Seconds of it; `HISTORY_SECONDS` makes it longer.
fn seconds() -> u64 {
    std::env::var("HISTORY_SECONDS").ok().map_or(4, |text| text.parse().expect("HISTORY_SECONDS: a number"))
}

/// A simple generator (xorshift64*), each task with its own.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).unwrap() % bound
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

fn model() -> Value {
    json!({ "resources": {
        "document": { "actions": { "read": {} }, "relations": {
            "viewer": { "subjects": ["user", "team#member"], "grants": ["read"] },
        } },
        "team": { "relations": { "member": { "subjects": ["user"] } } },
    } })
}

/// What a write changed: edges, and denies of a person on a document.
#[derive(Clone, Debug)]
enum Change {
    Edge(String, bool),
    Deny(String, bool),
}

#[derive(Default)]
struct State {
    edges: BTreeSet<String>,
    denies: BTreeSet<String>,
}

impl State {
    fn apply(&mut self, change: &Change) {
        let (set, key, there) = match change {
            Change::Edge(key, there) => (&mut self.edges, key, there),
            Change::Deny(key, there) => (&mut self.denies, key, there),
        };
        if *there {
            set.insert(key.clone());
        } else {
            set.remove(key);
        }
    }

    fn permits(&self, person: &str, document: &str) -> bool {
        let viewer = |subject: &str| self.edges.contains(&format!("document:{document}#viewer@{subject}"));
        let in_team = |team: &str| self.edges.contains(&format!("team:{team}#member@user:{person}"));
        let denied = self.denies.contains(&format!("{person}/{document}"));
        let by_team = TEAMS.iter().any(|team| viewer(&format!("team:{team}#member")) && in_team(team));
        !denied && (viewer(&format!("user:{person}")) || by_team)
    }
}

/// What somebody was answered.
#[derive(Debug)]
struct Answered {
    asked: String,
    person: &'static str,
    document: &'static str,
    permitted: bool,
    revision: i64,
    /// The answer must not be older.
    at_least: i64,
}

#[derive(Default)]
struct History {
    writes: Mutex<BTreeMap<i64, Vec<Change>>>,
    answers: Mutex<Vec<Answered>>,
    /// When each write was acknowledged.
    acknowledgements: Mutex<Vec<(Instant, i64)>>,
    /// The latest write that was acknowledged, and its token.
    acknowledged: AtomicI64,
    token: Mutex<String>,
    seed: AtomicU64,
}

impl History {
    fn random(&self) -> Random {
        let seed = self.seed.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        Random(seed | 1)
    }

    fn wrote(&self, token: &str, changes: Vec<Change>) {
        let revision = Position::from_token(token).expect("a token").revision.0;
        assert!(self.writes.lock().unwrap().insert(revision, changes).is_none(), "two writes of one revision");
        self.acknowledgements.lock().unwrap().push((Instant::now(), revision));
        let mut known = self.token.lock().unwrap();
        if revision > self.acknowledged.fetch_max(revision, Ordering::SeqCst) {
            token.clone_into(&mut known);
        }
    }

    /// What was acknowledged so long ago that no node may answer from before it.
    fn known_everywhere(&self) -> i64 {
        let now = Instant::now();
        let acknowledged = self.acknowledgements.lock().unwrap();
        let old = acknowledged.iter().filter(|(at, _)| now.duration_since(*at) > FRESHNESS_BOUND);
        old.map(|(_, revision)| *revision).max().unwrap_or_default()
    }
}

async fn write_for_a_while(house: Arc<House>, root: Auth, history: Arc<History>, until: Instant, writer: usize) {
    let mut random = history.random();
    let mut denies: BTreeMap<String, String> = BTreeMap::new();
    let headers = [("content-type", "application/json")];
    while Instant::now() < until {
        if random.below(4) == 0 {
            // Each writer denies about a document of its own, so that it knows what is there.
            let (person, document) = (random.of(&PEOPLE), DOCUMENTS[writer]);
            let key = format!("{person}/{document}");
            let answer = if let Some(id) = denies.remove(&key) {
                house.send(Method::DELETE, &format!("/api/v1/assignments/{id}"), &root, &[], String::new()).await
            } else {
                let body = json!({
                    "principal": format!("user:{person}"), "resource_server": "notes", "permission": "read:document",
                    "effect": "deny", "on": format!("document:{document}"),
                });
                let made = house.send(Method::POST, "/api/v1/assignments", &root, &headers, body.to_string()).await;
                denies.insert(key.clone(), made.json()["id"].as_str().unwrap().to_owned());
                made
            };
            assert!((200..300).contains(&answer.status), "{answer:?}");
            let change = Change::Deny(key.clone(), denies.contains_key(&key));
            history.wrote(answer.header("doorward-consistency-token"), vec![change]);
        } else {
            let (mut body, mut changes) = (json!({ "write": [], "delete": [] }), BTreeMap::new());
            for _ in 0..=random.below(4) {
                let (object, relation, subject) = match random.below(3) {
                    0 => (format!("team:{}", random.of(&TEAMS)), "member", format!("user:{}", random.of(&PEOPLE))),
                    1 => (
                        format!("document:{}", random.of(&DOCUMENTS)),
                        "viewer",
                        format!("user:{}", random.of(&PEOPLE)),
                    ),
                    _ => {
                        let team = format!("team:{}#member", random.of(&TEAMS));
                        (format!("document:{}", random.of(&DOCUMENTS)), "viewer", team)
                    }
                };
                let there = random.below(2) == 0;
                if changes.insert(format!("{object}#{relation}@{subject}"), there).is_none() {
                    let list = if there { "write" } else { "delete" };
                    let edge = json!({ "object": object, "relation": relation, "subject": subject });
                    body[list].as_array_mut().unwrap().push(edge);
                } else {
                    // An edge once in a write: drawn again, the first stands.
                    changes.remove(&format!("{object}#{relation}@{subject}"));
                    break;
                }
            }
            let said = |list: &str, there: bool| -> Vec<Change> {
                let text = |edge: &Value| {
                    let part = |name: &str| edge[name].as_str().unwrap().to_owned();
                    Change::Edge(format!("{}#{}@{}", part("object"), part("relation"), part("subject")), there)
                };
                body[list].as_array().unwrap().iter().map(text).collect()
            };
            let changes = [said("delete", false), said("write", true)].concat();
            let path = "/api/v1/resource-servers/notes/relations";
            let answer = house.send(Method::POST, path, &root, &headers, body.to_string()).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            history.wrote(answer.header("doorward-consistency-token"), changes);
        }
        if random.below(5) == 0 {
            tokio::time::sleep(Duration::from_millis(random.below(60) as u64)).await;
        }
    }
}

async fn ask_for_a_while(houses: Vec<Arc<House>>, history: Arc<History>, until: Instant) {
    let mut random = history.random();
    while Instant::now() < until {
        let node = random.below(houses.len());
        let (person, document) = (random.of(&PEOPLE), random.of(&DOCUMENTS));
        let (demand, at_least) = match random.below(3) {
            0 => ("minimize_latency".to_owned(), history.known_everywhere()),
            1 => ("full".to_owned(), history.acknowledged.load(Ordering::SeqCst)),
            _ => {
                let token = history.token.lock().unwrap().clone();
                let revision = Position::from_token(&token).map_or(0, |position| position.revision.0);
                (if revision == 0 { "full".to_owned() } else { format!("at_least={token}") }, revision)
            }
        };
        let headers = [("content-type", "application/json"), ("doorward-consistency", demand.as_str())];
        let (about, path, body) = match random.below(4) {
            // All there is, in one batch: of one revision.
            0 => {
                let all: Vec<_> =
                    PEOPLE.iter().flat_map(|person| DOCUMENTS.map(|document| (*person, document))).collect();
                let items: Vec<_> = all
                    .iter()
                    .map(|(person, document)| evaluation("user", person, "read", "document", document))
                    .collect();
                (all, "/access/v1/evaluations", json!({ "evaluations": items }))
            }
            1 => {
                let body = json!({
                    "subject": { "type": "user", "id": person }, "action": { "name": "read" },
                    "resource": { "type": "document" },
                });
                (DOCUMENTS.map(|document| (person, document)).to_vec(), "/access/v1/search/resource", body)
            }
            _ => (
                vec![(person, document)],
                "/access/v1/evaluation",
                evaluation("user", person, "read", "document", document),
            ),
        };
        let auth = houses[node].notes_api();
        let answer = houses[node].send(Method::POST, path, &auth, &headers, body.to_string()).await;
        assert_eq!(answer.status, 200, "{demand}: {answer:?}");
        let revision = answer.header("doorward-revision").parse().unwrap();
        let said = answer.json();
        let node = &houses[node].base;
        for (nth, (person, document)) in about.into_iter().enumerate() {
            let permitted = match path {
                "/access/v1/evaluations" => said["evaluations"][nth]["decision"] == true,
                "/access/v1/evaluation" => said["decision"] == true,
                _ => said["results"].as_array().unwrap().iter().any(|found| found["id"] == document),
            };
            let asked = format!("{path}: {person} on {document} at {node}, {demand}: {said}");
            history.answers.lock().unwrap().push(Answered { asked, person, document, permitted, revision, at_least });
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_that_of_the_revision_it_names() {
    let options = || Options::default().set("decision.freshness_bound", "2s");
    let one = House::start(Database::Postgres, options()).await;
    let root = one.root().await;
    let notes = "/api/v1/resource-servers/notes";
    root.done(Method::PUT, &format!("{notes}/rules"), &json!({ "model": model() })).await;
    let put = DOCUMENTS.map(|document| json!({ "resource": format!("document:{document}") }));
    root.done(Method::POST, &format!("{notes}/resources"), &json!({ "put": put })).await;
    let root = root.auth;
    // One node looks for news by itself once a second; the other keeps next to nothing, so that each of its answers is put
    // together while others write.
    let two = one.neighbour_with(options().set("decision.poll_every", "1s")).await;
    let three = one.neighbour_with(options().set("decision.cache_max", 0)).await;
    let houses: Vec<_> = [one, two, three].into_iter().map(Arc::new).collect();

    let started = Instant::now();
    let until = started + Duration::from_secs(seconds());
    let history = Arc::new(History::default());
    history.seed.store(u64::from(std::process::id()) << 20, Ordering::Relaxed);
    let mut tasks = JoinSet::new();
    for (writer, house) in houses.iter().enumerate() {
        tasks.spawn(write_for_a_while(house.clone(), root.clone(), history.clone(), until, writer));
        tasks.spawn(ask_for_a_while(houses.clone(), history.clone(), until));
        tasks.spawn(ask_for_a_while(houses[2..].to_vec(), history.clone(), until));
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }

    let writes = std::mem::take(&mut *history.writes.lock().unwrap());
    let mut answers = std::mem::take(&mut *history.answers.lock().unwrap());
    answers.sort_by_key(|answered| answered.revision);
    let (mut state, mut next) = (State::default(), writes.iter().peekable());
    let mut permits = 0;
    for answered in &answers {
        while let Some((_, changes)) = next.next_if(|(revision, _)| **revision <= answered.revision) {
            for change in changes {
                state.apply(change);
            }
        }
        let Answered { asked, person, document, permitted, revision, at_least } = answered;
        assert_eq!(*permitted, state.permits(person, document), "{asked}, as of {revision}");
        assert!(revision >= at_least, "{asked}: as of {revision}, older than {at_least}");
        permits += usize::from(answered.permitted);
    }
    println!("{} writes, {} answers, {permits} of them permits", writes.len(), answers.len());
    assert!(writes.len() > 20 && permits > 20 && answers.len() - permits > 20, "it was about something");
}
