//! Two hundred people sign in at the same moment, over and over: memory stays within its bound, who cannot be served is told
//! to come back, and applications get their tokens and decisions.
//!
//! Settings are the defaults, but for the limits of attempts, so that every attempt reaches the hash, and for a proxy that is
//! believed, so that they come from many addresses.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinSet;

use crate::applications::{PASSWORD, at, client, furnish};
use crate::program::Program;

const AT_ONCE: usize = 200;
const WAVES: usize = 5;
const RESIDENT_GROWTH_MAX_KIB: u64 = 64 * 1024;
const IDLE_FOR: Duration = Duration::from_secs(2);

/// A sign-in page that waits for a name and a password.
struct Page {
    post: String,
    cookie: String,
    form_token: String,
}

async fn open(http: &reqwest::Client, base: &str) -> Page {
    let query = "client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&response_type=code&scope=openid\
                 &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
    let begun = http.get(format!("{base}/oauth2/authorize?{query}")).send().await.unwrap();
    assert_eq!(begun.status(), 303);
    let cookie = begun.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let at = begun.headers()["location"].to_str().unwrap().to_owned();
    let page = http.get(format!("{base}{at}")).header("cookie", &cookie).send().await.unwrap().text().await.unwrap();
    let form_token = page.split("name=\"form_token\"").nth(1).expect("a form").split("value=\"").nth(1).unwrap();
    let form_token = form_token.split('"').next().unwrap().replace("&#x2f;", "/");
    Page { post: format!("{base}{at}/login"), cookie, form_token }
}

impl Page {
    /// The status of the answer; overload must say when to come back.
    async fn sign_in(self, http: reqwest::Client, name: String, password: &'static str, from: String) -> u16 {
        let form = [("form_token", self.form_token.as_str()), ("username", &name), ("password", password)];
        let request = http.post(&self.post).header("cookie", &self.cookie).header("x-forwarded-for", from);
        let answer = request.form(&form).send().await.unwrap();
        let status = answer.status().as_u16();
        if [429, 503].contains(&status) {
            let wait = answer.headers().get("retry-after").expect("Retry-After").to_str().unwrap();
            assert!(wait.parse::<u64>().unwrap() > 0);
        }
        status
    }
}

async fn open_all(http: &reqwest::Client, base: &str) -> Vec<Page> {
    let mut pages = Vec::new();
    for _ in 0..AT_ONCE / 20 {
        pages.extend(join_all((0..20).map(|_| open(http, base))).await);
    }
    pages
}

/// One storm: every second one alice with her password, the others nobody. How often each status was answered.
async fn storm(http: &reqwest::Client, base: &str, statuses: &mut BTreeMap<u16, usize>) {
    let mut signing_in = JoinSet::new();
    for (i, page) in open_all(http, base).await.into_iter().enumerate() {
        let name = if i % 2 == 0 { "alice".to_owned() } else { format!("nobody{i}") };
        // As many addresses: one has only its share of the queue.
        signing_in.spawn(page.sign_in(http.clone(), name, PASSWORD, format!("198.51.100.{i}")));
    }
    for status in signing_in.join_all().await {
        *statuses.entry(status).or_default() += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_sign_ins_keeps_its_bounds_and_applications_are_served() {
    let limits = ["DOORWARD_LOGIN_ATTEMPTS_PER_ACCOUNT_MAX", "DOORWARD_LOGIN_ATTEMPTS_PER_ADDRESS_MAX"];
    let [account, address] = limits.map(|limit| (limit, "1000000"));
    let program = Program::start(&[account, address, ("DOORWARD_SERVER_TRUSTED_PROXIES", "127.0.0.1")]).await;
    let fresh_kib = program.resident_kib();
    let applications = furnish(&program);
    let ask = |during| applications.ask_during(during);
    let mut idle = ask(Box::pin(tokio::time::sleep(IDLE_FOR))).await;
    let (http, base) = (client(), program.base.clone());
    // A server that has shown its pages to as many; nobody has signed in yet.
    open_all(&http, &base).await;
    let idle_kib = program.resident_kib();

    let statuses = Arc::new(std::sync::Mutex::new(BTreeMap::new()));
    let seen = statuses.clone();
    let waves = async move {
        for _ in 0..WAVES {
            let mut statuses = BTreeMap::new();
            storm(&http, &base, &mut statuses).await;
            for (status, count) in statuses {
                *seen.lock().unwrap().entry(status).or_insert(0) += count;
            }
        }
    };
    let mut busy = ask(Box::pin(waves)).await;
    let (peak_kib, statuses) = (program.resident_peak_kib(), statuses.lock().unwrap().clone());

    let (ready, busy_for) = (program.ready_after.as_millis(), program.processor_time().as_secs_f64());
    println!("process {}: ready after {ready} ms; {busy_for:.1} s of processor time in all", program.id());
    println!(
        "resident memory: just started {} MiB, idle {} MiB, at most {} MiB, afterwards {} MiB",
        fresh_kib / 1024,
        idle_kib / 1024,
        peak_kib / 1024,
        program.resident_kib() / 1024
    );
    println!("sign-ins: {WAVES} x {AT_ONCE} at once, answered {statuses:?}");
    for (what, idle, busy) in
        [("tokens", &mut idle.tokens, &mut busy.tokens), ("decisions", &mut idle.decisions, &mut busy.decisions)]
    {
        let percentiles = [50, 99].map(|percent| {
            let (idle, busy) = (at(percent, idle), at(percent, busy));
            format!("p{percent} {idle:.1} ms idle, {busy:.1} ms in the storm ({:.1} times)", busy / idle)
        });
        println!("{what}: {} idle, {} in the storm, all answered; {}", idle.len(), busy.len(), percentiles.join("; "));
    }
    // Counted from the start, so that nothing hides in what "idle" means.
    assert!(peak_kib < fresh_kib + RESIDENT_GROWTH_MAX_KIB, "{fresh_kib} KiB grew to {peak_kib}");
    assert!(statuses.keys().all(|status| [303, 400, 429, 503].contains(status)), "{statuses:?}");
    for (status, what) in [(303, "nobody came in"), (400, "nobody was refused"), (503, "it was no storm")] {
        assert!(statuses.contains_key(&status), "{what}: {statuses:?}");
    }
    assert!(!busy.tokens.is_empty() && !busy.decisions.is_empty());
}
