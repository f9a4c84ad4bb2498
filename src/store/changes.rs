//! Revisions and the change log: every write of authorization data takes the next revision first, so that the lock on
//! that one row makes revision order commit order.

use std::collections::HashSet;
use std::ops::{Deref, DerefMut};

use diesel::{ExpressionMethods as _, QueryDsl as _};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::conn::{Conn, Tx, on};
use super::error::StoreError;
use super::schema::{changes, revisions};
use super::types::{At, Json, Uid};
use crate::domain::change::{Actor, Changed, Position, Revision};
use crate::domain::fact::Concern;
use crate::domain::id::Epoch;
use crate::domain::time::Instant;

/// A transaction that has taken a revision.
#[must_use = "an edit that is not committed rolls back"]
pub struct Edit {
    tx: Tx,
    revision: Revision,
    ordinal: i32,
    concerns: HashSet<Concern>,
}

/// One write may change so many things at most; longer imports are a series of writes.
pub const CHANGES_MAX: i64 = 10_000;

impl Edit {
    pub(super) async fn begin(mut tx: Tx) -> Result<Self, StoreError> {
        let next = diesel::update(revisions::table.find(1_i16))
            .set(revisions::revision.eq(revisions::revision + 1))
            .returning(revisions::revision);
        let revision = on!(&mut *tx, |c| next.get_result::<i64>(c).await)?;
        Ok(Self { tx, revision: Revision(revision), ordinal: 0, concerns: HashSet::new() })
    }

    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// The resource servers, and the resources of them, that this write has changed something at so far.
    #[must_use]
    pub fn concerns(&self) -> Vec<Concern> {
        self.concerns.iter().cloned().collect()
    }

    /// Appends to the change log what this write changed, and who did it.
    ///
    /// # Errors
    /// [`StoreError::TooManyChanges`] for more than [`CHANGES_MAX`], or the database's.
    pub async fn log(
        &mut self,
        changed: &Changed,
        actor: &Actor,
        at: Instant,
        states: States,
    ) -> Result<(), StoreError> {
        if i64::from(self.ordinal) >= CHANGES_MAX {
            return Err(StoreError::TooManyChanges { max: CHANGES_MAX });
        }
        let row = (
            changes::revision.eq(self.revision.0),
            changes::ordinal.eq(self.ordinal),
            changes::kind.eq(changed.kind()),
            changes::key.eq(changed.key()),
            changes::actor.eq(actor.to_string()),
            changes::at.eq(At(at)),
            changes::before.eq(states.before.map(Json)),
            changes::after.eq(states.after.map(Json)),
        );
        on!(&mut *self.tx, |c| diesel::insert_into(changes::table).values(row).execute(c).await)?;
        self.ordinal += 1;
        if let Some((at, resource)) = changed.concern() {
            self.concerns.insert((at, None));
            self.concerns.extend(resource.map(|resource| (at, Some(resource.clone()))));
        }
        Ok(())
    }

    /// See [`Tx::rollback`].
    ///
    /// # Errors
    /// See [`Tx::rollback`].
    pub async fn rollback(self) -> Result<(), StoreError> {
        self.tx.rollback().await
    }

    /// Makes the write durable and visible as one revision.
    ///
    /// # Errors
    /// See [`Tx::commit`].
    pub async fn commit(self) -> Result<Revision, StoreError> {
        self.tx.commit().await?;
        Ok(self.revision)
    }
}

impl Deref for Edit {
    type Target = Tx;
    fn deref(&self) -> &Tx {
        &self.tx
    }
}

impl DerefMut for Edit {
    fn deref_mut(&mut self) -> &mut Tx {
        &mut self.tx
    }
}

/// What something was and what it became, for the audit trail; never with secrets.
#[derive(Default, Debug, Clone)]
pub struct States {
    pub before: Option<Value>,
    pub after: Option<Value>,
}

impl States {
    #[must_use]
    pub fn created(after: Value) -> Self {
        Self { before: None, after: Some(after) }
    }

    #[must_use]
    pub fn removed(before: Value) -> Self {
        Self { before: Some(before), after: None }
    }

    #[must_use]
    pub fn changed(before: Value, after: Value) -> Self {
        Self { before: Some(before), after: Some(after) }
    }
}

/// Where the store's history stands now.
///
/// # Errors
/// The database's.
pub async fn position(conn: &mut Conn) -> Result<Position, StoreError> {
    let query = revisions::table.find(1_i16).select((revisions::epoch, revisions::revision));
    let (epoch, revision) = on!(conn, |c| query.first::<(Uid, i64)>(c).await)?;
    Ok(Position { epoch: Epoch::from_uuid(epoch.0), revision: Revision(revision) })
}

/// Gives the history another name, if it still has the old one; of many nodes one does.
///
/// # Errors
/// The database's.
pub async fn renew_epoch(tx: &mut Tx, old: Epoch, new: Epoch) -> Result<bool, StoreError> {
    let target = revisions::table.find(1_i16).filter(revisions::epoch.eq(Uid(old.uuid())));
    let set = revisions::epoch.eq(Uid(new.uuid()));
    Ok(on!(&mut **tx, |c| diesel::update(target).set(set).execute(c).await)? == 1)
}

/// What changed after `after`, in order, at most `limit` rows; `Err` inside for a row a newer node wrote.
///
/// # Errors
/// The database's.
pub async fn since(
    conn: &mut Conn,
    after: Revision,
    limit: i64,
) -> Result<Vec<(Revision, Result<Changed, String>)>, StoreError> {
    let query = changes::table
        .filter(changes::revision.gt(after.0))
        .order((changes::revision.asc(), changes::ordinal.asc()))
        .select((changes::revision, changes::kind, changes::key))
        .limit(limit);
    let rows = on!(conn, |c| query.load::<(i64, String, String)>(c).await)?;
    Ok(rows.into_iter().map(|(revision, kind, key)| (Revision(revision), Changed::parse(&kind, &key))).collect())
}

/// One change as it stands in the log.
#[derive(Debug, Clone)]
pub struct Logged {
    pub kind: String,
    pub key: String,
    pub states: States,
}

/// What one write changed, in order.
///
/// # Errors
/// The database's.
pub async fn of(conn: &mut Conn, revision: Revision) -> Result<Vec<Logged>, StoreError> {
    let query = changes::table
        .filter(changes::revision.eq(revision.0))
        .order(changes::ordinal.asc())
        .select((changes::kind, changes::key, changes::before, changes::after))
        .limit(CHANGES_MAX);
    let rows = on!(conn, |c| query.load::<(String, String, Option<Json>, Option<Json>)>(c).await)?;
    let logged = |(kind, key, before, after): (String, String, Option<Json>, Option<Json>)| {
        let value = |state: Option<Json>| state.map(|Json(value)| value);
        Logged { kind, key, states: States { before: value(before), after: value(after) } }
    };
    Ok(rows.into_iter().map(logged).collect())
}

/// Whoever follows the log and has not come within so many revisions of its end begins anew instead: what is older may be
/// gone.
pub const BEHIND_MAX: i64 = 10_000;

/// Deletes changes from before a moment, the oldest first and whole revisions, about `limit` of them; says how many. The
/// latest `kept` revisions stay whatever their age.
///
/// # Errors
/// The database's.
pub async fn trim(tx: &mut Tx, before: Instant, kept: i64, limit: i64) -> Result<usize, StoreError> {
    let first_kept = position(tx).await?.revision.0.saturating_sub(kept);
    let oldest = changes::table
        .filter(changes::revision.le(first_kept))
        .order((changes::revision.asc(), changes::ordinal.asc()))
        .select((changes::revision, changes::at))
        .limit(limit);
    let oldest = on!(&mut **tx, |c| oldest.load::<(i64, At)>(c).await)?;
    // Up to the first that is young: a clock may have been wrong once.
    let Some((last, _)) = oldest.into_iter().take_while(|(_, at)| at.0 < before).last() else { return Ok(0) };
    let old = changes::table.filter(changes::revision.le(last));
    Ok(on!(&mut **tx, |c| diesel::delete(old).execute(c).await)?)
}
