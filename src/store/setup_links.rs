//! The one-time link by which the first operator is made.

use diesel::{ExpressionMethods as _, QueryDsl as _};
use diesel_async::RunQueryDsl;

use super::conn::{Conn, Tx, on};
use super::error::StoreError;
use super::schema::setup_links;
use super::types::At;
use crate::domain::secret::Digest;
use crate::domain::time::Instant;

/// Makes this the one valid link; older ones stop working.
///
/// # Errors
/// The database's.
pub async fn replace(tx: &mut Tx, digest: &Digest, now: Instant, expires_at: Instant) -> Result<(), StoreError> {
    on!(&mut **tx, |c| diesel::delete(setup_links::table).execute(c).await)?;
    let row = (
        setup_links::digest.eq(&digest.as_bytes()[..]),
        setup_links::created_at.eq(At(now)),
        setup_links::expires_at.eq(At(expires_at)),
    );
    on!(&mut **tx, |c| diesel::insert_into(setup_links::table).values(row).execute(c).await)?;
    Ok(())
}

/// Whether the link would still work.
///
/// # Errors
/// The database's.
pub async fn is_valid(conn: &mut Conn, digest: &Digest, now: Instant) -> Result<bool, StoreError> {
    let query = setup_links::table
        .find(&digest.as_bytes()[..])
        .filter(setup_links::used_at.is_null())
        .filter(setup_links::expires_at.gt(At(now)))
        .count();
    Ok(on!(conn, |c| query.get_result::<i64>(c).await)? == 1)
}

/// Uses the link up; false when it was used, replaced or has expired.
///
/// # Errors
/// The database's.
pub async fn spend(tx: &mut Tx, digest: &Digest, now: Instant) -> Result<bool, StoreError> {
    let valid = setup_links::table
        .find(&digest.as_bytes()[..])
        .filter(setup_links::used_at.is_null())
        .filter(setup_links::expires_at.gt(At(now)));
    let set = setup_links::used_at.eq(At(now));
    Ok(on!(&mut **tx, |c| diesel::update(valid).set(set).execute(c).await)? == 1)
}
