//! The outbox: work that is enqueued in the transaction of its cause, claimed by one worker at a time, retried until done.

use std::time::Duration;

use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::conn::{Conn, Tx, on};
use super::error::StoreError;
use super::schema::outbox;
use super::types::{At, Json, Uid};
use crate::domain::id::OutboxId;
use crate::domain::time::Instant;

type Row = (Uid, String, Json, i32);

/// Claimed work.
#[derive(Clone, Debug)]
pub struct Item {
    pub id: OutboxId,
    pub topic: String,
    pub payload: Value,
    /// How often it was claimed before.
    pub attempts: i32,
    /// Names this claim: a worker that lost it can neither finish nor postpone the item.
    pub claimed_until: Instant,
}

/// # Errors
/// The database's.
pub async fn enqueue(tx: &mut Tx, id: OutboxId, topic: &str, payload: Value, now: Instant) -> Result<(), StoreError> {
    let row = (
        outbox::id.eq(Uid(id.uuid())),
        outbox::topic.eq(topic),
        outbox::payload.eq(Json(payload)),
        outbox::attempts.eq(0),
        outbox::due_at.eq(At(now)),
        outbox::created_at.eq(At(now)),
    );
    on!(&mut **tx, |c| diesel::insert_into(outbox::table).values(row).execute(c).await)?;
    Ok(())
}

/// Whether anything is due that nobody has claimed.
///
/// # Errors
/// The database's.
pub async fn is_due(conn: &mut Conn, now: Instant) -> Result<bool, StoreError> {
    let free = outbox::claimed_until.is_null().or(outbox::claimed_until.le(At(now)));
    let due = outbox::table.filter(outbox::due_at.le(At(now))).filter(free).select(outbox::id).limit(1);
    Ok(on!(conn, |c| due.first::<Uid>(c).await.optional())?.is_some())
}

/// Claims at most `limit` due items until `now + lease`; what other workers have claimed is passed over.
///
/// # Errors
/// The database's.
pub async fn claim(tx: &mut Tx, now: Instant, lease: Duration, limit: i64) -> Result<Vec<Item>, StoreError> {
    let free = outbox::claimed_until.is_null().or(outbox::claimed_until.le(At(now)));
    let due = outbox::table.filter(outbox::due_at.le(At(now))).filter(free).order(outbox::due_at).limit(limit);
    let columns = (outbox::id, outbox::topic, outbox::payload, outbox::attempts);
    let rows = match &mut **tx {
        Conn::Pg(object) => due.select(columns).for_update().skip_locked().load::<Row>(&mut **object).await?,
        Conn::Lite(object) => due.select(columns).load::<Row>(&mut **object).await?,
    };
    let claimed_until = now.plus(lease);
    let ids: Vec<Uid> = rows.iter().map(|row| row.0).collect();
    let set = (outbox::claimed_until.eq(At(claimed_until)), outbox::attempts.eq(outbox::attempts + 1));
    on!(&mut **tx, |c| diesel::update(outbox::table.filter(outbox::id.eq_any(ids))).set(set).execute(c).await)?;
    let item = |(id, topic, payload, attempts): Row| Item {
        id: OutboxId::from_uuid(id.0),
        topic,
        payload: payload.0,
        attempts,
        claimed_until,
    };
    Ok(rows.into_iter().map(item).collect())
}

/// The item is done; false when the claim was lost.
///
/// # Errors
/// The database's.
pub async fn finish(tx: &mut Tx, item: &Item) -> Result<bool, StoreError> {
    let mine = outbox::table.find(Uid(item.id.uuid())).filter(outbox::claimed_until.eq(At(item.claimed_until)));
    Ok(on!(&mut **tx, |c| diesel::delete(mine).execute(c).await)? == 1)
}

/// The item is to be tried again at `due_at`; false when the claim was lost.
///
/// # Errors
/// The database's.
pub async fn postpone(tx: &mut Tx, item: &Item, due_at: Instant) -> Result<bool, StoreError> {
    let mine = outbox::table.find(Uid(item.id.uuid())).filter(outbox::claimed_until.eq(At(item.claimed_until)));
    let set = (outbox::due_at.eq(At(due_at)), outbox::claimed_until.eq(None::<At>));
    Ok(on!(&mut **tx, |c| diesel::update(mine).set(set).execute(c).await)? == 1)
}
