//! How fast, and bounded by what: a real server on one core, the load on another, and beside it, in the same run, what the
//! machine can do at all. Ratios are what counts; machines differ and are noisy.
//!
//! `tests/bench/run` builds and runs it. Doorward runs with its defaults, but for the limits of attempts to sign in.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench that goes wrong stops")]
#![expect(clippy::indexing_slicing, reason = "a missing member of an answer stops the bench")]
#![expect(clippy::print_stdout, reason = "the figures are the result")]
#![expect(clippy::disallowed_methods, reason = "a bench measures real time")]

#[path = "../../load/program.rs"]
mod program;
mod raw;
mod sessions;
mod site;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use self::program::Program;
use self::raw::Limits;
use self::site::Site;

const FOR: Duration = Duration::from_secs(4);
const WARM_UP: Duration = Duration::from_millis(500);
const SERVER_CORE: &str = "0";
const LOAD_CORE: &str = "1";
const BOTH_CORES: &str = "0,1";

fn main() {
    let hashes_on_two = raw::hashes_at_once(2);
    pin(std::process::id(), LOAD_CORE);
    let limits = Limits::measure(hashes_on_two);
    limits.print();
    // The store, by which rows are made, wants more than one thread.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        if std::env::args().any(|argument| argument == "sessions") {
            println!("\nSQLite");
            return sessions::measure().await;
        }
        println!("\nSQLite");
        measure(Site::open(None).await, &limits).await;
        sign_ins(None, &limits).await;
        if let Ok(url) = std::env::var("DOORWARD_TEST_POSTGRES_URL") {
            println!("\nPostgreSQL (on the server's core)");
            measure(Site::open(Some(&site::fresh_database(&url, "one"))).await, &limits).await;
            sign_ins(Some(&site::fresh_database(&url, "two")), &limits).await;
        } else {
            println!("\nPostgreSQL: not measured, DOORWARD_TEST_POSTGRES_URL is not set");
        }
    });
}

/// Keeps a process on one core, so that server and load do not take turns.
fn pin(process: u32, core: &str) {
    let pinned = Command::new("taskset").args(["-a", "-c", "-p", core, &process.to_string()]).output();
    assert!(pinned.is_ok_and(|done| done.status.success()), "taskset (util-linux) and two cores are needed");
}

/// How often something was done.
struct Rate {
    per_second: f64,
    /// The server's processor time for each, whoever else wants the core: waiting and other programs do not count.
    processor: Duration,
}

/// How often `act` is done by so many at once, over and over.
async fn rate(server: &Program, at_once: usize, act: impl AsyncFn(usize)) -> Rate {
    let (act, started, before) = (&act, Instant::now(), server.processor_time());
    let (done, all) = (&std::cell::Cell::new(0_u32), &std::cell::Cell::new(0_u32));
    let workers = (0..at_once).map(async |worker| {
        while started.elapsed() < WARM_UP + FOR {
            act(worker).await;
            all.set(all.get() + 1);
            if started.elapsed() >= WARM_UP {
                done.set(done.get() + 1);
            }
        }
    });
    futures_util::future::join_all(workers).await;
    let took = server.processor_time().checked_sub(before).unwrap_or_default();
    Rate { per_second: f64::from(done.get()) / FOR.as_secs_f64(), processor: took / all.get().max(1) }
}

fn row(what: &str, rate: &Rate, bound: &str) {
    let Rate { per_second, processor } = rate;
    println!("  {what:34} {per_second:>9.0} /s {:>7} us   {bound}", processor.as_micros());
}

async fn measure(site: Site, limits: &Limits) {
    println!("  from the start until it is ready   {:>9.0} ms", site.program.ready_after.as_secs_f64() * 1e3);
    println!("  resident memory, idle              {:>9} MiB", site.program.resident_kib() / 1024);
    println!("  processor time in 5 idle seconds   {:>9.0} ms", site.idle_cpu().await.as_secs_f64() * 1e3);
    pin(site.program.id(), SERVER_CORE);
    let share = |rate: &Rate, of: f64, what: &str| format!("{:3.0} % of {what}", rate.per_second / of * 100.0);
    let server = &site.program;

    let nothing = rate(server, 64, async |_| site.no_work().await).await;
    row("the token endpoint without work", &nothing, "route, hoops, client authentication, JSON");
    let nothing = nothing.per_second;
    let tokens = rate(server, 64, async |_| site.client_credentials().await).await;
    row("client-credentials tokens", &tokens, &share(&tokens, limits.signatures, "RS256 signatures on one core"));
    let both = 1.0 / (1.0 / limits.signatures + 1.0 / nothing);
    row("", &tokens, &share(&tokens, both, "signature and request together"));
    let jwks = rate(server, 16, async |_| site.jwks().await).await;
    row("key set", &jwks, "the load generator, too");
    let introspected = rate(server, 16, async |_| site.introspect().await).await;
    row("introspection", &introspected, &share(&introspected, nothing, "the request without work"));
    let decided = rate(server, 16, async |_| site.decide().await).await;
    row("decisions", &decided, &share(&decided, nothing, "the token request without work"));
    let userinfo = rate(server, 16, async |_| site.userinfo().await).await;
    row("userinfo", &userinfo, &share(&userinfo, nothing, "the token request without work"));
    let chains = site.chains(32).await;
    let refreshed = rate(server, 32, async |worker| site.refresh(&chains[worker]).await).await;
    row(
        "refresh with ID token, durable",
        &refreshed,
        &share(&refreshed, limits.signatures / 2.0, "half the signatures"),
    );
    let flows = rate(server, 16, async |_| drop(site.code_flow().await)).await;
    row("code flow in a ready session", &flows, &share(&flows, limits.signatures / 2.0, "half the signatures"));
    let (now, peak) = (site.program.resident_kib() / 1024, site.program.resident_peak_kib() / 1024);
    println!("  resident memory, after this load   {now:>9} MiB, at most {peak} MiB");
}

/// Sign-ins on both cores, and what others wait meanwhile. The server is a new one: what is started on one core makes room
/// for one hash only.
async fn sign_ins(database: Option<&str>, limits: &Limits) {
    pin(std::process::id(), BOTH_CORES);
    let site = &Arc::new(Site::open(database).await);
    pin(std::process::id(), LOAD_CORE);
    let stop = Arc::new(AtomicBool::new(false));
    let mut asking = JoinSet::new();
    let (asked, ends) = (site.clone(), stop.clone());
    asking.spawn(async move {
        let (mut tokens, mut decisions) = (Vec::new(), Vec::new());
        while !ends.load(Ordering::Relaxed) {
            let started = Instant::now();
            asked.client_credentials().await;
            tokens.push(started.elapsed());
            let started = Instant::now();
            asked.decide().await;
            decisions.push(started.elapsed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        (tokens, decisions)
    });
    let signed_in = rate(&site.program, 8, async |_| drop(site.sign_in().await)).await;
    stop.store(true, Ordering::Relaxed);
    let (mut tokens, mut decisions) = asking.join_next().await.unwrap().unwrap();
    let of = signed_in.per_second / limits.hashes_on_two * 100.0;
    row("sign-ins, on both cores", &signed_in, &format!("{of:3.0} % of the hashes of two cores"));
    for (what, took) in [("token", &mut tokens), ("decision", &mut decisions)] {
        took.sort();
        let at = |percent: usize| took[(took.len() - 1) * percent / 100].as_secs_f64() * 1e3;
        println!("  a {what} meanwhile: p50 {:.1} ms, p99 {:.1} ms, of {}", at(50), at(99), took.len());
    }
}
