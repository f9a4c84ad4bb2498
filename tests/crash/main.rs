//! Killed outright, over and over, in the middle of mixed writes, on both databases: what was acknowledged is there after
//! the next start, nothing is half there, and nobody repairs anything.
//!
//! The server and the commands are the real program in processes of their own; this process asks the server for tokens and
//! revocations, and changes who may do what through the library, as a command does. `DOORWARD_TEST_KILLS` says how often the
//! server is killed (100 times without it); `cargo test --test crash -- --nocapture` prints what happened.
//!
//! SIGKILL takes a process, not the machine: whether a commit has reached the disk is not what this shows.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::expect_used, reason = "a test fails by panicking")]
#![expect(clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::indexing_slicing, reason = "a missing member of an answer fails the test")]
#![expect(clippy::disallowed_methods, reason = "tests wait in real time and make identifiers of their own")]
#![expect(clippy::print_stdout, reason = "how much was written and killed is worth reading")]

mod audit;
mod database;
mod rotations;
mod site;
mod world;
mod writers;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use self::audit::State;
use self::database::{Kind, Rows};
use self::site::{End, Server, Site, between};
use self::world::World;
use self::writers::{COMMANDS, Known, Toggle, Token, Writes, sample};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_outlives_every_kill_on_sqlite() {
    outlive(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_outlives_every_kill_on_postgres() {
    outlive(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_killed_at_any_moment_is_taken_up_by_the_next_on_sqlite() {
    begin_again(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_killed_at_any_moment_is_taken_up_by_the_next_on_postgres() {
    begin_again(Kind::Postgres).await;
}

/// How often the server is killed while it writes.
fn kills() -> usize {
    let asked = std::env::var("DOORWARD_TEST_KILLS");
    // With fewer, some kind of write may not have been met at all.
    asked.map_or(100, |text| text.parse::<usize>().expect("DOORWARD_TEST_KILLS is a number").max(10))
}

/// A server lives so long under writes, from the shortest to the longest life.
const LIFE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(200));

/// One in so many starts is killed, too, before it is ready.
const STARTS_KILLED_ONE_IN: usize = 8;

fn none(when: &str, found: &[String]) {
    assert!(found.is_empty(), "{when}: {} finding(s):\n{}\n", found.len(), found.join("\n"));
}

async fn outlive(kind: Kind) {
    let (kills, started) = (kills(), Instant::now());
    let site = Arc::new(Site::new(kind).await);
    let mut server = site.start().await;
    let mut trial = Trial::new(site, kills).await;
    for round in 0..kills {
        let fresh = trial.write_and_kill(server, round).await;
        none(&format!("life {round}"), &trial.site.logged());
        if round % STARTS_KILLED_ONE_IN == 0 {
            trial.kill_a_start().await;
        }
        server = trial.site.start().await;
        trial.readiness.push(server.ready_after);
        none(&format!("after kill {}", round + 1), &trial.findings(fresh).await);
    }
    let done = trial.finish().await;
    println!("{kind:?}: {} ({done} of them done) in {:.1} s", trial.summary(kills), started.elapsed().as_secs_f64());
}

struct Trial {
    site: Arc<Site>,
    world: Arc<World>,
    known: Known,
    toggles: Vec<Toggle>,
    commands: usize,
    /// How long a command takes here and now, so that most are killed about when they write.
    command_life: Duration,
    readiness: Vec<Duration>,
    starts_killed: usize,
}

impl Trial {
    async fn new(site: Arc<Site>, kills: usize) -> Self {
        let world = Arc::new(World::build(&site, kills * 2 / COMMANDS + 1).await);
        let known = Known { library: State::read(&site).await.of_library(), ..Known::default() };
        Self {
            site,
            world,
            known,
            toggles: Toggle::all(),
            commands: 0,
            command_life: Duration::from_millis(150),
            readiness: Vec::new(),
            starts_killed: 0,
        }
    }

    /// Everybody writes, and at some moment the server is gone. In every second round operators work through a store of this
    /// process; in the others only the server and commands have the database open, and SQLite finds a log that nobody closed.
    async fn write_and_kill(&mut self, server: Server, round: usize) -> Known {
        let mut writes = Writes::begin(&self.site, &self.world);
        let killed_at = tokio::time::Instant::now() + between(LIFE.0, LIFE.1);
        let operators = round.is_multiple_of(2);
        let store = if operators { Some(self.site.store().await) } else { None };
        if let Some(store) = &store {
            writes.add_operators(store, &self.world, std::mem::take(&mut self.toggles), round);
        }
        for _ in 0..if operators { 1 } else { 2 } {
            let kill_after = between(self.command_life / 3, self.command_life * 5 / 4);
            writes.add_command(&self.site, self.commands, kill_after);
            self.commands += 1;
        }
        tokio::time::sleep_until(killed_at).await;
        server.kill().await;
        let (known, toggles) = writes.end().await;
        self.toggles.extend(toggles);
        for ran in &known.commands {
            let life = self.command_life;
            self.command_life = if ran.end == End::Killed { life * 26 / 25 } else { (life * 3 + ran.took) / 4 };
        }
        known
    }

    async fn kill_a_start(&mut self) {
        let within = self.readiness.last().copied().unwrap_or(Duration::from_millis(100));
        let server = self.site.launch();
        tokio::time::sleep(between(Duration::ZERO, within)).await;
        server.kill().await;
        self.starts_killed += 1;
    }

    /// What is wrong after a kill and a start; `fresh` is what was learnt in between.
    async fn findings(&mut self, fresh: Known) -> Vec<String> {
        let tokens = [fresh.revoked.clone(), sample(&fresh.issued, 8), sample(&self.known.issued, 4)].concat();
        self.known.add(fresh);
        let state = State::read(&self.site).await;
        let mut found = state.torn();
        found.extend(state.lost(&self.known));
        found.extend(self.introspected(&state, &tokens).await);
        found.extend(self.decided().await);
        found
    }

    /// Tokens that introspection says something else of than the rows.
    async fn introspected(&self, state: &State, tokens: &[Token]) -> Vec<String> {
        let mut found = Vec::new();
        for some in tokens.chunks(8) {
            let asked = some.iter().map(async |token| {
                let form = [("token", token.text.as_str())];
                let (status, body) = self.site.form("/oauth2/introspect", self.world.api_auth(), &form).await.unwrap();
                assert_eq!(status, 200, "{body}");
                let active = serde_json::from_str::<Value>(&body).unwrap()["active"].as_bool().unwrap();
                (active == state.denied(&token.jti)).then(|| format!("token {} is active: {active}", token.jti))
            });
            found.extend(join_all(asked).await.into_iter().flatten());
        }
        found
    }

    /// Decisions that are not what operators last made them.
    async fn decided(&self) -> Vec<String> {
        let mut found = Vec::new();
        for toggle in &self.toggles {
            let body = json!({
                "subject": { "type": "user", "id": toggle.person },
                "action": { "name": toggle.action },
                "resource": { "type": "note", "id": "42" },
            });
            let (status, body) = self.site.json("/access/v1/evaluation", self.world.api_auth(), &body).await.unwrap();
            assert_eq!(status, 200, "{body}");
            if serde_json::from_str::<Value>(&body).unwrap()["decision"] != toggle.allowed {
                found.push(format!("{} may {}: {body}", toggle.person, toggle.action));
            }
        }
        found
    }

    /// Looks at every revocation once more, and shows that a row that goes missing would have been noticed. Says how many of
    /// the killed commands had done their work.
    async fn finish(&self) -> usize {
        let state = State::read(&self.site).await;
        none("at the end", &self.introspected(&state, &self.known.revoked).await);
        for (what, count) in self.counts() {
            assert!(count > 0, "no {what}: nothing was shown");
        }
        let issued = uuid::Uuid::parse_str(&self.known.issued[0].jti).unwrap();
        let one = |table: &str, key: &str, of: &str| {
            format!("DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE {of} LIMIT 1)")
        };
        for harm in [
            format!("DELETE FROM facts WHERE kind = 'token.issued' AND detail ->> 'jti' = '{issued}'"),
            one("facts", "id", "kind = 'token.revoked'"),
            one("facts", "id", "kind = 'role.changed'"),
            one("changes", "revision", "kind = 'denied_token'"),
            "DELETE FROM changes WHERE ordinal = 2 AND kind = 'user' AND key = 'ann'".to_owned(),
            one("denied_tokens", "id", "1 = 1"),
            one("person_names", "name", "1 = 1"),
            one("assignments", "id", "1 = 1"),
            one("role_permissions", "role_id", "1 = 1"),
            one("client_resources", "client_id", "1 = 1"),
            one("signing_keys", "kid", "1 = 1"),
            "UPDATE grants SET ended_at = NULL WHERE ended_at IS NOT NULL".to_owned(),
            "UPDATE people SET disabled_at = NULL WHERE disabled_at IS NOT NULL".to_owned(),
            "UPDATE revisions SET revision = revision + 1".to_owned(),
            "DELETE FROM setup_links".to_owned(),
        ] {
            let mut rows = Rows::open(&self.site.url).await;
            assert!(rows.run(&harm).await > 0, "{harm}: met no row");
            let state = State::of(&mut rows).await;
            assert!(!state.torn().is_empty() || !state.lost(&self.known).is_empty(), "{harm}: was not noticed");
        }
        state.done(self.known.commands(End::Killed))
    }

    fn counts(&self) -> [(&'static str, usize); 5] {
        [
            ("tokens issued", self.known.issued.len()),
            ("tokens revoked", self.known.revoked.len()),
            ("acts of operators", self.known.library),
            ("commands acknowledged", self.known.commands(End::Acknowledged).count()),
            ("commands killed", self.known.commands(End::Killed).count()),
        ]
    }

    fn summary(&self, kills: usize) -> String {
        let counts = self.counts().map(|(what, count)| format!("{count} {what}"));
        let (slowest, sum) = (self.readiness.iter().max().unwrap(), self.readiness.iter().sum::<Duration>());
        let mean = sum / u32::try_from(self.readiness.len()).unwrap();
        format!(
            "{kills} kills, {} starts killed; ready after {} ms, at worst {} ms; {}",
            self.starts_killed,
            mean.as_millis(),
            slowest.as_millis(),
            counts.join(", ")
        )
    }
}

/// Empty databases, each with a first start that is killed at some moment of it, in turns that of a server and of a command:
/// the next start has everything, once.
async fn begin_again(kind: Kind) {
    let whole = Site::new(kind).await.start().await.ready_after;
    for i in 0..kills().div_ceil(STARTS_KILLED_ONE_IN) {
        let site = Site::new(kind).await;
        let kill_after = between(Duration::from_millis(1), whole);
        if i.is_multiple_of(2) {
            let server = site.launch();
            tokio::time::sleep(kill_after).await;
            server.kill().await;
        } else {
            let create = ["user", "create", "alice"].map(str::to_owned);
            assert_ne!(site.command(&create, kill_after).await, End::Failed, "{}", site.complaints());
        }
        let _server = site.start().await;
        let found = [State::read(&site).await.torn(), site.logged()].concat();
        none(&format!("first start {i}, killed after {kill_after:?}"), &found);
    }
}
