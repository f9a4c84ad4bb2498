//! How recent an answer must be: whoever asks may say so.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::error::DecisionError;
use super::service::Decisions;
use crate::domain::change::Position;

/// What a request demands of its answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Consistency {
    /// What this node knows, which is not older than the freshness bound.
    #[default]
    MinimizeLatency,
    /// Everything up to a write that gave this token.
    AtLeast(Position),
    /// Everything that was written before the request came.
    Full,
}

/// How long a request waits until this node knows what it demands.
const WAIT_MAX: Duration = Duration::from_secs(2);

impl Decisions {
    /// Waits until whatever is answered next satisfies the demand.
    ///
    /// # Errors
    /// [`DecisionError::Stale`] when the store could not be looked at in time, [`DecisionError::UnknownPosition`] for a
    /// token that is not of this store's history.
    pub async fn satisfy(&self, demand: Consistency) -> Result<(), DecisionError> {
        match demand {
            Consistency::MinimizeLatency => Ok(()),
            Consistency::Full => self.look().await,
            Consistency::AtLeast(wanted) if self.reaches(wanted) => Ok(()),
            Consistency::AtLeast(wanted) => {
                self.look().await?;
                if self.reaches(wanted) { Ok(()) } else { Err(DecisionError::UnknownPosition) }
            }
        }
    }

    fn reaches(&self, wanted: Position) -> bool {
        let applied = self.applied();
        applied.epoch == wanted.epoch && applied.revision >= wanted.revision
    }

    /// Waits until a look at the log that began after this moment has been applied. Many who wait share one look.
    async fn look(&self) -> Result<(), DecisionError> {
        let asked = u64::try_from(self.clock.monotonic().as_micros()).unwrap_or(u64::MAX);
        let mut looked = self.applied.subscribe();
        self.nudge.notify_one();
        let confirmed = looked.wait_for(|_| self.confirmed.load(Ordering::Acquire) > asked);
        match tokio::time::timeout(WAIT_MAX, confirmed).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(DecisionError::Stale),
        }
    }
}
