//! Signing keys: public halves in clear, private halves sealed by `keys`.

use diesel::{ExpressionMethods as _, QueryDsl as _, Queryable};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::conn::{Conn, Tx, on};
use super::error::StoreError;
use super::schema::signing_keys;
use super::types::{At, Json};
use crate::domain::signing_key::{KeyState, SigningKey};
use crate::domain::time::Instant;

/// A key with both halves, the private one sealed (and wiped once it signs no more).
#[derive(Clone, Debug)]
pub struct StoredKey {
    pub key: SigningKey,
    pub public_jwk: Value,
    pub sealed: Option<Vec<u8>>,
}

#[derive(Queryable)]
struct Row {
    kid: String,
    state: String,
    moment: At,
    public_jwk: Json,
    sealed: Option<Vec<u8>>,
    created_at: At,
}

/// Adds a key, unless another one is in its state already: false then. The unique index is the gate of first creation
/// by many nodes at once.
///
/// # Errors
/// The database's.
pub async fn insert(tx: &mut Tx, new: &StoredKey) -> Result<bool, StoreError> {
    let row = (
        signing_keys::kid.eq(&new.key.kid),
        signing_keys::state.eq(new.key.state.as_str()),
        signing_keys::moment.eq(At(new.key.state.moment())),
        signing_keys::public_jwk.eq(Json(new.public_jwk.clone())),
        signing_keys::sealed.eq(new.sealed.as_deref()),
        signing_keys::created_at.eq(At(new.key.created_at)),
    );
    let insert = diesel::insert_into(signing_keys::table).values(row).on_conflict_do_nothing();
    Ok(on!(&mut **tx, |c| insert.execute(c).await)? == 1)
}

/// All keys, oldest first.
///
/// # Errors
/// The database's.
pub async fn all(conn: &mut Conn) -> Result<Vec<StoredKey>, StoreError> {
    let query = signing_keys::table.order((signing_keys::created_at, signing_keys::kid));
    let rows = on!(conn, |c| query.load::<Row>(c).await)?;
    rows.into_iter()
        .map(|row| {
            let state = KeyState::from_parts(&row.state, row.moment.0)
                .ok_or_else(|| StoreError::corrupt(format!("key state {:?}", row.state)))?;
            let key = SigningKey { kid: row.kid, created_at: row.created_at.0, state };
            Ok(StoredKey { key, public_jwk: row.public_jwk.0, sealed: row.sealed })
        })
        .collect()
}

/// Moves a key from one state to the next; false when it was no longer in the first. What signs no more loses its
/// private half.
///
/// # Errors
/// The database's.
pub async fn transition(tx: &mut Tx, kid: &str, from: &str, to: KeyState) -> Result<bool, StoreError> {
    let target = signing_keys::table.find(kid).filter(signing_keys::state.eq(from));
    let set = (signing_keys::state.eq(to.as_str()), signing_keys::moment.eq(At(to.moment())));
    let changed = match to {
        KeyState::Pending { .. } | KeyState::Signing { .. } => {
            on!(&mut **tx, |c| diesel::update(target).set(set).execute(c).await)?
        }
        KeyState::Retired { .. } | KeyState::Revoked { .. } => {
            let wiped = (set, signing_keys::sealed.eq(None::<Vec<u8>>));
            on!(&mut **tx, |c| diesel::update(target).set(wiped).execute(c).await)?
        }
    };
    Ok(changed == 1)
}

/// Puts a private half sealed anew in the place of the old one, if it is still that one.
///
/// # Errors
/// The database's.
pub async fn reseal(tx: &mut Tx, kid: &str, old: &[u8], new: &[u8]) -> Result<bool, StoreError> {
    let target = signing_keys::table.find(kid).filter(signing_keys::sealed.eq(old));
    Ok(on!(&mut **tx, |c| diesel::update(target).set(signing_keys::sealed.eq(new)).execute(c).await)? == 1)
}

/// Deletes a retired key whose time is over; false when it was gone already.
///
/// # Errors
/// The database's.
pub async fn forget(tx: &mut Tx, kid: &str, now: Instant) -> Result<bool, StoreError> {
    let over = signing_keys::table
        .find(kid)
        .filter(signing_keys::state.eq("retired"))
        .filter(signing_keys::moment.le(At(now)));
    Ok(on!(&mut **tx, |c| diesel::delete(over).execute(c).await)? == 1)
}
