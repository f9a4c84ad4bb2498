//! Facts: appended, never changed.

use std::time::Duration;

use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, Queryable};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::conn::{Conn, Tx, on};
use super::error::StoreError;
use super::schema::facts;
use super::types::{At, Json, Uid};
use crate::domain::fact::Fact;
use crate::domain::id::FactId;
use crate::domain::time::Instant;

/// Appends facts, each by the same statement: one of many rows would be planned anew for each number of them.
///
/// # Errors
/// The database's.
pub async fn append(tx: &mut Tx, new: &[Fact]) -> Result<(), StoreError> {
    let insert = |fact: &Fact| {
        diesel::insert_into(facts::table).values((
            facts::id.eq(Uid(fact.id.uuid())),
            facts::at.eq(At(fact.at)),
            facts::kind.eq(fact.kind.as_str()),
            facts::actor.eq(fact.actor.to_string()),
            facts::subject.eq(fact.subject.clone()),
            facts::revision.eq(fact.revision.map(|r| r.0)),
            facts::request_id.eq(fact.request_id.clone()),
            facts::detail.eq(Json(fact.detail.clone())),
        ))
    };
    match &mut **tx {
        // Sent together: one round trip.
        Conn::Pg(object) => {
            let conn = &**object;
            let sent = new.iter().map(insert).map(async |insert| {
                let mut conn = conn;
                insert.execute(&mut conn).await
            });
            futures_util::future::try_join_all(sent).await?;
        }
        Conn::Lite(object) => {
            for insert in new.iter().map(insert) {
                insert.execute(&mut **object).await?;
            }
        }
    }
    Ok(())
}

/// A fact as it is read back.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub id: FactId,
    pub at: Instant,
    pub kind: String,
    pub actor: String,
    pub subject: String,
    pub revision: Option<i64>,
    pub request_id: Option<String>,
    pub detail: Value,
}

#[derive(Queryable)]
struct Row {
    id: Uid,
    at: At,
    kind: String,
    actor: String,
    subject: String,
    revision: Option<i64>,
    request_id: Option<String>,
    detail: Json,
}

impl Row {
    fn into_recorded(self) -> Recorded {
        Recorded {
            id: FactId::from_uuid(self.id.0),
            at: self.at.0,
            kind: self.kind,
            actor: self.actor,
            subject: self.subject,
            revision: self.revision,
            request_id: self.request_id,
            detail: self.detail.0,
        }
    }
}

/// # Errors
/// The database's.
pub async fn find(conn: &mut Conn, id: FactId) -> Result<Option<Recorded>, StoreError> {
    let query = facts::table.find(Uid(id.uuid()));
    Ok(on!(conn, |c| query.first::<Row>(c).await.optional())?.map(Row::into_recorded))
}

/// Which facts are asked for; what is left out does not matter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// `user:` and the `sub`, `client:` and the `client_id`, `command-line`, `system`.
    pub actor: Option<String>,
    pub subject: Option<String>,
    pub kind: Option<String>,
    /// At this moment or later.
    pub from: Option<Instant>,
    /// Before this moment.
    pub until: Option<Instant>,
    pub newest: Newest,
}

/// Where a list of facts begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Newest {
    #[default]
    First,
    Last,
}

/// Facts, newest or oldest first; only those after one of them in this order. The order is that of the identifiers, which begin with the moment
/// at which they were minted, so each filter walks an index that ends with it.
///
/// # Errors
/// The database's.
pub async fn search(
    conn: &mut Conn,
    filter: &Filter,
    after: Option<FactId>,
    limit: i64,
) -> Result<Vec<Recorded>, StoreError> {
    let rows = on!(conn, |c| {
        let mut query = facts::table.limit(limit).into_boxed();
        query = match filter.newest {
            Newest::First => query.order(facts::id.desc()),
            Newest::Last => query.order(facts::id.asc()),
        };
        if let Some(actor) = &filter.actor {
            query = query.filter(facts::actor.eq(actor));
        }
        if let Some(subject) = &filter.subject {
            query = query.filter(facts::subject.eq(subject));
        }
        if let Some(kind) = &filter.kind {
            query = query.filter(facts::kind.eq(kind));
        }
        if let Some(from) = filter.from {
            let first = Uid(FactId::first_of(from).uuid());
            query = query.filter(facts::id.ge(first)).filter(facts::at.ge(At(from)));
        }
        if let Some(until) = filter.until {
            let past = Uid(FactId::first_of(until.plus(MILLISECOND)).uuid());
            query = query.filter(facts::id.lt(past)).filter(facts::at.lt(At(until)));
        }
        query = match (filter.newest, after) {
            (_, None) => query,
            (Newest::First, Some(after)) => query.filter(facts::id.lt(Uid(after.uuid()))),
            (Newest::Last, Some(after)) => query.filter(facts::id.gt(Uid(after.uuid()))),
        };
        query.load::<Row>(c).await
    })?;
    Ok(rows.into_iter().map(Row::into_recorded).collect())
}

/// Identifiers know their moment to the millisecond, rows to the microsecond.
const MILLISECOND: Duration = Duration::from_millis(1);

/// Deletes facts from before a moment, the oldest first, at most `limit`; says how many.
///
/// # Errors
/// The database's.
pub async fn trim(tx: &mut Tx, before: Instant, limit: i64) -> Result<usize, StoreError> {
    let first_kept = Uid(FactId::first_of(before).uuid());
    let oldest = facts::table.filter(facts::id.lt(first_kept)).order(facts::id.asc()).select(facts::id).limit(limit);
    let oldest = on!(&mut **tx, |c| oldest.load::<Uid>(c).await)?;
    let Some(last) = oldest.last() else { return Ok(0) };
    let old = facts::table.filter(facts::id.le(Uid(last.0)));
    Ok(on!(&mut **tx, |c| diesel::delete(old).execute(c).await)?)
}
