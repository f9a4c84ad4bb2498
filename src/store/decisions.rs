//! What decisions read, by key and in bulk. Each read brings the revision of the store as of the same statement, so that
//! a cache knows which history its value belongs to.

use std::collections::HashMap;

use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, NullableExpressionMethods as _, QueryDsl as _};
use diesel::{JoinOnDsl as _, Queryable};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::conn::{Conn, on};
use super::error::StoreError;
use super::schema::{assignments, clients, grants, group_members, people, person_names, revisions};
use super::types::{At, Uid};
use crate::domain::assignment::{Assignment, Effect, Held, Principal};
use crate::domain::change::Revision;
use crate::domain::grant::GrantState;
use crate::domain::group::Membership;
use crate::domain::id::{AssignmentId, ClientId, GrantId, GroupId, PersonId, ResourceServerId, RoleId};
use crate::domain::permission::Permission;
use crate::domain::time::Interval;

/// Values by key, and the revision of the statement that read them. A key without rows is absent.
#[derive(Debug)]
pub struct Keyed<K, V> {
    pub revision: Revision,
    pub values: HashMap<K, V>,
}

impl<K: Eq + std::hash::Hash, V> Keyed<K, V> {
    /// One statement answers at least the row of the revision itself.
    fn collect<R>(
        rows: Vec<(i64, Option<R>)>,
        mut add: impl FnMut(&mut HashMap<K, V>, R) -> Result<(), StoreError>,
    ) -> Result<Self, StoreError> {
        let revision = rows.iter().map(|(revision, _)| Revision(*revision)).next();
        let revision = revision.ok_or_else(|| StoreError::corrupt("no row in revisions"))?;
        let mut values = HashMap::new();
        for row in rows.into_iter().filter_map(|(_, row)| row) {
            add(&mut values, row)?;
        }
        Ok(Self { revision, values })
    }
}

/// A subject as stored: who it is and whether it may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubjectRow {
    pub principal: Principal,
    /// Disabled, or locked.
    pub disabled: bool,
}

/// People by `sub` or username.
///
/// # Errors
/// The database's.
pub async fn people(conn: &mut Conn, names: &[String]) -> Result<Keyed<String, SubjectRow>, StoreError> {
    let query = revisions::table
        .left_join(
            person_names::table
                .inner_join(people::table.on(people::id.eq(person_names::person_id)))
                .on(person_names::name.eq_any(names)),
        )
        .select((
            revisions::revision,
            (person_names::name, people::id, people::disabled_at.nullable(), people::locked_at.nullable()).nullable(),
        ));
    let rows = on!(conn, |c| query.load::<(i64, Option<(String, Uid, Option<At>, Option<At>)>)>(c).await)?;
    Keyed::collect(rows, |values, (name, id, disabled_at, locked_at)| {
        let principal = Principal::Person(PersonId::from_uuid(id.0));
        values.insert(name, SubjectRow { principal, disabled: disabled_at.is_some() || locked_at.is_some() });
        Ok(())
    })
}

/// Clients by `client_id`.
///
/// # Errors
/// The database's.
pub async fn clients(conn: &mut Conn, names: &[String]) -> Result<Keyed<String, SubjectRow>, StoreError> {
    let query = revisions::table
        .left_join(clients::table.on(clients::client_id.eq_any(names)))
        .select((revisions::revision, (clients::client_id, clients::id, clients::disabled_at.nullable()).nullable()));
    let rows = on!(conn, |c| query.load::<(i64, Option<(String, Uid, Option<At>)>)>(c).await)?;
    Keyed::collect(rows, |values, (name, id, disabled_at)| {
        let principal = Principal::Client(ClientId::from_uuid(id.0));
        values.insert(name, SubjectRow { principal, disabled: disabled_at.is_some() });
        Ok(())
    })
}

type MembershipRow = (Uid, Uid, Option<At>, Option<At>);

/// The groups that principals are directly in.
///
/// # Errors
/// The database's.
pub async fn memberships(conn: &mut Conn, of: &[Principal]) -> Result<Keyed<Uuid, Vec<Membership>>, StoreError> {
    let ids: Vec<Uid> = of.iter().map(|p| Uid(p.uuid())).collect();
    let query = revisions::table.left_join(group_members::table.on(group_members::member_id.eq_any(ids))).select((
        revisions::revision,
        (
            group_members::member_id,
            group_members::group_id,
            group_members::not_before.nullable(),
            group_members::expires_at.nullable(),
        )
            .nullable(),
    ));
    let rows = on!(conn, |c| query.load::<(i64, Option<MembershipRow>)>(c).await)?;
    Keyed::collect(rows, |values: &mut HashMap<_, Vec<_>>, (member, group, from, until)| {
        let group = GroupId::from_uuid(group.0);
        values.entry(member.0).or_default().push(Membership { group, interval: interval(from, until) });
        Ok(())
    })
}

#[derive(Queryable)]
struct AssignmentRow {
    id: Uid,
    principal_id: Uid,
    role_id: Option<Uid>,
    action: Option<String>,
    resource_type: Option<String>,
    effect: String,
    not_before: Option<At>,
    expires_at: Option<At>,
}

impl AssignmentRow {
    fn into_domain(self) -> Result<Assignment, StoreError> {
        Ok(Assignment {
            id: AssignmentId::from_uuid(self.id.0),
            held: held(self.role_id, self.action, self.resource_type)?,
            effect: effect(&self.effect)?,
            interval: interval(self.not_before, self.expires_at),
        })
    }
}

/// What principals directly hold at one resource server.
///
/// # Errors
/// The database's.
pub async fn assignments(
    conn: &mut Conn,
    at: ResourceServerId,
    of: &[Principal],
) -> Result<Keyed<Uuid, Vec<Assignment>>, StoreError> {
    let ids: Vec<Uid> = of.iter().map(|p| Uid(p.uuid())).collect();
    let on_key = assignments::principal_id.eq_any(ids).and(assignments::resource_server_id.eq(Uid(at.uuid())));
    let query = revisions::table.left_join(assignments::table.on(on_key)).select((
        revisions::revision,
        (
            assignments::id,
            assignments::principal_id,
            assignments::role_id.nullable(),
            assignments::action.nullable(),
            assignments::resource_type.nullable(),
            assignments::effect,
            assignments::not_before.nullable(),
            assignments::expires_at.nullable(),
        )
            .nullable(),
    ));
    let rows = on!(conn, |c| query.load::<(i64, Option<AssignmentRow>)>(c).await)?;
    Keyed::collect(rows, |values: &mut HashMap<_, Vec<_>>, row| {
        values.entry(row.principal_id.0).or_default().push(row.into_domain()?);
        Ok(())
    })
}

/// Whether grants live.
///
/// # Errors
/// The database's.
pub async fn grants(conn: &mut Conn, ids: &[GrantId]) -> Result<Keyed<GrantId, GrantState>, StoreError> {
    let ids: Vec<Uid> = ids.iter().map(|id| Uid(id.uuid())).collect();
    let query = revisions::table
        .left_join(grants::table.on(grants::id.eq_any(ids)))
        .select((revisions::revision, (grants::id, grants::ended_at.nullable()).nullable()));
    let rows = on!(conn, |c| query.load::<(i64, Option<(Uid, Option<At>)>)>(c).await)?;
    Keyed::collect(rows, |values, (id, ended_at)| {
        let state = if ended_at.is_some() { GrantState::Ended } else { GrantState::Live };
        values.insert(GrantId::from_uuid(id.0), state);
        Ok(())
    })
}

pub(super) fn interval(from: Option<At>, until: Option<At>) -> Interval {
    Interval { not_before: from.map(|at| at.0), expires_at: until.map(|at| at.0) }
}

pub(super) fn effect(text: &str) -> Result<Effect, StoreError> {
    match text {
        "allow" => Ok(Effect::Allow),
        "deny" => Ok(Effect::Deny),
        other => Err(StoreError::corrupt(format!("effect {other:?}"))),
    }
}

pub(super) fn held(
    role: Option<Uid>,
    action: Option<String>,
    resource_type: Option<String>,
) -> Result<Held, StoreError> {
    match (role, action, resource_type) {
        (Some(role), None, None) => Ok(Held::Role(RoleId::from_uuid(role.0))),
        (None, Some(action), Some(resource_type)) => Ok(Held::Permission(permission(&action, &resource_type)?)),
        _ => Err(StoreError::corrupt("an assignment of neither a role nor a permission")),
    }
}

pub(super) fn permission(action: &str, resource_type: &str) -> Result<Permission, StoreError> {
    Permission::parse(&format!("{action}:{resource_type}")).map_err(StoreError::corrupt)
}
