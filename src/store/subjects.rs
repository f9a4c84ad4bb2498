//! What resource servers register of subjects: those that only they know, and attributes of any.

use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use super::conn::{Conn, Tx, on};
use super::error::StoreError;
use super::schema::{external_subjects, subject_attributes};
use super::types::{At, Json, Uid};
use crate::domain::assignment::Principal;
use crate::domain::id::{ExternalSubjectId, ResourceServerId};
use crate::domain::object::ObjectRef;
use crate::domain::time::Instant;

/// A subject that a resource server registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalSubject {
    pub id: ExternalSubjectId,
    pub subject: ObjectRef,
    pub disabled: bool,
}

type Row = (Uid, String, Option<At>);

fn into_domain((id, subject, disabled_at): Row) -> Result<ExternalSubject, StoreError> {
    Ok(ExternalSubject {
        id: ExternalSubjectId::from_uuid(id.0),
        subject: ObjectRef::parse(&subject).map_err(StoreError::corrupt)?,
        disabled: disabled_at.is_some(),
    })
}

/// # Errors
/// The database's.
pub async fn find(
    conn: &mut Conn,
    of: ResourceServerId,
    subject: &ObjectRef,
) -> Result<Option<ExternalSubject>, StoreError> {
    let query = external_subjects::table
        .filter(external_subjects::resource_server_id.eq(Uid(of.uuid())))
        .filter(external_subjects::subject.eq(subject.as_str()))
        .select((external_subjects::id, external_subjects::subject, external_subjects::disabled_at));
    let row = on!(conn, |c| query.first::<Row>(c).await.optional())?;
    row.map(into_domain).transpose()
}

/// # Errors
/// [`StoreError::Conflict`] when it is registered already.
pub async fn insert(tx: &mut Tx, of: ResourceServerId, new: &ExternalSubject, now: Instant) -> Result<(), StoreError> {
    let row = (
        external_subjects::id.eq(Uid(new.id.uuid())),
        external_subjects::resource_server_id.eq(Uid(of.uuid())),
        external_subjects::subject.eq(new.subject.as_str()),
        external_subjects::disabled_at.eq(new.disabled.then_some(At(now))),
        external_subjects::created_at.eq(At(now)),
    );
    on!(&mut **tx, |c| diesel::insert_into(external_subjects::table).values(row).execute(c).await)?;
    Ok(())
}

/// Disables or enables; false when it is so already.
///
/// # Errors
/// The database's.
pub async fn set_disabled(
    tx: &mut Tx,
    id: ExternalSubjectId,
    disabled: bool,
    now: Instant,
) -> Result<bool, StoreError> {
    let target = external_subjects::table.find(Uid(id.uuid()));
    let set = external_subjects::disabled_at.eq(disabled.then_some(At(now)));
    let count = if disabled {
        let target = target.filter(external_subjects::disabled_at.is_null());
        on!(&mut **tx, |c| diesel::update(target).set(set).execute(c).await)?
    } else {
        let target = target.filter(external_subjects::disabled_at.is_not_null());
        on!(&mut **tx, |c| diesel::update(target).set(set).execute(c).await)?
    };
    Ok(count == 1)
}

/// # Errors
/// The database's.
pub async fn delete(tx: &mut Tx, id: Uuid) -> Result<(), StoreError> {
    let gone = external_subjects::table.find(Uid(id));
    on!(&mut **tx, |c| diesel::delete(gone).execute(c).await)?;
    Ok(())
}

/// # Errors
/// The database's.
pub async fn delete_attributes(tx: &mut Tx, of: ResourceServerId, who: Principal) -> Result<(), StoreError> {
    let gone = subject_attributes::table.find((Uid(who.uuid()), Uid(of.uuid())));
    on!(&mut **tx, |c| diesel::delete(gone).execute(c).await)?;
    Ok(())
}

/// The names of external subjects, by identifier.
///
/// # Errors
/// The database's.
pub async fn names(conn: &mut Conn, ids: &[Uuid]) -> Result<std::collections::HashMap<Uuid, String>, StoreError> {
    let ids: Vec<Uid> = ids.iter().copied().map(Uid).collect();
    let query = external_subjects::table
        .filter(external_subjects::id.eq_any(ids))
        .select((external_subjects::id, external_subjects::subject));
    let rows = on!(conn, |c| query.load::<(Uid, String)>(c).await)?;
    Ok(rows.into_iter().map(|(id, name)| (id.0, name)).collect())
}

/// External subjects of one type in order of identifier, after one of them (byte order).
///
/// # Errors
/// The database's.
pub async fn list(
    conn: &mut Conn,
    of: ResourceServerId,
    subject_type: &str,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<ExternalSubject>, StoreError> {
    // ';' follows ':' in byte order, so these two enclose every identifier of the type.
    let (first, end) = (format!("{subject_type}:"), format!("{subject_type};"));
    let after = after.map_or(first, |id| format!("{subject_type}:{id}"));
    let query = external_subjects::table
        .filter(external_subjects::resource_server_id.eq(Uid(of.uuid())))
        .filter(external_subjects::subject.gt(after))
        .filter(external_subjects::subject.lt(end))
        .order(external_subjects::subject)
        .select((external_subjects::id, external_subjects::subject, external_subjects::disabled_at))
        .limit(limit);
    let rows = on!(conn, |c| query.load::<Row>(c).await)?;
    rows.into_iter().map(into_domain).collect()
}

/// What a resource server registered of a subject.
///
/// # Errors
/// The database's.
pub async fn attributes(conn: &mut Conn, of: ResourceServerId, who: Principal) -> Result<Option<Value>, StoreError> {
    let query =
        subject_attributes::table.find((Uid(who.uuid()), Uid(of.uuid()))).select(subject_attributes::attributes);
    Ok(on!(conn, |c| query.first::<Json>(c).await.optional())?.map(|Json(attributes)| attributes))
}

/// # Errors
/// The database's.
pub async fn put_attributes(
    tx: &mut Tx,
    of: ResourceServerId,
    who: Principal,
    attributes: Value,
) -> Result<(), StoreError> {
    let row = (
        subject_attributes::resource_server_id.eq(Uid(of.uuid())),
        subject_attributes::principal_id.eq(Uid(who.uuid())),
        subject_attributes::attributes.eq(Json(attributes.clone())),
    );
    let insert = diesel::insert_into(subject_attributes::table)
        .values(row)
        .on_conflict((subject_attributes::principal_id, subject_attributes::resource_server_id))
        .do_update()
        .set(subject_attributes::attributes.eq(Json(attributes)));
    on!(&mut **tx, |c| insert.execute(c).await)?;
    Ok(())
}
