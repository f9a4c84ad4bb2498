//! Whether the rows are what the log says, and the log what was acknowledged.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::{Value, json};

use crate::database::Rows;
use crate::site::{End, LIBRARY, Site};
use crate::writers::{Act, Known};

type Lines = BTreeSet<String>;

struct Fact {
    kind: String,
    actor: String,
    subject: String,
    revision: Option<i64>,
    detail: Value,
}

struct Change {
    revision: i64,
    ordinal: i64,
    kind: String,
    key: String,
    before: Value,
    after: Value,
}

/// Name, columns, and where from: what there is now.
const TABLES: [(&str, &[&str], &str); 15] = [
    ("people", &["sub", "username", "CASE WHEN disabled_at IS NULL THEN 0 ELSE 1 END"], "people"),
    ("person names", &["n.name", "p.sub"], "person_names n LEFT JOIN people p ON p.id = n.person_id"),
    ("ended grants", &["id:id"], "grants WHERE ended_at IS NOT NULL"),
    ("denied tokens", &["id:id"], "denied_tokens"),
    ("assignments", &["id:id"], "assignments"),
    ("resource servers", &["name"], "resource_servers"),
    (
        "permissions",
        &["s.name", "p.action || ':' || p.resource_type"],
        "permissions p JOIN resource_servers s ON s.id = p.resource_server_id",
    ),
    ("roles", &["s.name", "r.name"], "roles r JOIN resource_servers s ON s.id = r.resource_server_id"),
    (
        "role permissions",
        &["s.name", "r.name", "h.action || ':' || h.resource_type"],
        "role_permissions h JOIN roles r ON r.id = h.role_id JOIN resource_servers s ON s.id = r.resource_server_id",
    ),
    (
        "role includes",
        &["s.name", "r.name", "i.name"],
        "role_includes h JOIN roles r ON r.id = h.role_id JOIN roles i ON i.id = h.included_id \
         JOIN resource_servers s ON s.id = r.resource_server_id",
    ),
    ("clients", &["client_id"], "clients"),
    (
        "client resources",
        &["c.client_id", "s.name"],
        "client_resources h JOIN clients c ON c.id = h.client_id JOIN resource_servers s ON s.id = h.resource_server_id",
    ),
    ("groups", &["name"], "groups"),
    ("group members", &["g.name", "m.member_id:id"], "group_members m JOIN groups g ON g.id = m.group_id"),
    ("signing keys", &["kid"], "signing_keys"),
];

/// Everything there is, as of one moment.
pub struct State {
    revision: i64,
    setup_links: usize,
    facts: Vec<Fact>,
    changes: Vec<Change>,
    tables: BTreeMap<&'static str, Lines>,
    damage: Vec<String>,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl State {
    pub async fn read(site: &Site) -> Self {
        Self::of(&mut Rows::open(&site.url).await).await
    }

    pub async fn of(rows: &mut Rows) -> Self {
        let columns = ["kind", "actor", "subject", "revision", "detail:json"];
        let facts = rows.select(&columns, "facts").await.into_iter().map(|mut row| Fact {
            kind: text(&row[0]),
            actor: text(&row[1]),
            subject: text(&row[2]),
            revision: row[3].as_i64(),
            detail: row[4].take(),
        });
        let facts = facts.collect();
        let columns = ["revision", "ordinal", "kind", "key", "before:json", "after:json"];
        let changes = rows.select(&columns, "changes ORDER BY revision, ordinal").await.into_iter();
        let changes = changes.map(|mut row| Change {
            revision: row[0].as_i64().unwrap(),
            ordinal: row[1].as_i64().unwrap(),
            kind: text(&row[2]),
            key: text(&row[3]),
            before: row[4].take(),
            after: row[5].take(),
        });
        let changes = changes.collect();
        let mut tables = BTreeMap::new();
        for (name, columns, from) in TABLES {
            let lines = rows.select(columns, from).await;
            tables.insert(name, lines.iter().map(Value::to_string).collect());
        }
        let revision = rows.select(&["revision"], "revisions").await[0][0].as_i64().unwrap();
        let setup_links = rows.select(&["1"], "setup_links").await.len();
        Self { revision, setup_links, facts, changes, tables, damage: rows.damage() }
    }

    fn has(&self, (kind, subject): &Act) -> bool {
        self.facts.iter().any(|fact| fact.kind == *kind && fact.subject == *subject)
    }

    /// How many of these are there.
    pub fn done<'a>(&self, acts: impl Iterator<Item = &'a Act>) -> usize {
        acts.filter(|act| self.has(act)).count()
    }

    pub fn of_library(&self) -> usize {
        self.facts.iter().filter(|fact| fact.actor == LIBRARY).count()
    }

    pub fn denied(&self, jti: &str) -> bool {
        self.tables["denied tokens"].contains(&json!([jti]).to_string())
    }

    /// What is half there, or there in one place and not in another.
    pub fn torn(&self) -> Vec<String> {
        let mut found: Vec<_> = self.damage.iter().map(|damage| format!("damaged: {damage}")).collect();
        let mut by_revision: HashMap<i64, Vec<&Change>> = HashMap::new();
        for change in &self.changes {
            by_revision.entry(change.revision).or_default().push(change);
        }
        let mut edits: Vec<_> =
            self.facts.iter().filter_map(|fact| fact.revision.map(|revision| (revision, fact))).collect();
        edits.sort_by_key(|(revision, _)| *revision);
        // Each write of authorization data took one revision and left one fact, so the facts are numbered without a gap.
        if !edits.iter().map(|(revision, _)| *revision).eq(1..=self.revision) {
            found.push(format!("facts are not numbered from 1 to {}", self.revision));
        }
        let mut replay = Replay::default();
        for (revision, fact) in edits {
            let changes = by_revision.remove(&revision).unwrap_or_default();
            let kinds: Vec<_> = changes.iter().map(|change| change.kind.as_str()).collect();
            if kinds != changes_of(fact) || !changes.iter().map(|change| change.ordinal).eq((0..).take(kinds.len())) {
                found.push(format!("{} at revision {revision} has the changes {kinds:?}", fact.kind));
            }
            replay.apply(fact, &changes);
        }
        found.extend(by_revision.keys().map(|revision| format!("revision {revision} has changes and no fact")));
        for (table, lines) in &self.tables {
            let logged = replay.tables.remove(table).unwrap_or_default();
            found.extend(lines.difference(&logged).map(|line| format!("{table}: {line} is there but not logged")));
            found.extend(logged.difference(lines).map(|line| format!("{table}: {line} is logged but not there")));
        }
        // A new link replaces the old one at each start, in one transaction.
        let expected = usize::from(self.facts.iter().any(|fact| fact.kind == "setup_link.created"));
        if self.setup_links != expected {
            found.push(format!("{} set-up links instead of {expected}", self.setup_links));
        }
        found
    }

    /// What was acknowledged and is not there.
    pub fn lost(&self, known: &Known) -> Vec<String> {
        let mut found = known.refused.clone();
        let issued = self.facts.iter().filter(|fact| fact.kind == "token.issued");
        let issued: Vec<_> = issued.map(|fact| text(&fact.detail["jti"]).replace('-', "")).collect();
        let distinct: HashSet<_> = issued.iter().map(String::as_str).collect();
        if distinct.len() != issued.len() {
            found.push("a token was recorded twice".to_owned());
        }
        let unrecorded = known.issued.iter().filter(|token| !distinct.contains(token.jti.as_str()));
        found.extend(unrecorded.map(|token| format!("token {} was issued and its fact is lost", token.jti)));
        let undone = known.revoked.iter().filter(|token| !self.denied(&token.jti));
        found.extend(undone.map(|token| format!("token {} was revoked and is not denied", token.jti)));
        let lost = known.commands(End::Acknowledged).filter(|act| !self.has(act));
        found.extend(lost.map(|(kind, subject)| format!("{kind} {subject} was acknowledged and is lost")));
        let library = self.of_library();
        if library != known.library {
            found.push(format!("{} acts of the library are recorded as {library}", known.library));
        }
        found
    }
}

/// The changes that belong to a fact, in their order.
fn changes_of(fact: &Fact) -> Vec<&'static str> {
    match fact.kind.as_str() {
        "person.created" | "person.enabled" => vec!["user", "person", "user"],
        "person.disabled" => {
            let grants = usize::try_from(fact.detail["grants_ended"].as_u64().unwrap_or(u64::MAX)).unwrap();
            [vec!["user", "person", "user"], vec!["grant"; grants]].concat()
        }
        "assignment.added" | "assignment.removed" => vec!["assignments"],
        "role.created" | "role.changed" => vec!["roles"],
        "group.member_added" | "group.member_removed" => vec!["memberships"],
        "client.created" if list(&fact.detail["resources"]).contains(&"doorward".to_owned()) => {
            vec!["client", "assignments"]
        }
        "client.created" => vec!["client"],
        "resource_server.created" if fact.subject == "resource-server:doorward" => vec!["resource_servers", "roles"],
        "resource_server.created" => vec!["resource_servers"],
        "token.revoked" => vec!["denied_token"],
        "signing_key.created" => vec!["signing_keys"],
        "group.created" | "setup_link.created" => Vec::new(),
        unknown => panic!("no test writes {unknown}: say here what belongs to it"),
    }
}

fn list(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}

fn id(value: &str) -> String {
    value.replace('-', "")
}

/// The tables as the log tells them.
#[derive(Default)]
struct Replay {
    tables: BTreeMap<&'static str, Lines>,
}

impl Replay {
    fn put(&mut self, table: &'static str, line: &Value) {
        self.tables.entry(table).or_default().insert(line.to_string());
    }

    /// Removes the lines that begin with these values.
    fn take(&mut self, table: &'static str, beginning: &Value) {
        let beginning = beginning.to_string();
        let beginning = beginning.trim_end_matches(']');
        let is_meant = |line: &String| line.strip_prefix(beginning).is_some_and(|rest| rest.starts_with([',', ']']));
        self.tables.entry(table).or_default().retain(|line| !is_meant(line));
    }

    fn apply(&mut self, fact: &Fact, changes: &[&Change]) {
        for change in changes {
            match change.kind.as_str() {
                "grant" => self.put("ended grants", &json!([id(&change.key)])),
                "denied_token" => self.put("denied tokens", &json!([id(change.key.split('/').next().unwrap())])),
                "assignments" if change.after.is_null() => {
                    self.take("assignments", &json!([id(&text(&change.before["id"]))]));
                }
                "assignments" => self.put("assignments", &json!([id(&text(&change.after["id"]))])),
                "user" if !change.after.is_null() => self.person(&change.after),
                "resource_servers" => self.resource_server(&change.after),
                _ => {}
            }
        }
        let name = fact.subject.split_once(':').map_or("", |(_, name)| name);
        match fact.kind.as_str() {
            "role.created" | "role.changed" => self.role(name.split('/').next().unwrap(), &fact.detail),
            "group.created" => self.put("groups", &json!([name])),
            "group.member_added" => self.put("group members", &json!([name, member(changes)])),
            "group.member_removed" => self.take("group members", &json!([name, member(changes)])),
            "client.created" => {
                self.put("clients", &json!([name]));
                for resource in list(&fact.detail["resources"]) {
                    self.put("client resources", &json!([name, resource]));
                }
            }
            "token.revoked" => self.put("denied tokens", &json!([id(&text(&fact.detail["jti"]))])),
            "signing_key.created" => self.put("signing keys", &json!([fact.detail["key"]["kid"]])),
            _ => {}
        }
    }

    fn person(&mut self, person: &Value) {
        let (sub, username) = (&person["sub"], &person["username"]);
        self.take("people", &json!([sub]));
        self.put("people", &json!([sub, username, i32::from(person["disabled"] == true)]));
        for name in [sub, username] {
            self.put("person names", &json!([name, sub]));
        }
    }

    fn resource_server(&mut self, made: &Value) {
        let server = &made["resource_server"]["name"];
        self.put("resource servers", &json!([server]));
        for permission in list(&made["permissions"]) {
            self.put("permissions", &json!([server, permission]));
        }
        if server == "doorward" {
            for (role, permission) in [("admin", "*:*"), ("decision-caller", "evaluate:decision")] {
                self.role("doorward", &json!({ "name": role, "permissions": [permission] }));
            }
        }
    }

    fn role(&mut self, server: &str, role: &Value) {
        let name = &role["name"];
        self.put("roles", &json!([server, name]));
        self.take("role permissions", &json!([server, name]));
        self.take("role includes", &json!([server, name]));
        for permission in list(&role["permissions"]) {
            self.put("role permissions", &json!([server, name, permission]));
        }
        for included in list(&role["includes"]) {
            self.put("role includes", &json!([server, name, included]));
        }
    }
}

fn member(changes: &[&Change]) -> String {
    changes.first().and_then(|change| change.key.split_once(':')).map(|(_, member)| id(member)).unwrap_or_default()
}
