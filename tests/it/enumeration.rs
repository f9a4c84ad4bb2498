//! Whether there is such a person is not to be learnt from a sign-in: not by what is said, not by how long it takes (threat
//! class 16).
//!
//! Times are compared by rank (Mann–Whitney), of attempts in a random order under the same load: however slow or uneven the
//! machine, if the kind of name makes no difference, `z` passes [`Z_MAX`] once in some 16,000 comparisons. An answer without
//! the hash makes it 14.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use doorward::domain::entropy;
use doorward::world::SystemEntropy;

use crate::support::{Arrived, Browser, Database, House, Options, PASSWORD, Pkce};

const TRIES: usize = 200;
const Z_MAX: f64 = 4.0;

/// Names of one length, and what is typed for them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    Known,
    Unknown,
    WithoutPassword,
    /// With the right password.
    Disabled,
}

impl Kind {
    fn typed(self) -> (String, &'static str) {
        match self {
            Self::Known => ("alice".to_owned(), "wrong password here"),
            // Another one each time.
            Self::Unknown => (format!("x{:04x}", random(0x1_0000)), PASSWORD),
            Self::WithoutPassword => ("peter".to_owned(), PASSWORD),
            Self::Disabled => ("carol".to_owned(), PASSWORD),
        }
    }
}

fn random(bound: usize) -> usize {
    usize::try_from(u32::from_le_bytes(entropy::bytes::<4>(&SystemEntropy))).unwrap() % bound
}

fn shuffle<T>(all: &mut [T]) {
    for i in (1..all.len()).rev() {
        all.swap(i, random(i + 1));
    }
}

/// How far the ranks of one sample lie from those of the other, in standard deviations.
fn z(some: &[Duration], others: &[Duration]) -> f64 {
    let mut all: Vec<_> = some.iter().map(|t| (t, true)).chain(others.iter().map(|t| (t, false))).collect();
    all.sort();
    let count = |n: usize| f64::from(u32::try_from(n).unwrap());
    let rank_sum: f64 = all.iter().zip(1..).filter(|((_, of_some), _)| *of_some).map(|(_, rank)| count(rank)).sum();
    let (n, m) = (count(some.len()), count(others.len()));
    (rank_sum - n * (n + m + 1.0) / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt()
}

/// All that an answer shows, without what differs from one answer to the next whoever is meant.
fn shown(page: &Arrived, name: &str) -> String {
    let mut headers = page.answer.headers.clone();
    for differs in ["date", "x-request-id", "retry-after"] {
        headers.remove(differs);
    }
    let text = page.answer.text.replace(&format!("value=\"{name}\""), "value=\"\"");
    format!("{} {headers:?}\n{text}", page.answer.status)
}

async fn house(database: Database, options: Options) -> House {
    let house = House::start(database, options).await;
    let peter = doorward::domain::name::Username::parse("peter").unwrap();
    let peter = doorward::admin::people::NewPerson::named(peter);
    house.node().admin().create_person(peter).await.unwrap();
    for name in ["alice", "carol"] {
        house.give_password(name).await;
    }
    house.node().admin().disable_person("carol").await.unwrap();
    house
}

/// Tries each kind as often as it is named, in a random order; how long each try took, and all that was ever shown.
async fn tried(browser: &mut Browser<'_>, page: &Arrived, mut order: Vec<Kind>) -> (Times, Vec<String>) {
    shuffle(&mut order);
    let (mut times, mut seen) = (Times::new(), Vec::new());
    for kind in order {
        let (name, password) = kind.typed();
        let started = Instant::now();
        let answer = browser.sign_in(page, &name, password).await;
        times.entry(kind).or_default().push(started.elapsed());
        seen.push(shown(&answer, &name));
        seen.sort();
        seen.dedup();
    }
    (times, seen)
}

type Times = BTreeMap<Kind, Vec<Duration>>;

fn no_difference(times: &Times, what: &str) {
    let unknown = &times[&Kind::Unknown];
    for (kind, times) in times.iter().filter(|(kind, _)| **kind != Kind::Unknown) {
        let z = z(times, unknown);
        println!("{what}: {kind:?} against unknown: z = {z:.2}");
        assert!(z.abs() < Z_MAX, "{what}: {kind:?} is told from unknown by its time: z = {z:.2}");
    }
}

async fn nobody_is_told_apart(database: Database) {
    let many = 1_000_000;
    let options = Options::default().set("login.attempts_per_account_max", many);
    let house = house(database, options.set("login.attempts_per_address_max", many)).await;
    let mut browser = Browser::new(&house);
    let page = browser.ask(&Pkce::new(), &[]).await;
    let few = [Kind::WithoutPassword, Kind::Disabled].map(|kind| vec![kind; TRIES / 4]).concat();
    let order = [vec![Kind::Known; TRIES], vec![Kind::Unknown; TRIES], few].concat();
    let (times, seen) = tried(&mut browser, &page, order).await;
    assert_eq!(seen.len(), 1, "one answer for all: {seen:#?}");
    assert!(seen[0].starts_with("400 "), "{}", seen[0]);
    no_difference(&times, "tried");
    assert!(browser.sign_in(&page, "alice", PASSWORD).await.answer.text.contains("consent-allow"), "the page works");
}

async fn nobody_is_told_apart_by_being_throttled(database: Database) {
    let options = Options::default().set("login.attempts_per_address_max", 1_000_000);
    let house = house(database, options).await;
    let mut browser = Browser::new(&house);
    let page = browser.ask(&Pkce::new(), &[]).await;
    let names = ["alice", "nobod", "peter", "carol"];
    for i in 0..12 {
        let mut seen = Vec::new();
        for name in names {
            let answer = browser.sign_in(&page, name, "wrong password here").await;
            assert_eq!(answer.answer.status, if i < 10 { 400 } else { 429 }, "{name}");
            let wait = answer.answer.header("retry-after").parse::<u64>().ok();
            assert!(if i < 10 { wait.is_none() } else { wait.is_some_and(|s| (840..=900).contains(&s)) }, "{wait:?}");
            seen.push(shown(&answer, name));
        }
        seen.dedup();
        assert_eq!(seen.len(), 1, "attempt {i}: {seen:#?}");
    }
    let mut times = Times::new();
    let kinds =
        [(Kind::Known, "alice"), (Kind::Unknown, "nobod"), (Kind::WithoutPassword, "peter"), (Kind::Disabled, "carol")];
    for _ in 0..TRIES / 2 {
        let mut kinds = kinds;
        shuffle(&mut kinds);
        for (kind, name) in kinds {
            let started = Instant::now();
            assert_eq!(browser.sign_in(&page, name, PASSWORD).await.answer.status, 429);
            times.entry(kind).or_default().push(started.elapsed());
        }
    }
    no_difference(&times, "throttled");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_apart_on_sqlite() {
    nobody_is_told_apart(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_apart_on_postgres() {
    nobody_is_told_apart(Database::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_apart_by_being_throttled_on_sqlite() {
    nobody_is_told_apart_by_being_throttled(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_apart_by_being_throttled_on_postgres() {
    nobody_is_told_apart_by_being_throttled(Database::Postgres).await;
}

#[test]
fn a_difference_is_found() {
    let times = |ahead: u64| (0..200).map(|i| Duration::from_micros(ahead + i * 7_919 % 4_001)).collect::<Vec<_>>();
    assert!(z(&times(0), &times(0)).abs() < 0.1);
    assert!(z(&times(1_000), &times(0)) > Z_MAX, "a quarter of their spread");
    assert!(z(&times(0), &times(1_000)) < -Z_MAX);
}
