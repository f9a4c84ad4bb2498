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
    let row = on!(conn, |c| query.first::<(String, String)>(c).await.optional())?;
    row.map(|(scopes, resources)| {
        let scopes = Scopes::parse(&scopes).map_err(StoreError::corrupt)?;
        Ok(Consent { scopes, resources: words(&resources) })
    })
    .transpose()
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
