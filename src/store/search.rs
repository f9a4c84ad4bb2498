//! What searches read beside decisions: from a subject to what it may reach, and from a resource to who may reach it. Whoever
//! asks bounds each read, and asks for one row more than it may have: so too many shows.

use std::collections::{HashMap, HashSet};

use diesel::{ExpressionMethods as _, QueryDsl as _};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::conn::{Conn, on};
use super::decisions::{edge_subject, effect, held, interval, segment};
use super::error::StoreError;
use super::groups::principal;
use super::schema::{assignments, edges, group_members, people, resources};
use super::types::{At, Uid};
use crate::domain::assignment::{Effect, Held, Principal};
use crate::domain::id::{GroupId, ResourceServerId, RoleId};
use crate::domain::name::Segment;
use crate::domain::object::{Edge, ObjectRef};
use crate::domain::time::Interval;

/// What somebody holds on one resource and all below it.
#[derive(Debug)]
pub struct Scoped {
    pub scope: ObjectRef,
    pub held: Held,
    pub effect: Effect,
    pub interval: Interval,
}

type ScopedRow = (String, Option<Uid>, Option<String>, Option<String>, String, Option<At>, Option<At>);

/// What principals directly hold on single resources.
///
/// # Errors
/// The database's.
pub async fn scoped(
    conn: &mut Conn,
    at: ResourceServerId,
    of: &[Principal],
    limit: i64,
) -> Result<Vec<Scoped>, StoreError> {
    let ids: Vec<Uid> = of.iter().map(|p| Uid(p.uuid())).collect();
    let query = assignments::table
        .filter(assignments::principal_id.eq_any(ids))
        .filter(assignments::resource_server_id.eq(Uid(at.uuid())))
        .filter(assignments::scope.gt(""))
        .select((
            assignments::scope,
            assignments::role_id,
            assignments::action,
            assignments::resource_type,
            assignments::effect,
            assignments::not_before,
            assignments::expires_at,
        ))
        .limit(limit);
    let rows = on!(conn, |c| query.load::<ScopedRow>(c).await)?;
    let read = |(scope, role, action, of, allows, from, until): ScopedRow| {
        Ok(Scoped {
            scope: object(&scope)?,
            held: held(role, action, of)?,
            effect: effect(&allows)?,
            interval: interval(from, until),
        })
    };
    rows.into_iter().map(read).collect()
}

type HolderRow = (String, Uid, Option<At>, Option<At>);

fn holder((kind, id, from, until): HolderRow) -> Result<(Principal, Interval), StoreError> {
    Ok((principal(&kind, id)?, interval(from, until)))
}

/// Who is allowed one of these roles at one of these scopes; the empty scope is the whole resource server.
///
/// # Errors
/// The database's.
pub async fn holders_of_roles(
    conn: &mut Conn,
    at: ResourceServerId,
    scopes: &[&str],
    roles: &[RoleId],
    limit: i64,
) -> Result<Vec<(Principal, Interval)>, StoreError> {
    let roles: Vec<Uid> = roles.iter().map(|role| Uid(role.uuid())).collect();
    let query = assignments::table
        .filter(assignments::resource_server_id.eq(Uid(at.uuid())))
        .filter(assignments::scope.eq_any(scopes))
        .filter(assignments::role_id.eq_any(roles))
        .filter(assignments::effect.eq(Effect::Allow.as_str()))
        .select((
            assignments::principal_kind,
            assignments::principal_id,
            assignments::not_before,
            assignments::expires_at,
        ))
        .limit(limit);
    let rows = on!(conn, |c| query.load::<HolderRow>(c).await)?;
    rows.into_iter().map(holder).collect()
}

/// Who is allowed an action on a type at one of these scopes by a permission of their own.
///
/// # Errors
/// The database's.
pub async fn holders_of_permissions(
    conn: &mut Conn,
    at: ResourceServerId,
    scopes: &[&str],
    (action, resource_type): (&str, &str),
    limit: i64,
) -> Result<Vec<(Principal, Interval)>, StoreError> {
    let query = assignments::table
        .filter(assignments::resource_server_id.eq(Uid(at.uuid())))
        .filter(assignments::scope.eq_any(scopes))
        .filter(assignments::role_id.is_null())
        .filter(assignments::action.eq_any(["*", action]))
        .filter(assignments::resource_type.eq_any(["*", resource_type]))
        .filter(assignments::effect.eq(Effect::Allow.as_str()))
        .select((
            assignments::principal_kind,
            assignments::principal_id,
            assignments::not_before,
            assignments::expires_at,
        ))
        .limit(limit);
    let rows = on!(conn, |c| query.load::<HolderRow>(c).await)?;
    rows.into_iter().map(holder).collect()
}

/// Who is directly in these groups.
///
/// # Errors
/// The database's.
pub async fn members(conn: &mut Conn, of: &[GroupId], limit: i64) -> Result<Vec<(Principal, Interval)>, StoreError> {
    let ids: Vec<Uid> = of.iter().map(|group| Uid(group.uuid())).collect();
    let query = group_members::table
        .filter(group_members::group_id.eq_any(ids))
        .select((
            group_members::member_kind,
            group_members::member_id,
            group_members::not_before,
            group_members::expires_at,
        ))
        .limit(limit);
    let rows = on!(conn, |c| query.load::<HolderRow>(c).await)?;
    rows.into_iter().map(holder).collect()
}

/// Which edges to look for: every list is what one part of the edge may be.
#[derive(Clone, Copy, Debug)]
pub struct Towards<'a> {
    /// Of all subjects.
    pub kind: &'a str,
    pub subjects: &'a [&'a str],
    /// Of the subjects; the empty one is none.
    pub subject_relations: &'a [&'a str],
    pub relations: &'a [&'a str],
}

/// An edge, found by its subject.
#[derive(Debug)]
pub struct Incoming {
    pub object: ObjectRef,
    pub relation: Segment,
    pub subject: String,
    pub subject_relation: String,
}

/// Edges to subjects, whenever they last: all that is read of them lies in one index.
///
/// # Errors
/// The database's.
pub async fn edges_to(
    conn: &mut Conn,
    at: ResourceServerId,
    towards: Towards<'_>,
    limit: i64,
) -> Result<Vec<Incoming>, StoreError> {
    let query = edges::table
        .filter(edges::resource_server_id.eq(Uid(at.uuid())))
        .filter(edges::subject.eq_any(towards.subjects))
        .filter(edges::subject_kind.eq(towards.kind))
        .filter(edges::subject_relation.eq_any(towards.subject_relations))
        .filter(edges::relation.eq_any(towards.relations))
        .select((edges::object, edges::relation, edges::subject, edges::subject_relation))
        .limit(limit);
    let rows = on!(conn, |c| query.load::<(String, String, String, String)>(c).await)?;
    let read = |(from, relation, subject, subject_relation): (String, String, String, String)| {
        Ok(Incoming { object: object(&from)?, relation: segment(&relation)?, subject, subject_relation })
    };
    rows.into_iter().map(read).collect()
}

type EdgeRow = (String, String, String, String, String, Option<At>, Option<At>);

/// All edges of resources.
///
/// # Errors
/// The database's.
pub async fn edges_of(
    conn: &mut Conn,
    at: ResourceServerId,
    objects: &[&str],
    limit: i64,
) -> Result<Vec<(ObjectRef, Edge)>, StoreError> {
    let query = edges::table
        .filter(edges::resource_server_id.eq(Uid(at.uuid())))
        .filter(edges::object.eq_any(objects))
        .select((
            edges::object,
            edges::relation,
            edges::subject_kind,
            edges::subject,
            edges::subject_relation,
            edges::not_before,
            edges::expires_at,
        ))
        .limit(limit);
    let rows = on!(conn, |c| query.load::<EdgeRow>(c).await)?;
    let read = |(from, relation, kind, subject, of, begins, ends): EdgeRow| {
        let subject = edge_subject(&kind, &subject, &of)?;
        let edge = Edge { relation: segment(&relation)?, subject, interval: interval(begins, ends) };
        Ok((object(&from)?, edge))
    };
    rows.into_iter().map(read).collect()
}

/// Which of these resources are registered.
///
/// # Errors
/// The database's.
pub async fn registered(
    conn: &mut Conn,
    at: ResourceServerId,
    objects: &[&str],
) -> Result<HashSet<String>, StoreError> {
    let query = resources::table
        .filter(resources::resource_server_id.eq(Uid(at.uuid())))
        .filter(resources::object.eq_any(objects))
        .select(resources::object);
    Ok(on!(conn, |c| query.load::<String>(c).await)?.into_iter().collect())
}

/// What people are called, by identifier.
///
/// # Errors
/// The database's.
pub async fn subs(conn: &mut Conn, ids: &[Uuid]) -> Result<HashMap<Uuid, String>, StoreError> {
    let ids: Vec<Uid> = ids.iter().copied().map(Uid).collect();
    let query = people::table.filter(people::id.eq_any(ids)).select((people::id, people::sub));
    let rows = on!(conn, |c| query.load::<(Uid, String)>(c).await)?;
    Ok(rows.into_iter().map(|(id, sub)| (id.0, sub)).collect())
}

fn object(text: &str) -> Result<ObjectRef, StoreError> {
    ObjectRef::parse(text).map_err(StoreError::corrupt)
}
