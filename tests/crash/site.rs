//! The real program as processes: a server to kill, commands beside it.

use std::fs::{File, OpenOptions};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorward::admin::Admin;
use doorward::domain::change::Actor;
use doorward::domain::entropy::Entropy as _;
use doorward::store::{Opener, Store, StoreOptions};
use doorward::world::{SystemClock, SystemEntropy};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::database::Kind;

/// A server must be ready within this time, whatever was killed before it: nothing is repaired, nobody helps.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// A whole number below `bound`.
pub fn random(bound: u64) -> u64 {
    let mut bytes = [0; 8];
    SystemEntropy.fill(&mut bytes);
    u64::from_le_bytes(bytes) % bound
}

pub fn between(from: Duration, to: Duration) -> Duration {
    let span = u64::try_from(to.saturating_sub(from).as_micros()).unwrap();
    from + Duration::from_micros(random(span + 1))
}

/// Where one Doorward lives, through all its lives.
pub struct Site {
    pub url: String,
    pub http: reqwest::Client,
    base: String,
    port: u16,
    folder: TempDir,
}

/// A running server, killed at the latest when it is dropped.
pub struct Server {
    process: Child,
    pub ready_after: Duration,
}

/// What became of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    Acknowledged,
    Killed,
    Failed,
}

/// A port that the kernel gives to nobody by itself: a client that polls one of those while nobody listens there may end
/// up connected to itself.
fn port(kind: Kind) -> u16 {
    let first = if kind == Kind::Sqlite { 10_000 } else { 15_000 };
    loop {
        let port = first + u16::try_from(random(5_000)).unwrap();
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Site {
    /// An empty database, and nothing running.
    pub async fn new(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = kind.create(folder.path()).await;
        let port = port(kind);
        let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
        Self { url, http, base: format!("http://127.0.0.1:{port}"), port, folder }
    }

    fn program(&self, arguments: &[&str], errors: File) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_doorward"));
        program
            .args(arguments)
            .env_clear()
            .env("DOORWARD_DATABASE_URL", &self.url)
            .env("DOORWARD_KEYS_MASTER_KEY_FILE", self.folder.path().join("keys/master.key"))
            .env("DOORWARD_SERVER_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("DOORWARD_SERVER_ISSUER", format!("http://localhost:{}", self.port))
            .env("DOORWARD_SERVER_SHUTDOWN_NOTICE", "0s")
            // However long a busy machine takes from a kill to the next answer, it is within the grace.
            .env("DOORWARD_TOKENS_REFRESH_GRACE", "10m")
            .env("DOORWARD_LOG_LEVEL", "error")
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .kill_on_drop(true);
        program
    }

    /// A server that nobody has waited for.
    pub fn launch(&self) -> Server {
        let errors = File::create(self.folder.path().join("server.log")).unwrap();
        Server { process: self.program(&["serve"], errors).spawn().unwrap(), ready_after: Duration::ZERO }
    }

    /// A server that is ready.
    pub async fn start(&self) -> Server {
        let started = Instant::now();
        let mut server = self.launch();
        while !self.is_ready().await {
            if let Some(status) = server.process.try_wait().unwrap() {
                panic!("the server did not start ({status}):\n{}", self.log());
            }
            assert!(started.elapsed() < READY_WITHIN, "not ready after {READY_WITHIN:?}:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.ready_after = started.elapsed();
        server
    }

    async fn is_ready(&self) -> bool {
        let answer = self.http.get(format!("{}/readyz", self.base)).send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    }

    /// What the server of now, or the last one, wrote to standard error.
    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server.log")).unwrap()
    }

    /// The errors among it: beside the greeting nothing else is written at this log level.
    pub fn logged(&self) -> Vec<String> {
        let log = self.log();
        let errors = log.lines().filter(|line| line.starts_with('{') || line.contains("panicked"));
        errors.map(|line| format!("logged: {line}")).collect()
    }

    /// Runs a command and kills it after this time, unless it has ended by then.
    pub async fn command(&self, arguments: &[String], kill_after: Duration) -> End {
        let log = self.folder.path().join("commands.log");
        let errors = OpenOptions::new().create(true).append(true).open(log).unwrap();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let mut process = self.program(&arguments, errors).spawn().unwrap();
        if let Ok(status) = tokio::time::timeout(kill_after, process.wait()).await {
            return ended(status.unwrap());
        }
        process.start_kill().unwrap();
        ended(process.wait().await.unwrap())
    }

    /// What commands wrote to standard error.
    pub fn complaints(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("commands.log")).unwrap_or_default()
    }

    /// The same database opened by this process, as a command opens it.
    pub async fn store(&self) -> Arc<Store> {
        let options = StoreOptions {
            url: self.url.clone(),
            connections_max: 8,
            checkout_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(10),
            tls_ca_file: None,
        };
        Arc::new(Store::open(&options, Opener::Command).await.unwrap())
    }

    /// The status and body of an answer; nothing when the server went away before it was whole.
    pub async fn form(&self, path: &str, auth: (&str, &str), form: &[(&str, &str)]) -> Option<(u16, String)> {
        let request = self.http.post(format!("{}{path}", self.base)).basic_auth(auth.0, Some(auth.1)).form(form);
        whole(request.send().await).await
    }

    pub async fn json(&self, path: &str, auth: (&str, &str), body: &Value) -> Option<(u16, String)> {
        let request = self.http.post(format!("{}{path}", self.base)).basic_auth(auth.0, Some(auth.1)).json(body);
        whole(request.send().await).await
    }
}

async fn whole(response: reqwest::Result<reqwest::Response>) -> Option<(u16, String)> {
    let response = response.ok()?;
    let status = response.status().as_u16();
    Some((status, response.text().await.ok()?))
}

fn ended(status: ExitStatus) -> End {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.success(), status.signal()) {
        (true, _) => End::Acknowledged,
        (false, Some(9)) => End::Killed,
        (false, _) => End::Failed,
    }
}

impl Server {
    /// SIGKILL: nothing of the process runs any more.
    pub async fn kill(mut self) {
        self.process.start_kill().unwrap();
        let status = self.process.wait().await.unwrap();
        assert_eq!(ended(status), End::Killed, "it had ended by itself");
    }
}

/// The name under which what this process does through the library stands in the audit trail.
pub const LIBRARY: &str = "user:library";

pub fn library(store: &Arc<Store>) -> Admin {
    let (clock, entropy) = (Arc::new(SystemClock::new()), Arc::new(SystemEntropy));
    Admin::new(store.clone(), clock, entropy, Actor::User("library".into()))
}
