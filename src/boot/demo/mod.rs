//! `doorward demo`: a small, realistic world on a fresh SQLite database, a sample application to sign in to, and the lines
//! to try it with.

mod app;
mod notes;
mod story;
mod world;

use std::path::{Path, PathBuf};

use clap::Args;

use self::world::populate;
use super::node::{BootError, Node, World};
use super::output::line;
use super::serve;
use crate::config::{Config, Layers};

#[derive(Args)]
pub(super) struct DemoArgs {
    /// Where the demo keeps its database and keys; what it left there before is removed at start.
    #[arg(long, default_value = "data/demo", value_name = "FOLDER")]
    folder: PathBuf,
    /// The port Doorward listens on.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The port of the sample application that people sign in to.
    #[arg(long, default_value_t = 8081)]
    app_port: u16,
}

/// The demo is its own world: whatever is configured, it touches no database or key but its own.
pub(super) fn layers(layers: Layers, args: &DemoArgs) -> Layers {
    let path = |name: &str| args.folder.join(name).display().to_string();
    let quiet = layers.get("log.level").is_some_and(|s| s.source == crate::config::Source::Default);
    let layers = layers
        .with("server.listen", format!("127.0.0.1:{}", args.port))
        .with("server.issuer", format!("http://localhost:{}", args.port))
        .with("server.tls_certificate_file", "")
        .with("server.tls_key_file", "")
        .with("server.shutdown_notice", "0s")
        .with("database.url", format!("sqlite://{}", path("demo.db")))
        .with("keys.master_key", "")
        .with("keys.previous_master_key_files", toml::Value::Array(Vec::new()))
        .with("keys.master_key_file", path("demo.key"));
    if quiet { layers.with("log.level", "warn") } else { layers }
}

pub(super) async fn run(config: &Config, args: &DemoArgs) -> Result<(), BootError> {
    clear(&args.folder)?;
    let world = World::system();
    let started = world.clock.monotonic();
    let signals = serve::Signals::listen()?;
    let node = Node::start(config, world.clone()).await?;
    // Another host than the issuer's: cookies ignore ports, and the two must not see each other's.
    let origin = format!("http://127.0.0.1:{}", args.app_port);
    let credentials = populate(node.admin(), world.entropy.as_ref(), &origin).await?;
    let app = app::start(config.server.issuer.as_str(), &origin, args.app_port, &credentials).await?;
    let took = world.clock.monotonic().saturating_sub(started);
    line(&format!(
        "Doorward demo, ready after {} ms. Everything below works when pasted into another shell.",
        took.as_millis()
    ));
    line(&story::told(config.server.issuer.as_str(), &origin, &credentials));
    let served = serve::until_signal(node, signals).await;
    app.abort();
    served
}

/// Removes what an earlier demo left. Its files have names of their own, so that a mistyped folder loses nothing.
fn clear(folder: &Path) -> Result<(), BootError> {
    if crate::store::is_served(&folder.join("demo.db")) {
        return Err(format!("another demo is running in {}; stop it, or give --folder", folder.display()).into());
    }
    for name in ["demo.db", "demo.db-wal", "demo.db-shm", "demo.key"] {
        match std::fs::remove_file(folder.join(name)) {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(format!("{} cannot be removed: {e}", folder.join(name).display()).into()),
        }
    }
    Ok(())
}
