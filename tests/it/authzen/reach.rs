//! Searches follow grants, groups and relations instead of looking at everything: whatever the world is like, they find what
//! evaluations permit, page by page, also while it changes.

use std::collections::BTreeSet;

use doorward::admin::assignments::{HeldRef, NewAssignment};
use doorward::admin::relations::RelationWrite;
use doorward::admin::resources::ResourceWrite;
use doorward::admin::rules::RuleChange;
use doorward::admin::subjects::SubjectPut;
use doorward::domain::assignment::Effect;
use doorward::domain::change::Revision;
use doorward::domain::id::AssignmentId;
use doorward::domain::listing::Listing;
use doorward::domain::model::Model;
use doorward::domain::object::ObjectRef;
use doorward::domain::time::{Clock as _, Interval};
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::search::{finds, page, pages_of, register, search, which, who};
use crate::support::authz::{edge, new_edge};
use crate::support::{Database, House, Options, both, permission, slug};

/// Documents and folders with parents; forks of repositories of organizations, without. The narrow one no longer allows some
/// edges that the wide one did.
fn model(is_wide: bool) -> Value {
    let only = |subjects: &[&str], wide: &[&str]| -> Vec<String> {
        let wide = wide.iter().filter(|_| is_wide);
        subjects.iter().chain(wide).map(|subject| (*subject).to_owned()).collect()
    };
    let shared = json!({
        "actions": { "read": {}, "write": {}, "share": {} },
        "relations": {
            "parent": { "subjects": only(&["folder"], &["repo"]) },
            "owner": { "subjects": ["user", "employee"], "from": ["owner from parent"], "grants": ["*"] },
            "editor": { "subjects": only(&["user", "group#member"], &["client", "team#member"]), "includes": ["owner"],
                        "from": ["editor from parent"], "grants": ["write"] },
            "viewer": { "subjects": only(&["user", "client", "employee", "group#member", "team#member"], &["user:*", "employee:*"]),
                        "includes": ["editor"], "from": ["viewer from parent"], "grants": ["read"] },
        },
    });
    json!({
        "subjects": { "employee": { "kind": "external" }, "person": { "kind": "directory" } },
        "resources": {
            "document": shared,
            "folder": shared,
            "team": { "relations": { "member": { "subjects": ["user", "employee", "group#member", "team#member"] } } },
            "organization": { "relations": {
                "admin": { "subjects": ["user", "group#member"] },
                "member": { "subjects": ["user", "employee", "client"], "includes": ["admin"] },
            } },
            "repo": { "actions": { "read": {}, "write": {} }, "relations": {
                "org": { "subjects": ["organization"] },
                "fork": { "subjects": ["repo"] },
                "maintainer": { "subjects": ["user", "team#member"], "from": ["admin from org"], "grants": ["write"] },
                "reader": { "subjects": only(&["employee"], &["client:*", "organization#member"]), "includes": ["maintainer"],
                            "from": ["member from org", "reader from fork"], "grants": ["read"] },
            } },
        },
    })
}

const OBJECTS: [&str; 10] = [
    "document:1",
    "document:2",
    "document:3",
    "document:4",
    "folder:1",
    "folder:2",
    "folder:3",
    "repo:1",
    "repo:2",
    "repo:3",
];

const EDGES: [&str; 38] = [
    "document:1#parent@folder:1",
    "document:2#parent@folder:2",
    "document:3#parent@folder:3",
    "document:3#parent@folder:1",
    "document:4#parent@repo:1",
    "folder:1#parent@folder:2",
    "folder:2#parent@folder:3",
    "folder:3#parent@folder:1",
    "document:1#owner@user:alice",
    "document:4#owner@employee:1",
    "folder:2#owner@user:bob",
    "folder:3#owner@employee:1",
    "document:2#editor@client:bot",
    "document:3#editor@team:1#member",
    "folder:1#editor@group:h#member",
    "folder:3#editor@user:carol",
    "document:1#viewer@user:*",
    "document:2#viewer@employee:*",
    "document:4#viewer@group:g#member",
    "document:4#viewer@team:2#member",
    "folder:1#viewer@client:bot",
    "folder:2#viewer@team:1#member",
    "folder:3#viewer@user:bob",
    "folder:3#viewer@group:i#member",
    "team:1#member@user:alice",
    "team:1#member@team:2#member",
    "team:2#member@employee:1",
    "team:2#member@group:g#member",
    "organization:1#admin@user:carol",
    "organization:1#member@client:bot",
    "organization:2#admin@group:h#member",
    "organization:2#member@user:bob",
    "repo:1#org@organization:1",
    "repo:2#org@organization:2",
    "repo:3#fork@repo:2",
    "repo:2#fork@repo:1",
    "repo:1#reader@client:*",
    "repo:3#reader@organization:1#member",
];

const MEMBERS: [(&str, &str); 6] = [
    ("g", "user:alice"),
    ("g", "client:bot"),
    ("h", "group:g"),
    ("i", "group:h"),
    ("i", "user:bob"),
    ("h", "user:carol"),
];

/// To whom, what, on what.
type Grant = (&'static str, &'static str, Option<&'static str>, Effect);

const GRANTS: [Grant; 20] = [
    ("user:alice", "read:document", Some("folder:2"), Effect::Allow),
    ("user:alice", "role writer", Some("document:3"), Effect::Allow),
    ("user:alice", "*:repo", Some("repo:2"), Effect::Allow),
    ("user:alice", "write:document", None, Effect::Allow),
    ("user:bob", "*:*", Some("folder:1"), Effect::Allow),
    ("user:bob", "role reader", Some("document:4"), Effect::Allow),
    ("user:bob", "read:document", Some("document:9"), Effect::Allow),
    ("user:bob", "read:document", Some("document:3"), Effect::Deny),
    ("user:carol", "read:folder", Some("folder:3"), Effect::Allow),
    ("user:carol", "share:document", Some("folder:3"), Effect::Allow),
    ("user:carol", "read:*", Some("folder:1"), Effect::Deny),
    ("client:bot", "role reader", None, Effect::Allow),
    ("client:bot", "write:document", Some("repo:1"), Effect::Allow),
    ("employee:1", "read:document", Some("folder:3"), Effect::Allow),
    ("employee:1", "read:repo", Some("repo:3"), Effect::Allow),
    ("group:g", "role reader", Some("folder:2"), Effect::Allow),
    ("group:h", "write:*", Some("document:2"), Effect::Allow),
    ("group:i", "read:repo", None, Effect::Allow),
    ("group:i", "read:document", None, Effect::Deny),
    ("group:h", "share:folder", Some("folder:1"), Effect::Allow),
];

const POLICIES: [&str; 4] = [
    "",
    r#"forbid(principal, action == Action::"write", resource is Resource::document) unless { principal in Group::"h" };"#,
    r#"permit(principal in Group::"g", action == Action::"share", resource is Resource::document);"#,
    r#"permit(principal is Subject::client, action, resource in Resource::folder::"2");
       forbid(principal is Subject::employee, action == Action::"read", resource is Resource::repo);"#,
];

#[derive(Clone, Copy, Debug)]
enum When {
    Always,
    Over,
    ToCome,
    ForNow,
}

#[derive(Clone, Debug)]
struct Given {
    edges: Vec<(&'static str, When)>,
    members: Vec<((&'static str, &'static str), When)>,
    grants: Vec<(Grant, When)>,
    policies: &'static str,
    is_narrowed: bool,
    unregistered: Vec<&'static str>,
    limit: usize,
}

fn whens(len: usize) -> impl Strategy<Value = Vec<When>> {
    let one =
        prop_oneof![4 => Just(When::Always), 1 => Just(When::Over), 1 => Just(When::ToCome), 1 => Just(When::ForNow)];
    prop::collection::vec(one, len)
}

fn worlds() -> impl Strategy<Value = Given> {
    let edges = (subsequence(&EDGES[..], 4..=22), whens(EDGES.len()));
    let members = (subsequence(&MEMBERS[..], 0..=MEMBERS.len()), whens(MEMBERS.len()));
    let grants = (subsequence(&GRANTS[..], 0..=7), whens(GRANTS.len()));
    let policies = prop_oneof![2 => Just(""), 1 => select(&POLICIES[..])];
    let rest = (policies, prop::bool::weighted(0.3), subsequence(&OBJECTS[..], 0..=2), 1..4_usize);
    (edges, members, grants, rest).prop_map(|(edges, members, grants, rest)| Given {
        edges: edges.0.into_iter().zip(edges.1).collect(),
        members: members.0.into_iter().zip(members.1).collect(),
        grants: grants.0.into_iter().zip(grants.1).collect(),
        policies: rest.0,
        is_narrowed: rest.1,
        unregistered: rest.2,
        limit: rest.3,
    })
}

/// A house in which worlds come and go.
struct Stage {
    house: House,
    given: std::sync::Mutex<Vec<AssignmentId>>,
    people: Vec<String>,
    clients: Vec<String>,
}

impl Stage {
    async fn set(database: Database, reach_max: i64) -> Self {
        let options = Options::default().set("decision.search_reach_max", reach_max);
        // Beyond this bound, too: candidates are decided by halves, to the last one alone, and what was loaded is dropped.
        let options = if reach_max < 10 { options.set("decision.search_keys_max", 3) } else { options };
        let house = House::start(database, options).await;
        house.model(&model(true)).await;
        let (admin, notes) = (house.node().admin(), slug("notes"));
        for group in ["g", "h", "i"] {
            admin.create_group(slug(group)).await.unwrap();
        }
        let subject = |name: &str, disabled| SubjectPut { subject: name.parse().unwrap(), attributes: None, disabled };
        admin
            .put_subjects(&notes, &[subject("employee:1", Some(false)), subject("employee:2", Some(true))])
            .await
            .unwrap();
        let reads = vec![permission("read:document"), permission("read:repo")];
        admin.create_role(&notes, slug("reader"), reads, &[]).await.unwrap();
        let writes = vec![permission("write:document"), permission("*:folder")];
        admin.create_role(&notes, slug("writer"), writes, &[slug("reader")]).await.unwrap();
        let people = admin
            .people(Listing::after(None, 100), None)
            .await
            .unwrap()
            .into_iter()
            .map(|person| person.sub.to_string())
            .collect();
        let clients = admin
            .clients(Listing::after(None, 100))
            .await
            .unwrap()
            .into_iter()
            .map(|client| client.client_id.to_string())
            .collect();
        Self { house, given: std::sync::Mutex::default(), people, clients }
    }

    fn interval(&self, when: When) -> Interval {
        let now = self.house.clock.now();
        let hour = std::time::Duration::from_hours(1);
        match when {
            When::Always => Interval::ALWAYS,
            When::Over => Interval::new(None, Some(now.minus(hour))).unwrap(),
            When::ToCome => Interval::new(Some(now.plus(hour)), None).unwrap(),
            When::ForNow => Interval::new(Some(now.minus(hour)), Some(now.plus(hour))).unwrap(),
        }
    }

    async fn rules(&self, is_wide: bool, policies: &str) -> Revision {
        let model = Some(Model::parse(&model(is_wide)).unwrap());
        let change = RuleChange { model, policies: Some(policies.to_owned()) };
        self.house.node().admin().put_rules(&slug("notes"), &change).await.unwrap().1
    }

    /// Makes the world this one.
    async fn play(&self, world: &Given) {
        let (admin, notes) = (self.house.node().admin(), slug("notes"));
        self.rules(true, "").await;
        let gone = std::mem::take(&mut *self.given.lock().unwrap());
        for id in gone {
            // Some went with the resource they were for.
            drop(admin.remove_assignment(id).await);
        }
        for (group, member) in MEMBERS {
            drop(admin.remove_group_member(&slug(group), &member.parse().unwrap()).await);
        }
        for ((group, member), when) in &world.members {
            let interval = self.interval(*when);
            admin.add_group_member(&slug(group), &member.parse().unwrap(), interval, None).await.unwrap();
        }
        let write = world.edges.iter().map(|(text, when)| new_edge(text, self.interval(*when))).collect();
        let delete = EDGES.iter().map(|text| edge(text)).collect();
        admin.write_relations(&notes, &RelationWrite { delete, write, ..RelationWrite::default() }).await.unwrap();
        for ((to, what, on, effect), when) in &world.grants {
            self.give(to, what, *on, *effect, self.interval(*when)).await;
        }
        register(&self.house, &OBJECTS.map(str::to_owned)).await;
        let delete = world.unregistered.iter().map(|object| object.parse().unwrap()).collect();
        let revision = admin.write_resources(&notes, &ResourceWrite { delete, put: Vec::new() }).await.unwrap();
        self.settle(revision).await;
        let revision = self.rules(!world.is_narrowed, world.policies).await;
        self.settle(revision).await;
    }

    async fn give(&self, to: &str, what: &str, on: Option<&str>, effect: Effect, interval: Interval) {
        let new = NewAssignment {
            principal: to.parse().unwrap(),
            resource_server: slug("notes"),
            held: match what.strip_prefix("role ") {
                Some(role) => HeldRef::Role(slug(role)),
                None => HeldRef::Permission(permission(what)),
            },
            scope: on.map(|on| ObjectRef::parse(on).unwrap()),
            effect,
            interval,
            reason: None,
        };
        let given = self.house.node().admin().add_assignment(&new).await.unwrap().0.assignment.id;
        self.given.lock().unwrap().push(given);
    }

    /// Waits until evaluations know of a write.
    async fn settle(&self, revision: Revision) {
        let body = crate::support::evaluation("user", "alice", "read", "document", "1");
        let started = std::time::Instant::now();
        loop {
            let answer = self.house.json("/access/v1/evaluation", &self.house.notes_api(), &body).await;
            if answer.header("doorward-revision").parse::<i64>().unwrap() >= revision.0 {
                return;
            }
            assert!(started.elapsed() < std::time::Duration::from_secs(5), "not within five seconds");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// All subjects there are, by type.
    fn subjects(&self, of: &str) -> Vec<String> {
        match of {
            "user" => self.people.clone(),
            "client" => self.clients.clone(),
            _ => vec!["1".to_owned(), "2".to_owned()],
        }
    }

    /// Which of these are permitted, asked one by one.
    async fn permitted(&self, of: &[(String, &str, String)]) -> Vec<bool> {
        let item = |(subject, action, object): &(String, &str, String)| {
            let ((kind, who), (of, id)) = (subject.split_once(':').unwrap(), object.split_once(':').unwrap());
            crate::support::evaluation(kind, who, action, of, id)
        };
        let mut all = Vec::new();
        for some in of.chunks(1_000) {
            let body = json!({ "evaluations": some.iter().map(item).collect::<Vec<_>>() });
            let answer = self.house.json("/access/v1/evaluations", &self.house.notes_api(), &body).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            let answer = answer.json();
            all.extend(
                answer["evaluations"].as_array().unwrap().iter().map(|item| item["decision"].as_bool().unwrap()),
            );
        }
        all
    }

    /// What a search must find now.
    async fn expected(&self, target: &str, body: &Value, registered: &[&str]) -> BTreeSet<String> {
        let text = |entity: &str, member: &str| body[entity][member].as_str().unwrap().to_owned();
        let action = body["action"]["name"].as_str().unwrap();
        let (subject, resource) = (text("subject", "type"), text("resource", "type"));
        let ids: Vec<String> = if target == "subject" {
            self.subjects(&subject)
        } else {
            let ids = registered.iter().filter_map(|object| object.strip_prefix(&format!("{resource}:")));
            ids.map(str::to_owned).collect()
        };
        let question = |id: &String| {
            if target == "subject" {
                (format!("{subject}:{id}"), action, format!("{resource}:{}", text("resource", "id")))
            } else {
                (format!("{subject}:{}", text("subject", "id")), action, format!("{resource}:{id}"))
            }
        };
        let questions: Vec<_> = ids.iter().map(question).collect();
        let permitted = self.permitted(&questions).await;
        ids.into_iter().zip(permitted).filter(|(_, permitted)| *permitted).map(|(id, _)| id).collect()
    }

    /// Every search of the world, page by page, against evaluations.
    async fn check(&self, world: &Given) {
        self.play(world).await;
        let registered: Vec<_> = OBJECTS.into_iter().filter(|object| !world.unregistered.contains(object)).collect();
        for (target, body) in Self::searches(&registered) {
            let expected = self.expected(target, &body, &registered).await;
            let found = pages_of(&self.house, target, &body, world.limit).await;
            assert_eq!(found.iter().cloned().collect::<BTreeSet<_>>(), expected, "{target} {body}");
            assert_eq!(found.len(), expected.len(), "each once: {target} {body}");
        }
        for object in &world.unregistered {
            let found = finds(&self.house, "subject", &who("read", object)).await;
            assert!(found.is_empty(), "{object} is not registered: {found:?}");
        }
    }

    fn searches(registered: &[&str]) -> Vec<(&'static str, Value)> {
        let mut all = Vec::new();
        for subject in ["user:alice", "user:bob", "person:carol", "client:bot", "employee:1"] {
            for (of, actions) in [
                ("document", &["read", "write", "share"][..]),
                ("folder", &["read", "share"]),
                ("repo", &["read", "write"]),
            ] {
                all.extend(actions.iter().map(|action| ("resource", which(subject, action, of))));
            }
        }
        for object in registered {
            for kind in ["user", "client", "employee"] {
                for action in ["read", "write"] {
                    let mut body = who(action, object);
                    body["subject"]["type"] = json!(kind);
                    all.push(("subject", body));
                }
            }
        }
        all
    }

    /// One search whose pages are read while the world changes; so many changes, each by chance.
    async fn change(&self, world: &Given, searched: Index, changes: &[Index]) {
        self.play(world).await;
        let mut registered: Vec<_> =
            OBJECTS.into_iter().filter(|object| !world.unregistered.contains(object)).collect();
        let all_searches = Self::searches(&registered);
        let (target, mut body) = all_searches[searched.index(all_searches.len())].clone();
        let plain = body.clone();
        body["page"] = json!({ "limit": 1 });
        let mut changes = changes.iter();
        let mut permitted = self.expected(target, &plain, &registered).await;
        let (mut throughout, mut all) = (permitted.clone(), Vec::new());
        loop {
            let (found, next) = page(&self.house, target, &body).await;
            for id in &found {
                assert!(permitted.contains(id), "{id} is not permitted now: {target} {plain}");
            }
            all.extend(found);
            if next.is_empty() {
                break;
            }
            body["page"] = json!({ "token": next });
            if let Some(change) = changes.next() {
                self.settle(self.toggle(*change, &mut registered).await).await;
                permitted = self.expected(target, &plain, &registered).await;
                throughout.retain(|id| permitted.contains(id));
            }
        }
        let found: BTreeSet<_> = all.iter().cloned().collect();
        assert_eq!(found.len(), all.len(), "none twice: {all:?}: {target} {plain}");
        assert!(throughout.is_subset(&found), "{throughout:?} stayed permitted, {found:?} was found: {target} {plain}");
    }

    /// Writes an edge or takes it away, gives something on everything, or registers or deletes a resource.
    async fn toggle(&self, change: Index, registered: &mut Vec<&'static str>) -> Revision {
        let (admin, notes) = (self.house.node().admin(), slug("notes"));
        let kinds = EDGES.len() * 2 + 4 + OBJECTS.len();
        match change.index(kinds) {
            at if at < EDGES.len() => {
                let text = EDGES[at];
                // What an edge mentions is registered.
                let mentioned =
                    OBJECTS.iter().filter(|object| text.starts_with(&format!("{object}#")) || text.ends_with(*object));
                let new: Vec<_> = mentioned.filter(|object| !registered.contains(object)).copied().collect();
                registered.extend(new);
                let write = vec![new_edge(text, Interval::ALWAYS)];
                self.rules(true, "").await;
                admin.write_relations(&notes, &RelationWrite { write, ..RelationWrite::default() }).await.unwrap()
            }
            at if at < EDGES.len() * 2 => {
                let delete = vec![edge(EDGES[at - EDGES.len()])];
                admin.write_relations(&notes, &RelationWrite { delete, ..RelationWrite::default() }).await.unwrap()
            }
            at if at < EDGES.len() * 2 + 4 => {
                let (to, what) = [
                    ("user:alice", "*:*"),
                    ("user:bob", "read:*"),
                    ("group:i", "read:document"),
                    ("client:bot", "*:*"),
                ][at - EDGES.len() * 2];
                let new = NewAssignment {
                    principal: to.parse().unwrap(),
                    resource_server: notes.clone(),
                    held: HeldRef::Permission(permission(what)),
                    scope: None,
                    effect: Effect::Allow,
                    interval: self.interval(When::ForNow),
                    reason: None,
                };
                // It may be given already.
                if let Ok((recorded, _)) = admin.add_assignment(&new).await {
                    self.given.lock().unwrap().push(recorded.assignment.id);
                }
                self.rules(true, "").await
            }
            at => {
                let object = OBJECTS[at - EDGES.len() * 2 - 4];
                registered.retain(|known| *known != object);
                let delete = vec![object.parse().unwrap()];
                admin.write_resources(&notes, &ResourceWrite { delete, put: Vec::new() }).await.unwrap()
            }
        }
    }
}

/// So many worlds for each house; more for a long run.
fn cases(default: u32) -> u32 {
    std::env::var("DOORWARD_SEARCH_WORLDS").map_or(default, |cases| cases.parse().unwrap())
}

/// Tries a property on worlds one after the other, and on smaller ones where it fails.
fn explore<S: Strategy>(cases: u32, worlds: S, holds: impl AsyncFn(S::Value)) {
    tokio::task::block_in_place(|| {
        let config = Config { cases, failure_persistence: None, max_shrink_iters: 100, ..Config::default() };
        let tried = TestRunner::new(config).run(&worlds, |world| {
            tokio::runtime::Handle::current().block_on(holds(world));
            Ok(())
        });
        if let Err(failure) = tried {
            panic!("{failure}");
        }
    });
}

async fn find_what_is_permitted(database: Database, reach_max: i64) {
    let stage = Stage::set(database, reach_max).await;
    explore(cases(6), worlds(), async |world| stage.check(&world).await);
}

async fn find_it_once(database: Database, reach_max: i64) {
    let stage = Stage::set(database, reach_max).await;
    let changes = prop::collection::vec(any::<Index>(), 6);
    explore(cases(6) * 8, (worlds(), any::<Index>(), changes), async |(world, searched, changes)| {
        stage.change(&world, searched, &changes).await;
    });
}

/// Whatever is in reach, and a bound that most worlds go beyond: of one search some pages are narrow, others are not.
mod searches_of_any_world_find_what_evaluations_permit {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn on_sqlite() {
        find_what_is_permitted(Database::Sqlite, 10_000).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn on_postgres() {
        find_what_is_permitted(Database::Postgres, 10_000).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn beyond_the_bound_on_sqlite() {
        find_what_is_permitted(Database::Sqlite, 5).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn beyond_the_bound_on_postgres() {
        find_what_is_permitted(Database::Postgres, 5).await;
    }
}

mod what_stays_permitted_is_found_once_whatever_changes_between_pages {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn on_sqlite() {
        find_it_once(Database::Sqlite, 10_000).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn on_postgres() {
        find_it_once(Database::Postgres, 10_000).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn near_the_bound_on_postgres() {
        find_it_once(Database::Postgres, 8).await;
    }
}

/// Three thousand documents of which bob holds three: on one alone, below a folder, and through a team.
async fn three_of_many(house: &House) {
    house.model(&model(true)).await;
    let all: Vec<_> = (0..3_000).map(|i| format!("document:d-{i:04}")).collect();
    register(house, &all).await;
    house
        .relate(&["document:d-2998#parent@folder:1", "document:d-0007#viewer@team:1#member", "team:1#member@user:bob"])
        .await;
    super::search::give(house, "user:bob", "read:document", Some("folder:1"), Effect::Allow).await;
    super::search::give(house, "user:bob", "read:document", Some("document:d-1500"), Effect::Allow).await;
}

const THREE: [&str; 3] = ["d-0007", "d-1500", "d-2998"];

both! {
    async fn who_holds_three_of_thousands_finds_them_on_the_first_page(house: House) {
        three_of_many(&house).await;
        let mut body = which("user:bob", "read", "document");
        body["page"] = json!({ "limit": 100 });
        let three: Vec<_> = THREE.iter().map(|id| (*id).to_owned()).collect();
        assert_eq!(page(&house, "resource", &body).await, (three.clone(), String::new()));
        assert_eq!(pages_of(&house, "resource", &body, 1).await, three);
        body["action"]["name"] = json!("write");
        assert_eq!(page(&house, "resource", &body).await, (Vec::new(), String::new()), "nothing, and that at once");
        // One at a time, and of three the last page says that it is the last.
        body["action"]["name"] = json!("read");
        body["page"] = json!({ "limit": 3 });
        assert_eq!(page(&house, "resource", &body).await, (three, String::new()));
        // Denied everything, nobody looks at anything.
        crate::authzen::search::give(&house, "user:bob", "*:*", None, Effect::Allow).await;
        crate::authzen::search::give(&house, "user:bob", "*:document", None, Effect::Deny).await;
        assert_eq!(page(&house, "resource", &body).await, (Vec::new(), String::new()));
    }

    async fn who_may_reach_one_document_is_found_without_asking_everybody(house: House) {
        three_of_many(&house).await;
        let name = |i: i32| format!("employee:e-{i:04}").parse().unwrap();
        let put: Vec<_> = (0..1_020).map(|i| SubjectPut { subject: name(i), attributes: None, disabled: Some(false) }).collect();
        house.node().admin().put_subjects(&slug("notes"), &put).await.unwrap();
        crate::authzen::search::give(&house, "employee:e-1010", "read:document", Some("folder:1"), Effect::Allow).await;
        house.relate(&["document:d-2998#viewer@employee:e-1019", "folder:1#owner@employee:e-0003", "document:d-0001#viewer@employee:*"]).await;
        let mut body = who("read", "document:d-2998");
        body["subject"]["type"] = json!("employee");
        body["page"] = json!({ "limit": 100 });
        let three: Vec<_> = ["e-0003", "e-1010", "e-1019"].iter().map(|id| (*id).to_owned()).collect();
        assert_eq!(page(&house, "subject", &body).await, (three, String::new()));
        body["resource"]["id"] = json!("d-0001");
        body["page"] = json!({ "limit": 1_000 });
        let (all, next) = page(&house, "subject", &body).await;
        assert_eq!((all.len(), next.is_empty()), (1_000, false), "everybody is everybody");
    }
}

mod beyond_the_bound_everything_is_looked_at {
    use super::*;

    async fn check(database: Database) {
        let house = House::start(database, Options::default().set("decision.search_reach_max", 4)).await;
        three_of_many(&house).await;
        let body = which("user:bob", "read", "document");
        let three: Vec<_> = THREE.iter().map(|id| (*id).to_owned()).collect();
        let mut first = body.clone();
        first["page"] = json!({ "limit": 100 });
        // Two scopes, what is in the folder, the team: four, and the document of the team is one more.
        let (found, next) = page(&house, "resource", &first).await;
        assert_eq!((found, next.is_empty()), (vec!["d-0007".to_owned()], false), "a thousand were looked at");
        assert_eq!(pages_of(&house, "resource", &body, 100).await, three);
        // The next page is narrow again where there is less to follow, and goes on where the first one ended.
        house.unrelate(&["team:1#member@user:bob"]).await;
        let mut second = body.clone();
        second["page"] = json!({ "token": next });
        assert_eq!(page(&house, "resource", &second).await, (three[1..].to_vec(), String::new()));
        let mut narrow = body.clone();
        narrow["page"] = json!({ "limit": 1 });
        let (found, next) = page(&house, "resource", &narrow).await;
        assert_eq!((found, next.is_empty()), (vec!["d-1500".to_owned()], false));
        // And the other way round.
        house.relate(&["team:1#member@user:bob", "document:d-2999#owner@user:bob"]).await;
        second["page"] = json!({ "token": next, "limit": 10 });
        let (found, next) = page(&house, "resource", &second).await;
        assert_eq!((found, next.is_empty()), (Vec::new(), false), "a thousand were looked at");
        second["page"] = json!({ "token": next });
        assert_eq!(
            page(&house, "resource", &second).await,
            (vec!["d-2998".to_owned(), "d-2999".to_owned()], String::new())
        );
        assert_eq!(search(&house, "resource", &second).await.status, 200);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn on_sqlite() {
        check(Database::Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn on_postgres() {
        check(Database::Postgres).await;
    }
}
