//! What a principal holds at a resource server, read inside an open transaction: for the checks that a write makes of
//! itself, which no cache may answer.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::engine::Query;
use super::error::DecisionError;
use super::snapshot::Snapshot;
use crate::domain::assignment::{Assignment, Effect, Held, Principal};
use crate::domain::group::GROUP_DEPTH_MAX;
use crate::domain::id::ResourceServerId;
use crate::domain::object::ObjectRef;
use crate::domain::permission::Permission;
use crate::domain::role::Role;
use crate::domain::time::{Instant, Interval};
use crate::store::{Conn, assignments, decisions, roles};

/// Which intervals count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// Those that last at this moment: what somebody can use.
    Now,
    /// Also those that have yet to begin: what somebody can use, now or later.
    Ever,
}

impl When {
    fn counts(self, interval: &Interval, now: Instant) -> bool {
        match self {
            Self::Now => interval.contains(now),
            Self::Ever => interval.expires_at.is_none_or(|end| now < end),
        }
    }
}

/// A permission, and until when it is held; `None` is without end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lasting {
    pub permission: Permission,
    pub until: Option<Instant>,
}

/// What was given and what was denied, directly and through groups; a deny is not yet taken from what was given.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    pub allowed: Vec<Lasting>,
    pub denied: Vec<Lasting>,
}

/// The standing of a person, client or group.
///
/// # Errors
/// [`DecisionError::OverBudget`] for more groups than a decision walks, or the store's.
pub async fn standing(
    conn: &mut Conn,
    at: ResourceServerId,
    of: Principal,
    now: Instant,
    when: When,
) -> Result<Standing, DecisionError> {
    let reached = reached(conn, of, now, when).await?;
    let given = rights_by(conn, at, &reached, now, when).await?.given;
    let (denied, allowed): (Vec<_>, Vec<_>) = given.into_iter().partition(|given| given.effect == Effect::Deny);
    let lasting = |all: Vec<Given>| all.into_iter().map(|given| given.lasting).collect();
    Ok(Standing { allowed: lasting(allowed), denied: lasting(denied) })
}

/// A principal and every group it is in, each with the latest end of a way to it.
pub type Reached = HashMap<Principal, Option<Instant>>;

/// What was given and denied at a resource server, and on what it counts there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rights {
    /// The permissions, also those of roles.
    pub given: Vec<Given>,
    /// The roles that were given, and all that those include.
    pub roles: Vec<GivenRole>,
}

/// One permission, given or denied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Given {
    /// One resource; none for the whole resource server.
    pub scope: Option<ObjectRef>,
    pub effect: Effect,
    pub lasting: Lasting,
    /// False for one whose time has yet to come.
    begun: bool,
}

/// One role, by name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GivenRole {
    pub name: String,
    pub scope: Option<ObjectRef>,
    pub until: Option<Instant>,
    /// What comes with it: the permissions of the role that was given.
    carried: Arc<[Permission]>,
}

/// Where something is held to be held on one resource, too: the resource itself and what it is in, each with the end of
/// the way there. Everywhere is always one of them.
pub type Places = HashMap<ObjectRef, Option<Instant>>;

/// What a person or client can use now.
///
/// # Errors
/// As for [`standing`].
pub async fn rights(
    conn: &mut Conn,
    at: ResourceServerId,
    of: Principal,
    now: Instant,
) -> Result<Rights, DecisionError> {
    let by = reached(conn, of, now, When::Now).await?;
    let later = reached(conn, of, now, When::Ever).await?;
    rights_soon(conn, at, &by, &later, now).await
}

/// What these principals can use now at one resource server, and what `later` will be denied: what is lost then is not held
/// for good.
///
/// # Errors
/// The store's.
pub async fn rights_soon(
    conn: &mut Conn,
    at: ResourceServerId,
    by: &Reached,
    later: &Reached,
    now: Instant,
) -> Result<Rights, DecisionError> {
    let mut rights = rights_by(conn, at, by, now, When::Now).await?;
    let other = later.iter().filter(|(principal, _)| !by.contains_key(*principal));
    let other: Reached = other.map(|(principal, end)| (*principal, *end)).collect();
    if !other.is_empty() {
        let to_come = rights_by(conn, at, &other, now, When::Ever).await?.given.into_iter();
        let denies = to_come.filter(|given| given.effect == Effect::Deny);
        rights.given.extend(denies.map(|given| Given { begun: false, ..given }));
    }
    Ok(rights)
}

/// What these principals were given and denied at one resource server. Of what they can use now, that which will be denied
/// them is part: it will be theirs for no longer.
///
/// # Errors
/// The store's.
pub async fn rights_by(
    conn: &mut Conn,
    at: ResourceServerId,
    by: &Reached,
    now: Instant,
    when: When,
) -> Result<Rights, DecisionError> {
    let principals: Vec<_> = by.keys().copied().collect();
    let snapshot = Snapshot::build(&roles::all(conn, at).await?, None, None);
    let mut assigned = decisions::assignments_anywhere(conn, at, &principals, usize::MAX).await?;
    let mut rights = Rights::default();
    for (principal, end) in by {
        for (scope, assignment) in assigned.values.remove(&principal.uuid()).unwrap_or_default() {
            rights.add(&snapshot, scope.as_ref(), &assignment, *end, now, when);
        }
    }
    Ok(rights)
}

/// The same at every resource server where there is anything, now or later.
///
/// # Errors
/// The store's.
pub async fn rights_everywhere(
    conn: &mut Conn,
    by: &Reached,
    now: Instant,
) -> Result<HashMap<ResourceServerId, Rights>, DecisionError> {
    let mut assigned: HashMap<_, Vec<_>> = HashMap::new();
    for recorded in assignments::of_all(conn, &by.keys().copied().collect::<Vec<_>>()).await? {
        assigned.entry(recorded.resource_server).or_default().push(recorded);
    }
    let mut everywhere = HashMap::new();
    for (at, all) in assigned {
        let snapshot = Snapshot::build(&roles::all(conn, at).await?, None, None);
        let mut rights = Rights::default();
        for recorded in all {
            let end = by.get(&recorded.principal).copied().flatten();
            rights.add(&snapshot, recorded.scope.as_ref(), &recorded.assignment, end, now, When::Ever);
        }
        everywhere.insert(at, rights);
    }
    Ok(everywhere)
}

impl Rights {
    /// Whether they permit this, as the engine decides it where there is neither a model nor policies: a resource has no
    /// parents there, so what counts is given everywhere or on the resource itself.
    #[must_use]
    pub fn permit(&self, query: &Query) -> bool {
        let counts = |given: &&Given| {
            given.begun
                && given.scope.as_ref().is_none_or(|scope| Some(scope) == query.object.as_ref())
                && given.lasting.permission.matches(&query.action, &query.resource_type)
        };
        let mut effects = self.given.iter().filter(counts).map(|given| given.effect).peekable();
        effects.peek().is_some() && effects.all(|effect| effect == Effect::Allow)
    }

    /// Whether they permit this on one resource, and will for as long.
    #[must_use]
    pub fn permit_until(&self, action: &str, object: &ObjectRef, until: Option<Instant>) -> bool {
        let counts = |given: &&Given| {
            given.scope.as_ref().is_none_or(|scope| scope == object)
                && given.lasting.permission.matches(action, object.object_type())
        };
        let (denied, allowed): (Vec<_>, Vec<_>) =
            self.given.iter().filter(counts).partition(|given| given.effect == Effect::Deny);
        denied.is_empty() && allowed.iter().any(|given| !ends_before(given.lasting.until, until))
    }

    /// Whether this much is held: allowed on one of these places for as long, and touched by no deny anywhere. A place that
    /// something is denied on may be below.
    #[must_use]
    pub fn holds(&self, wanted: &Lasting, places: &Places) -> bool {
        let covers = |given: &Given| {
            given.effect == Effect::Allow
                && given.lasting.permission.covers(&wanted.permission)
                && counts_for(given.scope.as_ref(), given.lasting.until, places, wanted.until)
        };
        self.is_untouched(&wanted.permission) && self.given.iter().any(covers)
    }

    /// Whether nothing of this is denied, wherever.
    #[must_use]
    pub fn is_untouched(&self, wanted: &Permission) -> bool {
        !self.given.iter().any(|given| given.effect == Effect::Deny && given.lasting.permission.overlaps(wanted))
    }

    /// Whether anything is denied, wherever.
    #[must_use]
    pub fn is_denied_anything(&self) -> bool {
        self.given.iter().any(|given| given.effect == Effect::Deny)
    }

    /// Whether the role is held on one of these places, for as long, and nothing that came with it is denied.
    #[must_use]
    pub fn hold_role(&self, name: &str, until: Option<Instant>, places: &Places) -> bool {
        let covers = |role: &GivenRole| {
            role.name == name
                && counts_for(role.scope.as_ref(), role.until, places, until)
                && role.carried.iter().all(|permission| self.is_untouched(permission))
        };
        self.roles.iter().any(covers)
    }

    /// The identifiers of single resources of this type on which they deny this action: what may be done to all of the type
    /// leaves these out.
    #[must_use]
    pub fn excepted(&self, action: &str, resource_type: &str) -> HashSet<String> {
        let denies = self.given.iter().filter(|given| {
            given.effect == Effect::Deny && given.begun && given.lasting.permission.matches(action, resource_type)
        });
        let scopes = denies.filter_map(|given| given.scope.as_ref());
        scopes.filter(|scope| scope.object_type() == resource_type).map(|scope| scope.id().to_owned()).collect()
    }

    fn add(
        &mut self,
        snapshot: &Snapshot,
        scope: Option<&ObjectRef>,
        assignment: &Assignment,
        end: Option<Instant>,
        now: Instant,
        when: When,
    ) {
        let Assignment { held, effect, interval, .. } = assignment;
        let when = if *effect == Effect::Deny { When::Ever } else { when };
        if !when.counts(interval, now) {
            return;
        }
        let until = sooner(end, interval.expires_at);
        self.given.extend(permissions(assignment, snapshot).into_iter().map(|permission| Given {
            scope: scope.cloned(),
            effect: *effect,
            lasting: Lasting { permission, until },
            begun: interval.contains(now),
        }));
        if let (Held::Role(role), Effect::Allow) = (held, effect) {
            let carried: Arc<[_]> = permissions(assignment, snapshot).into();
            let names = snapshot.names_of(*role).map(str::to_owned);
            let role = |name| GivenRole { name, scope: scope.cloned(), until, carried: carried.clone() };
            self.roles.extend(names.map(role));
        }
    }
}

/// Whether what is held on a scope until one moment is held on the places until another.
fn counts_for(scope: Option<&ObjectRef>, held: Option<Instant>, places: &Places, until: Option<Instant>) -> bool {
    let way = match scope {
        None => Some(None),
        Some(scope) => places.get(scope).copied(),
    };
    way.is_some_and(|end| !ends_before(sooner(held, end), until))
}

fn permissions(assignment: &Assignment, snapshot: &Snapshot) -> Vec<Permission> {
    match &assignment.held {
        Held::Permission(permission) => vec![permission.clone()],
        Held::Role(role) => snapshot.permissions_of(*role).into_iter().cloned().collect(),
    }
}

/// # Errors
/// [`DecisionError::OverBudget`] for more groups than a decision walks, or the store's.
pub async fn reached(conn: &mut Conn, of: Principal, now: Instant, when: When) -> Result<Reached, DecisionError> {
    let mut reached = HashMap::from([(of, None)]);
    let mut level = vec![of];
    // A longer way may last longer, so a group can be met again; without cycles that ends with the deepest.
    for _ in 0..=GROUP_DEPTH_MAX {
        if level.is_empty() {
            return Ok(reached);
        }
        let memberships = decisions::memberships(conn, &level).await?;
        let mut next = Vec::new();
        for principal in level {
            let until = reached.get(&principal).copied().flatten();
            let list = memberships.values.get(&principal.uuid()).map(Vec::as_slice).unwrap_or_default();
            for membership in list.iter().filter(|membership| when.counts(&membership.interval, now)) {
                let group = Principal::Group(membership.group);
                let until = sooner(until, membership.interval.expires_at);
                if reached.get(&group).is_none_or(|known| ends_before(*known, until)) {
                    reached.insert(group, until);
                    next.push(group);
                }
            }
        }
        if reached.len() > super::engine::PRINCIPALS_MAX {
            return Err(DecisionError::OverBudget);
        }
        level = next;
    }
    if level.is_empty() { Ok(reached) } else { Err(DecisionError::OverBudget) }
}

/// The permissions of a role and of all it includes.
#[must_use]
pub fn permissions_of(role: &Role, all: &[Role]) -> Vec<Permission> {
    Snapshot::build(all, None, None).permissions_of(role.id).into_iter().cloned().collect()
}

/// The names of a role and of all it includes.
#[must_use]
pub fn names_of(role: &Role, all: &[Role]) -> Vec<String> {
    Snapshot::build(all, None, None).names_of(role.id).map(str::to_owned).collect()
}

/// The sooner of two ends; `None` never comes.
#[must_use]
pub fn sooner(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    [one, other].into_iter().flatten().min()
}

/// Whether one end comes before another.
#[must_use]
pub fn ends_before(one: Option<Instant>, other: Option<Instant>) -> bool {
    match (one, other) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(one), Some(other)) => one < other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lasting(permission: &str, until: Option<i64>) -> Lasting {
        Lasting { permission: Permission::parse(permission).unwrap(), until: until.map(Instant::from_seconds) }
    }

    fn given(effect: Effect, on: &str, lasting: &Lasting) -> Given {
        let scope = (!on.is_empty()).then(|| ObjectRef::parse(on).unwrap());
        Given { scope, effect, lasting: lasting.clone(), begun: true }
    }

    #[test]
    fn what_is_held_covers_no_more_and_no_longer() {
        let held = |allowed: &[Lasting], denied: &[Lasting], wanted: &Lasting| {
            let allowed = allowed.iter().map(|held| given(Effect::Allow, "", held));
            let denied = denied.iter().map(|held| given(Effect::Deny, "note:1", held));
            let rights = Rights { given: allowed.chain(denied).collect(), roles: Vec::new() };
            rights.holds(wanted, &Places::new())
        };
        let everything = lasting("*:*", None);
        let all = std::slice::from_ref(&everything);
        assert!(held(all, &[], &lasting("create:user", None)));
        assert!(held(&[lasting("*:user", Some(9))], &[], &lasting("create:user", Some(9))));
        assert!(!held(&[lasting("*:user", Some(9))], &[], &lasting("create:user", Some(10))));
        assert!(!held(&[lasting("*:user", Some(9))], &[], &lasting("create:user", None)));
        assert!(!held(&[lasting("*:user", None)], &[], &lasting("*:*", None)));
        assert!(!held(&[lasting("create:user", None), lasting("read:user", None)], &[], &lasting("*:user", None)));
        assert!(!held(all, &[lasting("read:audit", None)], &everything));
        assert!(held(all, &[lasting("read:audit", None)], &lasting("read:user", None)));
        assert!(!held(&[], &[], &lasting("read:user", None)));
    }

    #[test]
    fn what_is_held_on_a_place_lasts_as_long_as_the_way_there() {
        let folder = ObjectRef::parse("folder:1").unwrap();
        let rights = Rights { given: vec![given(Effect::Allow, "folder:1", &lasting("*:*", None))], roles: Vec::new() };
        let read = |until| lasting("read:note", until);
        assert!(!rights.holds(&read(Some(1)), &Places::new()));
        assert!(rights.holds(&read(None), &Places::from([(folder.clone(), None)])));
        let way = Places::from([(folder, Some(Instant::from_seconds(5)))]);
        assert!(rights.holds(&read(Some(5)), &way) && !rights.holds(&read(Some(6)), &way));
    }
}
