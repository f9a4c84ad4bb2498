//! People.

use std::collections::HashMap;

use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, Queryable};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use super::begins::{Begins, begins};
use super::conn::{Conn, Tx, on};
use super::error::StoreError;
use super::schema::{people, person_names};
use super::types::{At, Json, Uid};
use crate::domain::id::PersonId;
use crate::domain::listing::{Listing, Order, Prefix};
use crate::domain::name::{DisplayName, Email, Sub, Username};
use crate::domain::person::Person;
use crate::domain::time::Instant;

#[derive(Queryable)]
pub(super) struct Row {
    id: Uid,
    sub: String,
    username: String,
    name: Option<String>,
    email: Option<String>,
    _created_at: At,
    disabled_at: Option<At>,
    email_verified: bool,
    profile: Json,
    updated_at: At,
    locked_at: Option<At>,
}

pub(super) fn into_domain(row: Row) -> Result<Person, StoreError> {
    Ok(Person {
        id: PersonId::from_uuid(row.id.0),
        sub: Sub::parse(&row.sub).map_err(StoreError::corrupt)?,
        username: Username::parse(&row.username).map_err(StoreError::corrupt)?,
        name: row.name.as_deref().map(DisplayName::parse).transpose().map_err(StoreError::corrupt)?,
        email: row.email.as_deref().map(Email::parse).transpose().map_err(StoreError::corrupt)?,
        email_verified: row.email_verified,
        profile: serde_json::from_value(row.profile.0).map_err(StoreError::corrupt)?,
        updated_at: row.updated_at.0,
        disabled: row.disabled_at.is_some(),
        locked: row.locked_at.is_some(),
    })
}

fn profile(person: &Person) -> Json {
    Json(Value::Object(person.profile.members()))
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
        people::email_verified.eq(person.email_verified),
        people::profile.eq(profile(person)),
        people::updated_at.eq(At(person.updated_at)),
    );
    on!(&mut **tx, |c| diesel::insert_into(people::table).values(row).execute(c).await)?;
    add_name(tx, person.sub.as_str(), person.id).await?;
    if person.sub.as_str() != person.username.as_str() {
        add_name(tx, person.username.as_str(), person.id).await?;
    }
    Ok(())
}

/// Gives a person one more name.
///
/// # Errors
/// [`StoreError::Conflict`] when it means somebody already.
pub(super) async fn add_name(tx: &mut Tx, name: &str, id: PersonId) -> Result<(), StoreError> {
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
    let query =
        people::table.inner_join(person_names::table).filter(person_names::name.eq(name)).select(people::all_columns);
    let row = on!(conn, |c| query.first::<Row>(c).await.optional())?;
    row.map(into_domain).transpose()
}

/// # Errors
/// The database's.
pub async fn by_id(conn: &mut Conn, id: PersonId) -> Result<Option<Person>, StoreError> {
    let query = people::table.find(Uid(id.uuid())).select(people::all_columns);
    let row = on!(conn, |c| query.first::<Row>(c).await.optional())?;
    row.map(into_domain).transpose()
}

/// A person as they are for the rest of this transaction: whoever disables them waits for it to end, or has ended.
///
/// # Errors
/// The database's.
pub async fn hold(tx: &mut Tx, id: PersonId) -> Result<Option<Person>, StoreError> {
    let query = people::table.find(Uid(id.uuid())).select(people::all_columns);
    let row = match &mut **tx {
        Conn::Pg(object) => query.for_share().first::<Row>(&mut **object).await.optional()?,
        // One writer at a time.
        Conn::Lite(object) => query.first::<Row>(&mut **object).await.optional()?,
    };
    row.map(into_domain).transpose()
}

/// People in order of username, after one of them; those whose username or e-mail address begins so, in any case, and those
/// who are disabled or are not.
///
/// # Errors
/// The database's.
pub async fn list(conn: &mut Conn, page: Listing<'_>, disabled: Option<bool>) -> Result<Vec<Person>, StoreError> {
    let prefix = page.prefix.map(Prefix::folded);
    let begins = prefix
        .as_ref()
        .map(|prefix| (Begins::new(conn, "people.username", prefix), Begins::new(conn, "lower(people.email)", prefix)));
    let rows = on!(conn, |c| {
        let mut query = people::table.select(people::all_columns).limit(page.limit).into_boxed();
        query = match page.order {
            Order::Ascending => query.order(people::username.asc()),
            Order::Descending => query.order(people::username.desc()),
        };
        query = match (page.order, page.after) {
            (_, None) => query,
            (Order::Ascending, Some(after)) => query.filter(people::username.gt(after)),
            (Order::Descending, Some(after)) => query.filter(people::username.lt(after)),
        };
        if let Some((username, email)) = &begins {
            query = query.filter(begins!(username).or(begins!(email)));
        }
        query = match disabled {
            None => query,
            Some(true) => query.filter(people::disabled_at.is_not_null()),
            Some(false) => query.filter(people::disabled_at.is_null()),
        };
        query.load::<Row>(c).await
    })?;
    rows.into_iter().map(into_domain).collect()
}

/// The `sub`s of people in order of their identifiers, after one of them.
///
/// # Errors
/// The database's.
pub async fn subs(conn: &mut Conn, after: Uuid, limit: i64) -> Result<Vec<(PersonId, String)>, StoreError> {
    let query = people::table
        .filter(people::id.gt(Uid(after)))
        .order(people::id)
        .select((people::id, people::sub))
        .limit(limit);
    let rows = on!(conn, |c| query.load::<(Uid, String)>(c).await)?;
    Ok(rows.into_iter().map(|(id, sub)| (PersonId::from_uuid(id.0), sub)).collect())
}

/// Writes what is said of a person: name, e-mail, profile.
///
/// # Errors
/// The database's.
pub async fn update(tx: &mut Tx, person: &Person) -> Result<(), StoreError> {
    let set = (
        people::name.eq(person.name.as_ref().map(DisplayName::as_str)),
        people::email.eq(person.email.as_ref().map(Email::as_str)),
        people::email_verified.eq(person.email_verified),
        people::profile.eq(profile(person)),
        people::updated_at.eq(At(person.updated_at)),
    );
    let target = people::table.find(Uid(person.id.uuid()));
    on!(&mut **tx, |c| diesel::update(target).set(set).execute(c).await)?;
    Ok(())
}

/// Gives a person another username; the old one is free from then on, unless it is their `sub`.
///
/// # Errors
/// [`StoreError::Conflict`] when it means somebody else.
pub async fn rename(tx: &mut Tx, before: &Person, username: &Username) -> Result<(), StoreError> {
    let target = people::table.find(Uid(before.id.uuid()));
    let set = people::username.eq(username.as_str());
    on!(&mut **tx, |c| diesel::update(target).set(set).execute(c).await)?;
    if before.username.as_str() != before.sub.as_str() {
        let old = person_names::table.find(before.username.as_str());
        on!(&mut **tx, |c| diesel::delete(old).execute(c).await)?;
    }
    if username.as_str() != before.sub.as_str() {
        add_name(tx, username.as_str(), before.id).await?;
    }
    Ok(())
}

/// Whose these names are, or whose names differ from them by case alone.
///
/// # Errors
/// The database's.
pub async fn holders_of(conn: &mut Conn, names: &[&str]) -> Result<Vec<PersonId>, StoreError> {
    let folded: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    let query = person_names::table.filter(person_names::folded.eq_any(folded)).select(person_names::person_id);
    let ids = on!(conn, |c| query.load::<Uid>(c).await)?;
    Ok(ids.into_iter().map(|id| PersonId::from_uuid(id.0)).collect())
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

/// Locks (`Some`) or unlocks a person; false when they were so already.
///
/// # Errors
/// The database's.
pub async fn set_locked(tx: &mut Tx, id: PersonId, at: Option<Instant>) -> Result<bool, StoreError> {
    let target = people::table.find(Uid(id.uuid()));
    let set = people::locked_at.eq(at.map(At));
    let changed = if at.is_some() {
        on!(&mut **tx, |c| diesel::update(target.filter(people::locked_at.is_null())).set(set).execute(c).await)?
    } else {
        on!(&mut **tx, |c| diesel::update(target.filter(people::locked_at.is_not_null())).set(set).execute(c).await)?
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

/// Every name that means a person: `sub`, username, and those that single sectors know them by.
///
/// # Errors
/// The database's.
pub async fn names_of(conn: &mut Conn, id: PersonId) -> Result<Vec<String>, StoreError> {
    let query = person_names::table.filter(person_names::person_id.eq(Uid(id.uuid()))).select(person_names::name);
    Ok(on!(conn, |c| query.load::<String>(c).await)?)
}

/// One name of a person.
#[derive(Clone, Debug)]
pub struct PersonName {
    pub person: PersonId,
    pub name: String,
    sub: String,
    username: String,
}

impl PersonName {
    /// Whether single sectors know the person by it, and nobody else.
    #[must_use]
    pub fn is_pairwise(&self) -> bool {
        self.name != self.sub && self.name != self.username
    }
}

/// The people of these names.
///
/// # Errors
/// The database's.
pub async fn ids_of(conn: &mut Conn, names: &[String]) -> Result<Vec<Uuid>, StoreError> {
    let query = person_names::table.filter(person_names::name.eq_any(names)).select(person_names::person_id);
    let ids = on!(conn, |c| query.load::<Uid>(c).await)?;
    Ok(ids.into_iter().map(|id| id.0).collect())
}

/// Every name of these people.
///
/// # Errors
/// The database's.
pub async fn all_names(conn: &mut Conn, ids: &[Uuid]) -> Result<Vec<PersonName>, StoreError> {
    let ids: Vec<Uid> = ids.iter().copied().map(Uid).collect();
    let query = person_names::table.inner_join(people::table).filter(person_names::person_id.eq_any(ids)).select((
        person_names::person_id,
        person_names::name,
        people::sub,
        people::username,
    ));
    let rows = on!(conn, |c| query.load::<(Uid, String, String, String)>(c).await)?;
    let name = |(id, name, sub, username): (Uid, String, String, String)| PersonName {
        person: PersonId::from_uuid(id.0),
        name,
        sub,
        username,
    };
    Ok(rows.into_iter().map(name).collect())
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
