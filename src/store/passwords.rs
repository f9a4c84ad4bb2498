//! Password hashes, in PHC form.

use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};
use diesel_async::RunQueryDsl;

use super::conn::{Conn, Tx, on};
use super::error::StoreError;
use super::schema::passwords;
use super::types::{At, Uid};
use crate::domain::id::PersonId;
use crate::domain::time::Instant;

/// Sets or replaces a person's password.
///
/// # Errors
/// The database's.
pub async fn set(tx: &mut Tx, person: PersonId, hash: &str, now: Instant) -> Result<(), StoreError> {
    let row =
        (passwords::person_id.eq(Uid(person.uuid())), passwords::hash.eq(hash), passwords::changed_at.eq(At(now)));
    let again = (passwords::hash.eq(hash), passwords::changed_at.eq(At(now)));
    on!(&mut **tx, |c| {
        let insert = diesel::insert_into(passwords::table).values(row);
        insert.on_conflict(passwords::person_id).do_update().set(again).execute(c).await
    })?;
    Ok(())
}

/// Puts a hash with newer parameters in the place of `old`, unless the password was changed meanwhile.
///
/// # Errors
/// The database's.
pub async fn rehash(tx: &mut Tx, person: PersonId, old: &str, new: &str) -> Result<bool, StoreError> {
    let target = passwords::table.find(Uid(person.uuid())).filter(passwords::hash.eq(old));
    Ok(on!(&mut **tx, |c| diesel::update(target).set(passwords::hash.eq(new)).execute(c).await)? == 1)
}

/// # Errors
/// The database's.
pub async fn of(conn: &mut Conn, person: PersonId) -> Result<Option<String>, StoreError> {
    let query = passwords::table.find(Uid(person.uuid())).select(passwords::hash);
    Ok(on!(conn, |c| query.first::<String>(c).await.optional())?)
}

/// The hash as it is for the rest of this transaction: whoever replaces it waits for it to end, or has replaced it.
///
/// # Errors
/// The database's.
pub async fn hold(tx: &mut Tx, person: PersonId) -> Result<Option<String>, StoreError> {
    let query = passwords::table.find(Uid(person.uuid())).select(passwords::hash);
    Ok(match &mut **tx {
        Conn::Pg(object) => query.for_share().first::<String>(&mut **object).await.optional()?,
        // One writer at a time.
        Conn::Lite(object) => query.first::<String>(&mut **object).await.optional()?,
    })
}
