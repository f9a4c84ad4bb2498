//! The second driver: what is due by time, not by request. Each job asks the clock, does one step of a use case, and goes
//! on; nothing here decides.
//!
//! Never: HTTP, rules.

mod backchannel;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

pub use self::backchannel::{Deliverer, deliver};
use crate::domain::chain::chain;
use crate::domain::change::Revision;
use crate::domain::time::Clock;
use crate::keys::Keys;
use crate::store::{Store, StoreError, codes, interactions, refresh, sessions, throttles, tokens};

/// How often keys are looked at. Rotation counts days, but a pending key should take over when it said it would.
const KEYS_EVERY: Duration = Duration::from_millis(500);
/// How often what has expired is deleted.
const SWEEP_EVERY: Duration = Duration::from_mins(1);
/// What expired is kept so long beyond its time, so that nodes whose clocks differ agree.
const SWEEP_MARGIN: Duration = Duration::from_mins(5);

/// Rotates signing keys by the schedule; ends with the task that is aborted at shutdown.
pub async fn rotate_keys(keys: Arc<Keys>) {
    loop {
        tokio::time::sleep(KEYS_EVERY).await;
        match keys.step().await {
            Ok(_) => {}
            Err(error) => {
                tracing::error!(error = chain(&error), "the signing keys could not be rotated");
                tokio::time::sleep(SWEEP_EVERY).await;
            }
        }
    }
}

/// Reloads the key ring whenever the change log says that keys changed, on this node or another.
pub async fn follow_keys(keys: Arc<Keys>, mut changed: watch::Receiver<Revision>) {
    loop {
        if let Err(error) = keys.reload().await {
            tracing::error!(error = chain(&error), "the signing keys could not be read");
            tokio::time::sleep(Duration::from_secs(1)).await;
            continue;
        }
        if changed.changed().await.is_err() {
            return;
        }
    }
}

/// Deletes what has expired, and wipes the sealed successors of refresh tokens whose grace is over.
pub async fn sweep(store: Arc<Store>, clock: Arc<dyn Clock>, refresh_grace: Duration) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        if let Err(error) = sweep_once(&store, clock.as_ref(), refresh_grace).await {
            tracing::error!(error = chain(&error), "what expired could not be deleted");
        }
    }
}

async fn sweep_once(store: &Store, clock: &dyn Clock, refresh_grace: Duration) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    let before = clock.now().minus(SWEEP_MARGIN);
    let swept = tokens::sweep(&mut tx, before).await?
        + interactions::sweep(&mut tx, before).await?
        + codes::sweep(&mut tx, before).await?
        + refresh::sweep(&mut tx, before).await?
        + sessions::sweep(&mut tx, before).await?
        + throttles::sweep(&mut tx, before).await?;
    refresh::wipe_past_grace(&mut tx, clock.now().minus(refresh_grace)).await?;
    tx.commit().await?;
    if swept > 0 {
        tracing::debug!(swept, "expired rows deleted");
    }
    Ok(())
}
