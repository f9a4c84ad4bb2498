//! The second driver: what is due by time, not by request. Each job asks the clock, does one step of a use case, and goes
//! on; nothing here decides.
//!
//! Never: HTTP, rules.

mod backchannel;
mod sweep;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

pub use self::backchannel::{Deliverer, deliver};
pub use self::sweep::{Lives, sweep, trim};
use crate::domain::chain::chain;
use crate::domain::change::Revision;
use crate::keys::Keys;

/// How often keys are looked at. Rotation counts days, but a pending key should take over when it said it would.
const KEYS_EVERY: Duration = Duration::from_millis(500);
/// How long a rotation that failed is left alone.
const AGAIN_AFTER: Duration = Duration::from_mins(1);

/// Rotates signing keys by the schedule; ends with the task that is aborted at shutdown.
pub async fn rotate_keys(keys: Arc<Keys>) {
    loop {
        tokio::time::sleep(KEYS_EVERY).await;
        match keys.step().await {
            Ok(_) => {}
            Err(error) => {
                tracing::error!(error = chain(&error), "the signing keys could not be rotated");
                tokio::time::sleep(AGAIN_AFTER).await;
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
