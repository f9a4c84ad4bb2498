//! Interactions: validated authorization requests on their way through the pages.

use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, NullableExpressionMethods as _, OptionalExtension as _,
    QueryDsl as _,
};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::conn::{Conn, Tx, on};
use super::error::StoreError;
use super::schema::interactions;
use super::types::{At, Json, Uid};
use crate::domain::authorization::AccountChoice;
use crate::domain::id::{InteractionId, SessionId};
use crate::domain::secret::Digest;
use crate::domain::time::Instant;

/// A live interaction.
#[derive(Clone, Debug)]
pub struct Interaction {
    pub id: InteractionId,
    pub request: Value,
    /// The session that was signed in within it.
    pub session: Option<SessionId>,
    pub authenticated_at: Option<Instant>,
    pub consented_at: Option<Instant>,
    pub account_choice: Option<AccountChoice>,
}

type Row = (Uid, Json, Option<Uid>, Option<At>, Option<At>, Option<String>);

/// # Errors
/// The database's.
pub async fn insert(
    tx: &mut Tx,
    id: InteractionId,
    browser: &Digest,
    request: Value,
    now: Instant,
    expires_at: Instant,
) -> Result<(), StoreError> {
    let row = (
        interactions::id.eq(Uid(id.uuid())),
        interactions::browser_digest.eq(&browser.as_bytes()[..]),
        interactions::request.eq(Json(request)),
        interactions::created_at.eq(At(now)),
        interactions::expires_at.eq(At(expires_at)),
    );
    on!(&mut **tx, |c| diesel::insert_into(interactions::table).values(row).execute(c).await)?;
    Ok(())
}

/// The interaction, in the browser it was begun in and while it lasts.
///
/// # Errors
/// The database's.
pub async fn live(
    conn: &mut Conn,
    id: InteractionId,
    browser: &Digest,
    now: Instant,
) -> Result<Option<Interaction>, StoreError> {
    let query = interactions::table
        .find(Uid(id.uuid()))
        .filter(interactions::browser_digest.eq(&browser.as_bytes()[..]))
        .filter(interactions::ended_at.is_null())
        .filter(interactions::expires_at.gt(At(now)))
        .select((
            interactions::id,
            interactions::request,
            interactions::session_id,
            interactions::authenticated_at,
            interactions::consented_at,
            interactions::account_choice,
        ));
    let row = on!(conn, |c| query.first::<Row>(c).await.optional())?;
    Ok(row.map(|(id, request, session, authenticated_at, consented_at, account_choice)| Interaction {
        id: InteractionId::from_uuid(id.0),
        request: request.0,
        session: session.map(|id| SessionId::from_uuid(id.0)),
        authenticated_at: authenticated_at.map(|at| at.0),
        consented_at: consented_at.map(|at| at.0),
        account_choice: account_choice.as_deref().and_then(AccountChoice::parse),
    }))
}

/// Somebody signed in within the interaction; consent that another person gave before no longer counts.
///
/// # Errors
/// The database's.
pub async fn authenticated(
    tx: &mut Tx,
    id: InteractionId,
    session: SessionId,
    now: Instant,
) -> Result<bool, StoreError> {
    let live = interactions::table.find(Uid(id.uuid())).filter(interactions::ended_at.is_null());
    let set = (
        interactions::session_id.eq(Uid(session.uuid())),
        interactions::authenticated_at.eq(At(now)),
        interactions::consented_at.eq(None::<At>),
    );
    Ok(on!(&mut **tx, |c| diesel::update(live).set(set).execute(c).await)? == 1)
}

/// Consent was given within the interaction, by the person of this session. What another session proved in it before no
/// longer counts.
///
/// # Errors
/// The database's.
pub async fn consented(tx: &mut Tx, id: InteractionId, session: SessionId, now: Instant) -> Result<bool, StoreError> {
    let live = interactions::table.find(Uid(id.uuid())).filter(interactions::ended_at.is_null());
    let another = live.filter(
        interactions::session_id.is_null().or(interactions::session_id.ne(Uid(session.uuid())).assume_not_null()),
    );
    let taken_over = (
        interactions::session_id.eq(Uid(session.uuid())),
        interactions::authenticated_at.eq(None::<At>),
        interactions::account_choice.eq(None::<String>),
    );
    on!(&mut **tx, |c| diesel::update(another).set(taken_over).execute(c).await)?;
    let set = interactions::consented_at.eq(At(now));
    Ok(on!(&mut **tx, |c| diesel::update(live).set(set).execute(c).await)? == 1)
}

/// The person of this session chose to go on, or to sign in as somebody else. What another session did in the interaction
/// no longer counts.
///
/// # Errors
/// The database's.
pub async fn choose_account(
    tx: &mut Tx,
    id: InteractionId,
    session: SessionId,
    choice: AccountChoice,
) -> Result<bool, StoreError> {
    let live = interactions::table.find(Uid(id.uuid())).filter(interactions::ended_at.is_null());
    let set = (
        interactions::session_id.eq(Uid(session.uuid())),
        interactions::account_choice.eq(choice.as_str()),
        interactions::authenticated_at.eq(None::<At>),
        interactions::consented_at.eq(None::<At>),
    );
    Ok(on!(&mut **tx, |c| diesel::update(live).set(set).execute(c).await)? == 1)
}

/// Ends the interaction; false when it had ended: so one interaction gives one answer.
///
/// # Errors
/// The database's.
pub async fn end(tx: &mut Tx, id: InteractionId, now: Instant) -> Result<bool, StoreError> {
    let live = interactions::table.find(Uid(id.uuid())).filter(interactions::ended_at.is_null());
    Ok(on!(&mut **tx, |c| diesel::update(live).set(interactions::ended_at.eq(At(now))).execute(c).await)? == 1)
}

/// Forgets what expired before `before`.
///
/// # Errors
/// The database's.
pub async fn sweep(tx: &mut Tx, before: Instant) -> Result<usize, StoreError> {
    let old = interactions::table.filter(interactions::expires_at.lt(At(before)));
    Ok(on!(&mut **tx, |c| diesel::delete(old).execute(c).await)?)
}
