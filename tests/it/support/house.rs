//! A running Doorward.

use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use doorward::boot::{Node, World as Universe};
use doorward::config::{Config, Layers};
use doorward::world::SystemEntropy;
use tempfile::TempDir;

use super::clock::TestClock;
use super::{Database, World};

/// What a test wants to be different.
#[derive(Default)]
pub struct Options {
    settings: Vec<(String, toml::Value)>,
}

impl Options {
    pub fn set(mut self, key: &str, value: impl Into<toml::Value>) -> Self {
        self.settings.push((key.to_owned(), value.into()));
        self
    }
}

pub struct House {
    pub base: String,
    pub clock: Arc<TestClock>,
    pub client: reqwest::Client,
    pub world: World,
    pub database_url: String,
    pub port: u16,
    folder: Arc<TempDir>,
    node: Option<Node>,
    layers: Layers,
}

/// An address nobody listens on now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl House {
    /// A house with the small world of [`World`] in it.
    pub async fn start(database: Database, options: Options) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let url = database.create(folder.path()).await;
        let mut house = Self::open(folder, url, options, Arc::new(TestClock::new())).await;
        house.world = World::build(house.node().admin()).await;
        house
    }

    /// Nodes that start at the same moment on one empty database.
    pub async fn at_once(database: Database, nodes: usize) -> Vec<Self> {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let url = database.create(folder.path()).await;
        let clock = Arc::new(TestClock::new());
        let start = || Self::open(folder.clone(), url.clone(), Options::default(), clock.clone());
        futures_util::future::join_all((0..nodes).map(|_| tokio::spawn(start())))
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect()
    }

    /// A second node on the same database, with the same master key.
    pub async fn neighbour(&self) -> Self {
        self.neighbour_with(Options::default()).await
    }

    pub async fn neighbour_with(&self, options: Options) -> Self {
        let options = options.set("server.issuer", self.issuer());
        let mut house = Self::open(self.folder.clone(), self.database_url.clone(), options, self.clock.clone()).await;
        house.world = self.world.clone();
        house
    }

    async fn open(folder: Arc<TempDir>, database_url: String, options: Options, clock: Arc<TestClock>) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let port = free_port();
        let base = format!("http://localhost:{port}");
        let mut layers = Layers::defaults()
            .with("server.listen", format!("127.0.0.1:{port}"))
            .with("server.issuer", base.clone())
            .with("database.url", database_url.clone())
            .with("keys.master_key_file", folder.path().join("master.key").display().to_string())
            .with("server.shutdown_grace", "5s");
        for (key, value) in options.settings {
            layers = layers.with(&key, value);
        }
        let config = Config::load(&layers).unwrap();
        let universe = Universe { clock: clock.clone(), entropy: Arc::new(SystemEntropy) };
        let node = Node::start(&config, universe).await.unwrap();
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let base = base.replace("localhost", "127.0.0.1");
        let world = World::default();
        Self { base, clock, client, world, database_url, port, folder, node: Some(node), layers }
    }

    pub fn node(&self) -> &Node {
        self.node.as_ref().unwrap()
    }

    /// The issuer as tokens carry it.
    pub fn issuer(&self) -> String {
        self.layers.get("server.issuer").unwrap().value.as_str().unwrap().to_owned()
    }

    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Stops the server in order and gives back what it stood on.
    pub async fn stop(&mut self) {
        self.node.take().unwrap().stop().await;
    }

    pub fn setting(&self, key: &str) -> String {
        self.layers.get(key).unwrap().value.as_str().unwrap().to_owned()
    }

    /// The command line beside the running server.
    pub fn doorward(&self, arguments: &[&str]) -> Output {
        self.doorward_with(arguments, &[])
    }

    pub fn doorward_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        self.program(arguments).envs(environment.iter().copied()).output().unwrap()
    }

    /// Where its commands run.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The command line, still to be started.
    pub fn program(&self, arguments: &[&str]) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_doorward"));
        program
            .args(arguments)
            .env_clear()
            .env("DOORWARD_DATABASE_URL", &self.database_url)
            .env("DOORWARD_KEYS_MASTER_KEY_FILE", self.setting("keys.master_key_file"))
            .env("DOORWARD_KEYS_PUBLISH_LEAD", self.setting("keys.publish_lead"))
            .env("DOORWARD_KEYS_JWKS_MAX_AGE", self.setting("keys.jwks_max_age"))
            .current_dir(self.folder.path());
        program
    }

    /// The command line, and what it printed as JSON.
    pub fn command(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.doorward(&[arguments, &["--json"]].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "doorward {arguments:?}: {errors}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl House {
    /// The same house again, after [`House::stop`]: same database, same master key.
    pub async fn restarted(&self) -> Self {
        self.restarted_as(&self.issuer()).await
    }

    /// The same house under another name.
    pub async fn restarted_as(&self, issuer: &str) -> Self {
        assert!(self.node.is_none(), "stop it first");
        let port = toml::Value::from(format!("127.0.0.1:{}", self.port));
        let issuer = toml::Value::from(issuer);
        let options = Options { settings: vec![("server.listen".into(), port), ("server.issuer".into(), issuer)] };
        let mut house = Self::open(self.folder.clone(), self.database_url.clone(), options, self.clock.clone()).await;
        house.world = self.world.clone();
        house.base.clone_from(&self.base);
        house.port = self.port;
        house
    }
}
