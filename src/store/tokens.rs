//! Denied access tokens and spent client assertions: both are gates of single statements.

use diesel::{ExpressionMethods as _, QueryDsl as _};
use diesel_async::RunQueryDsl;

use super::conn::{Conn, Tx, on};
use super::error::StoreError;
use super::schema::{denied_tokens, revisions, spent_assertions};
use super::types::{At, Uid};
use crate::domain::change::Revision;
use crate::domain::id::TokenId;
use crate::domain::secret::Digest;
use crate::domain::time::Instant;

/// Puts an access token on the deny list until it expires; false when it stands there already.
///
/// # Errors
/// The database's.
pub async fn deny(tx: &mut Tx, id: TokenId, expires_at: Instant, now: Instant) -> Result<bool, StoreError> {
    let row = (
        denied_tokens::id.eq(Uid(id.uuid())),
        denied_tokens::expires_at.eq(At(expires_at)),
        denied_tokens::denied_at.eq(At(now)),
    );
    let insert = diesel::insert_into(denied_tokens::table).values(row).on_conflict_do_nothing();
    Ok(on!(&mut **tx, |c| insert.execute(c).await)? == 1)
}

/// The whole deny list as of one revision.
///
/// # Errors
/// The database's.
pub async fn denied(conn: &mut Conn, now: Instant) -> Result<(Revision, Vec<(TokenId, Instant)>), StoreError> {
    use diesel::{JoinOnDsl as _, NullableExpressionMethods as _};
    let query = revisions::table
        .left_join(denied_tokens::table.on(denied_tokens::expires_at.gt(At(now))))
        .select((revisions::revision, (denied_tokens::id, denied_tokens::expires_at).nullable()));
    let rows = on!(conn, |c| query.load::<(i64, Option<(Uid, At)>)>(c).await)?;
    let revision = rows.iter().map(|(revision, _)| Revision(*revision)).next().unwrap_or_default();
    let tokens = rows.into_iter().filter_map(|(_, row)| row);
    Ok((revision, tokens.map(|(id, at)| (TokenId::from_uuid(id.0), at.0)).collect()))
}

/// Spends the `jti` of a client assertion, given as a digest over client and `jti`; false when it was spent before
/// (RFC 7523 §3, point 7).
///
/// # Errors
/// The database's.
pub async fn spend_assertion(tx: &mut Tx, digest: &Digest, expires_at: Instant) -> Result<bool, StoreError> {
    let row = (spent_assertions::digest.eq(&digest.as_bytes()[..]), spent_assertions::expires_at.eq(At(expires_at)));
    let insert = diesel::insert_into(spent_assertions::table).values(row).on_conflict_do_nothing();
    Ok(on!(&mut **tx, |c| insert.execute(c).await)? == 1)
}

/// Forgets what has expired before `before`; says how many rows went.
///
/// # Errors
/// The database's.
pub async fn sweep(tx: &mut Tx, before: Instant) -> Result<usize, StoreError> {
    let tokens = denied_tokens::table.filter(denied_tokens::expires_at.lt(At(before)));
    let assertions = spent_assertions::table.filter(spent_assertions::expires_at.lt(At(before)));
    let swept = on!(&mut **tx, |c| diesel::delete(tokens).execute(c).await)?;
    Ok(swept + on!(&mut **tx, |c| diesel::delete(assertions).execute(c).await)?)
}
