//! Groups and who is in them.

use std::collections::HashMap;

use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::begins::{Begins, begins};
use super::conn::{Conn, Tx, on};
use super::decisions::interval;
use super::error::StoreError;
use super::schema::{group_members, groups};
use super::types::{At, Uid};
use crate::domain::assignment::Principal;
use crate::domain::group::Group;
use crate::domain::id::GroupId;
use crate::domain::listing::{Listing, Order};
use crate::domain::name::Slug;
use crate::domain::time::{Instant, Interval};

/// # Errors
/// [`StoreError::Conflict`] when the name is taken.
pub async fn insert(tx: &mut Tx, group: &Group, now: Instant) -> Result<(), StoreError> {
    let row =
        (groups::id.eq(Uid(group.id.uuid())), groups::name.eq(group.name.as_str()), groups::created_at.eq(At(now)));
    on!(&mut **tx, |c| diesel::insert_into(groups::table).values(row).execute(c).await)?;
    Ok(())
}

/// # Errors
/// The database's.
pub async fn by_name(conn: &mut Conn, name: &str) -> Result<Option<Group>, StoreError> {
    let query = groups::table.filter(groups::name.eq(name)).select((groups::id, groups::name));
    let row = on!(conn, |c| query.first::<(Uid, String)>(c).await.optional())?;
    row.map(into_domain).transpose()
}

/// Groups in order of name, after one of them.
///
/// # Errors
/// The database's.
pub async fn list(conn: &mut Conn, page: Listing<'_>) -> Result<Vec<Group>, StoreError> {
    let begins = page.prefix.map(|prefix| Begins::new(conn, "groups.name", prefix));
    let rows = on!(conn, |c| {
        let mut query = groups::table.select((groups::id, groups::name)).limit(page.limit).into_boxed();
        query = match page.order {
            Order::Ascending => query.order(groups::name.asc()),
            Order::Descending => query.order(groups::name.desc()),
        };
        query = match (page.order, page.after) {
            (_, None) => query,
            (Order::Ascending, Some(after)) => query.filter(groups::name.gt(after)),
            (Order::Descending, Some(after)) => query.filter(groups::name.lt(after)),
        };
        if let Some(begins) = &begins {
            query = query.filter(begins!(begins));
        }
        query.load::<(Uid, String)>(c).await
    })?;
    rows.into_iter().map(into_domain).collect()
}

fn into_domain((id, name): (Uid, String)) -> Result<Group, StoreError> {
    Ok(Group { id: GroupId::from_uuid(id.0), name: Slug::parse(&name).map_err(StoreError::corrupt)? })
}

/// A membership to be written.
#[derive(Debug)]
pub struct NewMember<'a> {
    pub group: GroupId,
    pub member: Principal,
    pub interval: Interval,
    pub reason: Option<&'a str>,
    pub given_by: &'a str,
}

/// # Errors
/// [`StoreError::Conflict`] when the principal is in the group already.
pub async fn add_member(tx: &mut Tx, new: &NewMember<'_>, now: Instant) -> Result<(), StoreError> {
    let row = (
        group_members::member_kind.eq(new.member.kind()),
        group_members::member_id.eq(Uid(new.member.uuid())),
        group_members::group_id.eq(Uid(new.group.uuid())),
        group_members::not_before.eq(new.interval.not_before.map(At)),
        group_members::expires_at.eq(new.interval.expires_at.map(At)),
        group_members::reason.eq(new.reason),
        group_members::given_by.eq(new.given_by),
        group_members::created_at.eq(At(now)),
    );
    on!(&mut **tx, |c| diesel::insert_into(group_members::table).values(row).execute(c).await)?;
    Ok(())
}

/// How a principal is in a group.
#[derive(Clone, Debug)]
pub struct Joined {
    pub interval: Interval,
    pub reason: Option<String>,
    pub given_by: String,
}

type JoinedRow = (Option<At>, Option<At>, Option<String>, String);

/// # Errors
/// The database's.
pub async fn member(conn: &mut Conn, group: GroupId, member: Principal) -> Result<Option<Joined>, StoreError> {
    let query = group_members::table.find((Uid(member.uuid()), Uid(group.uuid()))).select((
        group_members::not_before,
        group_members::expires_at,
        group_members::reason,
        group_members::given_by,
    ));
    let row = on!(conn, |c| query.first::<JoinedRow>(c).await.optional())?;
    Ok(row.map(joined))
}

fn joined((from, until, reason, given_by): JoinedRow) -> Joined {
    Joined { interval: interval(from, until), reason, given_by }
}

/// False when the principal was not in the group.
///
/// # Errors
/// The database's.
pub async fn remove_member(tx: &mut Tx, group: GroupId, member: Principal) -> Result<bool, StoreError> {
    let gone = group_members::table.find((Uid(member.uuid()), Uid(group.uuid())));
    Ok(on!(&mut **tx, |c| diesel::delete(gone).execute(c).await)? == 1)
}

/// The members of a group, and how they are in it, in order of identifier after one of them.
///
/// # Errors
/// The database's.
pub async fn members(
    conn: &mut Conn,
    group: GroupId,
    after: uuid::Uuid,
    limit: i64,
) -> Result<Vec<(Principal, Joined)>, StoreError> {
    let query = group_members::table
        .filter(group_members::group_id.eq(Uid(group.uuid())))
        .filter(group_members::member_id.gt(Uid(after)))
        .order(group_members::member_id)
        .select((
            group_members::member_kind,
            group_members::member_id,
            (group_members::not_before, group_members::expires_at, group_members::reason, group_members::given_by),
        ))
        .limit(limit);
    let rows = on!(conn, |c| query.load::<(String, Uid, JoinedRow)>(c).await)?;
    rows.into_iter().map(|(kind, id, row)| Ok((principal(&kind, id)?, joined(row)))).collect()
}

/// Which groups are directly in which: member, group. For the check against cycles.
///
/// # Errors
/// The database's.
pub async fn nesting(conn: &mut Conn) -> Result<Vec<(GroupId, GroupId)>, StoreError> {
    let query = group_members::table
        .filter(group_members::member_kind.eq("group"))
        .select((group_members::member_id, group_members::group_id));
    let rows = on!(conn, |c| query.load::<(Uid, Uid)>(c).await)?;
    Ok(rows.into_iter().map(|(m, g)| (GroupId::from_uuid(m.0), GroupId::from_uuid(g.0))).collect())
}

/// Which groups are directly in which without a beginning or an end: member, group.
///
/// # Errors
/// The database's.
pub async fn nesting_for_good(conn: &mut Conn) -> Result<Vec<(GroupId, GroupId)>, StoreError> {
    let query = group_members::table
        .filter(group_members::member_kind.eq("group"))
        .filter(group_members::not_before.is_null())
        .filter(group_members::expires_at.is_null())
        .select((group_members::member_id, group_members::group_id));
    let rows = on!(conn, |c| query.load::<(Uid, Uid)>(c).await)?;
    Ok(rows.into_iter().map(|(m, g)| (GroupId::from_uuid(m.0), GroupId::from_uuid(g.0))).collect())
}

/// How many groups there are.
///
/// # Errors
/// The database's.
pub async fn count(conn: &mut Conn) -> Result<i64, StoreError> {
    let query = groups::table.count();
    Ok(on!(conn, |c| query.get_result::<i64>(c).await)?)
}

/// People and clients who are directly in any of these groups, each once, in order of identifier after one of them.
///
/// # Errors
/// The database's.
pub async fn people_in(conn: &mut Conn, of: &[GroupId], after: Uuid, limit: i64) -> Result<Vec<Principal>, StoreError> {
    let of: Vec<Uid> = of.iter().map(|group| Uid(group.uuid())).collect();
    let query = group_members::table
        .filter(group_members::group_id.eq_any(of))
        .filter(group_members::member_kind.ne("group"))
        .filter(group_members::member_id.gt(Uid(after)))
        .order((group_members::member_id, group_members::member_kind))
        .select((group_members::member_kind, group_members::member_id))
        .distinct()
        .limit(limit);
    let rows = on!(conn, |c| query.load::<(String, Uid)>(c).await)?;
    rows.into_iter().map(|(kind, id)| principal(&kind, id)).collect()
}

pub(super) fn principal(kind: &str, id: Uid) -> Result<Principal, StoreError> {
    Principal::from_parts(kind, id.0).ok_or_else(|| StoreError::corrupt(format!("principal kind {kind:?}")))
}

/// The names of groups, by identifier.
///
/// # Errors
/// The database's.
pub async fn names(conn: &mut Conn, ids: &[Uuid]) -> Result<HashMap<Uuid, String>, StoreError> {
    let ids: Vec<Uid> = ids.iter().copied().map(Uid).collect();
    let query = groups::table.filter(groups::id.eq_any(ids)).select((groups::id, groups::name));
    let rows = on!(conn, |c| query.load::<(Uid, String)>(c).await)?;
    Ok(rows.into_iter().map(|(id, name)| (id.0, name)).collect())
}
