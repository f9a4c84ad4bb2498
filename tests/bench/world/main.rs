//! The decision service in a big world on PostgreSQL, beside a small one and beside others: figures and ratios of one run.
//!
//! `tests/bench/world/run` builds and runs it.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench that goes wrong stops")]
#![expect(clippy::indexing_slicing, reason = "a missing member of an answer stops the bench")]
#![expect(clippy::print_stdout, reason = "the figures are the result")]
#![expect(clippy::disallowed_methods, reason = "a bench measures real time")]

mod engine;
mod load;
mod peers;
#[expect(dead_code, reason = "other benches and tests ask more of it")]
#[path = "../../load/program.rs"]
mod program;
mod site;
mod wire;
mod world;

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use self::program::Program;
use self::site::Site;
use self::wire::{Line, Load};
use self::world::{Kind, World};

const SERVER_CORE: &str = "0";
const LOAD_CORE: &str = "1";
const LINES: usize = 16;
const BATCH: usize = 100;
const LISTS: usize = 500;
const TURNS: usize = 3;

/// How big, and how long.
struct Size {
    people: usize,
    resources: usize,
    /// Different questions that are asked again and again.
    questions: usize,
    lasts: Duration,
    revocations: usize,
}

const FULL: Size =
    Size { people: 100_000, resources: 5_000_000, questions: 10_000, lasts: Duration::from_secs(4), revocations: 200 };
const QUICK: Size =
    Size { people: 2_000, resources: 100_000, questions: 2_000, lasts: Duration::from_millis(500), revocations: 20 };
const SMALL: (usize, usize) = (100, 5_000);

fn size() -> Size {
    let mut size = if std::env::args().any(|argument| argument == "--quick") { QUICK } else { FULL };
    let mut arguments = std::env::args();
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|number| number.parse().ok()).expect("a number");
        match argument.as_str() {
            "--people" => size.people = number(),
            "--resources" => size.resources = number(),
            _ => {}
        }
    }
    size
}

fn main() {
    let server = std::env::var("DOORWARD_TEST_POSTGRES_URL").expect("DOORWARD_TEST_POSTGRES_URL names a PostgreSQL");
    let size = size();
    // A server is made by hand in one thread, and its output is awaited in another.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        println!(
            "\nWorlds: 1,000 roles four deep, 2,000 permissions, 10 assignments a person, a fifth of them expiring"
        );
        let small = Site::build(&server, "small", World::new(SMALL.0, SMALL.1)).await;
        let big = Site::build(&server, "big", World::new(size.people, size.resources)).await;
        for site in [&small, &big] {
            println!("  {} assignments: {} MiB of database", site.world.assignments(), site.database.mebibytes());
        }
        pin(std::process::id(), LOAD_CORE);
        engine_alone(&small, &big, &size);
        others(&small, &big);
        over_http(&big, &size).await;
        flat(&small, &big, &size).await;
        search(&small, &big).await;
        memory(&big).await;
        revocation(&big, &size).await;
    });
}

/// Keeps a process on these cores, so that server and load do not take turns.
fn pin(process: u32, cores: &str) {
    let pinned = Command::new("taskset").args(["-a", "-c", "-p", cores, &process.to_string()]).output();
    assert!(pinned.is_ok_and(|done| done.status.success()), "taskset (util-linux) and two cores are needed");
}

fn row(what: &str, figure: &str, note: &str) {
    println!("  {what:44} {figure:>20}   {note}");
}

fn micros(of: Duration) -> f64 {
    of.as_secs_f64() * 1e6
}

fn engine_alone(small: &Site, big: &Site, size: &Size) {
    println!("\nThe engine alone, in process, median of one decision; bounded by hashing and by memory");
    for (site, pools) in [(small, &[1_000][..]), (big, &[1_000, 10 * size.questions][..])] {
        let world = load::in_memory(&site.world);
        for many in pools {
            for (kind, questions, ns) in engine::medians(&world, &site.world.questions(*many)) {
                let aim = match kind {
                    Kind::Role => "aim: < 0.5 us",
                    Kind::Conditional => "aim: < 25 us",
                    Kind::Owner | Kind::Tree => "",
                };
                let what = format!("{} assignments, {questions} × {kind:?}", site.world.assignments());
                row(&what, &format!("{:.2} us", ns / 1e3), aim);
            }
        }
    }
}

fn others(small: &Site, big: &Site) {
    println!("\nOthers with the same questions, median of one check; what has expired is left out");
    let cedar = peers::Cedar::new(&small.world);
    let checks = peers::role_checks(&small.world, 200);
    let what = format!("Cedar, {} assignments, role", small.world.assignments());
    let walks = format!("walks {} policies", cedar.policies());
    row(&what, &format!("{:.1} us", micros(cedar.whole(&checks))), &walks);
    let sliced = micros(cedar.sliced(&small.world, &checks));
    row("the same, policies that matter picked before", &format!("{sliced:.1} us"), "picking them is not counted");
    let questions = big.world.questions(4_000).into_iter().filter(|question| question.kind == Kind::Conditional);
    let conditional = micros(peers::conditional(&questions.collect::<Vec<_>>()));
    row("Cedar, conditional", &format!("{conditional:.1} us"), "4 policies, entities ready made");
    match peers::casbin(&small.world, &checks) {
        Some(said) => row(&format!("casbin, {} assignments, role", small.world.assignments()), "", &said),
        None => row("casbin", "not measured", "DOORWARD_BENCH_CASBIN is not set"),
    }
}

/// A server of its own core.
async fn serve(site: &Site) -> Program {
    let server = site.serve().await;
    pin(server.id(), SERVER_CORE);
    server
}

/// By turns, so that what disturbs the machine disturbs all alike; of each the run in the middle.
fn by_turns<const N: usize>(turns: usize, runs: [&dyn Fn() -> Load; N]) -> [Load; N] {
    let mut all = runs.map(|_| Vec::new());
    for _ in 0..turns {
        for (run, loads) in runs.iter().zip(&mut all) {
            loads.push(run());
        }
    }
    all.map(|mut loads| {
        loads.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
        loads.swap_remove(turns / 2)
    })
}

async fn over_http(big: &Site, size: &Size) {
    let questions = big.world.questions(size.questions);
    println!(
        "\nOver HTTP, one core, {} assignments, {} different questions, {LINES} connections; caches warm",
        big.world.assignments(),
        questions.len()
    );
    let server = &serve(big).await;
    let (asked, nobody) = (&big.evaluations(&questions, "user"), &big.evaluations(&questions, "none"));
    let batches = &big.batches(&questions, BATCH);
    let started = Instant::now();
    wire::each_once(server, asked);
    let cold = f64::from(u32::try_from(asked.len()).unwrap()) / started.elapsed().as_secs_f64();
    row("each for the first time", &format!("{cold:.0} /s"), "PostgreSQL, on both cores");
    let load = |requests| wire::load(server, LINES, requests, size.lasts);
    let lists = &big.lists(questions.get(..LISTS).unwrap_or(&questions), BATCH);
    wire::each_once(server, lists);
    let runs: [&dyn Fn() -> Load; 4] = [&|| load(asked), &|| load(nobody), &|| load(batches), &|| load(lists)];
    let [with, without, hundreds, pages] = by_turns(TURNS, runs);
    let rate = |load: &Load| format!("{:.0} /s", load.per_second);
    let busy = |load: &Load| {
        let share = load.per_second * load.processor.as_secs_f64() * 100.0;
        format!("{:.1} us of the server's core, which is {share:.0} % busy", micros(load.processor))
    };
    row("the same without a decision", &rate(&without), &busy(&without));
    row("", "", "(a subject of a type that nobody has: all but the engine)");
    row("decisions", &rate(&with), &busy(&with));
    let (share, of_core) = (with.per_second / without.per_second, without.processor.as_secs_f64());
    let of_core = of_core / with.processor.as_secs_f64() * 100.0;
    row("share", &format!("{:.0} %", share * 100.0), &format!("aim: >= 80 %; by processor time {of_core:.0} %"));
    for (what, batches) in [("all unlike", &hundreds), ("one person, one action", &pages)] {
        row(&format!("batches of {BATCH}, {what}"), &rate(batches), &busy(batches));
        let times = batches.per_second * 100.0 / with.per_second;
        row("their decisions to single ones", &format!("{times:.1} ×"), "aim: >= 20 ×");
    }
    let half = with.per_second / 2.0;
    let mut all = [(asked, "p99 at half that load", Vec::new()), (nobody, "the same without a decision", Vec::new())];
    for _ in 0..TURNS {
        for (requests, _, loads) in &mut all {
            loads.push(wire::paced(server, 4 * LINES, requests, size.lasts, half));
        }
    }
    for (_, what, mut loads) in all {
        loads.sort_by_key(|load| load.at(99));
        let (paced, millis) = (&loads[TURNS / 2], |load: &Load| micros(load.at(99)) / 1e3);
        let note = format!(
            "{:.2} to {:.2}; p50 {:.0} us, longest {:.1} ms, of {half:.0} /s due; aim: < 2 ms",
            millis(&loads[0]),
            millis(&loads[TURNS - 1]),
            micros(paced.at(50)),
            micros(paced.at(100)) / 1e3
        );
        row(what, &format!("{:.2} ms", millis(paced)), &note);
    }
}

async fn flat(small: &Site, big: &Site, size: &Size) {
    println!("\nFrom the small world to the big one: 1,000 different questions, one connection, caches warm");
    let servers = [serve(small).await, serve(big).await];
    let asked = [small, big].map(|site| site.evaluations(&site.world.questions(1_000), "user"));
    for (server, asked) in servers.iter().zip(&asked) {
        wire::each_once(server, asked);
    }
    let run = |i: usize| wire::load(&servers[i], 1, &asked[i], size.lasts / 2);
    let [few, many] = by_turns(2 * TURNS + 1, [&|| run(0), &|| run(1)]);
    for (site, load) in [(small, &few), (big, &many)] {
        let note = format!("{:.1} us of the server's core", micros(load.processor));
        row(
            &format!("{} assignments, p50", site.world.assignments()),
            &format!("{:.1} us", micros(load.at(50))),
            &note,
        );
    }
    let (seen, taken) = (micros(many.at(50)) / micros(few.at(50)), micros(many.processor) / micros(few.processor));
    row("ratio", &format!("{seen:.2} ×"), &format!("aim: < 1.3 ×; by processor time {taken:.2} ×"));
}

async fn search(small: &Site, big: &Site) {
    println!("\nThe first page of a search for resources, 50 at most: median of 50");
    let mut medians = Vec::new();
    for whom in ["everywhere", "thrice"] {
        for site in [small, big] {
            let (server, request) = (serve(site).await, site.search(whom));
            let mut line = Line::open(&server);
            let mut took = Vec::new();
            let mut found = 0;
            for _ in 0..50 {
                let started = Instant::now();
                let (status, page) = line.json(&request);
                took.push(started.elapsed());
                assert_eq!(status, 200, "{page}");
                found = page["results"].as_array().unwrap().len();
            }
            took.sort_unstable();
            medians.push(took[took.len() / 2]);
            let what = format!("grant {whom}, {} resources", site.world.resources);
            row(&what, &format!("{:.2} ms", micros(took[25]) / 1e3), &format!("{found} found"));
        }
    }
    for (whom, of) in ["everywhere", "thrice"].iter().zip(medians.chunks(2)) {
        let ratio = micros(of[1]) / micros(of[0]);
        row(&format!("ratio, {whom}"), &format!("{ratio:.2} ×"), "aim: independent of how many there are");
    }
}

async fn memory(big: &Site) {
    println!("\nMemory of what is known of people: each asked about once, on one resource");
    let server = serve(big).await;
    let half = big.world.people / 2;
    let ask = |people: std::ops::Range<usize>| {
        let about = |person: &usize| json!({ "subject": { "type": "user", "id": format!("person{person}") } });
        let batch = |people: &[usize]| {
            let resource = json!({ "type": "type0", "id": "0000000" });
            let evaluations: Vec<_> = people.iter().map(about).collect();
            let body = json!({ "action": { "name": "a0" }, "resource": resource, "evaluations": evaluations });
            big.ask("evaluations", &body, None)
        };
        let batches: Vec<_> = people.collect::<Vec<_>>().chunks(BATCH).map(batch).collect();
        wire::each_once(&server, &batches);
    };
    ask(half..half + half / 10);
    let before = server.resident_kib();
    ask(0..half);
    let after = server.resident_kib();
    let bytes = after.saturating_sub(before) * 1024;
    let people = u64::try_from(half).unwrap();
    row("resident before and after", &format!("{} to {} MiB", before / 1024, after / 1024), &format!("{half} people"));
    row("of a person", &format!("{} bytes", bytes / people), "name, groups (none), assignments, none on the resource");
    row("of a cached assignment", &format!("{} bytes", bytes / people / 5), "the same, by the five of each that count");
}

async fn revocation(big: &Site, size: &Size) {
    println!("\nFrom the start of a revocation on one node until another denies; one request after the other");
    let nodes = [big.serve().await, big.serve().await];
    for node in &nodes {
        pin(node.id(), "0,1");
    }
    let (mut here, mut there) = (Line::open(&nodes[0]), Line::open(&nodes[1]));
    let permission = "a0:type1";
    let give = json!({ "principal": "user:newcomer", "resource_server": "bench", "permission": permission });
    let give = big.administer("POST", "assignments", &give);
    let ask = json!({
        "subject": { "type": "user", "id": "newcomer" }, "action": { "name": "a0" },
        "resource": { "type": "type1", "id": "0000001" },
    });
    let ask = big.ask("evaluation", &ask, None);
    let (mut took, mut written) = (Vec::new(), Vec::new());
    for round in 0..size.revocations {
        let (status, given) = here.json(&give);
        assert_eq!(status, 201, "{given}");
        while there.json(&ask).1["decision"] != true {}
        // At all places between two looks at the change log.
        tokio::time::sleep(Duration::from_millis(u64::try_from(round * 37 % 100).unwrap())).await;
        let path = format!("assignments/{}", given["id"].as_str().unwrap());
        let started = Instant::now();
        let (status, _) = here.ask(&big.administer("DELETE", &path, &Value::Null).bytes);
        written.push(started.elapsed());
        assert_eq!(status, 204);
        while there.json(&ask).1["decision"] != false {}
        took.push(started.elapsed());
    }
    took.sort_unstable();
    written.sort_unstable();
    let at = |percent: usize| micros(took[(took.len() - 1) * percent / 100]) / 1e3;
    let note = format!(
        "of it {:.1} ms for the write itself; then until the other node hears of it",
        micros(written[written.len() / 2]) / 1e3
    );
    row("p50", &format!("{:.1} ms", at(50)), &note);
    row("p99", &format!("{:.1} ms", at(99)), "aim: < 100 ms");
}
