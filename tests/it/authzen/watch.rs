//! `GET /access/v1/watch`: what writes change, for those who keep answers.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use doorward::decision::{self, DecisionOptions, Decisions, Watch};
use doorward::domain::assignment::Effect;
use doorward::domain::change::{Position, Revision};
use doorward::domain::id::{Epoch, ResourceServerId};
use doorward::domain::name::Sub;
use doorward::domain::time::Interval;
use doorward::store::{Opener, Store, StoreOptions, pairwise, people};
use doorward::world::SystemEntropy;
use serde_json::{Value, json};
use uuid::Uuid;

use super::relations::documents;
use crate::support::{Answer, Auth, Database, House, Options, assign, both, eventually, slug};

/// One event of a stream.
#[derive(Debug)]
struct Event {
    name: String,
    id: String,
    data: Value,
}

struct Stream {
    response: reqwest::Response,
    text: String,
}

impl House {
    async fn asks_to_watch(&self, path: &str, auth: &Auth, headers: &[(&str, &str)]) -> reqwest::Response {
        let Auth::Basic(client_id, secret) = auth else { panic!("Basic credentials") };
        let mut request = self.client.get(format!("{}{path}", self.base)).basic_auth(client_id, Some(secret));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    async fn watches(&self, query: &str, auth: &Auth, headers: &[(&str, &str)]) -> Stream {
        let response = self.asks_to_watch(&format!("/access/v1/watch{query}"), auth, headers).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Stream { response, text: String::new() }
    }

    async fn watch(&self) -> Stream {
        let mut stream = self.watches("", &self.notes_api(), &[]).await;
        assert_eq!(stream.next().await.unwrap().name, "open");
        stream
    }
}

impl Stream {
    /// The next event that is more than a sign of life; nothing at the end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    event.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
                };
                let parsed = field("data:").map(|data| Event {
                    name: field("event:").unwrap(),
                    id: field("id:").unwrap(),
                    data: serde_json::from_str(&data).unwrap(),
                });
                let rest = rest.to_owned();
                self.text = rest;
                if parsed.is_some() {
                    return parsed;
                }
            }
            let more = tokio::time::timeout(Duration::from_secs(5), self.response.chunk()).await;
            let more = more.expect("an event within five seconds").ok()??;
            self.text.push_str(std::str::from_utf8(&more).unwrap());
        }
    }

    /// Everything that is told until this holds of it, and the last event.
    async fn until(&mut self, holds: impl Fn(&Told) -> bool) -> (Told, Event) {
        let mut told = Told::default();
        loop {
            let event = self.next().await.expect("more events");
            assert_eq!(event.name, "change", "{event:?}");
            let list = |name: &str| event.data[name].as_array().unwrap().clone();
            told.everything |= event.data["everything"] == true;
            told.subjects.extend(list("subjects"));
            told.resources.extend(list("resources"));
            told.types.extend(list("resource_types"));
            if holds(&told) {
                return (told, event);
            }
        }
    }
}

#[derive(Default, Debug)]
struct Told {
    everything: bool,
    subjects: Vec<Value>,
    resources: Vec<Value>,
    types: Vec<Value>,
}

impl Told {
    fn names(&self, of: &str, id: &str) -> bool {
        self.subjects.contains(&json!({ "type": of, "id": id }))
    }

    fn touches(&self, of: &str, id: &str) -> bool {
        self.resources.contains(&json!({ "type": of, "id": id }))
    }
}

pub async fn store_of(house: &House) -> Store {
    let wait = Duration::from_secs(5);
    let options = StoreOptions {
        url: house.database_url.clone(),
        connections_max: 2,
        checkout_timeout: wait,
        statement_timeout: wait,
        tls_ca_file: None,
    };
    Store::open(&options, Opener::Command).await.unwrap()
}

/// A decision service of its own over the database of the house, to watch without HTTP.
async fn decisions_of(house: &House) -> (Arc<Store>, Arc<Decisions>, ResourceServerId) {
    let store = Arc::new(store_of(house).await);
    let options = DecisionOptions {
        freshness_bound: Duration::from_secs(5),
        poll_every: Duration::from_millis(50),
        cache_entries_max: 1_000,
        search_reach_max: 1_000,
        search_keys_max: 50_000,
    };
    let decisions = Decisions::start(store.clone(), house.clock.clone(), Arc::new(SystemEntropy), options).await;
    let notes = house.node().admin().resource_server(&slug("notes")).await.unwrap().0.id;
    (store, decisions.unwrap(), notes)
}

/// Polls it so many times, and drops it if that was not enough.
async fn polled<T>(times: usize, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut polled) = (pin!(future), 0);
    std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => {
            polled += 1;
            if polled < times { Poll::Pending } else { Poll::Ready(None) }
        }
    })
    .await
}

/// Waits until this one is named.
async fn names(watch: &mut Watch, user: &str) {
    let names = |told: &decision::Told| match told {
        decision::Told::Changed(_, affected) => affected.subjects.iter().any(|of| of.id.as_deref() == Some(user)),
        decision::Told::Reset(_) => panic!("nothing was missed"),
    };
    let told = async { while !names(&watch.next().await.unwrap()) {} };
    tokio::time::timeout(Duration::from_secs(5), told).await.expect("told within five seconds");
}

both! {
    async fn to_watch_needs_a_decision_caller(house: House) {
        assert_eq!(house.get("/access/v1/watch").await.refusal(), (401, "unauthenticated".into()));
        for (auth, refusal) in [
            (Auth::basic("notes-api", "wrong"), (401, "unauthenticated")),
            (house.bot(), (403, "not_a_decision_caller")),
        ] {
            let answer = house.send(reqwest::Method::GET, "/access/v1/watch", &auth, &[], String::new()).await;
            assert_eq!(answer.refusal(), (refusal.0, refusal.1.to_owned()));
        }
        let wrong = house.send(reqwest::Method::GET, "/access/v1/watch?after=x", &house.notes_api(), &[], String::new()).await;
        assert_eq!((wrong.status, wrong.json()["member"].clone()), (400, json!("after")));
    }

    async fn what_a_write_can_have_changed_is_told(house: House) {
        house.model(&documents()).await;
        let mut stream = house.watch().await;
        let admin = house.node().admin();

        let given = assign(admin, "user:carol", "notes", "viewer", Effect::Allow, Interval::ALWAYS).await;
        let (told, _) = stream.until(|told| told.names("user", "carol")).await;
        assert!(!told.everything && told.resources.is_empty());
        let by_token = json!({ "type": "access_token" });
        assert!(told.subjects.contains(&by_token), "carol may have been named by a token");

        house.relate(&["document:7#viewer@user:bob"]).await;
        let (told, _) = stream.until(|told| told.touches("document", "7")).await;
        assert!(told.types.is_empty(), "nothing follows from a document: {told:?}");
        house.relate(&["folder:a#viewer@user:bob"]).await;
        let (told, _) = stream.until(|told| told.touches("folder", "a")).await;
        let follows: Vec<_> = told.types.iter().map(|of| of.as_str().unwrap()).collect();
        assert_eq!(follows, ["document", "folder"], "documents and folders are in folders");

        // Once it is told, this node answers accordingly.
        admin.remove_assignment(given).await.unwrap();
        stream.until(|told| told.names("user", "carol")).await;
        assert!(!house.may("carol", "read").await);

        admin.disable_person("bob").await.unwrap();
        stream.until(|told| told.names("user", "bob")).await;
        house.policies("permit(principal, action == Action::\"read\", resource is Resource::document);").await;
        stream.until(|told| told.everything).await;
    }

    async fn what_happens_elsewhere_is_not_told(house: House) {
        let mut stream = house.watch().await;
        let admin = house.node().admin();
        assign(admin, "user:bob", "files", "viewer", Effect::Allow, Interval::ALWAYS).await;
        admin.create_role(&slug("files"), slug("other"), vec![], &[]).await.unwrap();
        assign(admin, "user:alice", "notes", "viewer", Effect::Allow, Interval::ALWAYS).await;
        let (told, _) = stream.until(|told| told.names("user", "alice")).await;
        assert!(!told.names("user", "bob") && !told.everything, "{told:?}");
    }

    async fn a_stream_goes_on_where_it_was(house: House) {
        let mut stream = house.watch().await;
        let admin = house.node().admin();
        assign(admin, "user:alice", "notes", "viewer", Effect::Allow, Interval::ALWAYS).await;
        let (_, seen) = stream.until(|told| told.names("user", "alice")).await;
        drop(stream);
        assign(admin, "user:carol", "notes", "viewer", Effect::Allow, Interval::ALWAYS).await;
        assign(admin, "user:bob", "notes", "editor", Effect::Allow, Interval::ALWAYS).await;

        let auth = house.notes_api();
        for (query, headers) in [
            (String::new(), vec![("last-event-id", seen.id.as_str())]),
            (format!("?after={}", seen.id), vec![]),
        ] {
            let mut again = house.watches(&query, &auth, &headers).await;
            assert_eq!(again.next().await.unwrap().id, seen.id);
            let (told, _) = again.until(|told| told.names("user", "bob")).await;
            assert!(told.names("user", "carol") && !told.names("user", "alice"), "{told:?}");
        }
    }

    async fn whoever_missed_too_much_is_told_to_forget_everything(house: House) {
        let auth = house.notes_api();
        let elsewhere: [fn(Position) -> Position; 2] = [
            |here| Position { epoch: Epoch::from_uuid(Uuid::from_u128(1)), ..here },
            |here| Position { revision: Revision(here.revision.0 + 1_000), ..here },
        ];
        for elsewhere in elsewhere {
            let now = house.watches("", &auth, &[]).await.next().await.unwrap();
            let after = elsewhere(Position::from_token(&now.id).unwrap()).token();
            let mut stream = house.watches(&format!("?after={after}"), &auth, &[]).await;
            assert_eq!(stream.next().await.unwrap().name, "open");
            let reset = stream.next().await.unwrap();
            assert_eq!((reset.name.as_str(), &reset.id), ("reset", &now.id));
            // And from there it goes on.
            assign(house.node().admin(), "user:carol", "notes", "viewer", Effect::Allow, Interval::ALWAYS).await;
            stream.until(|told| told.names("user", "carol")).await;
            let held = house.command(&["assign", "list", "--resource-server", "notes", "--principal", "user:carol"]);
            let id = held["assignments"][0]["id"].as_str().unwrap().parse().unwrap();
            house.node().admin().remove_assignment(id).await.unwrap();
            stream.until(|told| told.names("user", "carol")).await;
        }
    }

    async fn whoever_may_not_ask_any_more_is_told_nothing_more(house: House) {
        let mut stream = house.watch().await;
        house.node().admin().set_client_disabled("notes-api", true).await.unwrap();
        assert!(stream.next().await.is_none(), "the stream ends");
    }

    async fn a_name_for_one_sector_is_told_to_nobody(house: House) {
        let store = store_of(&house).await;
        let secret = Sub::parse("known-to-one-sector").unwrap();
        let person = people::by_name(&mut store.read().await.unwrap(), "carol").await.unwrap().unwrap();
        let mut tx = store.begin().await.unwrap();
        pairwise::assign(&mut tx, person.id, "sector.example", &secret).await.unwrap();
        tx.commit().await.unwrap();
        let mut stream = house.watch().await;
        house.node().admin().disable_person("carol").await.unwrap();
        let (told, _) = stream.until(|told| told.names("user", "carol")).await;
        assert!(told.subjects.contains(&json!({ "type": "user" })), "whoever keeps answers by that name drops them");
        let all = serde_json::to_string(&told.subjects).unwrap();
        assert!(!all.contains("known-to-one-sector"), "{all}");
    }

    async fn a_write_of_many_things_is_told_whole(house: House) {
        house.model(&documents()).await;
        let mut stream = house.watch().await;
        let edges: Vec<_> = (0..700).map(|n| format!("document:{n}#viewer@user:bob")).collect();
        house.relate(&edges.iter().map(String::as_str).collect::<Vec<_>>()).await;
        stream.until(|told| (0..700).all(|n| told.touches("document", &n.to_string()))).await;
        house.relate(&["document:x#viewer@user:bob"]).await;
        stream.until(|told| told.touches("document", "x")).await;
    }

    async fn one_client_has_so_many_streams_and_others_have_theirs(house: House) {
        let (auth, paths) = (house.notes_api(), ["/access/v1/watch", "/r/notes/access/v1/watch"]);
        let mut streams = Vec::new();
        for n in 0..50 {
            let stream = house.asks_to_watch(paths[n % 2], &auth, &[]).await;
            assert_eq!(stream.status(), 200, "{n}");
            streams.push(stream);
        }
        for path in paths {
            let refused = house.asks_to_watch(path, &auth, &[]).await;
            assert_eq!(refused.status(), 429);
            assert_eq!(Answer::of(refused).await.refusal(), (429, "too_many_streams".into()));
        }
        let other = house.asks_to_watch(paths[0], &Auth::basic("files-api", &house.world.files_api), &[]).await;
        assert_eq!(other.status(), 200, "another client");
        // A place is given back when its stream ends.
        drop(streams.pop());
        eventually("there is a place again", async || house.asks_to_watch(paths[1], &auth, &[]).await.status() == 200)
            .await;
    }

    async fn a_server_that_stops_ends_its_streams(house: House) {
        let mut house = house;
        let mut stream = house.watch().await;
        house.stop().await;
        assert!(stream.next().await.is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_tells_what_another_wrote() {
    let one = House::start(Database::Postgres, Options::default()).await;
    let other = one.neighbour().await;
    let mut stream = other.watch().await;
    for _ in 0..20 {
        assign(one.node().admin(), "user:carol", "notes", "viewer", Effect::Allow, Interval::ALWAYS).await;
        let (_, event) = stream.until(|told| told.names("user", "carol")).await;
        assert!(other.may("carol", "read").await, "told once it is so: {event:?}");
        let held = one.command(&["assign", "list", "--resource-server", "notes", "--principal", "user:carol"]);
        let id = held["assignments"][0]["id"].as_str().unwrap().parse().unwrap();
        one.node().admin().remove_assignment(id).await.unwrap();
        stream.until(|told| told.names("user", "carol")).await;
        assert!(!other.may("carol", "read").await);
    }
    eventually("nobody is left", async || !one.may("carol", "read").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_stops_waiting_at_any_moment_loses_nothing() {
    let house = House::start(Database::Postgres, Options::default()).await;
    let (_, decisions, notes) = decisions_of(&house).await;
    let admin = house.node().admin();
    admin.create_group(slug("staff")).await.unwrap();
    let (staff, bob) = (slug("staff"), "user:bob".parse().unwrap());
    decisions.wait_applied(admin.written().unwrap()).await.unwrap();
    let mut dropped = [0; 2];
    for step in 0..24 {
        let before = decisions.applied();
        let mut by_feed = decisions.watch(notes, None);
        let written = if step % 2 == 0 {
            admin.add_group_member(&staff, &bob, Interval::ALWAYS, None).await
        } else {
            admin.remove_group_member(&staff, &bob).await
        };
        decisions.wait_applied(written.unwrap()).await.unwrap();
        // The feed has it a moment later.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let mut by_log = decisions.watch(notes, Some(before));
        for (watch, dropped) in [&mut by_feed, &mut by_log].into_iter().zip(&mut dropped) {
            if polled(1 + step / 4, names(watch, "bob")).await.is_none() {
                *dropped += 1;
                assert_eq!(watch.position(), before, "nothing was told yet");
                names(watch, "bob").await;
            }
            assert!(watch.position() != before);
        }
    }
    assert!(dropped.iter().all(|times| *times >= 1), "dropped in the middle: {dropped:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_slow_while_a_backup_is_restored_is_told_to_forget_everything() {
    let house = House::start(Database::Postgres, Options::default()).await;
    let (store, decisions, notes) = decisions_of(&house).await;
    let (database, connection) = tokio_postgres::connect(&house.database_url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let moved = async |by: i64| {
        let moved = format!("UPDATE revisions SET revision = revision + {by}");
        database.batch_execute(&moved).await.unwrap();
    };
    moved(5_000).await;
    eventually("this is known", async || decisions.applied().revision.0 >= 5_000).await;
    let mut watch = decisions.watch(notes, None);
    moved(-5_000).await;
    eventually("the history is another one", async || decisions.applied().revision.0 < 5_000).await;
    // More than is kept for whoever is slow.
    for _ in 0..300 {
        let written = store.edit().await.unwrap().commit().await.unwrap();
        decisions.wait_applied(written).await.unwrap();
    }
    let told = tokio::time::timeout(Duration::from_secs(5), watch.next()).await;
    let told = told.expect("told within five seconds").unwrap();
    assert_eq!(told, decision::Told::Reset(decisions.applied()));
}
