//! Resource servers and the permissions they declare.

use diesel::{ExpressionMethods as _, QueryDsl as _};
use diesel_async::RunQueryDsl;

use super::conn::{Conn, Tx, on};
use super::decisions::permission;
use super::error::StoreError;
use super::schema::{permissions, resource_servers};
use super::types::{At, Uid};
use crate::domain::id::ResourceServerId;
use crate::domain::name::Slug;
use crate::domain::permission::Permission;
use crate::domain::resource_server::{ResourceServer, TokenClaims};
use crate::domain::scope::Scopes;
use crate::domain::time::Instant;

/// Adds a resource server.
///
/// # Errors
/// [`StoreError::Conflict`] when the name or identifier is taken.
pub async fn insert(tx: &mut Tx, rs: &ResourceServer, now: Instant) -> Result<(), StoreError> {
    let row = (
        resource_servers::id.eq(Uid(rs.id.uuid())),
        resource_servers::name.eq(rs.name.as_str()),
        resource_servers::identifier.eq(&rs.identifier),
        resource_servers::scopes.eq(rs.scopes.to_string()),
        resource_servers::claim_roles.eq(rs.claims.roles),
        resource_servers::claim_permissions.eq(rs.claims.permissions),
        resource_servers::created_at.eq(At(now)),
    );
    on!(&mut **tx, |c| diesel::insert_into(resource_servers::table).values(row).execute(c).await)?;
    Ok(())
}

/// Gives a resource server other scopes and claims.
///
/// # Errors
/// The database's.
pub async fn update(tx: &mut Tx, rs: &ResourceServer) -> Result<(), StoreError> {
    let target = resource_servers::table.find(Uid(rs.id.uuid()));
    let set = (
        resource_servers::scopes.eq(rs.scopes.to_string()),
        resource_servers::claim_roles.eq(rs.claims.roles),
        resource_servers::claim_permissions.eq(rs.claims.permissions),
    );
    on!(&mut **tx, |c| diesel::update(target).set(set).execute(c).await)?;
    Ok(())
}

/// All resource servers, in order of name. There are few of them.
///
/// # Errors
/// The database's.
pub async fn all(conn: &mut Conn) -> Result<Vec<ResourceServer>, StoreError> {
    let query = resource_servers::table.order(resource_servers::name).select((
        resource_servers::id,
        resource_servers::name,
        resource_servers::identifier,
        resource_servers::scopes,
        resource_servers::claim_roles,
        resource_servers::claim_permissions,
    ));
    let rows = on!(conn, |c| query.load::<Row>(c).await)?;
    rows.into_iter().map(into_domain).collect()
}

type Row = (Uid, String, String, String, bool, bool);

fn into_domain((id, name, identifier, scopes, roles, permissions): Row) -> Result<ResourceServer, StoreError> {
    Ok(ResourceServer {
        id: ResourceServerId::from_uuid(id.0),
        name: Slug::parse(&name).map_err(StoreError::corrupt)?,
        identifier,
        scopes: Scopes::parse(&scopes).map_err(StoreError::corrupt)?,
        claims: TokenClaims { roles, permissions },
    })
}

/// The permissions a resource server declares.
///
/// # Errors
/// The database's.
pub async fn permissions(conn: &mut Conn, of: ResourceServerId) -> Result<Vec<Permission>, StoreError> {
    let query = permissions::table
        .filter(permissions::resource_server_id.eq(Uid(of.uuid())))
        .order((permissions::resource_type, permissions::action))
        .select((permissions::action, permissions::resource_type));
    let rows = on!(conn, |c| query.load::<(String, String)>(c).await)?;
    rows.iter().map(|(action, resource_type)| permission(action, resource_type)).collect()
}

/// Declares a permission; false when it was declared already.
///
/// # Errors
/// The database's.
pub async fn declare(tx: &mut Tx, of: ResourceServerId, permission: &Permission) -> Result<bool, StoreError> {
    let row = (
        permissions::resource_server_id.eq(Uid(of.uuid())),
        permissions::action.eq(permission.action.as_str()),
        permissions::resource_type.eq(permission.resource_type.as_str()),
    );
    let insert = diesel::insert_into(permissions::table).values(row).on_conflict_do_nothing();
    Ok(on!(&mut **tx, |c| insert.execute(c).await)? == 1)
}

/// Takes a declared permission back.
///
/// # Errors
/// The database's.
pub async fn undeclare(tx: &mut Tx, of: ResourceServerId, permission: &Permission) -> Result<(), StoreError> {
    let gone = permissions::table.find((Uid(of.uuid()), permission.action.as_str(), permission.resource_type.as_str()));
    on!(&mut **tx, |c| diesel::delete(gone).execute(c).await)?;
    Ok(())
}
