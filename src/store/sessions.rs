//! Browser sessions.

use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};
use diesel_async::RunQueryDsl;

use super::conn::{Conn, Tx, on};
use super::error::StoreError;
use super::grants::words;
use super::schema::sessions;
use super::types::{At, Uid};
use crate::domain::id::{PersonId, SessionId};
use crate::domain::secret::Digest;
use crate::domain::session::{Authentication, Session};
use crate::domain::time::Instant;

type Row = (Uid, Uid, At, String, String, At, At);

const COLUMNS: (
    sessions::id,
    sessions::person_id,
    sessions::auth_time,
    sessions::acr,
    sessions::amr,
    sessions::seen_at,
    sessions::expires_at,
) = (
    sessions::id,
    sessions::person_id,
    sessions::auth_time,
    sessions::acr,
    sessions::amr,
    sessions::seen_at,
    sessions::expires_at,
);

fn into_domain((id, person, auth_time, acr, amr, seen_at, expires_at): Row) -> Session {
    Session {
        id: SessionId::from_uuid(id.0),
        person: PersonId::from_uuid(person.0),
        authentication: Authentication { auth_time: auth_time.0, acr, amr: words(&amr) },
        seen_at: seen_at.0,
        expires_at: expires_at.0,
    }
}

/// # Errors
/// The database's.
pub async fn insert(tx: &mut Tx, session: &Session, secret: &Digest, now: Instant) -> Result<(), StoreError> {
    let row = (
        sessions::id.eq(Uid(session.id.uuid())),
        sessions::person_id.eq(Uid(session.person.uuid())),
        sessions::secret_digest.eq(&secret.as_bytes()[..]),
        sessions::auth_time.eq(At(session.authentication.auth_time)),
        sessions::acr.eq(&session.authentication.acr),
        sessions::amr.eq(session.authentication.amr.join(" ")),
        sessions::created_at.eq(At(now)),
        sessions::seen_at.eq(At(session.seen_at)),
        sessions::expires_at.eq(At(session.expires_at)),
    );
    on!(&mut **tx, |c| diesel::insert_into(sessions::table).values(row).execute(c).await)?;
    Ok(())
}

/// The session of this cookie, if it has not been ended; whether it is too old is the caller's to say.
///
/// # Errors
/// The database's.
pub async fn by_secret(conn: &mut Conn, secret: &Digest) -> Result<Option<Session>, StoreError> {
    let query = sessions::table
        .filter(sessions::secret_digest.eq(&secret.as_bytes()[..]))
        .filter(sessions::ended_at.is_null())
        .select(COLUMNS);
    Ok(on!(conn, |c| query.first::<Row>(c).await.optional())?.map(into_domain))
}

/// The same person signed in again in the same browser: the session goes on under a new secret, so that nobody who knew
/// the old one has part in it. False when it has ended meanwhile.
///
/// # Errors
/// The database's.
pub async fn renew(tx: &mut Tx, session: &Session, secret: &Digest) -> Result<bool, StoreError> {
    let live = sessions::table.find(Uid(session.id.uuid())).filter(sessions::ended_at.is_null());
    let set = (
        sessions::secret_digest.eq(&secret.as_bytes()[..]),
        sessions::auth_time.eq(At(session.authentication.auth_time)),
        sessions::acr.eq(&session.authentication.acr),
        sessions::amr.eq(session.authentication.amr.join(" ")),
        sessions::seen_at.eq(At(session.seen_at)),
        sessions::expires_at.eq(At(session.expires_at)),
    );
    Ok(on!(&mut **tx, |c| diesel::update(live).set(set).execute(c).await)? == 1)
}

/// The session is used; false when it has ended. Whoever ends it afterwards waits for this transaction, and finds what it
/// wrote.
///
/// # Errors
/// The database's.
pub async fn touch(tx: &mut Tx, id: SessionId, now: Instant) -> Result<bool, StoreError> {
    let live = sessions::table.find(Uid(id.uuid())).filter(sessions::ended_at.is_null());
    Ok(on!(&mut **tx, |c| diesel::update(live).set(sessions::seen_at.eq(At(now))).execute(c).await)? == 1)
}

/// Forgets sessions whose absolute end lies before `before`.
///
/// # Errors
/// The database's.
pub async fn sweep(tx: &mut Tx, before: Instant) -> Result<usize, StoreError> {
    let old = sessions::table.filter(sessions::expires_at.lt(At(before)));
    Ok(on!(&mut **tx, |c| diesel::delete(old).execute(c).await)?)
}

/// Ends a session; false when it had ended already.
///
/// # Errors
/// The database's.
pub async fn end(tx: &mut Tx, id: SessionId, reason: &str, now: Instant) -> Result<bool, StoreError> {
    let live = sessions::table.find(Uid(id.uuid())).filter(sessions::ended_at.is_null());
    let set = (sessions::ended_at.eq(At(now)), sessions::end_reason.eq(reason));
    Ok(on!(&mut **tx, |c| diesel::update(live).set(set).execute(c).await)? == 1)
}

/// Ends all sessions of a person, and says which those were.
///
/// # Errors
/// The database's.
pub async fn end_of_person(
    tx: &mut Tx,
    person: PersonId,
    reason: &str,
    now: Instant,
) -> Result<Vec<SessionId>, StoreError> {
    let live = sessions::table.filter(sessions::person_id.eq(Uid(person.uuid()))).filter(sessions::ended_at.is_null());
    let set = (sessions::ended_at.eq(At(now)), sessions::end_reason.eq(reason));
    let ended = on!(&mut **tx, |c| diesel::update(live).set(set).returning(sessions::id).get_results::<Uid>(c).await)?;
    Ok(ended.into_iter().map(|id| SessionId::from_uuid(id.0)).collect())
}

/// The live sessions of a person, newest first.
///
/// # Errors
/// The database's.
pub async fn live_of_person(conn: &mut Conn, person: PersonId, now: Instant) -> Result<Vec<Session>, StoreError> {
    let query = sessions::table
        .filter(sessions::person_id.eq(Uid(person.uuid())))
        .filter(sessions::ended_at.is_null())
        .filter(sessions::expires_at.gt(At(now)))
        .order(sessions::id.desc())
        .limit(1_000)
        .select(COLUMNS);
    Ok(on!(conn, |c| query.load::<Row>(c).await)?.into_iter().map(into_domain).collect())
}
