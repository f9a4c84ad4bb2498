//! Models of resource servers: versions that never change, and a pointer to the one that counts.

use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};
use diesel_async::RunQueryDsl;

use super::conn::{Conn, Tx, on};
use super::error::StoreError;
use super::schema::{models, resource_servers};
use super::types::{At, Json, Uid};
use crate::domain::id::ResourceServerId;
use crate::domain::model::Model;
use crate::domain::time::Instant;

/// A version of a model, to be written.
#[derive(Debug)]
pub struct NewModel<'a> {
    pub of: ResourceServerId,
    pub version: i64,
    pub model: &'a Model,
    pub given_by: &'a str,
    pub created_at: Instant,
}

/// The model that counts, and its version; `None` for a resource server without one.
///
/// # Errors
/// The database's.
pub async fn active(conn: &mut Conn, of: ResourceServerId) -> Result<Option<(i64, Model)>, StoreError> {
    let query = resource_servers::table.find(Uid(of.uuid())).select(resource_servers::model_version);
    let version = on!(conn, |c| query.first::<i64>(c).await.optional())?.unwrap_or(0);
    Ok(version_of(conn, of, version).await?.map(|model| (version, model)))
}

/// One version of a model; `None` when there is none.
///
/// # Errors
/// The database's.
pub async fn version_of(conn: &mut Conn, of: ResourceServerId, version: i64) -> Result<Option<Model>, StoreError> {
    let query = models::table.find((Uid(of.uuid()), version)).select(models::document);
    let document = on!(conn, |c| query.first::<Json>(c).await.optional())?;
    document.map(|Json(document)| Model::parse(&document).map_err(StoreError::corrupt)).transpose()
}

/// The newest version there is, counting or not; 0 for none.
///
/// # Errors
/// The database's.
pub async fn newest(conn: &mut Conn, of: ResourceServerId) -> Result<i64, StoreError> {
    let query =
        models::table.filter(models::resource_server_id.eq(Uid(of.uuid()))).select(diesel::dsl::max(models::version));
    Ok(on!(conn, |c| query.first::<Option<i64>>(c).await)?.unwrap_or(0))
}

/// Versions, newest first: the number, who gave it, when.
///
/// # Errors
/// The database's.
pub async fn versions(
    conn: &mut Conn,
    of: ResourceServerId,
    limit: i64,
) -> Result<Vec<(i64, String, Instant)>, StoreError> {
    let query = models::table
        .filter(models::resource_server_id.eq(Uid(of.uuid())))
        .order(models::version.desc())
        .select((models::version, models::given_by, models::created_at))
        .limit(limit);
    let rows = on!(conn, |c| query.load::<(i64, String, At)>(c).await)?;
    Ok(rows.into_iter().map(|(version, given_by, at)| (version, given_by, at.0)).collect())
}

/// Adds a version.
///
/// # Errors
/// [`StoreError::Conflict`] when the number is taken, or the database's.
pub async fn insert(tx: &mut Tx, new: &NewModel<'_>) -> Result<(), StoreError> {
    let row = (
        models::resource_server_id.eq(Uid(new.of.uuid())),
        models::version.eq(new.version),
        models::document.eq(Json(serde_json::to_value(new.model).map_err(StoreError::failed)?)),
        models::given_by.eq(new.given_by),
        models::created_at.eq(At(new.created_at)),
    );
    on!(&mut **tx, |c| diesel::insert_into(models::table).values(row).execute(c).await)?;
    Ok(())
}

/// Makes a version the one that counts; 0 for none.
///
/// # Errors
/// The database's.
pub async fn activate(tx: &mut Tx, of: ResourceServerId, version: i64) -> Result<(), StoreError> {
    let target = resource_servers::table.find(Uid(of.uuid()));
    let set = resource_servers::model_version.eq(version);
    on!(&mut **tx, |c| diesel::update(target).set(set).execute(c).await)?;
    Ok(())
}
