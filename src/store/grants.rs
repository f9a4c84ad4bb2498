//! Grants.

use std::collections::HashSet;

use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, JoinOnDsl as _, NullableExpressionMethods as _,
    OptionalExtension as _, QueryDsl as _,
};
use diesel_async::RunQueryDsl;

use super::conn::{Conn, Tx, on};
use super::error::StoreError;
use super::people;
use super::schema::{clients, codes, grants, people as people_table, refresh_families, sessions};
use super::types::{At, Json, Uid};
use crate::domain::grant::Grant;
use crate::domain::id::{ClientId, GrantId, PersonId, SessionId};
use crate::domain::name::Sub;
use crate::domain::person::Person;
use crate::domain::scope::Scopes;
use crate::domain::session::Authentication;
use crate::domain::time::Instant;

type Row = (
    Uid,
    Uid,
    Uid,
    String,
    Option<Uid>,
    bool,
    String,
    Option<At>,
    Option<String>,
    Option<String>,
    Option<Json>,
    Option<String>,
);

/// # Errors
/// [`StoreError::Conflict`] when the person or client is gone.
pub async fn insert(tx: &mut Tx, grant: &Grant, now: Instant) -> Result<(), StoreError> {
    let row = (
        grants::id.eq(Uid(grant.id.uuid())),
        grants::client_id.eq(Uid(grant.client.uuid())),
        grants::person_id.eq(Uid(grant.person.uuid())),
        grants::scopes.eq(grant.scopes.to_string()),
        grants::created_at.eq(At(now)),
        grants::session_id.eq(Uid(grant.session.uuid())),
        grants::offline.eq(grant.offline),
        grants::resources.eq(grant.resources.join(" ")),
        grants::auth_time.eq(At(grant.authentication.auth_time)),
        grants::acr.eq(&grant.authentication.acr),
        grants::amr.eq(grant.authentication.amr.join(" ")),
        grants::claims.eq(grant.claims.clone().map(Json)),
        grants::sub.eq(grant.sub.as_ref().map(Sub::as_str)),
    );
    on!(&mut **tx, |c| diesel::insert_into(grants::table).values(row).execute(c).await)?;
    Ok(())
}

/// A live grant, whose it is, and its session's absolute end, while that has not been ended.
#[derive(Debug)]
pub struct Live {
    pub grant: Grant,
    pub person: Person,
    pub session_ends_at: Option<Instant>,
}

/// A live grant, with what it stands on.
///
/// # Errors
/// The database's.
pub async fn live(conn: &mut Conn, id: GrantId) -> Result<Option<Live>, StoreError> {
    let session = grants::session_id.eq(sessions::id.nullable()).and(sessions::ended_at.is_null());
    let columns = (
        grants::id,
        grants::client_id,
        grants::person_id,
        grants::scopes,
        grants::session_id,
        grants::offline,
        grants::resources,
        grants::auth_time,
        grants::acr,
        grants::amr,
        grants::claims,
        grants::sub,
    );
    let query = grants::table
        .inner_join(people_table::table.on(people_table::id.eq(grants::person_id)))
        .left_join(sessions::table.on(session))
        .filter(grants::id.eq(Uid(id.uuid())))
        .filter(grants::ended_at.is_null())
        .select((columns, people_table::all_columns, sessions::expires_at.nullable()));
    let row = on!(conn, |c| query.first::<(Row, people::Row, Option<At>)>(c).await.optional())?;
    let Some((grant, person, session_ends_at)) = row else { return Ok(None) };
    let (grant, person) = (into_domain(grant)?, people::into_domain(person)?);
    Ok(Some(Live { grant, person, session_ends_at: session_ends_at.map(|at| at.0) }))
}

fn into_domain(row: Row) -> Result<Grant, StoreError> {
    let (id, client, person, scopes, session, offline, resources, auth_time, acr, amr, claims, sub) = row;
    let (Some(session), Some(auth_time), Some(acr), Some(amr)) = (session, auth_time, acr, amr) else {
        return Err(StoreError::corrupt("a grant without its authentication"));
    };
    Ok(Grant {
        id: GrantId::from_uuid(id.0),
        client: ClientId::from_uuid(client.0),
        person: PersonId::from_uuid(person.0),
        scopes: Scopes::parse(&scopes).map_err(StoreError::corrupt)?,
        resources: words(&resources),
        session: SessionId::from_uuid(session.0),
        offline,
        authentication: Authentication { auth_time: auth_time.0, acr, amr: words(&amr) },
        claims: claims.map(|claims| claims.0),
        sub: sub.as_deref().map(Sub::parse).transpose().map_err(StoreError::corrupt)?,
    })
}

pub(super) fn words(text: &str) -> Vec<String> {
    text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Ends all live grants that end with a session, and says which those were.
///
/// # Errors
/// The database's.
pub async fn end_of_session(
    tx: &mut Tx,
    session: SessionId,
    reason: &str,
    now: Instant,
) -> Result<Vec<GrantId>, StoreError> {
    let live = grants::table
        .filter(grants::session_id.eq(Uid(session.uuid())))
        .filter(grants::offline.eq(false))
        .filter(grants::ended_at.is_null());
    let set = (grants::ended_at.eq(At(now)), grants::end_reason.eq(reason));
    let ended = on!(&mut **tx, |c| diesel::update(live).set(set).returning(grants::id).get_results::<Uid>(c).await)?;
    Ok(ended.into_iter().map(|id| GrantId::from_uuid(id.0)).collect())
}

/// The `client_id`s of enabled clients that were granted something in a session and want to be told of its end, each with
/// the name it knows the person by, if that is not their own.
///
/// # Errors
/// The database's.
pub async fn clients_to_tell(conn: &mut Conn, session: SessionId) -> Result<Vec<(String, Option<String>)>, StoreError> {
    let query = grants::table
        .inner_join(clients::table.on(clients::id.eq(grants::client_id)))
        .filter(grants::session_id.eq(Uid(session.uuid())))
        .filter(clients::backchannel_logout_uri.is_not_null())
        .filter(clients::disabled_at.is_null())
        .select((clients::client_id, grants::sub))
        .distinct();
    Ok(on!(conn, |c| query.load::<(String, Option<String>)>(c).await)?)
}

/// Ends a live grant; false when it had ended already, so that exactly one caller ends it.
///
/// # Errors
/// The database's.
pub async fn end(tx: &mut Tx, id: GrantId, reason: &str, now: Instant) -> Result<bool, StoreError> {
    let live = grants::table.find(Uid(id.uuid())).filter(grants::ended_at.is_null());
    let set = (grants::ended_at.eq(At(now)), grants::end_reason.eq(reason));
    Ok(on!(&mut **tx, |c| diesel::update(live).set(set).execute(c).await)? == 1)
}

/// Ends all live grants of a person and says which those were.
///
/// # Errors
/// The database's.
pub async fn end_of_person(
    tx: &mut Tx,
    person: PersonId,
    reason: &str,
    now: Instant,
) -> Result<Vec<GrantId>, StoreError> {
    let live = grants::table.filter(grants::person_id.eq(Uid(person.uuid()))).filter(grants::ended_at.is_null());
    let set = (grants::ended_at.eq(At(now)), grants::end_reason.eq(reason));
    let ended = on!(&mut **tx, |c| diesel::update(live).set(set).returning(grants::id).get_results::<Uid>(c).await)?;
    Ok(ended.into_iter().map(|id| GrantId::from_uuid(id.0)).collect())
}

/// Ends all live grants of a person to a client, offline access included, and says which those were.
///
/// # Errors
/// The database's.
pub async fn end_of_consent(
    tx: &mut Tx,
    person: PersonId,
    client: ClientId,
    reason: &str,
    now: Instant,
) -> Result<Vec<GrantId>, StoreError> {
    let live = grants::table
        .filter(grants::person_id.eq(Uid(person.uuid())))
        .filter(grants::client_id.eq(Uid(client.uuid())))
        .filter(grants::ended_at.is_null());
    let set = (grants::ended_at.eq(At(now)), grants::end_reason.eq(reason));
    let ended = on!(&mut **tx, |c| diesel::update(live).set(set).returning(grants::id).get_results::<Uid>(c).await)?;
    Ok(ended.into_iter().map(|id| GrantId::from_uuid(id.0)).collect())
}

/// The live grants of a person: the client of each.
///
/// # Errors
/// The database's.
pub async fn live_of_person(conn: &mut Conn, person: PersonId) -> Result<Vec<(GrantId, ClientId)>, StoreError> {
    let query = grants::table
        .filter(grants::person_id.eq(Uid(person.uuid())))
        .filter(grants::ended_at.is_null())
        .order(grants::id)
        .select((grants::id, grants::client_id));
    let rows = on!(conn, |c| query.load::<(Uid, Uid)>(c).await)?;
    Ok(rows.into_iter().map(|(g, c)| (GrantId::from_uuid(g.0), ClientId::from_uuid(c.0))).collect())
}

/// Looks at so many grants, in the order they were made after one of them, and deletes those that are dead: session, refresh
/// family and code had ended by `since`, so nothing that was issued under them works any more. Says after which to go on,
/// none at the end, and how many were deleted.
///
/// # Errors
/// The database's.
pub async fn sweep(
    tx: &mut Tx,
    after: Option<GrantId>,
    since: Instant,
    limit: i64,
) -> Result<(Option<GrantId>, usize), StoreError> {
    let (after, before) = (after.map_or(Uid(uuid::Uuid::nil()), |id| Uid(id.uuid())), GrantId::first_of(since));
    let page = grants::table
        .filter(grants::id.gt(after))
        .filter(grants::id.lt(Uid(before.uuid())))
        .order(grants::id)
        .limit(limit)
        .select((grants::id, grants::session_id));
    let page = on!(&mut **tx, |c| page.load::<(Uid, Option<Uid>)>(c).await)?;
    let Some((last, _)) = page.last() else { return Ok((None, 0)) };
    let last = GrantId::from_uuid(last.0);
    let ids: Vec<Uid> = page.iter().map(|(id, _)| Uid(id.0)).collect();
    let of: Vec<Uid> = page.iter().filter_map(|(_, session)| session.as_ref().map(|id| Uid(id.0))).collect();
    let sessions = sessions::table
        .filter(sessions::id.eq_any(of))
        .filter(sessions::ended_at.is_null())
        .filter(sessions::expires_at.gt(At(since)))
        .select(sessions::id);
    let sessions = on!(&mut **tx, |c| sessions.load::<Uid>(c).await)?;
    let families = refresh_families::table
        .filter(refresh_families::grant_id.eq_any(&ids))
        .filter(refresh_families::ended_at.is_null())
        .filter(refresh_families::expires_at.gt(At(since)))
        .filter(refresh_families::idle_expires_at.gt(At(since)))
        .select(refresh_families::grant_id);
    let families = on!(&mut **tx, |c| families.load::<Uid>(c).await)?;
    let codes = codes::table
        .filter(codes::grant_id.eq_any(&ids))
        .filter(codes::expires_at.gt(At(since)))
        .select(codes::grant_id);
    let codes = on!(&mut **tx, |c| codes.load::<Uid>(c).await)?;
    let alive: HashSet<_> = families.into_iter().chain(codes).map(|id| id.0).collect();
    let sessions: HashSet<_> = sessions.into_iter().map(|id| id.0).collect();
    let is_dead = |(id, session): &(Uid, Option<Uid>)| {
        !alive.contains(&id.0) && session.as_ref().is_none_or(|session| !sessions.contains(&session.0))
    };
    let dead: Vec<Uid> = page.iter().filter(|row| is_dead(row)).map(|(id, _)| Uid(id.0)).collect();
    if dead.is_empty() {
        return Ok((Some(last), 0));
    }
    let dead = grants::table.filter(grants::id.eq_any(dead));
    Ok((Some(last), on!(&mut **tx, |c| diesel::delete(dead).execute(c).await)?))
}
