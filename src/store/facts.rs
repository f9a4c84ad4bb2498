//! Facts: appended, never changed.

use diesel::{ExpressionMethods as _, QueryDsl as _, Queryable};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::conn::{Conn, Tx, on};
use super::error::StoreError;
use super::schema::facts;
use super::types::{At, Json, Uid};
use crate::domain::fact::Fact;
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
    _id: Uid,
    at: At,
    kind: String,
    actor: String,
    subject: String,
    revision: Option<i64>,
    request_id: Option<String>,
    detail: Json,
}

/// The latest facts, newest first; about one subject (`user:alice`) or about all.
///
/// # Errors
/// The database's.
pub async fn latest(conn: &mut Conn, subject: Option<&str>, limit: i64) -> Result<Vec<Recorded>, StoreError> {
    let query = facts::table.order(facts::id.desc()).limit(limit);
    let rows = match subject {
        None => on!(conn, |c| query.load::<Row>(c).await)?,
        Some(subject) => {
            let query = query.filter(facts::subject.eq(subject));
            on!(conn, |c| query.load::<Row>(c).await)?
        }
    };
    let recorded = |row: Row| Recorded {
        at: row.at.0,
        kind: row.kind,
        actor: row.actor,
        subject: row.subject,
        revision: row.revision,
        request_id: row.request_id,
        detail: row.detail.0,
    };
    Ok(rows.into_iter().map(recorded).collect())
}
