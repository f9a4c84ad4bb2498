//! Deletes what nobody can use any more.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::chain::chain;
use crate::domain::id::GrantId;
use crate::domain::time::{Clock, Instant};
use crate::store::{Store, StoreError, codes, grants, interactions, refresh, sessions, throttles, tokens};

/// How often what has expired is deleted.
const SWEEP_EVERY: Duration = Duration::from_mins(1);
/// Grants looked at in one transaction, and transactions in one round.
const GRANT_BATCH_MAX: i64 = 1_000;
const GRANT_BATCHES_MAX: usize = 10;
/// What expired is kept so long beyond its time, so that nodes whose clocks differ agree.
const SWEEP_MARGIN: Duration = Duration::from_mins(5);

/// How long what was issued may be used.
#[derive(Clone, Copy, Debug)]
pub struct Lives {
    pub refresh_grace: Duration,
    pub access_token: Duration,
}

/// Deletes what has expired, and wipes the sealed successors of refresh tokens whose grace is over.
pub async fn sweep(store: Arc<Store>, clock: Arc<dyn Clock>, lives: Lives) {
    let mut grants_after = None;
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        let now = clock.now();
        if let Err(error) = sweep_once(&store, now, lives).await {
            tracing::error!(error = chain(&error), "what expired could not be deleted");
        }
        match sweep_grants(&store, now, lives, grants_after).await {
            Ok(after) => grants_after = after,
            Err(error) => tracing::error!(error = chain(&error), "grants that nobody can use could not be deleted"),
        }
    }
}

async fn sweep_once(store: &Store, now: Instant, lives: Lives) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    let before = now.minus(SWEEP_MARGIN);
    // A grant is judged by what it stands on: that stays until what was issued under it at its last moment has expired.
    let ended_before = before.minus(lives.access_token);
    let swept = tokens::sweep(&mut tx, before).await?
        + interactions::sweep(&mut tx, before).await?
        + codes::sweep(&mut tx, before).await?
        + refresh::sweep(&mut tx, ended_before).await?
        + sessions::sweep(&mut tx, ended_before).await?
        + throttles::sweep(&mut tx, before).await?;
    refresh::wipe_past_grace(&mut tx, now.minus(lives.refresh_grace)).await?;
    tx.commit().await?;
    if swept > 0 {
        tracing::debug!(swept, "expired rows deleted");
    }
    Ok(())
}

/// A few batches of grants, each in a transaction of its own: they are many, and most live. Says where to go on.
async fn sweep_grants(
    store: &Store,
    now: Instant,
    lives: Lives,
    mut after: Option<GrantId>,
) -> Result<Option<GrantId>, StoreError> {
    let since = now.minus(SWEEP_MARGIN).minus(lives.access_token);
    let mut swept = 0;
    for _ in 0..GRANT_BATCHES_MAX {
        let mut tx = store.begin().await?;
        let (next, deleted) = grants::sweep(&mut tx, after, since, GRANT_BATCH_MAX).await?;
        tx.commit().await?;
        (after, swept) = (next, swept + deleted);
        if after.is_none() {
            break;
        }
    }
    if swept > 0 {
        tracing::debug!(swept, "grants that nobody can use deleted");
    }
    Ok(after)
}
