//! API keys: the digest and everything around it, never the secret.

use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, Queryable};
use diesel_async::RunQueryDsl;

use super::conn::{Conn, Tx, on};
use super::error::StoreError;
use super::groups::principal;
use super::schema::api_keys;
use super::types::{At, Uid};
use crate::domain::api_key::ApiKey;
use crate::domain::assignment::Principal;
use crate::domain::id::ApiKeyId;
use crate::domain::name::DisplayName;
use crate::domain::permission::Permission;
use crate::domain::secret::Digest;
use crate::domain::time::Instant;

#[derive(Queryable)]
struct Row {
    id: Uid,
    _digest: Vec<u8>,
    prefix: String,
    name: String,
    owner_kind: String,
    owner_id: Uid,
    permissions: String,
    created_by: String,
    created_at: At,
    expires_at: At,
    revoked_at: Option<At>,
}

fn into_domain(row: Row) -> Result<ApiKey, StoreError> {
    let permissions = row.permissions.split(' ').filter(|text| !text.is_empty()).map(Permission::parse);
    Ok(ApiKey {
        id: ApiKeyId::from_uuid(row.id.0),
        prefix: row.prefix,
        name: DisplayName::parse(&row.name).map_err(StoreError::corrupt)?,
        owner: principal(&row.owner_kind, row.owner_id)?,
        permissions: permissions.collect::<Result<_, _>>().map_err(StoreError::corrupt)?,
        created_by: row.created_by,
        created_at: row.created_at.0,
        expires_at: row.expires_at.0,
        revoked_at: row.revoked_at.map(|at| at.0),
    })
}

/// # Errors
/// The database's.
pub async fn insert(tx: &mut Tx, key: &ApiKey, digest: &Digest) -> Result<(), StoreError> {
    let permissions: Vec<_> = key.permissions.iter().map(ToString::to_string).collect();
    let row = (
        api_keys::id.eq(Uid(key.id.uuid())),
        api_keys::digest.eq(&digest.as_bytes()[..]),
        api_keys::prefix.eq(&key.prefix),
        api_keys::name.eq(key.name.as_str()),
        api_keys::owner_kind.eq(key.owner.kind()),
        api_keys::owner_id.eq(Uid(key.owner.uuid())),
        api_keys::permissions.eq(permissions.join(" ")),
        api_keys::created_by.eq(&key.created_by),
        api_keys::created_at.eq(At(key.created_at)),
        api_keys::expires_at.eq(At(key.expires_at)),
    );
    on!(&mut **tx, |c| diesel::insert_into(api_keys::table).values(row).execute(c).await)?;
    Ok(())
}

/// The key of this digest, if it counts at this moment.
///
/// # Errors
/// The database's.
pub async fn live(conn: &mut Conn, digest: &Digest, now: Instant) -> Result<Option<ApiKey>, StoreError> {
    let query = api_keys::table
        .filter(api_keys::digest.eq(&digest.as_bytes()[..]))
        .filter(api_keys::revoked_at.is_null())
        .filter(api_keys::expires_at.gt(At(now)));
    let row = on!(conn, |c| query.first::<Row>(c).await.optional())?;
    row.map(into_domain).transpose()
}

/// # Errors
/// The database's.
pub async fn find(conn: &mut Conn, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
    let query = api_keys::table.find(Uid(id.uuid()));
    let row = on!(conn, |c| query.first::<Row>(c).await.optional())?;
    row.map(into_domain).transpose()
}

/// Keys in the order they were made, after one of them; of one owner or of all, of one prefix or of any.
///
/// # Errors
/// The database's.
pub async fn list(
    conn: &mut Conn,
    owner: Option<Principal>,
    prefix: Option<&str>,
    after: uuid::Uuid,
    limit: i64,
) -> Result<Vec<ApiKey>, StoreError> {
    let rows = on!(conn, |c| {
        let mut query =
            api_keys::table.filter(api_keys::id.gt(Uid(after))).order(api_keys::id).limit(limit).into_boxed();
        if let Some(owner) = owner {
            query = query.filter(api_keys::owner_id.eq(Uid(owner.uuid())));
        }
        if let Some(prefix) = prefix {
            query = query.filter(api_keys::prefix.eq(prefix));
        }
        query.load::<Row>(c).await
    })?;
    rows.into_iter().map(into_domain).collect()
}

/// Ends a key; false when it had been ended already.
///
/// # Errors
/// The database's.
pub async fn revoke(tx: &mut Tx, id: ApiKeyId, now: Instant) -> Result<bool, StoreError> {
    let live = api_keys::table.find(Uid(id.uuid())).filter(api_keys::revoked_at.is_null());
    let set = api_keys::revoked_at.eq(At(now));
    Ok(on!(&mut **tx, |c| diesel::update(live).set(set).execute(c).await)? == 1)
}
