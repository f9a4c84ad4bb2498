//! `doorward serve`.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::node::{BootError, Node, World};
use super::output::line;
use crate::config::{Config, mask_password};

/// Runs until SIGTERM or SIGINT.
pub(super) async fn run(config: &Config) -> Result<(), BootError> {
    let world = World::system();
    let started = world.clock.monotonic();
    // From here on a signal is an order to stop, whatever has come up until then.
    let signals = Signals::listen()?;
    let node = Node::start(config, world.clone()).await?;
    greet(config, &node, world.clock.monotonic().saturating_sub(started)).await?;
    until_signal(node, signals).await
}

/// The lines a person looks for first.
async fn greet(config: &Config, node: &Node, took: Duration) -> Result<(), BootError> {
    let issuer = &config.server.issuer;
    line(&format!("Doorward {} is ready after {} ms", env!("CARGO_PKG_VERSION"), took.as_millis()));
    line(&format!("  issuer     {issuer}"));
    line(&format!("  listening  {}{}", node.address, if config.server.tls.is_some() { " (TLS)" } else { "" }));
    line(&format!("  database   {}", mask_password(config.database.url.reveal())));
    line(&format!("  metadata   {}", issuer.at("/.well-known/openid-configuration")));
    if let Some(link) = node.admin().open_setup().await? {
        line("");
        line("  There is no operator yet. Whoever opens this link within an hour becomes the first one:");
        line(&format!("  {}", issuer.at(&format!("/setup/{}", link.reveal()))));
        line("");
    }
    Ok(())
}

/// SIGTERM and SIGINT, caught from the moment this is made.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn listen() -> Result<Self, BootError> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Serves until a signal, then stops in order; a second signal stops at once.
pub(super) async fn until_signal(mut node: Node, mut signals: Signals) -> Result<(), BootError> {
    tokio::select! {
        () = signals.next() => {}
        () = node.ended() => return Err("the listener ended by itself".into()),
    }
    tracing::info!("stopping: not ready any more, what is in flight may end");
    tokio::select! {
        () = node.stop() => tracing::info!("stopped"),
        () = signals.next() => tracing::warn!("stopped at once, by a second signal"),
    }
    Ok(())
}
