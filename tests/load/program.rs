//! A server as a process, commands beside it, and what it takes of the machine.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A running server with an empty SQLite database, killed when it is dropped.
pub struct Program {
    pub base: String,
    /// From the start of the process until it was ready for requests.
    pub ready_after: Duration,
    process: tokio::process::Child,
    environment: Vec<(String, String)>,
    folder: TempDir,
}

impl Program {
    /// With these settings beside the defaults.
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let own = [
            ("DOORWARD_DATABASE_URL", format!("sqlite://{}", folder.path().join("doorward.db").display())),
            ("DOORWARD_KEYS_MASTER_KEY_FILE", folder.path().join("master.key").display().to_string()),
            ("DOORWARD_SERVER_LISTEN", format!("127.0.0.1:{port}")),
            ("DOORWARD_SERVER_ISSUER", format!("http://localhost:{port}")),
            ("DOORWARD_LOG_LEVEL", "error".to_owned()),
        ];
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let environment: Vec<_> =
            own.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(settings).collect();
        let started = Instant::now();
        let process = tokio::process::Command::new(env!("CARGO_BIN_EXE_doorward"))
            .arg("serve")
            .env_clear()
            .envs(environment.clone())
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (base, ready_after) = (format!("http://127.0.0.1:{port}"), Duration::ZERO);
        let mut program = Self { base, ready_after, process, environment, folder };
        program.is_ready().await;
        program.ready_after = started.elapsed();
        program
    }

    async fn is_ready(&self) {
        let started = Instant::now();
        while !reqwest::get(format!("{}/readyz", self.base)).await.is_ok_and(|answer| answer.status() == 200) {
            assert!(started.elapsed() < Duration::from_secs(10), "the server does not get ready");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// A command, and what it printed as JSON.
    pub fn command(&self, line: &str) -> Value {
        self.command_with(line, "")
    }

    /// The same, with something typed.
    pub fn command_with(&self, line: &str, typed: &str) -> Value {
        let mut process = Command::new(env!("CARGO_BIN_EXE_doorward"))
            .args(line.split(' '))
            .arg("--json")
            .env_clear()
            .envs(self.environment.clone())
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        process.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "doorward {line}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id().unwrap())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_start_matches(':').trim_end_matches("kB").trim().parse().unwrap()
    }

    /// Resident memory now.
    pub fn resident_kib(&self) -> u64 {
        self.status("VmRSS")
    }

    pub fn id(&self) -> u32 {
        self.process.id().unwrap()
    }

    /// Processor time it has taken so far, to a hundredth of a second (proc_pid_stat(5): utime and stime).
    pub fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap();
        let fields = stat.rsplit_once(") ").unwrap().1.split(' ').skip(11).take(2);
        let ticks: u64 = fields.map(|ticks| ticks.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// The most it ever was.
    pub fn resident_peak_kib(&self) -> u64 {
        self.status("VmHWM")
    }
}
