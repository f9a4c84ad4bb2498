//! What people have agreed to, per client.

use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};
use diesel_async::RunQueryDsl;

use super::conn::{Conn, Tx, on};
use super::error::StoreError;
use super::grants::words;
use super::schema::consents;
use super::types::{At, Uid};
use crate::domain::id::{ClientId, PersonId};
use crate::domain::scope::Scopes;
use crate::domain::time::Instant;

type Row = (String, String);

/// A remembered consent.
#[derive(Clone, Debug, Default)]
pub struct Consent {
    pub scopes: Scopes,
    pub resources: Vec<String>,
}

impl Consent {
    /// Whether it covers what is asked for now.
    #[must_use]
    pub fn covers(&self, scopes: &Scopes, resources: &[String]) -> bool {
        scopes.is_subset(&self.scopes) && resources.iter().all(|r| self.resources.contains(r))
    }
}

/// # Errors
/// The database's.
pub async fn of(conn: &mut Conn, person: PersonId, client: ClientId) -> Result<Option<Consent>, StoreError> {
    let query =
        consents::table.find((Uid(person.uuid()), Uid(client.uuid()))).select((consents::scopes, consents::resources));
    let row = on!(conn, |c| query.first::<Row>(c).await.optional())?;
    row.map(into_domain).transpose()
}

fn into_domain((scopes, resources): Row) -> Result<Consent, StoreError> {
    Ok(Consent { scopes: Scopes::parse(&scopes).map_err(StoreError::corrupt)?, resources: words(&resources) })
}

/// A remembered consent as it is for the rest of this transaction: whoever withdraws or adds to it waits for it to end, or has ended.
///
/// # Errors
/// The database's.
pub async fn hold(tx: &mut Tx, person: PersonId, client: ClientId) -> Result<Option<Consent>, StoreError> {
    let query =
        consents::table.find((Uid(person.uuid()), Uid(client.uuid()))).select((consents::scopes, consents::resources));
    let row = match &mut **tx {
        Conn::Pg(object) => query.for_update().first::<Row>(&mut **object).await.optional()?,
        // One writer at a time.
        Conn::Lite(object) => query.first::<Row>(&mut **object).await.optional()?,
    };
    row.map(into_domain).transpose()
}

/// What a person has agreed to, by client.
///
/// # Errors
/// The database's.
pub async fn of_person(conn: &mut Conn, person: PersonId) -> Result<Vec<(ClientId, Consent, Instant)>, StoreError> {
    let query = consents::table.filter(consents::person_id.eq(Uid(person.uuid()))).order(consents::client_id).select((
        consents::client_id,
        consents::scopes,
        consents::resources,
        consents::updated_at,
    ));
    let rows = on!(conn, |c| query.load::<(Uid, String, String, At)>(c).await)?;
    rows.into_iter()
        .map(|(client, scopes, resources, at)| {
            Ok((ClientId::from_uuid(client.0), into_domain((scopes, resources))?, at.0))
        })
        .collect()
}

/// Forgets a consent; false when there was none.
///
/// # Errors
/// The database's.
pub async fn delete(tx: &mut Tx, person: PersonId, client: ClientId) -> Result<bool, StoreError> {
    let target = consents::table.find((Uid(person.uuid()), Uid(client.uuid())));
    Ok(on!(&mut **tx, |c| diesel::delete(target).execute(c).await)? == 1)
}

/// Remembers a consent in the place of an earlier one.
///
/// # Errors
/// The database's.
pub async fn set(
    tx: &mut Tx,
    person: PersonId,
    client: ClientId,
    consent: &Consent,
    now: Instant,
) -> Result<(), StoreError> {
    let (scopes, resources) = (consent.scopes.to_string(), consent.resources.join(" "));
    let row = (
        consents::person_id.eq(Uid(person.uuid())),
        consents::client_id.eq(Uid(client.uuid())),
        consents::scopes.eq(&scopes),
        consents::resources.eq(&resources),
        consents::updated_at.eq(At(now)),
    );
    let again = (consents::scopes.eq(&scopes), consents::resources.eq(&resources), consents::updated_at.eq(At(now)));
    on!(&mut **tx, |c| {
        let insert = diesel::insert_into(consents::table).values(row);
        insert.on_conflict((consents::person_id, consents::client_id)).do_update().set(again).execute(c).await
    })?;
    Ok(())
}
