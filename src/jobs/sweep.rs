//! Deletes what nobody can use any more.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::chain::chain;
use crate::domain::id::GrantId;
use crate::domain::time::{Clock, Instant};
use crate::store::{
    Store, StoreError, Tx, changes, codes, facts, grants, interactions, refresh, sessions, throttles, tokens,
};

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

/// Each kind in a transaction of its own, so that whoever writes meanwhile waits for one of them at most.
async fn sweep_once(store: &Store, now: Instant, lives: Lives) -> Result<(), StoreError> {
    let before = now.minus(SWEEP_MARGIN);
    // A grant is judged by what it stands on: that stays until what was issued under it at its last moment has expired.
    let ended_before = before.minus(lives.access_token);
    let swept = [
        within(store, async |tx| tokens::sweep(tx, before).await).await?,
        within(store, async |tx| interactions::sweep(tx, before).await).await?,
        within(store, async |tx| codes::sweep(tx, before).await).await?,
        within(store, async |tx| refresh::sweep(tx, ended_before).await).await?,
        within(store, async |tx| sessions::sweep(tx, ended_before).await).await?,
        within(store, async |tx| throttles::sweep(tx, before).await).await?,
    ];
    within(store, async |tx| refresh::wipe_past_grace(tx, now.minus(lives.refresh_grace)).await).await?;
    let swept: usize = swept.iter().sum();
    if swept > 0 {
        tracing::debug!(swept, "expired rows deleted");
    }
    Ok(())
}

/// Does one thing in a transaction.
async fn within<T>(store: &Store, act: impl AsyncFnOnce(&mut Tx) -> Result<T, StoreError>) -> Result<T, StoreError> {
    let mut tx = store.begin().await?;
    let done = act(&mut tx).await?;
    tx.commit().await?;
    Ok(done)
}

/// So much of what is past its retention is deleted in one transaction, and in one round.
const TRIM_BATCH_MAX: i64 = 1_000;
const TRIM_BATCHES_MAX: usize = 50;
/// So many revisions stay whatever their age: who follows them may be [`changes::BEHIND_MAX`] behind, and while they read to
/// the end, it moves on.
const REVISIONS_KEPT: i64 = 2 * changes::BEHIND_MAX;

/// Deletes facts and changes that nobody wants to keep longer.
pub async fn trim(store: Arc<Store>, clock: Arc<dyn Clock>, keep_for: Duration) {
    loop {
        let before = clock.now().minus(keep_for);
        if let Err(error) = trim_once(&store, before).await {
            tracing::error!(error = chain(&error), "the old part of the audit trail could not be deleted");
        }
        tokio::time::sleep(SWEEP_EVERY).await;
    }
}

async fn trim_once(store: &Store, before: Instant) -> Result<(), StoreError> {
    let (mut facts_gone, mut changes_gone) = (0, 0);
    for _ in 0..TRIM_BATCHES_MAX {
        // What a fact changed goes after it, so that no fact stands there without.
        let some = within(store, async |tx| facts::trim(tx, before, TRIM_BATCH_MAX).await).await?;
        facts_gone += some;
        if some > 0 {
            continue;
        }
        let some = within(store, async |tx| changes::trim(tx, before, REVISIONS_KEPT, TRIM_BATCH_MAX).await).await?;
        changes_gone += some;
        if some == 0 {
            break;
        }
    }
    if facts_gone + changes_gone > 0 {
        tracing::info!(facts = facts_gone, changes = changes_gone, "deleted from before audit.keep_for");
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
        let (next, deleted) = within(store, async |tx| grants::sweep(tx, after, since, GRANT_BATCH_MAX).await).await?;
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
