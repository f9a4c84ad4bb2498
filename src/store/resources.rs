//! Registered resources and their attributes.

use std::collections::HashSet;

use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::conn::{Conn, Tx, on};
use super::error::StoreError;
use super::schema::resources;
use super::types::{At, Json, Uid};
use crate::domain::id::ResourceServerId;
use crate::domain::object::ObjectRef;
use crate::domain::time::Instant;

/// The attributes of a resource; `None` for one that is not registered.
///
/// # Errors
/// The database's.
pub async fn find(conn: &mut Conn, of: ResourceServerId, object: &ObjectRef) -> Result<Option<Value>, StoreError> {
    let query = resources::table.find((Uid(of.uuid()), object.as_str())).select(resources::attributes);
    Ok(on!(conn, |c| query.first::<Json>(c).await.optional())?.map(|Json(attributes)| attributes))
}

/// Those of the resources that are registered, by one statement for each thousand.
///
/// # Errors
/// The database's.
pub async fn known(
    conn: &mut Conn,
    of: ResourceServerId,
    objects: &[ObjectRef],
) -> Result<HashSet<ObjectRef>, StoreError> {
    let mut known = HashSet::new();
    for some in objects.chunks(KEYS_MAX) {
        let names: Vec<_> = some.iter().map(ObjectRef::as_str).collect();
        let query = resources::table
            .filter(resources::resource_server_id.eq(Uid(of.uuid())))
            .filter(resources::object.eq_any(names))
            .select(resources::object);
        for object in on!(conn, |c| query.load::<String>(c).await)? {
            known.insert(ObjectRef::parse(&object).map_err(StoreError::corrupt)?);
        }
    }
    Ok(known)
}

/// Names in one statement.
const KEYS_MAX: usize = 1_000;

/// Registers a resource, or gives it other attributes.
///
/// # Errors
/// The database's.
pub async fn put(
    tx: &mut Tx,
    of: ResourceServerId,
    object: &ObjectRef,
    attributes: Value,
    now: Instant,
) -> Result<(), StoreError> {
    let row = (
        resources::resource_server_id.eq(Uid(of.uuid())),
        resources::object.eq(object.as_str()),
        resources::attributes.eq(Json(attributes.clone())),
        resources::created_at.eq(At(now)),
    );
    let insert = diesel::insert_into(resources::table)
        .values(row)
        .on_conflict((resources::resource_server_id, resources::object))
        .do_update()
        .set(resources::attributes.eq(Json(attributes)));
    on!(&mut **tx, |c| insert.execute(c).await)?;
    Ok(())
}

/// Registers a resource without attributes, unless it is registered; says whether it was not.
///
/// # Errors
/// The database's.
pub async fn ensure(tx: &mut Tx, of: ResourceServerId, object: &ObjectRef, now: Instant) -> Result<bool, StoreError> {
    let row = (
        resources::resource_server_id.eq(Uid(of.uuid())),
        resources::object.eq(object.as_str()),
        resources::attributes.eq(Json(Value::Object(serde_json::Map::new()))),
        resources::created_at.eq(At(now)),
    );
    let insert = diesel::insert_into(resources::table).values(row).on_conflict_do_nothing();
    Ok(on!(&mut **tx, |c| insert.execute(c).await)? == 1)
}

/// False when it was gone already.
///
/// # Errors
/// The database's.
pub async fn delete(tx: &mut Tx, of: ResourceServerId, object: &ObjectRef) -> Result<bool, StoreError> {
    let gone = resources::table.find((Uid(of.uuid()), object.as_str()));
    Ok(on!(&mut **tx, |c| diesel::delete(gone).execute(c).await)? == 1)
}

/// Resources of one type in order of identifier, after one of them (byte order).
///
/// # Errors
/// The database's.
pub async fn list(
    conn: &mut Conn,
    of: ResourceServerId,
    resource_type: &str,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<(ObjectRef, Value)>, StoreError> {
    // ';' follows ':' in byte order, so these two enclose every identifier of the type.
    let (first, end) = (format!("{resource_type}:"), format!("{resource_type};"));
    let after = after.map_or(first, |id| format!("{resource_type}:{id}"));
    let query = resources::table
        .filter(resources::resource_server_id.eq(Uid(of.uuid())))
        .filter(resources::object.gt(after))
        .filter(resources::object.lt(end))
        .order(resources::object)
        .select((resources::object, resources::attributes))
        .limit(limit);
    let rows = on!(conn, |c| query.load::<(String, Json)>(c).await)?;
    let read = |(object, Json(attributes)): (String, Json)| {
        Ok((ObjectRef::parse(&object).map_err(StoreError::corrupt)?, attributes))
    };
    rows.into_iter().map(read).collect()
}
