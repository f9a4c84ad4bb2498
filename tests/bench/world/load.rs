//! The world's rows, put straight into a database of its own; and the same world in memory.

use std::collections::HashMap;
use std::io::{BufWriter, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use doorward::decision::given::{Given, GivenAssignment, GivenPerson, GivenRelation, GivenResource};
use doorward::decision::memory::{MemoryWorld, Rulebook};
use doorward::domain::group::NamedGroups;
use doorward::domain::model::Model;
use doorward::domain::name::{Segment, Slug, Username};
use doorward::domain::object::ObjectRef;
use doorward::domain::role::NamedRoles;
use doorward::domain::time::Instant as Moment;
use serde_json::{Value, json};

use crate::world::{self, Assignment, Ends, FOLDER, Held, Object, RECORD, World};

const MADE: &str = "2026-01-01T00:00:00Z";
const LATER: &str = "2099-01-01T00:00:00Z";
const ALREADY: &str = "2026-01-02T00:00:00Z";

/// A database on that server; dropped at the end.
pub struct Database {
    server: String,
    name: String,
    pub url: String,
}

impl Database {
    pub fn create(server: &str, what: &str) -> Self {
        let name = format!("doorward_bench_world_{}_{what}", std::process::id());
        run(server, &format!("CREATE DATABASE {name}"));
        let mut url = url::Url::parse(server).unwrap();
        url.set_path(&name);
        Self { server: server.to_owned(), name, url: url.to_string() }
    }

    pub fn sql(&self, text: &str) -> String {
        run(&self.url, text)
    }

    /// What it takes on disk.
    pub fn mebibytes(&self) -> String {
        self.sql("SELECT pg_database_size(current_database()) / 1048576")
    }

    fn copy<R: std::fmt::Display>(&self, table: &str, columns: &str, rows: impl Iterator<Item = R>) {
        let started = Instant::now();
        let command = format!("COPY {table} ({columns}) FROM STDIN");
        let mut psql = psql(&self.url, &command).stdin(Stdio::piped()).spawn().unwrap();
        let mut to = BufWriter::with_capacity(1 << 20, psql.stdin.take().unwrap());
        let mut many = 0_usize;
        for row in rows {
            writeln!(to, "{row}").unwrap();
            many += 1;
        }
        drop(to);
        assert!(psql.wait().unwrap().success(), "psql could not load {table}");
        println!("    {many:>9} rows of {table} ({:.0} s)", started.elapsed().as_secs_f64());
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        run(&self.server, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

fn psql(url: &str, command: &str) -> Command {
    let mut psql = Command::new("psql");
    psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-c", command, url]);
    psql
}

fn run(url: &str, text: &str) -> String {
    let output = psql(url, text).output().expect("psql (postgresql-client)");
    assert!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// An identifier of version 7, as Doorward makes them: in order of time.
fn v7(what: u128, n: usize) -> uuid::Uuid {
    let millis = 1_767_225_600_000 + n as u128;
    uuid::Uuid::from_u128((millis << 80) | (7 << 76) | (what << 64) | (2 << 62) | n as u128)
}

fn person(n: usize) -> uuid::Uuid {
    v7(1, n)
}

/// Rules, as `doorward authz apply` reads them.
pub fn write_files(folder: &std::path::Path) {
    let permissions = world::declared();
    let server = json!({ "name": "bench", "identifier": "https://bench.example/api", "permissions": permissions });
    for (name, content) in [("server", server), ("model", world::model()), ("roles", world::roles())] {
        std::fs::write(folder.join(format!("{name}.toml")), toml::to_string(&content).unwrap()).unwrap();
    }
    std::fs::write(folder.join("policies.cedar"), world::POLICIES).unwrap();
}

/// The rows that as many commands would have left, but for the audit trail; of one write.
pub fn load(database: &Database, world: &World) {
    let at = database.sql("SELECT id FROM resource_servers WHERE name = 'bench'");
    let roles = database.sql(&format!("SELECT name || ' ' || id FROM roles WHERE resource_server_id = '{at}'"));
    let roles: HashMap<&str, &str> = roles.lines().filter_map(|line| line.split_once(' ')).collect();
    let people = || (0..world.people).map(|n| (n, person(n)));
    let row = |(n, id)| format!("{id}\tu{n:021}\tperson{n}\t{MADE}");
    database.copy("people", "id, sub, username, created_at", people().map(row));
    let names = people().flat_map(|(n, id)| [format!("u{n:021}"), format!("person{n}")].map(|name| (name, id)));
    database.copy("person_names", "name, folded, person_id", names.map(|(name, id)| format!("{name}\t{name}\t{id}")));
    let resource = |object: Object| format!("{at}\t{object}\t{}\t{MADE}", attributes(object));
    let columns = "resource_server_id, object, attributes, created_at";
    database.copy("resources", columns, world.objects().map(resource));
    let parents =
        tree(world).map(|(object, parent)| format!("{at}\t{object}\tparent\tobject\t{parent}\t\tbench\t{MADE}"));
    let owners =
        owners(world).map(|(object, n)| format!("{at}\t{object}\towner\tuser\t{}\t\tbench\t{MADE}", person(n)));
    let columns = "resource_server_id, object, relation, subject_kind, subject, subject_relation, given_by, created_at";
    database.copy("edges", columns, parents.chain(owners));
    let columns = "id, resource_server_id, principal_kind, principal_id, role_id, action, resource_type, scope, \
                   expires_at, effect, given_by, created_at";
    let below = world::permission_below().replace(':', "\t");
    let assignment = |(n, a): (usize, Assignment)| {
        let held = match a.held {
            Held::Role(role) => format!("{}\t\\N\t\\N", roles[format!("role{role}").as_str()]),
            Held::Below => format!("\\N\t{below}"),
        };
        let scope = a.on.map_or_else(String::new, |on| on.to_string());
        let (id, person) = (v7(2, n), person(a.person));
        format!("{id}\t{at}\tuser\t{person}\t{held}\t{scope}\t{}\tallow\tbench\t{MADE}", end(a.ends).unwrap_or("\\N"))
    };
    database.copy("assignments", columns, world.all_held().enumerate().map(assignment));
    database.sql("UPDATE revisions SET revision = revision + 1");
    for table in ["people", "person_names", "resources", "edges", "assignments", "roles", "revisions"] {
        database.sql(&format!("VACUUM (ANALYZE) {table}"));
    }
}

fn end(ends: Ends) -> Option<&'static str> {
    match ends {
        Ends::Never => None,
        Ends::Later => Some(LATER),
        Ends::Already => Some(ALREADY),
    }
}

fn attributes(object: Object) -> Value {
    if object.of != RECORD {
        return json!({});
    }
    let label = if world::is_frozen(object.id) { "frozen" } else { "draft" };
    json!({ "level": world::level(object.id), "labels": [label, "internal"] })
}

fn tree(world: &World) -> impl Iterator<Item = (Object, Object)> {
    world.objects().skip_while(|o| o.of < FOLDER).filter_map(move |object| Some((object, world.parent(object)?)))
}

fn owners(world: &World) -> impl Iterator<Item = (Object, usize)> {
    let documents = 0..world.count(world::DOCUMENT);
    documents.map(move |id| (Object { of: world::DOCUMENT, id }, world.owner(id)))
}

/// The same world for the engine alone. What has neither attributes nor edges need not be there.
pub fn in_memory(world: &World) -> MemoryWorld {
    let roles: NamedRoles = serde_json::from_value(world::roles()["roles"].take()).unwrap();
    let model = Model::parse(&world::model()).unwrap();
    let declared = world::declared().iter().map(|permission| permission.parse().unwrap()).collect();
    let compiled = Rulebook::compile(&declared, &roles, Some(&model), world::POLICIES).unwrap();
    let object = |object: Object| ObjectRef::parse(&object.to_string()).unwrap();
    let (parent, owner) = (Segment::parse("parent").unwrap(), Segment::parse("owner").unwrap());
    let relation = |object, relation: &Segment, subject| GivenRelation {
        object,
        relation: relation.clone(),
        subject,
        not_before: None,
        expires_at: None,
    };
    let parents = tree(world).map(|(inner, outer)| relation(object(inner), &parent, outer.to_string()));
    let owners = owners(world).map(|(document, n)| relation(object(document), &owner, format!("user:person{n}")));
    let record = |id| Object { of: RECORD, id };
    let resource = |record: Object| GivenResource {
        resource: object(record),
        attributes: attributes(record).as_object().unwrap().clone(),
    };
    let assignment = |a: Assignment| GivenAssignment {
        to: format!("user:person{}", a.person),
        role: match a.held {
            Held::Role(role) => Some(Slug::parse(&format!("role{role}")).unwrap()),
            Held::Below => None,
        },
        permission: (a.held == Held::Below).then(|| world::permission_below().parse().unwrap()),
        on: a.on.map(object),
        deny: false,
        not_before: None,
        expires_at: end(a.ends).map(|end| Moment::parse(end).unwrap()),
    };
    let person = |n| GivenPerson {
        username: Username::parse(&format!("person{n}")).unwrap(),
        sub: None,
        name: None,
        email: None,
        disabled: false,
    };
    let given = Given {
        people: (0..world.people).map(person).collect(),
        resources: (0..world.count(RECORD)).map(record).map(resource).collect(),
        assignments: world.all_held().map(assignment).collect(),
        relations: parents.chain(owners).collect(),
        ..Given::default()
    };
    MemoryWorld::build(&compiled, &NamedGroups::new(), &given).unwrap()
}
