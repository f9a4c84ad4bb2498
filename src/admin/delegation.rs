//! Nobody gives what they do not hold: the check that each act of a delegated operator makes inside its own transaction,
//! where no other write can come between.

use super::{Admin, AdminError, Edit};
use crate::decision::SubjectRef;
use crate::decision::standing::{Lasting, Standing, When, permissions_of, standing};
use crate::domain::assignment::{Held, Principal};
use crate::domain::id::ResourceServerId;
use crate::domain::name::Slug;
use crate::domain::permission::Permission;
use crate::domain::resource_server::DOORWARD;
use crate::domain::role::Role;
use crate::domain::time::Instant;
use crate::store::{Conn, decisions, resource_servers};

/// What an act reaches at Doorward's own resource server.
#[derive(Debug)]
pub(super) enum Reach {
    /// Gives these permissions, or takes or denies them, until this moment.
    Permissions(Vec<Permission>, Option<Instant>),
    /// Lets somebody join or leave a group: whatever it was given or denied, itself or by the groups it is in.
    Group(Principal, Option<Instant>),
    /// Acts on an account in a way that could make it the operator's, or shut out whoever has it: the operator must hold
    /// whatever it holds.
    Account(Principal),
}

impl Admin {
    /// The one check of delegation. Whoever runs the command line, and the service itself, may do anything.
    ///
    /// # Errors
    /// [`AdminError::Beyond`] names the first permission the operator does not hold, or not for as long.
    pub(super) async fn check_reach(&self, edit: &mut Edit, reach: Reach) -> Result<(), AdminError> {
        let Some(measure) = edit.measure() else { return Ok(()) };
        // One's own account reaches no further than oneself; a key may reach less than its owner.
        if matches!(reach, Reach::Account(account) if account == measure.operator) && measure.ceiling.is_none() {
            return Ok(());
        }
        let (now, doorward) = (self.now(), doorward(edit).await?);
        let wanted = wanted(edit, doorward, reach, now).await?;
        let ceiling = measure.ceiling.as_deref();
        let within = |wanted: &Lasting| {
            measure.held.holds(wanted) && ceiling.is_none_or(|all| all.iter().any(|p| p.covers(&wanted.permission)))
        };
        match wanted.into_iter().find(|wanted| !within(wanted)) {
            None => Ok(()),
            Some(Lasting { permission, until }) => Err(AdminError::Beyond { permission, until }),
        }
    }

    /// The check for whoever is denied something at Doorward: a deny takes what the giver may not even know of, so it is for
    /// those who hold as much. Of a group anybody may be a member, now or later: that takes everything.
    pub(super) async fn check_denied(&self, edit: &mut Edit, principal: Principal) -> Result<(), AdminError> {
        let reach = match principal {
            Principal::Person(_) | Principal::Client(_) => Reach::Account(principal),
            Principal::Group(_) => Reach::Permissions(vec![Permission::ALL], Some(self.now())),
            // Known only to another resource server.
            Principal::External(_) => return Ok(()),
        };
        self.check_reach(edit, reach).await
    }

    /// The check for what a role or permission at one resource server is worth: at any other than Doorward's own it is
    /// worth nothing here.
    pub(super) async fn check_held(
        &self,
        edit: &mut Edit,
        server: &Slug,
        held: &Held,
        roles: &[Role],
        until: Option<Instant>,
    ) -> Result<(), AdminError> {
        if server.as_str() != DOORWARD {
            return Ok(());
        }
        self.check_reach(edit, Reach::Permissions(held_permissions(held, roles), until)).await
    }
}

/// The permissions that a role, with all it includes, or a permission comes to.
pub(super) fn held_permissions(held: &Held, roles: &[Role]) -> Vec<Permission> {
    match held {
        Held::Permission(permission) => vec![permission.clone()],
        Held::Role(id) => {
            let role = roles.iter().find(|role| role.id == *id);
            role.map(|role| permissions_of(role, roles)).unwrap_or_default()
        }
    }
}

/// The permissions a reach comes to.
async fn wanted(conn: &mut Conn, at: ResourceServerId, reach: Reach, now: Instant) -> Result<Vec<Lasting>, AdminError> {
    Ok(match reach {
        Reach::Permissions(permissions, until) => {
            permissions.into_iter().map(|permission| Lasting { permission, until }).collect()
        }
        Reach::Group(group, until) => {
            let Standing { allowed, denied } = standing(conn, at, group, now, When::Ever).await?;
            let bounded = |held: Lasting| Lasting { until: [held.until, until].into_iter().flatten().min(), ..held };
            allowed.into_iter().chain(denied).map(bounded).collect()
        }
        Reach::Account(account) => {
            let held = standing(conn, at, account, now, When::Ever).await?.allowed;
            // Whoever holds as much now could have it for themselves now.
            held.into_iter().map(|held| Lasting { until: Some(now), ..held }).collect()
        }
    })
}

/// Doorward's own resource server.
pub(super) async fn doorward(conn: &mut Conn) -> Result<ResourceServerId, AdminError> {
    let all = resource_servers::all(conn).await?;
    let own = all.iter().find(|rs| rs.name.as_str() == DOORWARD).map(|rs| rs.id);
    own.ok_or_else(|| AdminError::not_found("resource server", DOORWARD))
}

/// The operator as of this transaction: one that was disabled meanwhile does nothing any more.
pub(super) async fn principal(conn: &mut Conn, subject: &SubjectRef) -> Result<Principal, AdminError> {
    let (name, found) = match subject {
        SubjectRef::User(name) => (name, decisions::people(conn, std::slice::from_ref(name)).await?),
        SubjectRef::Client(name) => (name, decisions::clients(conn, std::slice::from_ref(name)).await?),
        SubjectRef::External(_) => return Err(AdminError::OperatorGone),
    };
    let row = found.values.get(name).filter(|row| !row.disabled);
    row.map(|row| row.principal).ok_or(AdminError::OperatorGone)
}
