//! Nobody gives what they do not hold: the check that each act of a delegated operator makes inside its own transaction,
//! where no other write can come between.

use std::collections::HashMap;
use std::fmt;

use super::edit::Edit;
use super::lineage::Lineage;
use super::measure::Measure;
use super::{Admin, AdminError};
use crate::decision::SubjectRef;
use crate::decision::standing::{
    Places, Rights, When, names_of, permissions_of, reached, rights_everywhere, sooner, standing,
};
use crate::domain::assignment::{Effect, Held, Principal};
use crate::domain::id::ResourceServerId;
use crate::domain::object::ObjectRef;
use crate::domain::permission::Permission;
use crate::domain::resource_server::{DOORWARD, ResourceServer};
use crate::domain::role::Role;
use crate::domain::time::Instant;
use crate::store::{Conn, decisions, edges, groups, resource_servers, rules};

/// What an act reaches.
#[derive(Debug)]
pub(super) enum Reach<'a> {
    /// Gives these permissions at Doorward's own resource server, or takes or denies them, until this moment.
    Permissions(Vec<Permission>, Option<Instant>),
    /// The same at a resource server, everywhere or on one resource and all below it.
    At { server: &'a ResourceServer, what: Vec<What>, scope: Option<&'a ObjectRef>, until: Option<Instant> },
    /// Lets somebody join or leave a group: whatever it was given or denied anywhere, itself or by the groups it is in.
    Group(Principal, Option<Instant>),
    /// Acts on an account in a way that could make it the operator's, or shut out whoever has it: the operator must hold
    /// whatever it holds at Doorward's own resource server.
    Account(Principal),
}

/// What somebody can hold.
#[derive(Clone, Debug)]
pub(super) enum What {
    Permission(Permission),
    /// A role's name, where that counts beside its permissions.
    Role(String),
    /// Whatever relations permit the members of a group.
    Related,
    /// Whatever policies say of the members of a group.
    Named,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permission(permission) => permission.fmt(f),
            Self::Role(name) => write!(f, "the role {name}"),
            Self::Related => f.write_str("what relations permit the group"),
            Self::Named => f.write_str("what policies say of the group"),
        }
    }
}

/// One thing that an act reaches at a resource server.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub what: What,
    pub scope: Option<ObjectRef>,
    pub until: Option<Instant>,
    /// The group by which it is had: whoever is in it has it, too.
    pub of: Option<Principal>,
}

impl Admin {
    /// The one check of delegation. Whoever runs the command line, and the service itself, may do anything.
    ///
    /// # Errors
    /// [`AdminError::Beyond`] names the first thing the operator does not hold, or not for as long.
    pub(super) async fn check_reach(&self, edit: &mut Edit, reach: Reach<'_>) -> Result<(), AdminError> {
        let Some(measure) = edit.measure() else { return Ok(()) };
        // One's own account reaches no further than oneself; a key may reach less than its owner.
        let on_oneself = matches!(reach, Reach::Account(account) if account == measure.operator);
        if (on_oneself && measure.ceiling.is_none()) || measure.holds_everything() {
            return Ok(());
        }
        let servers = resource_servers::all(edit).await?;
        let wanted = wanted(edit, &servers, reach, self.now()).await?;
        for server in &servers {
            let Some(wanted) = wanted.get(&server.id) else { continue };
            let beyond = if server.name.as_str() == DOORWARD {
                wanted.iter().find(|wanted| !measure.holds_own(wanted))
            } else {
                self.beyond(edit, &measure, server, wanted).await?
            };
            if let Some(Wanted { what, scope, until, .. }) = beyond.cloned() {
                return Err(AdminError::Beyond { what: what.to_string(), server: server.name.clone(), scope, until });
            }
        }
        Ok(())
    }

    /// The first thing that is beyond the operator at an application.
    async fn beyond<'a>(
        &self,
        edit: &mut Edit,
        measure: &Measure,
        server: &ResourceServer,
        wanted: &'a [Wanted],
    ) -> Result<Option<&'a Wanted>, AdminError> {
        if measure.controls(&server.name, None) {
            return Ok(None);
        }
        // Also where nothing is wanted yet: the write may ask again after it changed something.
        let local = edit.local(measure, server, self.now()).await?;
        let on_itself = |wanted: &Wanted| wanted.scope.iter().map(|scope| (scope.clone(), None)).collect::<Places>();
        let is_open = |wanted: &&Wanted| !measure.holds_at(&local, wanted, &on_itself(wanted));
        let open: Vec<&Wanted> = wanted.iter().filter(is_open).collect();
        let Some(model) = local.model.as_ref().filter(|_| !open.is_empty()) else { return Ok(open.first().copied()) };
        let scopes = open.iter().filter_map(|wanted| wanted.scope.as_ref());
        let lineage = Lineage::read(edit, server.id, model, scopes, self.now()).await?;
        let is_within = |wanted: &Wanted| {
            wanted.scope.as_ref().is_some_and(|scope| measure.holds_at(&local, wanted, &lineage.places(scope)))
        };
        Ok(open.into_iter().find(|wanted| !is_within(wanted)))
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

    /// The check for a role or permission that is given, denied or taken away.
    pub(super) async fn check_held(
        &self,
        edit: &mut Edit,
        server: &ResourceServer,
        held: &Held,
        roles: &[Role],
        scope: Option<&ObjectRef>,
        until: Option<Instant>,
    ) -> Result<(), AdminError> {
        let what = match held {
            Held::Permission(permission) => vec![What::Permission(permission.clone())],
            Held::Role(id) => roles.iter().find(|role| role.id == *id).map(|r| comes_to(r, roles)).unwrap_or_default(),
        };
        self.check_reach(edit, Reach::At { server, what, scope, until }).await
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

/// What is had by having a role.
pub(super) fn comes_to(role: &Role, all: &[Role]) -> Vec<What> {
    let permissions = permissions_of(role, all).into_iter().map(What::Permission);
    permissions.chain(names_of(role, all).into_iter().map(What::Role)).collect()
}

/// What a reach comes to at each resource server.
async fn wanted(
    conn: &mut Conn,
    servers: &[ResourceServer],
    reach: Reach<'_>,
    now: Instant,
) -> Result<HashMap<ResourceServerId, Vec<Wanted>>, AdminError> {
    let lasting = |permission, until| Wanted { what: What::Permission(permission), scope: None, until, of: None };
    Ok(match reach {
        Reach::Permissions(permissions, until) => {
            let all = permissions.into_iter().map(|permission| lasting(permission, until));
            HashMap::from([(own(servers)?, all.collect())])
        }
        Reach::At { server, what, scope, until } => {
            let all = what.into_iter().map(|what| Wanted { what, scope: scope.cloned(), until, of: None });
            HashMap::from([(server.id, all.collect())])
        }
        Reach::Group(group, until) => worth(conn, group, until, now).await?,
        Reach::Account(account) => {
            let own = own(servers)?;
            let held = standing(conn, own, account, now, When::Ever).await?.allowed;
            // Whoever holds as much now could have it for themselves now.
            HashMap::from([(own, held.into_iter().map(|held| lasting(held.permission, Some(now))).collect())])
        }
    })
}

/// What being in a group until some moment is worth, wherever that is anything.
async fn worth(
    conn: &mut Conn,
    group: Principal,
    until: Option<Instant>,
    now: Instant,
) -> Result<HashMap<ResourceServerId, Vec<Wanted>>, AdminError> {
    let reached = reached(conn, group, now, When::Ever).await?;
    let by_assignment = rights_everywhere(conn, &reached, now).await?;
    let of_group = |rights: Rights| {
        let given = rights.given.into_iter().map(|given| Wanted {
            what: What::Permission(given.lasting.permission),
            scope: given.scope,
            until: sooner(given.lasting.until, until),
            // Whoever leaves is rid of what the group is denied: that takes who is not denied it.
            of: (given.effect == Effect::Allow).then_some(group),
        });
        let roles = rights.roles.into_iter().map(|role| Wanted {
            what: What::Role(role.name),
            scope: role.scope,
            until: sooner(role.until, until),
            of: Some(group),
        });
        given.chain(roles).collect::<Vec<_>>()
    };
    let mut worth: HashMap<_, _> = by_assignment.into_iter().map(|(at, rights)| (at, of_group(rights))).collect();
    let groups: Vec<_> = reached.keys().filter_map(|principal| principal.as_group()).collect();
    let related = edges::naming(conn, &groups, now).await?;
    let called = groups::names(conn, &groups.iter().map(|group| group.uuid()).collect::<Vec<_>>()).await?;
    let named = rules::naming(conn, &called.values().map(String::as_str).collect::<Vec<_>>()).await?;
    let related = related.into_iter().map(|at| (at, What::Related));
    for (at, what) in related.chain(named.into_iter().map(|at| (at, What::Named))) {
        worth.entry(at).or_default().push(Wanted { what, scope: None, until, of: Some(group) });
    }
    Ok(worth)
}

/// Doorward's own resource server.
pub(super) async fn doorward(conn: &mut Conn) -> Result<ResourceServerId, AdminError> {
    own(&resource_servers::all(conn).await?)
}

fn own(all: &[ResourceServer]) -> Result<ResourceServerId, AdminError> {
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
