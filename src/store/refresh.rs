//! Refresh tokens, by digest, and the families they descend in.

use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};
use diesel_async::RunQueryDsl;

use super::conn::{Conn, Tx, on};
use super::error::StoreError;
use super::schema::{refresh_families, refresh_tokens};
use super::types::{At, Uid};
use crate::domain::id::{FamilyId, GrantId};
use crate::domain::secret::Digest;
use crate::domain::time::Instant;

/// A family that has not ended; whether it is too old is the caller's to say.
#[derive(Clone, Debug)]
pub struct Family {
    pub id: FamilyId,
    pub grant: GrantId,
    pub idle_expires_at: Instant,
    pub expires_at: Instant,
    pub ended: bool,
}

/// A refresh token as stored.
#[derive(Clone, Debug)]
pub struct StoredToken {
    pub family: Family,
    pub spent_at: Option<Instant>,
    /// The digest of its one successor.
    pub successor: Option<Vec<u8>>,
    /// The successor, sealed under a key only the holder of this token can derive; wiped with the grace window.
    pub successor_sealed: Option<Vec<u8>>,
}

/// # Errors
/// The database's.
pub async fn insert_family(tx: &mut Tx, family: &Family, now: Instant) -> Result<(), StoreError> {
    let row = (
        refresh_families::id.eq(Uid(family.id.uuid())),
        refresh_families::grant_id.eq(Uid(family.grant.uuid())),
        refresh_families::created_at.eq(At(now)),
        refresh_families::used_at.eq(At(now)),
        refresh_families::idle_expires_at.eq(At(family.idle_expires_at)),
        refresh_families::expires_at.eq(At(family.expires_at)),
    );
    on!(&mut **tx, |c| diesel::insert_into(refresh_families::table).values(row).execute(c).await)?;
    Ok(())
}

/// # Errors
/// The database's.
pub async fn insert(tx: &mut Tx, digest: &Digest, family: FamilyId, now: Instant) -> Result<(), StoreError> {
    let insert = diesel::insert_into(refresh_tokens::table).values(row(digest, family, now));
    on!(&mut **tx, |c| insert.execute(c).await)?;
    Ok(())
}

type NewRow<'a> = (
    diesel::dsl::Eq<refresh_tokens::digest, &'a [u8]>,
    diesel::dsl::Eq<refresh_tokens::family_id, Uid>,
    diesel::dsl::Eq<refresh_tokens::created_at, At>,
);

fn row(digest: &Digest, family: FamilyId, now: Instant) -> NewRow<'_> {
    (
        refresh_tokens::digest.eq(&digest.as_bytes()[..]),
        refresh_tokens::family_id.eq(Uid(family.uuid())),
        refresh_tokens::created_at.eq(At(now)),
    )
}

type Row = (Uid, Uid, At, At, Option<At>, Option<At>, Option<Vec<u8>>, Option<Vec<u8>>);

/// # Errors
/// The database's.
pub async fn find(conn: &mut Conn, digest: &Digest) -> Result<Option<StoredToken>, StoreError> {
    let query = refresh_tokens::table
        .inner_join(refresh_families::table)
        .filter(refresh_tokens::digest.eq(&digest.as_bytes()[..]))
        .select((
            refresh_families::id,
            refresh_families::grant_id,
            refresh_families::idle_expires_at,
            refresh_families::expires_at,
            refresh_families::ended_at,
            refresh_tokens::spent_at,
            refresh_tokens::successor,
            refresh_tokens::successor_sealed,
        ));
    let row = on!(conn, |c| query.first::<Row>(c).await.optional())?;
    Ok(row.map(|(id, grant, idle, expires_at, ended_at, spent_at, successor, successor_sealed)| StoredToken {
        family: Family {
            id: FamilyId::from_uuid(id.0),
            grant: GrantId::from_uuid(grant.0),
            idle_expires_at: idle.0,
            expires_at: expires_at.0,
            ended: ended_at.is_some(),
        },
        spent_at: spent_at.map(|at| at.0),
        successor,
        successor_sealed,
    }))
}

/// A new token in the place of another.
#[derive(Clone, Copy, Debug)]
pub struct Successor<'a> {
    pub digest: &'a Digest,
    /// It, for whoever presents the same token again; see [`StoredToken::successor_sealed`].
    pub sealed: &'a [u8],
    pub idle_expires_at: Instant,
}

/// What came of a rotation. After anything but `Done` the transaction must be rolled back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rotated {
    Done,
    /// The family has ended.
    Ended,
    /// The token was spent before.
    Spent,
}

/// Spends a token for its successor: of many at the same instant one wins.
///
/// # Errors
/// The database's.
pub async fn rotate(
    tx: &mut Tx,
    token: &Digest,
    family: FamilyId,
    to: Successor<'_>,
    now: Instant,
) -> Result<Rotated, StoreError> {
    // Every use of a family goes through its row first, so that ending the family beats every race.
    let live = refresh_families::table.find(Uid(family.uuid())).filter(refresh_families::ended_at.is_null());
    let moments = (refresh_families::used_at.eq(At(now)), refresh_families::idle_expires_at.eq(At(to.idle_expires_at)));
    let use_family = diesel::update(live).set(moments);
    let presented = refresh_tokens::table.find(&token.as_bytes()[..]).filter(refresh_tokens::spent_at.is_null());
    let mark = diesel::update(presented).set((
        refresh_tokens::spent_at.eq(At(now)),
        refresh_tokens::successor.eq(&to.digest.as_bytes()[..]),
        refresh_tokens::successor_sealed.eq(to.sealed),
    ));
    // The token has been used, so the copy of it that its own predecessor could open is not needed any more.
    // Sought within the family: its index serves that, and none serves a successor alone.
    let before = refresh_tokens::table
        .filter(refresh_tokens::family_id.eq(Uid(family.uuid())))
        .filter(refresh_tokens::successor.eq(&token.as_bytes()[..]));
    let wipe = diesel::update(before).set(refresh_tokens::successor_sealed.eq(None::<Vec<u8>>));
    let insert = diesel::insert_into(refresh_tokens::table).values(row(to.digest, family, now));
    let (families, tokens) = match &mut **tx {
        // Sent together: one round trip.
        Conn::Pg(object) => {
            let conn = &**object;
            let [mut first, mut second, mut third, mut fourth] = [conn; 4];
            let (families, tokens, ..) = tokio::try_join!(
                biased;
                use_family.execute(&mut first),
                mark.execute(&mut second),
                wipe.execute(&mut third),
                insert.execute(&mut fourth),
            )?;
            (families, tokens)
        }
        Conn::Lite(object) => {
            let (families, tokens) = (use_family.execute(&mut **object).await?, mark.execute(&mut **object).await?);
            wipe.execute(&mut **object).await?;
            insert.execute(&mut **object).await?;
            (families, tokens)
        }
    };
    Ok(match (families, tokens) {
        (1, 1) => Rotated::Done,
        (1, _) => Rotated::Spent,
        _ => Rotated::Ended,
    })
}

/// The grace of whatever was spent before `spent_before` is over: nobody gets those successors again.
///
/// # Errors
/// The database's.
pub async fn wipe_past_grace(tx: &mut Tx, spent_before: Instant) -> Result<usize, StoreError> {
    let past = refresh_tokens::table
        .filter(refresh_tokens::spent_at.lt(At(spent_before)))
        .filter(refresh_tokens::successor_sealed.is_not_null());
    let wiped = refresh_tokens::successor_sealed.eq(None::<Vec<u8>>);
    Ok(on!(&mut **tx, |c| diesel::update(past).set(wiped).execute(c).await)?)
}

/// Grants of one statement at most: SQLite takes 32,766 values.
const KEYS_MAX: usize = 5_000;

/// Ends the families of grants.
///
/// # Errors
/// The database's.
pub async fn end_of_grants(tx: &mut Tx, grants: &[GrantId], now: Instant) -> Result<usize, StoreError> {
    let mut ended = 0;
    for some in grants.chunks(KEYS_MAX) {
        let some: Vec<Uid> = some.iter().map(|grant| Uid(grant.uuid())).collect();
        let live = refresh_families::table
            .filter(refresh_families::grant_id.eq_any(some))
            .filter(refresh_families::ended_at.is_null());
        let end = diesel::update(live).set(refresh_families::ended_at.eq(At(now)));
        ended += on!(&mut **tx, |c| end.execute(c).await)?;
    }
    Ok(ended)
}

/// Forgets families whose absolute end lies before `before`, with all their tokens.
///
/// # Errors
/// The database's.
pub async fn sweep(tx: &mut Tx, before: Instant) -> Result<usize, StoreError> {
    let old = refresh_families::table.filter(refresh_families::expires_at.lt(At(before)));
    Ok(on!(&mut **tx, |c| diesel::delete(old).execute(c).await)?)
}
