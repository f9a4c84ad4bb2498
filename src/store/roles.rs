//! Roles, what they hold and what they include.

use std::collections::HashMap;

use diesel::{ExpressionMethods as _, QueryDsl as _};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::conn::{Conn, Tx, on};
use super::decisions::permission;
use super::error::StoreError;
use super::schema::{role_includes, role_permissions, roles};
use super::types::{At, Uid};
use crate::domain::id::{ResourceServerId, RoleId};
use crate::domain::name::Slug;
use crate::domain::permission::Permission;
use crate::domain::role::Role;
use crate::domain::time::Instant;

/// Adds a role with what it holds and includes.
///
/// # Errors
/// [`StoreError::Conflict`] when the name is taken.
pub async fn insert(tx: &mut Tx, of: ResourceServerId, role: &Role, now: Instant) -> Result<(), StoreError> {
    let row = (
        roles::id.eq(Uid(role.id.uuid())),
        roles::resource_server_id.eq(Uid(of.uuid())),
        roles::name.eq(role.name.as_str()),
        roles::created_at.eq(At(now)),
    );
    on!(&mut **tx, |c| diesel::insert_into(roles::table).values(row).execute(c).await)?;
    add(tx, role.id, &role.permissions, &role.includes).await
}

/// Adds permissions and included roles; what is there already stays.
///
/// # Errors
/// The database's.
pub async fn add(tx: &mut Tx, role: RoleId, held: &[Permission], includes: &[RoleId]) -> Result<(), StoreError> {
    let held: Vec<_> = held
        .iter()
        .map(|p| {
            (
                role_permissions::role_id.eq(Uid(role.uuid())),
                role_permissions::action.eq(p.action.as_str().to_owned()),
                role_permissions::resource_type.eq(p.resource_type.as_str().to_owned()),
            )
        })
        .collect();
    for row in held {
        let insert = diesel::insert_into(role_permissions::table).values(row).on_conflict_do_nothing();
        on!(&mut **tx, |c| insert.execute(c).await)?;
    }
    for included in includes {
        let row = (role_includes::role_id.eq(Uid(role.uuid())), role_includes::included_id.eq(Uid(included.uuid())));
        let insert = diesel::insert_into(role_includes::table).values(row).on_conflict_do_nothing();
        on!(&mut **tx, |c| insert.execute(c).await)?;
    }
    Ok(())
}

/// Takes permissions and included roles away; what is not there is no error.
///
/// # Errors
/// The database's.
pub async fn remove(tx: &mut Tx, role: RoleId, held: &[Permission], includes: &[RoleId]) -> Result<(), StoreError> {
    for p in held {
        let gone = role_permissions::table.find((Uid(role.uuid()), p.action.as_str(), p.resource_type.as_str()));
        on!(&mut **tx, |c| diesel::delete(gone).execute(c).await)?;
    }
    for included in includes {
        let gone = role_includes::table.find((Uid(role.uuid()), Uid(included.uuid())));
        on!(&mut **tx, |c| diesel::delete(gone).execute(c).await)?;
    }
    Ok(())
}

/// Deletes a role.
///
/// # Errors
/// [`StoreError::Conflict`] while it is assigned or included somewhere.
pub async fn delete(tx: &mut Tx, role: RoleId) -> Result<(), StoreError> {
    on!(&mut **tx, |c| diesel::delete(roles::table.find(Uid(role.uuid()))).execute(c).await)?;
    Ok(())
}

/// All roles of one resource server, in order of name.
///
/// # Errors
/// The database's.
pub async fn all(conn: &mut Conn, of: ResourceServerId) -> Result<Vec<Role>, StoreError> {
    let of = Uid(of.uuid());
    let query =
        roles::table.filter(roles::resource_server_id.eq(of)).order(roles::name).select((roles::id, roles::name));
    let rows = on!(conn, |c| query.load::<(Uid, String)>(c).await)?;

    let ids = roles::table.filter(roles::resource_server_id.eq(of)).select(roles::id);
    let mut held: HashMap<Uuid, Vec<Permission>> = HashMap::new();
    let query = role_permissions::table.filter(role_permissions::role_id.eq_any(ids));
    for (role, action, resource_type) in on!(conn, |c| query.load::<(Uid, String, String)>(c).await)? {
        held.entry(role.0).or_default().push(permission(&action, &resource_type)?);
    }
    let mut includes: HashMap<Uuid, Vec<RoleId>> = HashMap::new();
    let query = role_includes::table.filter(role_includes::role_id.eq_any(ids));
    for (role, included) in on!(conn, |c| query.load::<(Uid, Uid)>(c).await)? {
        includes.entry(role.0).or_default().push(RoleId::from_uuid(included.0));
    }

    rows.into_iter()
        .map(|(id, name)| {
            Ok(Role {
                id: RoleId::from_uuid(id.0),
                name: Slug::parse(&name).map_err(StoreError::corrupt)?,
                permissions: held.remove(&id.0).unwrap_or_default(),
                includes: includes.remove(&id.0).unwrap_or_default(),
            })
        })
        .collect()
}
