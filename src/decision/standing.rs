//! What a principal holds at a resource server, read inside an open transaction: for the checks that a write makes of
//! itself, which no cache may answer.

use std::collections::{HashMap, HashSet};

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
use crate::store::{Conn, decisions, roles};

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

impl Lasting {
    /// Whether whoever holds this holds the other, and for as long.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.permission.covers(&other.permission) && !ends_before(self.until, other.until)
    }
}

/// What was given and what was denied, directly and through groups; a deny is not yet taken from what was given.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    pub allowed: Vec<Lasting>,
    pub denied: Vec<Lasting>,
}

impl Standing {
    /// Whether this much is held: allowed for as long, and touched by no deny.
    #[must_use]
    pub fn holds(&self, wanted: &Lasting) -> bool {
        let denied = self.denied.iter().any(|deny| deny.permission.overlaps(&wanted.permission));
        !denied && self.allowed.iter().any(|held| held.covers(wanted))
    }
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
    let mut standing = Standing::default();
    for given in given(conn, at, of, now, when).await? {
        standing.add(given, when);
    }
    Ok(standing)
}

/// What a principal can use now, wherever it counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rights(Vec<Given>);

/// One permission, given or denied.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Given {
    /// One resource as it is stored; empty for the whole resource server.
    scope: String,
    effect: Effect,
    lasting: Lasting,
}

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
    Ok(Rights(given(conn, at, of, now, When::Now).await?))
}

impl Rights {
    /// Whether they permit this, as the engine decides it where there is neither a model nor policies: a resource has no
    /// parents there, so what counts is given everywhere or on the resource itself.
    #[must_use]
    pub fn permit(&self, query: &Query) -> bool {
        let object = query.object.as_ref().map(ObjectRef::as_str);
        let counts = |given: &&Given| {
            (given.scope.is_empty() || Some(given.scope.as_str()) == object)
                && given.lasting.permission.matches(&query.action, &query.resource_type)
        };
        let mut effects = self.0.iter().filter(counts).map(|given| given.effect).peekable();
        effects.peek().is_some() && effects.all(|effect| effect == Effect::Allow)
    }

    /// The identifiers of single resources of this type on which they deny this action: what may be done to all of the type
    /// leaves these out.
    #[must_use]
    pub fn excepted(&self, action: &str, resource_type: &str) -> HashSet<String> {
        let denies = self
            .0
            .iter()
            .filter(|given| given.effect == Effect::Deny && given.lasting.permission.matches(action, resource_type));
        let ids = denies.filter_map(|given| given.scope.strip_prefix(resource_type)?.strip_prefix(':'));
        ids.map(str::to_owned).collect()
    }

    /// The part that could be given on.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let mut standing = Standing::default();
        for given in self.0.iter().cloned() {
            standing.add(given, When::Now);
        }
        standing
    }
}

impl Standing {
    fn add(&mut self, given: Given, when: When) {
        match given.effect {
            Effect::Deny => self.denied.push(given.lasting),
            // What is held for one resource alone is power that somebody has, and nothing they could give on.
            Effect::Allow if given.scope.is_empty() || when == When::Ever => self.allowed.push(given.lasting),
            Effect::Allow => {}
        }
    }
}

async fn given(
    conn: &mut Conn,
    at: ResourceServerId,
    of: Principal,
    now: Instant,
    when: When,
) -> Result<Vec<Given>, DecisionError> {
    let reached = reached(conn, of, now, when).await?;
    let principals: Vec<_> = reached.keys().copied().collect();
    let snapshot = Snapshot::build(&roles::all(conn, at).await?, None, None);
    let mut assigned = decisions::assignments_anywhere(conn, at, &principals, usize::MAX).await?;
    let mut all = Vec::new();
    for (principal, path_until) in &reached {
        let list = assigned.values.remove(&principal.uuid()).unwrap_or_default();
        for (scope, assignment) in list.into_iter().filter(|(_, held)| when.counts(&held.interval, now)) {
            let until = sooner(*path_until, assignment.interval.expires_at);
            all.extend(permissions(&assignment, &snapshot).into_iter().map(|permission| Given {
                scope: scope.as_ref().map(ToString::to_string).unwrap_or_default(),
                effect: assignment.effect,
                lasting: Lasting { permission, until },
            }));
        }
    }
    Ok(all)
}

fn permissions(assignment: &Assignment, snapshot: &Snapshot) -> Vec<Permission> {
    match &assignment.held {
        Held::Permission(permission) => vec![permission.clone()],
        Held::Role(role) => snapshot.permissions_of(*role).into_iter().cloned().collect(),
    }
}

/// The principal and every group it is in, each with the latest end of a way to it.
async fn reached(
    conn: &mut Conn,
    of: Principal,
    now: Instant,
    when: When,
) -> Result<HashMap<Principal, Option<Instant>>, DecisionError> {
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

fn sooner(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    [one, other].into_iter().flatten().min()
}

fn ends_before(one: Option<Instant>, other: Option<Instant>) -> bool {
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

    #[test]
    fn what_is_held_covers_no_more_and_no_longer() {
        let held = |allowed: &[Lasting], denied: &[Lasting], wanted: &Lasting| {
            Standing { allowed: allowed.to_vec(), denied: denied.to_vec() }.holds(wanted)
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
        assert!(!held(&[], &[], &lasting("read:user", None)));
    }
}
