//! `doorward serve`.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::node::{BootError, Node, World};
use super::output::line;
use crate::config::{Config, mask_password};

/// Runs until SIGTERM or SIGINT.
pub(super) async fn run(config: &Config) -> Result<(), BootError> {
    let world = World::system();
    let started = world.clock.monotonic();
    let node = Node::start(config, world.clone()).await?;
    greet(config, &node, world.clock.monotonic().saturating_sub(started)).await?;
    until_signal(node).await
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

async fn a_signal() -> Result<(), BootError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Serves until a signal, then stops in order; a second signal stops at once.
pub(super) async fn until_signal(mut node: Node) -> Result<(), BootError> {
    tokio::select! {
        signal = a_signal() => signal?,
        () = node.ended() => return Err("the listener ended by itself".into()),
    }
    tracing::info!("stopping: not ready any more, what is in flight may end");
    tokio::select! {
        () = node.stop() => tracing::info!("stopped"),
        signal = a_signal() => {
            signal?;
            tracing::warn!("stopped at once, by a second signal");
        }
    }
    Ok(())
}
