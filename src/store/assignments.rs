//! Assignments, as administration writes and lists them. Decisions read them in [`super::decisions`].

use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, Queryable};
use diesel_async::RunQueryDsl;

use super::conn::{Conn, Tx, on};
use super::decisions::{effect, held, interval};
use super::error::StoreError;
use super::groups::principal;
use super::schema::assignments;
use super::types::{At, Uid};
use crate::domain::assignment::{Assignment, Held, Principal};
use crate::domain::id::{AssignmentId, ResourceServerId, RoleId};
use crate::domain::object::ObjectRef;
use crate::domain::time::Instant;

/// An assignment with everything around it.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub assignment: Assignment,
    pub resource_server: ResourceServerId,
    pub principal: Principal,
    /// The whole resource server, or one resource and all below it.
    pub scope: Option<ObjectRef>,
    pub reason: Option<String>,
    pub given_by: String,
    pub created_at: Instant,
}

#[derive(Queryable)]
struct Row {
    id: Uid,
    resource_server_id: Uid,
    principal_kind: String,
    principal_id: Uid,
    role_id: Option<Uid>,
    action: Option<String>,
    resource_type: Option<String>,
    effect: String,
    not_before: Option<At>,
    expires_at: Option<At>,
    reason: Option<String>,
    given_by: String,
    created_at: At,
    scope: String,
}

impl Row {
    fn into_domain(self) -> Result<Recorded, StoreError> {
        Ok(Recorded {
            assignment: Assignment {
                id: AssignmentId::from_uuid(self.id.0),
                held: held(self.role_id, self.action, self.resource_type)?,
                effect: effect(&self.effect)?,
                interval: interval(self.not_before, self.expires_at),
            },
            resource_server: ResourceServerId::from_uuid(self.resource_server_id.0),
            principal: principal(&self.principal_kind, self.principal_id)?,
            scope: scope(&self.scope)?,
            reason: self.reason,
            given_by: self.given_by,
            created_at: self.created_at.0,
        })
    }
}

fn scope(text: &str) -> Result<Option<ObjectRef>, StoreError> {
    if text.is_empty() { Ok(None) } else { ObjectRef::parse(text).map(Some).map_err(StoreError::corrupt) }
}

/// # Errors
/// [`StoreError::Conflict`] when the role is gone.
pub async fn insert(tx: &mut Tx, new: &Recorded) -> Result<(), StoreError> {
    let (role, action, resource_type) = match &new.assignment.held {
        Held::Role(role) => (Some(Uid(role.uuid())), None, None),
        Held::Permission(p) => (None, Some(p.action.as_str()), Some(p.resource_type.as_str())),
    };
    let row = (
        assignments::id.eq(Uid(new.assignment.id.uuid())),
        assignments::resource_server_id.eq(Uid(new.resource_server.uuid())),
        assignments::principal_kind.eq(new.principal.kind()),
        assignments::principal_id.eq(Uid(new.principal.uuid())),
        assignments::role_id.eq(role),
        assignments::action.eq(action),
        assignments::resource_type.eq(resource_type),
        assignments::effect.eq(new.assignment.effect.as_str()),
        assignments::not_before.eq(new.assignment.interval.not_before.map(At)),
        assignments::expires_at.eq(new.assignment.interval.expires_at.map(At)),
        assignments::reason.eq(new.reason.as_deref()),
        assignments::given_by.eq(&new.given_by),
        assignments::created_at.eq(At(new.created_at)),
        assignments::scope.eq(new.scope.as_ref().map_or("", ObjectRef::as_str)),
    );
    on!(&mut **tx, |c| diesel::insert_into(assignments::table).values(row).execute(c).await)?;
    Ok(())
}

/// # Errors
/// The database's.
pub async fn find(conn: &mut Conn, id: AssignmentId) -> Result<Option<Recorded>, StoreError> {
    let query = assignments::table.find(Uid(id.uuid()));
    let row = on!(conn, |c| query.first::<Row>(c).await.optional())?;
    row.map(Row::into_domain).transpose()
}

/// False when it was gone already.
///
/// # Errors
/// The database's.
pub async fn delete(tx: &mut Tx, id: AssignmentId) -> Result<bool, StoreError> {
    let gone = assignments::table.find(Uid(id.uuid()));
    Ok(on!(&mut **tx, |c| diesel::delete(gone).execute(c).await)? == 1)
}

/// Which assignments to list: those of which all of it holds; what is left out does not matter.
#[derive(Clone, Debug, Default)]
pub struct Which {
    pub at: Option<ResourceServerId>,
    pub of: Option<Principal>,
    /// Of one of these roles.
    pub roles: Option<Vec<RoleId>>,
    /// On one of these alone.
    pub scopes: Option<Vec<String>>,
}

/// Assignments in the order they were made, after one of them.
///
/// # Errors
/// The database's.
pub async fn list(conn: &mut Conn, which: &Which, after: uuid::Uuid, limit: i64) -> Result<Vec<Recorded>, StoreError> {
    let rows = on!(conn, |c| {
        let query = assignments::table.filter(assignments::id.gt(Uid(after))).order(assignments::id).limit(limit);
        let mut query = query.into_boxed();
        if let Some(at) = which.at {
            query = query.filter(assignments::resource_server_id.eq(Uid(at.uuid())));
        }
        if let Some(of) = which.of {
            query = query.filter(assignments::principal_id.eq(Uid(of.uuid())));
        }
        if let Some(roles) = &which.roles {
            query = query.filter(assignments::role_id.eq_any(roles.iter().map(|role| Uid(role.uuid()))));
        }
        if let Some(scopes) = &which.scopes {
            query = query.filter(assignments::scope.eq_any(scopes));
        }
        query.load::<Row>(c).await
    })?;
    rows.into_iter().map(Row::into_domain).collect()
}

/// All that these principals themselves were given or denied, at whichever resource server.
///
/// # Errors
/// The database's.
pub async fn of_all(conn: &mut Conn, of: &[Principal]) -> Result<Vec<Recorded>, StoreError> {
    let ids: Vec<Uid> = of.iter().map(|principal| Uid(principal.uuid())).collect();
    let query = assignments::table.filter(assignments::principal_id.eq_any(ids));
    let rows = on!(conn, |c| query.load::<Row>(c).await)?;
    rows.into_iter().map(Row::into_domain).collect()
}

/// What is given or denied on one resource alone, in the order it was.
///
/// # Errors
/// The database's.
pub async fn on_resource(
    conn: &mut Conn,
    of: ResourceServerId,
    scope: &ObjectRef,
    limit: i64,
) -> Result<Vec<Recorded>, StoreError> {
    let query = assignments::table
        .filter(assignments::resource_server_id.eq(Uid(of.uuid())))
        .filter(assignments::scope.eq(scope.as_str()))
        .order(assignments::id)
        .limit(limit);
    let rows = on!(conn, |c| query.load::<Row>(c).await)?;
    rows.into_iter().map(Row::into_domain).collect()
}

/// Whether anybody is denied any of these roles at the resource server, now or at another time.
///
/// # Errors
/// The database's.
pub async fn is_any_denied(conn: &mut Conn, of: ResourceServerId, roles: &[RoleId]) -> Result<bool, StoreError> {
    let roles: Vec<Uid> = roles.iter().map(|role| Uid(role.uuid())).collect();
    let query = assignments::table
        .filter(assignments::resource_server_id.eq(Uid(of.uuid())))
        .filter(assignments::role_id.eq_any(roles))
        .filter(assignments::effect.eq("deny"))
        .select(assignments::id)
        .limit(1);
    Ok(on!(conn, |c| query.first::<Uid>(c).await.optional())?.is_some())
}
