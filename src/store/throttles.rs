//! Counting attempts to prove a secret, over all routes and nodes.

use std::time::Duration;

use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};
use diesel_async::RunQueryDsl;

use super::conn::{Tx, on};
use super::error::StoreError;
use super::schema::throttles;
use super::types::At;
use crate::domain::time::Instant;

/// Counts one attempt before it is made, so that parallel attempts count too, and says how many there were in the window,
/// this one included, and when the window ends.
///
/// # Errors
/// The database's.
pub async fn count(tx: &mut Tx, key: &str, window: Duration, now: Instant) -> Result<(i32, Instant), StoreError> {
    let over = throttles::table.find(key).filter(throttles::window_ends_at.le(At(now)));
    on!(&mut **tx, |c| diesel::delete(over).execute(c).await)?;
    let ends = now.plus(window);
    let row = (throttles::key.eq(key), throttles::attempts.eq(1), throttles::window_ends_at.eq(At(ends)));
    on!(&mut **tx, |c| {
        let insert = diesel::insert_into(throttles::table).values(row).on_conflict(throttles::key).do_update();
        insert.set(throttles::attempts.eq(throttles::attempts + 1)).execute(c).await
    })?;
    let query = throttles::table.find(key).select((throttles::attempts, throttles::window_ends_at));
    let found = on!(&mut **tx, |c| query.first::<(i32, At)>(c).await.optional())?;
    Ok(found.map_or((1, ends), |(attempts, ends)| (attempts, ends.0)))
}

/// The secret was proved: earlier failures no longer count.
///
/// # Errors
/// The database's.
pub async fn clear(tx: &mut Tx, key: &str) -> Result<(), StoreError> {
    on!(&mut **tx, |c| diesel::delete(throttles::table.find(key)).execute(c).await)?;
    Ok(())
}

/// One counted attempt was none: its secret was right.
///
/// # Errors
/// The database's.
pub async fn uncount(tx: &mut Tx, key: &str) -> Result<(), StoreError> {
    let counted = throttles::table.find(key).filter(throttles::attempts.gt(0));
    let set = throttles::attempts.eq(throttles::attempts - 1);
    on!(&mut **tx, |c| diesel::update(counted).set(set).execute(c).await)?;
    Ok(())
}

/// # Errors
/// The database's.
pub async fn sweep(tx: &mut Tx, before: Instant) -> Result<usize, StoreError> {
    let old = throttles::table.filter(throttles::window_ends_at.lt(At(before)));
    Ok(on!(&mut **tx, |c| diesel::delete(old).execute(c).await)?)
}
