//! Grants.

use diesel::{ExpressionMethods as _, QueryDsl as _};
use diesel_async::RunQueryDsl;

use super::conn::{Conn, Tx, on};
use super::error::StoreError;
use super::schema::grants;
use super::types::{At, Uid};
use crate::domain::grant::Grant;
use crate::domain::id::{ClientId, GrantId, PersonId};
use crate::domain::time::Instant;

/// # Errors
/// [`StoreError::Conflict`] when the person or client is gone.
pub async fn insert(tx: &mut Tx, grant: &Grant, now: Instant) -> Result<(), StoreError> {
    let row = (
        grants::id.eq(Uid(grant.id.uuid())),
        grants::client_id.eq(Uid(grant.client.uuid())),
        grants::person_id.eq(Uid(grant.person.uuid())),
        grants::scopes.eq(grant.scopes.to_string()),
        grants::created_at.eq(At(now)),
    );
    on!(&mut **tx, |c| diesel::insert_into(grants::table).values(row).execute(c).await)?;
    Ok(())
}

/// Ends a live grant; false when it had ended already, so that exactly one caller ends it.
///
/// # Errors
/// The database's.
pub async fn end(tx: &mut Tx, id: GrantId, reason: &str, now: Instant) -> Result<bool, StoreError> {
    let live = grants::table.find(Uid(id.uuid())).filter(grants::ended_at.is_null());
    let set = (grants::ended_at.eq(At(now)), grants::end_reason.eq(reason));
    Ok(on!(&mut **tx, |c| diesel::update(live).set(set).execute(c).await)? == 1)
}

/// Ends all live grants of a person and says which those were.
///
/// # Errors
/// The database's.
pub async fn end_of_person(
    tx: &mut Tx,
    person: PersonId,
    reason: &str,
    now: Instant,
) -> Result<Vec<GrantId>, StoreError> {
    let live = grants::table.filter(grants::person_id.eq(Uid(person.uuid()))).filter(grants::ended_at.is_null());
    let set = (grants::ended_at.eq(At(now)), grants::end_reason.eq(reason));
    let ended = on!(&mut **tx, |c| diesel::update(live).set(set).returning(grants::id).get_results::<Uid>(c).await)?;
    Ok(ended.into_iter().map(|id| GrantId::from_uuid(id.0)).collect())
}

/// The live grants of a person: the client of each.
///
/// # Errors
/// The database's.
pub async fn live_of_person(conn: &mut Conn, person: PersonId) -> Result<Vec<(GrantId, ClientId)>, StoreError> {
    let query = grants::table
        .filter(grants::person_id.eq(Uid(person.uuid())))
        .filter(grants::ended_at.is_null())
        .order(grants::id)
        .select((grants::id, grants::client_id));
    let rows = on!(conn, |c| query.load::<(Uid, Uid)>(c).await)?;
    Ok(rows.into_iter().map(|(g, c)| (GrantId::from_uuid(g.0), ClientId::from_uuid(c.0))).collect())
}
