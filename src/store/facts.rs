//! Facts: appended, never changed.

use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, Queryable};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::conn::{Conn, Tx, on};
use super::error::StoreError;
use super::schema::{fact_resources, facts};
use super::types::{At, Json, Uid};
use crate::domain::fact::{Concern, Fact};
use crate::domain::id::FactId;
use crate::domain::object::ObjectRef;
use crate::domain::time::Instant;

/// Appends facts, and what they are found by.
///
/// # Errors
/// The database's.
pub async fn append(tx: &mut Tx, new: &[Fact]) -> Result<(), StoreError> {
    append_rows(tx, new).await?;
    for fact in new {
        for concerns in fact.concerns.chunks(CONCERNS_MAX) {
            append_concerns(tx, fact.id, concerns).await?;
        }
    }
    Ok(())
}

/// Rows on their way at once.
const CONCERNS_MAX: usize = 1_000;

async fn append_concerns(tx: &mut Tx, fact: FactId, concerns: &[Concern]) -> Result<(), StoreError> {
    let insert = |(at, resource): &Concern| {
        diesel::insert_into(fact_resources::table).values((
            fact_resources::resource_server_id.eq(Uid(at.uuid())),
            fact_resources::resource.eq(resource.as_ref().map_or("", ObjectRef::as_str).to_owned()),
            fact_resources::fact_id.eq(Uid(fact.uuid())),
        ))
    };
    match &mut **tx {
        Conn::Pg(object) => {
            let conn = &**object;
            let sent = concerns.iter().map(insert).map(async |insert| {
                let mut conn = conn;
                insert.execute(&mut conn).await
            });
            futures_util::future::try_join_all(sent).await?;
        }
        Conn::Lite(object) => {
            for insert in concerns.iter().map(insert) {
                insert.execute(&mut **object).await?;
            }
        }
    }
    Ok(())
}

/// Each by the same statement: one of many rows would be planned anew for each number of them.
async fn append_rows(tx: &mut Tx, new: &[Fact]) -> Result<(), StoreError> {
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
pub(super) struct Row {
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
    pub(super) fn into_recorded(self) -> Recorded {
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

/// Deletes facts from before a moment, the oldest first: what they are found by, about `limit` rows of it, and only when
/// there is none left facts, at most `limit`. Says how many rows went.
///
/// # Errors
/// The database's.
pub async fn trim(tx: &mut Tx, before: Instant, limit: i64) -> Result<usize, StoreError> {
    let first_kept = Uid(FactId::first_of(before).uuid());
    // One fact may be found by as many things as one write may change.
    let found_by = fact_resources::table
        .filter(fact_resources::fact_id.lt(first_kept))
        .order(fact_resources::fact_id.asc())
        .select(fact_resources::fact_id)
        .limit(limit);
    if let Some(last) = on!(&mut **tx, |c| found_by.load::<Uid>(c).await)?.pop() {
        let old = fact_resources::table.filter(fact_resources::fact_id.le(last));
        return Ok(on!(&mut **tx, |c| diesel::delete(old).execute(c).await)?);
    }
    let oldest = facts::table.filter(facts::id.lt(first_kept)).order(facts::id.asc()).select(facts::id).limit(limit);
    let oldest = on!(&mut **tx, |c| oldest.load::<Uid>(c).await)?;
    let Some(last) = oldest.last() else { return Ok(0) };
    let old = facts::table.filter(facts::id.le(Uid(last.0)));
    Ok(on!(&mut **tx, |c| diesel::delete(old).execute(c).await)?)
}
