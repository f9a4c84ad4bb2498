//! Relation edges, as administration writes and lists them. Decisions read them in [`super::decisions`].

use std::str::FromStr;

use diesel::dsl::{count_star, exists, sql};
use diesel::sql_types::Bool;
use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, Queryable};
use diesel_async::RunQueryDsl;
use serde_json::json;

use super::conn::{Conn, Tx, on};
use super::decisions::{LISTED_KINDS, edge_subject, interval, segment};
use super::error::StoreError;
use super::schema::{edges, resource_servers};
use super::types::{At, Uid};
use crate::domain::id::{GroupId, ResourceServerId};
use crate::domain::model::PARENT;
use crate::domain::object::{Edge, EdgeSubject, ObjectRef};
use crate::domain::time::Instant;

/// An edge with everything around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    pub object: ObjectRef,
    pub edge: Edge,
    pub reason: Option<String>,
    pub given_by: String,
    pub created_at: Instant,
}

#[derive(Queryable)]
struct Row {
    _resource_server_id: Uid,
    object: String,
    relation: String,
    subject_kind: String,
    subject: String,
    subject_relation: String,
    not_before: Option<At>,
    expires_at: Option<At>,
    reason: Option<String>,
    given_by: String,
    created_at: At,
}

impl Row {
    fn into_domain(self) -> Result<Recorded, StoreError> {
        let subject = edge_subject(&self.subject_kind, &self.subject, &self.subject_relation)?;
        Ok(Recorded {
            object: ObjectRef::parse(&self.object).map_err(StoreError::corrupt)?,
            edge: Edge {
                relation: segment(&self.relation)?,
                subject,
                interval: interval(self.not_before, self.expires_at),
            },
            reason: self.reason,
            given_by: self.given_by,
            created_at: self.created_at.0,
        })
    }
}

/// What identifies an edge within its resource server.
#[derive(Clone, Copy, Debug)]
pub struct EdgeKey<'a> {
    pub object: &'a ObjectRef,
    pub relation: &'a str,
    pub subject: &'a EdgeSubject,
}

/// # Errors
/// The database's.
pub async fn find(conn: &mut Conn, of: ResourceServerId, key: EdgeKey<'_>) -> Result<Option<Recorded>, StoreError> {
    let (kind, text, relation) = key.subject.columns();
    let query = edges::table.find((Uid(of.uuid()), key.object.as_str(), text, kind, relation, key.relation));
    let row = on!(conn, |c| query.first::<Row>(c).await.optional())?;
    row.map(Row::into_domain).transpose()
}

/// Adds an edge that is not there.
///
/// # Errors
/// [`StoreError::Conflict`] when it is, or the database's.
pub async fn insert(tx: &mut Tx, of: ResourceServerId, new: &Recorded) -> Result<(), StoreError> {
    let (kind, text, relation) = new.edge.subject.columns();
    let row = (
        edges::resource_server_id.eq(Uid(of.uuid())),
        edges::object.eq(new.object.as_str()),
        edges::relation.eq(new.edge.relation.as_str()),
        edges::subject_kind.eq(kind),
        edges::subject.eq(text),
        edges::subject_relation.eq(relation),
        edges::not_before.eq(new.edge.interval.not_before.map(At)),
        edges::expires_at.eq(new.edge.interval.expires_at.map(At)),
        edges::reason.eq(new.reason.as_deref()),
        edges::given_by.eq(&new.given_by),
        edges::created_at.eq(At(new.created_at)),
    );
    on!(&mut **tx, |c| diesel::insert_into(edges::table).values(row).execute(c).await)?;
    Ok(())
}

/// False when it was gone already.
///
/// # Errors
/// The database's.
pub async fn delete(tx: &mut Tx, of: ResourceServerId, key: EdgeKey<'_>) -> Result<bool, StoreError> {
    let (kind, text, relation) = key.subject.columns();
    let gone = edges::table.find((Uid(of.uuid()), key.object.as_str(), text, kind, relation, key.relation));
    Ok(on!(&mut **tx, |c| diesel::delete(gone).execute(c).await)? == 1)
}

/// Which edges to list: those of which all of it holds; what is left out does not matter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Which<'a> {
    pub from: Option<&'a ObjectRef>,
    pub relation: Option<&'a str>,
    pub to: Option<&'a EdgeSubject>,
    /// To a resource, as an object or as the object of a userset.
    pub to_object: Option<&'a ObjectRef>,
}

/// Where a list of edges goes on: the stored columns of the last one, in the order of the list. Names that people know may
/// change between two pages, and models that read them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub object: String,
    pub subject: String,
    pub kind: String,
    pub subject_relation: String,
    pub relation: String,
}

impl Place {
    #[must_use]
    pub fn of(recorded: &Recorded) -> Self {
        let (kind, subject, subject_relation) = recorded.edge.subject.columns();
        Self {
            object: recorded.object.to_string(),
            subject,
            kind: kind.to_owned(),
            subject_relation: subject_relation.to_owned(),
            relation: recorded.edge.relation.to_string(),
        }
    }

    /// The place as one text: the parts may hold any character, JSON keeps them apart.
    #[must_use]
    pub fn key(&self) -> String {
        let Self { object, subject, kind, subject_relation, relation } = self;
        json!([object, subject, kind, subject_relation, relation]).to_string()
    }
}

impl FromStr for Place {
    type Err = String;
    fn from_str(key: &str) -> Result<Self, String> {
        let parts =
            serde_json::from_str::<[String; 5]>(key).map_err(|_| format!("{key:?} is no place in this list"))?;
        let [object, subject, kind, subject_relation, relation] = parts;
        Ok(Self { object, subject, kind, subject_relation, relation })
    }
}

/// Edges in order of their key, after one of them.
///
/// # Errors
/// The database's.
pub async fn list(
    conn: &mut Conn,
    of: ResourceServerId,
    which: Which<'_>,
    after: Option<&Place>,
    limit: i64,
) -> Result<Vec<Recorded>, StoreError> {
    let order = (edges::object, edges::subject, edges::subject_kind, edges::subject_relation, edges::relation);
    // Nothing stored is empty, so an empty place comes before every edge.
    let first = Place::default();
    let after = after.unwrap_or(&first);
    let same_relation = edges::subject_relation.eq(&after.subject_relation).and(edges::relation.gt(&after.relation));
    let later_of_kind =
        edges::subject_kind.eq(&after.kind).and(edges::subject_relation.gt(&after.subject_relation).or(same_relation));
    let later_of_subject = edges::subject.eq(&after.subject).and(edges::subject_kind.gt(&after.kind).or(later_of_kind));
    let later_of_object = edges::object.eq(&after.object).and(edges::subject.gt(&after.subject).or(later_of_subject));
    let later = edges::object.gt(&after.object).or(later_of_object);
    let rows = on!(conn, |c| {
        let query = edges::table.filter(edges::resource_server_id.eq(Uid(of.uuid()))).order(order).limit(limit);
        let mut query = query.filter(later).into_boxed();
        if let Some(object) = which.from {
            query = query.filter(edges::object.eq(object.as_str()));
        }
        if let Some(relation) = which.relation {
            query = query.filter(edges::relation.eq(relation));
        }
        if let Some(subject) = which.to {
            let (kind, text, relation) = subject.columns();
            query = query.filter(edges::subject.eq(text)).filter(edges::subject_kind.eq(kind));
            query = query.filter(edges::subject_relation.eq(relation));
        }
        if let Some(object) = which.to_object {
            query = query.filter(edges::subject.eq(object.as_str()));
            query = query.filter(edges::subject_kind.eq_any(LEADING_KINDS));
        }
        query.load::<Row>(c).await
    })?;
    rows.into_iter().map(Row::into_domain).collect()
}

/// The edges from a resource by one relation to whatever is stored under one of these texts.
///
/// # Errors
/// The database's.
pub async fn stored_as(
    conn: &mut Conn,
    of: ResourceServerId,
    object: &ObjectRef,
    relation: &str,
    subjects: &[&str],
) -> Result<Vec<Recorded>, StoreError> {
    let query = edges::table
        .filter(edges::resource_server_id.eq(Uid(of.uuid())))
        .filter(edges::object.eq(object.as_str()))
        .filter(edges::subject.eq_any(subjects))
        .filter(edges::relation.eq(relation));
    let rows = on!(conn, |c| query.load::<Row>(c).await)?;
    rows.into_iter().map(Row::into_domain).collect()
}

/// The kinds of subject that are another resource, or whoever has a relation to one.
const LEADING_KINDS: [&str; 2] = ["object", "userset"];

/// To which resources edges lead from these: pairs of where from and where to.
///
/// # Errors
/// The database's.
pub async fn leading_from(
    conn: &mut Conn,
    of: ResourceServerId,
    objects: &[String],
    limit: i64,
) -> Result<Vec<(String, String)>, StoreError> {
    let query = edges::table
        .filter(edges::resource_server_id.eq(Uid(of.uuid())))
        .filter(edges::object.eq_any(objects))
        .filter(edges::subject_kind.eq_any(LEADING_KINDS))
        .select((edges::object, edges::subject))
        .limit(limit);
    Ok(on!(conn, |c| query.load::<(String, String)>(c).await)?)
}

/// From which resources edges lead to these, of those to which others lead in turn: pairs of where to and where from. The
/// rest may be very many, and nothing lies below them.
///
/// # Errors
/// The database's.
pub async fn leading_to(
    conn: &mut Conn,
    of: ResourceServerId,
    objects: &[String],
    limit: i64,
) -> Result<Vec<(String, String)>, StoreError> {
    let is_led_to = sql::<Bool>(
        "EXISTS (SELECT 1 FROM edges AS below WHERE below.resource_server_id = edges.resource_server_id \
         AND below.subject = edges.object AND below.subject_kind IN ('object', 'userset'))",
    );
    let query = edges::table
        .filter(edges::resource_server_id.eq(Uid(of.uuid())))
        .filter(edges::subject.eq_any(objects))
        .filter(edges::subject_kind.eq_any(LEADING_KINDS))
        .filter(is_led_to)
        .select((edges::subject, edges::object))
        .limit(limit);
    Ok(on!(conn, |c| query.load::<(String, String)>(c).await)?)
}

/// The edges by which these resources are in others: pairs of a resource and its edge.
///
/// # Errors
/// The database's.
pub async fn parents(
    conn: &mut Conn,
    of: ResourceServerId,
    objects: &[&str],
    limit: i64,
) -> Result<Vec<(ObjectRef, Edge)>, StoreError> {
    let query = edges::table
        .filter(edges::resource_server_id.eq(Uid(of.uuid())))
        .filter(edges::object.eq_any(objects))
        // As the index has it, which leaves out very many edges to one subject each.
        .filter(edges::subject_kind.eq_any(LISTED_KINDS))
        .filter(edges::relation.eq(PARENT))
        .limit(limit);
    let rows = on!(conn, |c| query.load::<Row>(c).await)?;
    rows.into_iter().map(|row| row.into_domain().map(|recorded| (recorded.object, recorded.edge))).collect()
}

/// The resource servers at which an edge to the members of any of these groups counts, now or later.
///
/// # Errors
/// The database's.
pub async fn naming(conn: &mut Conn, groups: &[GroupId], now: Instant) -> Result<Vec<ResourceServerId>, StoreError> {
    let texts: Vec<String> = groups.iter().map(ToString::to_string).collect();
    let named = edges::table
        .filter(edges::resource_server_id.eq(resource_servers::id))
        .filter(edges::subject.eq_any(texts))
        .filter(edges::subject_kind.eq("group"))
        .filter(edges::expires_at.is_null().or(edges::expires_at.gt(At(now))));
    let query = resource_servers::table.filter(exists(named)).select(resource_servers::id);
    let rows = on!(conn, |c| query.load::<Uid>(c).await)?;
    Ok(rows.into_iter().map(|id| ResourceServerId::from_uuid(id.0)).collect())
}

/// How many edges lead on from each of these resources.
///
/// # Errors
/// The database's.
pub async fn count_listed(
    conn: &mut Conn,
    of: ResourceServerId,
    objects: &[&str],
) -> Result<Vec<(String, i64)>, StoreError> {
    let query = edges::table
        .filter(edges::resource_server_id.eq(Uid(of.uuid())))
        .filter(edges::object.eq_any(objects))
        .filter(edges::subject_kind.eq_any(LISTED_KINDS))
        .group_by(edges::object)
        .select((edges::object, count_star()));
    Ok(on!(conn, |c| query.load::<(String, i64)>(c).await)?)
}
