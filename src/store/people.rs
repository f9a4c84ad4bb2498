//! People.

use std::collections::HashMap;

use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::conn::{Conn, Tx, on};
use super::error::StoreError;
use super::schema::{people, person_names};
use super::types::{At, Uid};
use crate::domain::id::PersonId;
use crate::domain::name::{DisplayName, Email, Sub, Username};
use crate::domain::person::Person;
use crate::domain::time::Instant;

type Row = (Uid, String, String, Option<String>, Option<String>, Option<At>);

const COLUMNS: (people::id, people::sub, people::username, people::name, people::email, people::disabled_at) =
    (people::id, people::sub, people::username, people::name, people::email, people::disabled_at);

fn into_domain((id, sub, username, name, email, disabled_at): Row) -> Result<Person, StoreError> {
    Ok(Person {
        id: PersonId::from_uuid(id.0),
        sub: Sub::parse(&sub).map_err(StoreError::corrupt)?,
        username: Username::parse(&username).map_err(StoreError::corrupt)?,
        name: name.as_deref().map(DisplayName::parse).transpose().map_err(StoreError::corrupt)?,
        email: email.as_deref().map(Email::parse).transpose().map_err(StoreError::corrupt)?,
        disabled: disabled_at.is_some(),
    })
}

/// Adds a person with both names.
///
/// # Errors
/// [`StoreError::Conflict`] when the `sub` or username already means somebody.
pub async fn insert(tx: &mut Tx, person: &Person, now: Instant) -> Result<(), StoreError> {
    let row = (
        people::id.eq(Uid(person.id.uuid())),
        people::sub.eq(person.sub.as_str()),
        people::username.eq(person.username.as_str()),
        people::name.eq(person.name.as_ref().map(DisplayName::as_str)),
        people::email.eq(person.email.as_ref().map(Email::as_str)),
        people::created_at.eq(At(now)),
    );
    on!(&mut **tx, |c| diesel::insert_into(people::table).values(row).execute(c).await)?;
    insert_name(tx, person.sub.as_str(), person.id).await?;
    if person.sub.as_str() != person.username.as_str() {
        insert_name(tx, person.username.as_str(), person.id).await?;
    }
    Ok(())
}

async fn insert_name(tx: &mut Tx, name: &str, id: PersonId) -> Result<(), StoreError> {
    let row = (
        person_names::name.eq(name),
        person_names::folded.eq(name.to_lowercase()),
        person_names::person_id.eq(Uid(id.uuid())),
    );
    on!(&mut **tx, |c| diesel::insert_into(person_names::table).values(row).execute(c).await)?;
    Ok(())
}

/// The person whom this `sub` or username means.
///
/// # Errors
/// The database's.
pub async fn by_name(conn: &mut Conn, name: &str) -> Result<Option<Person>, StoreError> {
    let query = people::table.inner_join(person_names::table).filter(person_names::name.eq(name)).select(COLUMNS);
    let row = on!(conn, |c| query.first::<Row>(c).await.optional())?;
    row.map(into_domain).transpose()
}

/// # Errors
/// The database's.
pub async fn by_id(conn: &mut Conn, id: PersonId) -> Result<Option<Person>, StoreError> {
    let query = people::table.find(Uid(id.uuid())).select(COLUMNS);
    let row = on!(conn, |c| query.first::<Row>(c).await.optional())?;
    row.map(into_domain).transpose()
}

/// A person as they are for the rest of this transaction: whoever disables them waits for it to end, or has ended.
///
/// # Errors
/// The database's.
pub async fn hold(tx: &mut Tx, id: PersonId) -> Result<Option<Person>, StoreError> {
    let query = people::table.find(Uid(id.uuid())).select(COLUMNS);
    let row = match &mut **tx {
        Conn::Pg(object) => query.for_share().first::<Row>(&mut **object).await.optional()?,
        // One writer at a time.
        Conn::Lite(object) => query.first::<Row>(&mut **object).await.optional()?,
    };
    row.map(into_domain).transpose()
}

/// People in order of username, after one of them.
///
/// # Errors
/// The database's.
pub async fn list(conn: &mut Conn, after: &str, limit: i64) -> Result<Vec<Person>, StoreError> {
    let query = people::table.filter(people::username.gt(after)).order(people::username).select(COLUMNS).limit(limit);
    let rows = on!(conn, |c| query.load::<Row>(c).await)?;
    rows.into_iter().map(into_domain).collect()
}

/// Disables (`Some`) or enables a person; false when they were so already.
///
/// # Errors
/// The database's.
pub async fn set_disabled(tx: &mut Tx, id: PersonId, at: Option<Instant>) -> Result<bool, StoreError> {
    let target = people::table.find(Uid(id.uuid()));
    let set = people::disabled_at.eq(at.map(At));
    let changed = if at.is_some() {
        on!(&mut **tx, |c| diesel::update(target.filter(people::disabled_at.is_null())).set(set).execute(c).await)?
    } else {
        on!(&mut **tx, |c| {
            diesel::update(target.filter(people::disabled_at.is_not_null())).set(set).execute(c).await
        })?
    };
    Ok(changed == 1)
}

/// Whether somebody has one of these names, or one that differs from it by case alone.
///
/// # Errors
/// The database's.
pub async fn is_taken(conn: &mut Conn, names: &[&str]) -> Result<bool, StoreError> {
    let folded: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    let query = person_names::table.filter(person_names::folded.eq_any(folded)).select(person_names::name).limit(1);
    Ok(on!(conn, |c| query.first::<String>(c).await.optional())?.is_some())
}

/// The `sub` and username of people, by identifier.
///
/// # Errors
/// The database's.
pub async fn names(conn: &mut Conn, ids: &[Uuid]) -> Result<HashMap<Uuid, (String, String)>, StoreError> {
    let ids: Vec<Uid> = ids.iter().copied().map(Uid).collect();
    let query = people::table.filter(people::id.eq_any(ids)).select((people::id, people::sub, people::username));
    let rows = on!(conn, |c| query.load::<(Uid, String, String)>(c).await)?;
    Ok(rows.into_iter().map(|(id, sub, username)| (id.0, (sub, username))).collect())
}
