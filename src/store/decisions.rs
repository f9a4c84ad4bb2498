//! What decisions read, by key and in bulk. Each read brings the revision of the store as of the same statement, so that
//! a cache knows which history its value belongs to.

use std::collections::HashMap;

use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, NullableExpressionMethods as _, QueryDsl as _};
use diesel::{JoinOnDsl as _, Queryable};
use diesel_async::RunQueryDsl;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::conn::{Conn, on};
use super::error::StoreError;
use super::schema::{
    assignments, clients, edges, external_subjects, grants, group_members, groups, people, person_names, resources,
    revisions, subject_attributes,
};
use super::types::{At, Json, Uid};
use crate::domain::assignment::{Assignment, Effect, Held, Principal};
use crate::domain::change::Revision;
use crate::domain::grant::GrantState;
use crate::domain::group::Membership;
use crate::domain::id::{
    AssignmentId, ClientId, ExternalSubjectId, GrantId, GroupId, PersonId, ResourceServerId, RoleId,
};
use crate::domain::name::Segment;
use crate::domain::object::{Edge, EdgeSubject, ObjectRef};
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

/// Subjects that a resource server registered, by `type:id`.
///
/// # Errors
/// The database's.
pub async fn external_subjects(
    conn: &mut Conn,
    at: ResourceServerId,
    names: &[String],
) -> Result<Keyed<String, SubjectRow>, StoreError> {
    let on_key = external_subjects::subject.eq_any(names).and(external_subjects::resource_server_id.eq(Uid(at.uuid())));
    let query = revisions::table.left_join(external_subjects::table.on(on_key)).select((
        revisions::revision,
        (external_subjects::subject, external_subjects::id, external_subjects::disabled_at.nullable()).nullable(),
    ));
    let rows = on!(conn, |c| query.load::<(i64, Option<(String, Uid, Option<At>)>)>(c).await)?;
    Keyed::collect(rows, |values, (name, id, disabled_at)| {
        let principal = Principal::External(ExternalSubjectId::from_uuid(id.0));
        values.insert(name, SubjectRow { principal, disabled: disabled_at.is_some() });
        Ok(())
    })
}

type MembershipRow = (Uid, Uid, String, Option<At>, Option<At>);

/// The groups that principals are directly in.
///
/// # Errors
/// The database's.
pub async fn memberships(conn: &mut Conn, of: &[Principal]) -> Result<Keyed<Uuid, Vec<Membership>>, StoreError> {
    let ids: Vec<Uid> = of.iter().map(|p| Uid(p.uuid())).collect();
    let in_groups = group_members::table.inner_join(groups::table.on(groups::id.eq(group_members::group_id)));
    let query = revisions::table.left_join(in_groups.on(group_members::member_id.eq_any(ids))).select((
        revisions::revision,
        (
            group_members::member_id,
            group_members::group_id,
            groups::name,
            group_members::not_before.nullable(),
            group_members::expires_at.nullable(),
        )
            .nullable(),
    ));
    let rows = on!(conn, |c| query.load::<(i64, Option<MembershipRow>)>(c).await)?;
    Keyed::collect(rows, |values: &mut HashMap<_, Vec<_>>, (member, group, name, from, until)| {
        let (group, name) = (GroupId::from_uuid(group.0), name.into());
        values.entry(member.0).or_default().push(Membership { group, name, interval: interval(from, until) });
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
    scope: String,
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

/// As [`AssignmentRow`] wants them.
macro_rules! assignment_columns {
    () => {
        (
            assignments::id,
            assignments::principal_id,
            assignments::role_id.nullable(),
            assignments::action.nullable(),
            assignments::resource_type.nullable(),
            assignments::effect,
            assignments::not_before.nullable(),
            assignments::expires_at.nullable(),
            assignments::scope,
        )
    };
}

/// What principals directly hold at one resource server, by principal and scope; the empty scope is the whole of it.
///
/// # Errors
/// The database's.
pub async fn assignments(
    conn: &mut Conn,
    at: ResourceServerId,
    of: &[Principal],
    scopes: &[&str],
) -> Result<Keyed<(Uuid, String), Vec<Assignment>>, StoreError> {
    let ids: Vec<Uid> = of.iter().map(|p| Uid(p.uuid())).collect();
    let on_key = assignments::principal_id
        .eq_any(ids)
        .and(assignments::resource_server_id.eq(Uid(at.uuid())))
        .and(assignments::scope.eq_any(scopes));
    let query = revisions::table
        .left_join(assignments::table.on(on_key))
        .select((revisions::revision, assignment_columns!().nullable()));
    let rows = on!(conn, |c| query.load::<(i64, Option<AssignmentRow>)>(c).await)?;
    Keyed::collect(rows, |values: &mut HashMap<_, Vec<_>>, mut row| {
        let key = (row.principal_id.0, std::mem::take(&mut row.scope));
        values.entry(key).or_default().push(row.into_domain()?);
        Ok(())
    })
}

/// So many assignments on single resources are read for one explanation.
pub const SCOPED_ASSIGNMENTS_MAX: i64 = 1_000;

/// What principals directly hold on single resources of one resource server, by principal; of very many, the first.
///
/// # Errors
/// The database's.
pub async fn scoped_assignments(
    conn: &mut Conn,
    at: ResourceServerId,
    of: &[Principal],
) -> Result<Keyed<Uuid, Vec<(ObjectRef, Assignment)>>, StoreError> {
    let ids: Vec<Uid> = of.iter().map(|p| Uid(p.uuid())).collect();
    let on_key = assignments::principal_id
        .eq_any(ids)
        .and(assignments::resource_server_id.eq(Uid(at.uuid())))
        .and(assignments::scope.ne(""));
    let query = revisions::table
        .left_join(assignments::table.on(on_key))
        .select((revisions::revision, assignment_columns!().nullable()))
        .order(assignments::id)
        .limit(SCOPED_ASSIGNMENTS_MAX);
    let rows = on!(conn, |c| query.load::<(i64, Option<AssignmentRow>)>(c).await)?;
    Keyed::collect(rows, |values: &mut HashMap<_, Vec<_>>, mut row| {
        let key = row.principal_id.0;
        let scope = ObjectRef::parse(&std::mem::take(&mut row.scope)).map_err(StoreError::corrupt)?;
        values.entry(key).or_default().push((scope, row.into_domain()?));
        Ok(())
    })
}

/// What principals directly hold at one resource server, each with its scope, whatever that is; `rows_max` rows at
/// most.
///
/// # Errors
/// The database's.
pub async fn assignments_anywhere(
    conn: &mut Conn,
    at: ResourceServerId,
    of: &[Principal],
    rows_max: usize,
) -> Result<Keyed<Uuid, Vec<(Option<ObjectRef>, Assignment)>>, StoreError> {
    let ids: Vec<Uid> = of.iter().map(|p| Uid(p.uuid())).collect();
    let on_key = assignments::principal_id.eq_any(ids).and(assignments::resource_server_id.eq(Uid(at.uuid())));
    let query = revisions::table
        .left_join(assignments::table.on(on_key))
        .select((revisions::revision, assignment_columns!().nullable()))
        .limit(i64::try_from(rows_max).unwrap_or(i64::MAX));
    let rows = on!(conn, |c| query.load::<(i64, Option<AssignmentRow>)>(c).await)?;
    Keyed::collect(rows, |values: &mut HashMap<_, Vec<_>>, mut row| {
        let (of, scope) = (row.principal_id.0, std::mem::take(&mut row.scope));
        let scope = (!scope.is_empty()).then(|| ObjectRef::parse(&scope).map_err(StoreError::corrupt)).transpose()?;
        values.entry(of).or_default().push((scope, row.into_domain()?));
        Ok(())
    })
}

type EdgeRow = (String, String, String, String, String, Option<At>, Option<At>);

/// What leads on from resources: edges to groups, to everybody, to other resources and to usersets, in order of their
/// key. More than [`LISTED_ROWS_MAX`] are not read: who gets more than that has not got all, and asks for less.
///
/// # Errors
/// The database's.
pub async fn listed(
    conn: &mut Conn,
    at: ResourceServerId,
    objects: &[&str],
) -> Result<Keyed<String, Vec<Edge>>, StoreError> {
    let on_key = edges::object
        .eq_any(objects)
        .and(edges::resource_server_id.eq(Uid(at.uuid())))
        .and(edges::subject_kind.eq_any(LISTED_KINDS));
    let limit = i64::try_from(LISTED_ROWS_MAX).unwrap_or(i64::MAX).saturating_add(1);
    let query = revisions::table.left_join(edges::table.on(on_key)).select((
        revisions::revision,
        (
            edges::object,
            edges::relation,
            edges::subject_kind,
            edges::subject,
            edges::subject_relation,
            edges::not_before.nullable(),
            edges::expires_at.nullable(),
        )
            .nullable(),
    ));
    let order = (edges::object, edges::subject, edges::subject_kind, edges::subject_relation, edges::relation);
    let rows = on!(conn, |c| query.order(order).limit(limit).load::<(i64, Option<EdgeRow>)>(c).await)?;
    Keyed::collect(rows, |values: &mut HashMap<_, Vec<_>>, (object, relation, kind, subject, of, from, until)| {
        let subject = edge_subject(&kind, &subject, &of)?;
        let edge = Edge { relation: segment(&relation)?, subject, interval: interval(from, until) };
        values.entry(object).or_default().push(edge);
        Ok(())
    })
}

/// The kinds of subject that lead on; the index over them is written with the same words.
pub(super) const LISTED_KINDS: [&str; 4] = ["group", "everyone", "object", "userset"];

/// One resource may have so many edges that lead on.
pub const LISTED_MAX: usize = 10_000;
/// So many edges that lead on are read by one statement; those of one resource fit.
pub const LISTED_ROWS_MAX: usize = 2 * LISTED_MAX;

type DirectRow = (String, String, String, String, Option<At>, Option<At>);

/// Of an edge: the resource, and the kind and text of its subject.
pub type DirectKey = (String, String, String);

/// The relations that subjects have to resources by edges of their own, at every crossing of the two.
///
/// # Errors
/// The database's.
pub async fn direct(
    conn: &mut Conn,
    at: ResourceServerId,
    objects: &[&str],
    subjects: &[&EdgeSubject],
) -> Result<Keyed<DirectKey, Vec<(Segment, Interval)>>, StoreError> {
    let (mut kinds, mut texts) = (Vec::new(), Vec::with_capacity(subjects.len()));
    for subject in subjects {
        let (kind, text, _) = subject.columns();
        texts.push(text);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let on_key = edges::object
        .eq_any(objects)
        .and(edges::resource_server_id.eq(Uid(at.uuid())))
        .and(edges::subject.eq_any(texts))
        .and(edges::subject_kind.eq_any(kinds));
    let query = revisions::table.left_join(edges::table.on(on_key)).select((
        revisions::revision,
        (
            edges::object,
            edges::subject_kind,
            edges::subject,
            edges::relation,
            edges::not_before.nullable(),
            edges::expires_at.nullable(),
        )
            .nullable(),
    ));
    let rows = on!(conn, |c| query.load::<(i64, Option<DirectRow>)>(c).await)?;
    Keyed::collect(rows, |values: &mut HashMap<_, Vec<_>>, (object, kind, subject, relation, from, until)| {
        let relation = (segment(&relation)?, interval(from, until));
        values.entry((object, kind, subject)).or_default().push(relation);
        Ok(())
    })
}

/// What is known here of a person, as policies may ask for it.
#[derive(Debug, Default)]
pub struct KnownPerson {
    pub sub: String,
    pub attributes: Map<String, Value>,
}

type PersonRow = (Uid, String, String, Option<String>, Option<String>, bool);

/// Of people their `sub`, and `username`, `name` and (only when it was verified) `email`.
///
/// # Errors
/// The database's.
pub async fn known_people(conn: &mut Conn, ids: &[PersonId]) -> Result<Keyed<PersonId, KnownPerson>, StoreError> {
    let ids: Vec<Uid> = ids.iter().map(|id| Uid(id.uuid())).collect();
    let query = revisions::table.left_join(people::table.on(people::id.eq_any(ids))).select((
        revisions::revision,
        (
            people::id,
            people::sub,
            people::username,
            people::name.nullable(),
            people::email.nullable(),
            people::email_verified,
        )
            .nullable(),
    ));
    let rows = on!(conn, |c| query.load::<(i64, Option<PersonRow>)>(c).await)?;
    Keyed::collect(rows, |values, (id, sub, username, name, email, email_verified)| {
        let email = email.filter(|_| email_verified);
        let known = [("username", Some(username)), ("name", name), ("email", email)];
        let known = known.into_iter().filter_map(|(member, value)| Some((member.to_owned(), Value::String(value?))));
        values.insert(PersonId::from_uuid(id.0), KnownPerson { sub, attributes: known.collect() });
        Ok(())
    })
}

/// What a resource server registered of subjects.
///
/// # Errors
/// The database's.
pub async fn attributes(
    conn: &mut Conn,
    at: ResourceServerId,
    of: &[Principal],
) -> Result<Keyed<Uuid, Map<String, Value>>, StoreError> {
    let ids: Vec<Uid> = of.iter().map(|p| Uid(p.uuid())).collect();
    let on_key =
        subject_attributes::principal_id.eq_any(ids).and(subject_attributes::resource_server_id.eq(Uid(at.uuid())));
    let query = revisions::table
        .left_join(subject_attributes::table.on(on_key))
        .select((revisions::revision, (subject_attributes::principal_id, subject_attributes::attributes).nullable()));
    let rows = on!(conn, |c| query.load::<(i64, Option<(Uid, Json)>)>(c).await)?;
    Keyed::collect(rows, |values, (id, Json(document))| {
        values.insert(id.0, members(document)?);
        Ok(())
    })
}

/// What a resource server registered of resources.
///
/// # Errors
/// The database's.
pub async fn resources(
    conn: &mut Conn,
    at: ResourceServerId,
    objects: &[&str],
) -> Result<Keyed<String, Map<String, Value>>, StoreError> {
    let on_key = resources::object.eq_any(objects).and(resources::resource_server_id.eq(Uid(at.uuid())));
    let query = revisions::table
        .left_join(resources::table.on(on_key))
        .select((revisions::revision, (resources::object, resources::attributes).nullable()));
    let rows = on!(conn, |c| query.load::<(i64, Option<(String, Json)>)>(c).await)?;
    Keyed::collect(rows, |values, (object, Json(document))| {
        values.insert(object, members(document)?);
        Ok(())
    })
}

fn members(document: Value) -> Result<Map<String, Value>, StoreError> {
    match document {
        Value::Object(members) => Ok(members),
        _ => Err(StoreError::corrupt("attributes that are no object")),
    }
}

pub(super) fn edge_subject(kind: &str, text: &str, relation: &str) -> Result<EdgeSubject, StoreError> {
    EdgeSubject::from_columns(kind, text, relation)
        .ok_or_else(|| StoreError::corrupt(format!("an edge to {kind} {text:?} {relation:?}")))
}

pub(super) fn segment(text: &str) -> Result<Segment, StoreError> {
    Segment::parse(text).map_err(StoreError::corrupt)
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
