//! Facts, looked for.

use std::time::Duration;

use diesel::{ExpressionMethods as _, JoinOnDsl as _, OptionalExtension as _, QueryDsl as _};
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::StoreError;
use super::facts::{Recorded, Row};
use super::schema::{fact_resources, facts, resource_servers};
use super::types::{At, Uid};
use crate::domain::id::{FactId, ResourceServerId};
use crate::domain::name::Slug;
use crate::domain::object::ObjectRef;
use crate::domain::time::Instant;

/// Which facts are asked for; what is left out does not matter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// `user:` and the `sub`, `client:` and the `client_id`, `command-line`, `system`.
    pub actor: Option<String>,
    pub subject: Option<String>,
    pub kind: Option<String>,
    /// That concern this resource server.
    pub resource_server: Option<Slug>,
    /// That concern this resource, of that resource server or of any.
    pub resource: Option<ObjectRef>,
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

/// Narrows and orders a query for facts. Their identifiers stand in more than one table, and an index ends with each.
macro_rules! narrowed {
    ($query:expr, $id:expr, $filter:expr, $after:expr) => {{
        let (mut query, filter) = ($query, $filter);
        query = match filter.newest {
            Newest::First => query.order($id.desc()),
            Newest::Last => query.order($id.asc()),
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
            query = query.filter($id.ge(first)).filter(facts::at.ge(At(from)));
        }
        if let Some(until) = filter.until {
            let past = Uid(FactId::first_of(until.plus(MILLISECOND)).uuid());
            query = query.filter($id.lt(past)).filter(facts::at.lt(At(until)));
        }
        match (filter.newest, $after) {
            (_, None) => query,
            (Newest::First, Some(after)) => query.filter($id.lt(Uid(after.uuid()))),
            (Newest::Last, Some(after)) => query.filter($id.gt(Uid(after.uuid()))),
        }
    }};
}

/// Facts, newest or oldest first; only those after one of them in this order. The order is that of the identifiers, which
/// begin with the moment at which they were minted, so each filter walks an index that ends with it.
///
/// # Errors
/// The database's.
pub async fn search(
    conn: &mut Conn,
    filter: &Filter,
    after: Option<FactId>,
    limit: i64,
) -> Result<Vec<Recorded>, StoreError> {
    let rows = if filter.resource_server.is_none() && filter.resource.is_none() {
        on!(conn, |c| {
            let query = narrowed!(facts::table.limit(limit).into_boxed(), facts::id, filter, after);
            query.load::<Row>(c).await
        })?
    } else {
        concerning(conn, filter, after, limit).await?
    };
    Ok(rows.into_iter().map(Row::into_recorded).collect())
}

/// The resource server of this name.
///
/// # Errors
/// The database's.
pub async fn server_of(conn: &mut Conn, name: &str) -> Result<Option<ResourceServerId>, StoreError> {
    let query = resource_servers::table.filter(resource_servers::name.eq(name)).select(resource_servers::id);
    let found = on!(conn, |c| query.first::<Uid>(c).await.optional())?;
    Ok(found.map(|id| ResourceServerId::from_uuid(id.0)))
}

async fn concerning(
    conn: &mut Conn,
    filter: &Filter,
    after: Option<FactId>,
    limit: i64,
) -> Result<Vec<Row>, StoreError> {
    let at = match &filter.resource_server {
        None => None,
        Some(name) => match server_of(conn, name.as_str()).await? {
            None => return Ok(Vec::new()),
            found => found,
        },
    };
    let resource = filter.resource.as_ref().map_or("", ObjectRef::as_str);
    let rows = on!(conn, |c| {
        let join = fact_resources::table.inner_join(facts::table.on(facts::id.eq(fact_resources::fact_id)));
        let mut query = join.select(facts::all_columns).limit(limit).into_boxed();
        query = query.filter(fact_resources::resource.eq(resource));
        if let Some(at) = at {
            query = query.filter(fact_resources::resource_server_id.eq(Uid(at.uuid())));
        }
        narrowed!(query, fact_resources::fact_id, filter, after).load::<Row>(c).await
    })?;
    Ok(rows)
}

/// Identifiers know their moment to the millisecond, rows to the microsecond.
const MILLISECOND: Duration = Duration::from_millis(1);
