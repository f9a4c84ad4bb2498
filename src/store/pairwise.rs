//! The names by which clients of one sector know a person (OpenID Connect Core §8.1). Each is a name in the one namespace
//! of people, so whoever is asked about it knows whom it means.

use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};
use diesel_async::RunQueryDsl;

use super::conn::{Conn, Tx, on};
use super::error::StoreError;
use super::people;
use super::schema::pairwise_subjects;
use super::types::Uid;
use crate::domain::id::PersonId;
use crate::domain::name::Sub;

/// The name a sector knows a person by, if it knows them.
///
/// # Errors
/// The database's.
pub async fn of(conn: &mut Conn, person: PersonId, sector: &str) -> Result<Option<Sub>, StoreError> {
    let query = pairwise_subjects::table.find((Uid(person.uuid()), sector)).select(pairwise_subjects::sub);
    let sub = on!(conn, |c| query.first::<String>(c).await.optional())?;
    sub.map(|sub| Sub::parse(&sub).map_err(StoreError::corrupt)).transpose()
}

/// The name a sector knows a person by: `fresh`, unless there is one already. Of two at the same instant one is kept.
///
/// # Errors
/// The database's.
pub async fn assign(tx: &mut Tx, person: PersonId, sector: &str, fresh: &Sub) -> Result<Sub, StoreError> {
    let row = (
        pairwise_subjects::person_id.eq(Uid(person.uuid())),
        pairwise_subjects::sector.eq(sector),
        pairwise_subjects::sub.eq(fresh.as_str()),
    );
    let keys = (pairwise_subjects::person_id, pairwise_subjects::sector);
    let first = on!(&mut **tx, |c| {
        let insert = diesel::insert_into(pairwise_subjects::table).values(row);
        insert.on_conflict(keys).do_nothing().execute(c).await
    })?;
    if first == 1 {
        people::add_name(tx, fresh.as_str(), person).await?;
        return Ok(fresh.clone());
    }
    of(tx, person, sector).await?.ok_or_else(|| StoreError::corrupt("a pairwise subject that is there and is not"))
}
