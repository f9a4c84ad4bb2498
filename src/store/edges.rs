//! Relation edges, as administration writes and lists them. Decisions read them in [`super::decisions`].

use diesel::dsl::{count_star, sql};
use diesel::sql_types::Bool;
use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, Queryable};
use diesel_async::RunQueryDsl;

use super::conn::{Conn, Tx, on};
use super::decisions::{LISTED_KINDS, edge_subject, interval, segment};
use super::error::StoreError;
use super::schema::edges;
use super::types::{At, Uid};
use crate::domain::id::ResourceServerId;
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

/// Which edges to list.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    All,
    From(&'a ObjectRef),
    To(&'a EdgeSubject),
    /// To a resource, as an object or as the object of a userset.
    ToObject(&'a ObjectRef),
}

/// Edges in order of their key, after one of them.
///
/// # Errors
/// The database's.
pub async fn list(
    conn: &mut Conn,
    of: ResourceServerId,
    which: Which<'_>,
    after: Option<EdgeKey<'_>>,
    limit: i64,
) -> Result<Vec<Recorded>, StoreError> {
    let order = (edges::object, edges::subject, edges::subject_kind, edges::subject_relation, edges::relation);
    let query = edges::table.filter(edges::resource_server_id.eq(Uid(of.uuid()))).order(order).limit(limit);
    // Nothing stored is empty, so an empty key comes before every edge.
    let (object, relation) = after.map_or(("", ""), |key| (key.object.as_str(), key.relation));
    let (kind, subject, of_subject) = after.map_or(("", String::new(), ""), |key| key.subject.columns());
    let same_object = edges::object.eq(object);
    let same_subject = edges::subject.eq(&subject);
    let same_kind = edges::subject_kind.eq(kind);
    let same_relation = edges::subject_relation.eq(of_subject).and(edges::relation.gt(relation));
    let later_of_kind = same_kind.and(edges::subject_relation.gt(of_subject).or(same_relation));
    let later_of_subject = same_subject.and(edges::subject_kind.gt(kind).or(later_of_kind));
    let later = edges::object.gt(object).or(same_object.and(edges::subject.gt(&subject).or(later_of_subject)));
    let query = query.filter(later);
    let rows = match which {
        Which::All => on!(conn, |c| query.load::<Row>(c).await)?,
        Which::From(object) => {
            let query = query.filter(edges::object.eq(object.as_str()));
            on!(conn, |c| query.load::<Row>(c).await)?
        }
        Which::To(subject) => {
            let (kind, text, relation) = subject.columns();
            let query = query.filter(edges::subject.eq(text)).filter(edges::subject_kind.eq(kind));
            let query = query.filter(edges::subject_relation.eq(relation));
            on!(conn, |c| query.load::<Row>(c).await)?
        }
        Which::ToObject(object) => {
            let query = query.filter(edges::subject.eq(object.as_str()));
            let query = query.filter(edges::subject_kind.eq_any(["object", "userset"]));
            on!(conn, |c| query.load::<Row>(c).await)?
        }
    };
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
