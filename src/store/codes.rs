//! Authorization codes, by digest.

use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};
use diesel_async::RunQueryDsl;

use super::conn::{Conn, Tx, on};
use super::error::StoreError;
use super::schema::codes;
use super::types::{At, Uid};
use crate::domain::id::{ClientId, GrantId};
use crate::domain::secret::Digest;
use crate::domain::time::Instant;

/// A code and what it is bound to.
#[derive(Clone, Debug)]
pub struct Code {
    pub grant: GrantId,
    pub client: ClientId,
    pub redirect_uri: String,
    pub challenge: Option<String>,
    pub nonce: Option<String>,
    pub expires_at: Instant,
    pub spent: bool,
}

type Row = (Uid, Uid, String, Option<String>, Option<String>, At, Option<At>);

/// Adds a code; it is kept, spent or not, until `keep_until`.
///
/// # Errors
/// The database's.
pub async fn insert(tx: &mut Tx, digest: &Digest, code: &Code, keep_until: Instant) -> Result<(), StoreError> {
    let row = (
        codes::digest.eq(&digest.as_bytes()[..]),
        codes::grant_id.eq(Uid(code.grant.uuid())),
        codes::client_id.eq(Uid(code.client.uuid())),
        codes::redirect_uri.eq(&code.redirect_uri),
        codes::challenge.eq(code.challenge.as_deref()),
        codes::nonce.eq(code.nonce.as_deref()),
        codes::expires_at.eq(At(code.expires_at)),
        codes::keep_until.eq(At(keep_until)),
    );
    on!(&mut **tx, |c| diesel::insert_into(codes::table).values(row).execute(c).await)?;
    Ok(())
}

/// # Errors
/// The database's.
pub async fn find(conn: &mut Conn, digest: &Digest) -> Result<Option<Code>, StoreError> {
    let query = codes::table.find(&digest.as_bytes()[..]).select((
        codes::grant_id,
        codes::client_id,
        codes::redirect_uri,
        codes::challenge,
        codes::nonce,
        codes::expires_at,
        codes::spent_at,
    ));
    let row = on!(conn, |c| query.first::<Row>(c).await.optional())?;
    Ok(row.map(|(grant, client, redirect_uri, challenge, nonce, expires_at, spent_at)| Code {
        grant: GrantId::from_uuid(grant.0),
        client: ClientId::from_uuid(client.0),
        redirect_uri,
        challenge,
        nonce,
        expires_at: expires_at.0,
        spent: spent_at.is_some(),
    }))
}

/// Spends a code; false when it was spent before: of many at the same instant one wins.
///
/// # Errors
/// The database's.
pub async fn spend(tx: &mut Tx, digest: &Digest, now: Instant) -> Result<bool, StoreError> {
    let unspent = codes::table.find(&digest.as_bytes()[..]).filter(codes::spent_at.is_null());
    Ok(on!(&mut **tx, |c| diesel::update(unspent).set(codes::spent_at.eq(At(now))).execute(c).await)? == 1)
}

/// # Errors
/// The database's.
pub async fn sweep(tx: &mut Tx, before: Instant) -> Result<usize, StoreError> {
    let old = codes::table.filter(codes::keep_until.lt(At(before)));
    Ok(on!(&mut **tx, |c| diesel::delete(old).execute(c).await)?)
}
