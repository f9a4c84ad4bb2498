//! The decision itself: a pure function over what is known, at one moment. It answers, or says what it must know first.

use std::collections::HashSet;
use std::sync::Arc;

use fixedbitset::FixedBitSet;

use super::snapshot::Snapshot;
use crate::domain::assignment::{Assignment, Effect, Held as HeldThing, Principal};
use crate::domain::group::{GROUP_DEPTH_MAX, Membership};
use crate::domain::id::AssignmentId;
use crate::domain::permission::Permission;
use crate::domain::time::{Instant, Interval};

/// Who is asked about, as the wire names them.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum SubjectRef {
    /// A person, by `sub` or username.
    User(String),
    /// A client, by `client_id`.
    Client(String),
}

/// What is known of a subject.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SubjectState {
    Unknown,
    Disabled,
    Active(Principal),
}

/// May this subject do this action on this resource?
#[derive(Clone, Debug)]
pub struct Query {
    pub subject: SubjectRef,
    pub action: String,
    pub resource_type: String,
    pub resource_id: String,
}

/// What the engine must know: the unit of loading, caching and invalidation.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Key {
    Subject(SubjectRef),
    Memberships(Principal),
    Assignments(Principal),
}

/// What is known now; `None` is "not loaded", never "nothing there".
pub trait World {
    fn snapshot(&self) -> &Snapshot;
    fn subject(&self, subject: &SubjectRef) -> Option<SubjectState>;
    fn memberships(&self, of: Principal) -> Option<Arc<[Membership]>>;
    fn assignments(&self, of: Principal) -> Option<Arc<[Assignment]>>;
}

/// Why a decision came out as it did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    SubjectUnknown,
    SubjectDisabled,
    DeniedBy(AssignmentId),
    AllowedBy(AssignmentId),
    /// Nothing allows it: deny by default.
    NothingGrants,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    pub allowed: bool,
    pub reason: Reason,
    /// The next moment at which an interval begins or ends that could change this answer.
    pub valid_until: Option<Instant>,
}

/// What the engine answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome<T> {
    Decided(T),
    /// Load these and ask again.
    Missing(Vec<Key>),
    /// More groups than one decision may walk: an error to be shown, never a silent deny and never a permit.
    OverBudget,
}

/// One decision walks so many principals (a subject and all its groups) at most.
pub const PRINCIPALS_MAX: usize = 1_000;

/// The subject and what it holds through its groups, at one moment.
struct Walk {
    assignments: Vec<Arc<[Assignment]>>,
    valid_until: Option<Instant>,
}

impl Walk {
    fn see(&mut self, interval: &Interval, now: Instant) -> bool {
        let edge = interval.next_edge(now);
        self.valid_until = [self.valid_until, edge].into_iter().flatten().min();
        interval.contains(now)
    }
}

/// Decides `query` at `now`: any deny, else any permit, else deny.
pub fn decide(world: &impl World, query: &Query, now: Instant) -> Outcome<Decision> {
    let refused = |reason| Outcome::Decided(Decision { allowed: false, reason, valid_until: None });
    let principal = match world.subject(&query.subject) {
        None => return Outcome::Missing(vec![Key::Subject(query.subject.clone())]),
        Some(SubjectState::Unknown) => return refused(Reason::SubjectUnknown),
        Some(SubjectState::Disabled) => return refused(Reason::SubjectDisabled),
        Some(SubjectState::Active(principal)) => principal,
    };
    let mut walk = match walk(world, principal, now) {
        Outcome::Decided(walk) => walk,
        Outcome::Missing(keys) => return Outcome::Missing(keys),
        Outcome::OverBudget => return Outcome::OverBudget,
    };
    let matching = Matching::new(world.snapshot(), query);
    let mut allowed = None;
    let lists = std::mem::take(&mut walk.assignments);
    for assignment in lists.iter().flat_map(|list| list.iter()).filter(|a| matching.covers(&a.held)) {
        if !walk.see(&assignment.interval, now) {
            continue;
        }
        match assignment.effect {
            // Nothing can outweigh a deny: the rest need not be looked at.
            Effect::Deny => {
                let reason = Reason::DeniedBy(assignment.id);
                let valid_until = walk.valid_until;
                return Outcome::Decided(Decision { allowed: false, reason, valid_until });
            }
            Effect::Allow => allowed = allowed.or(Some(assignment.id)),
        }
    }
    let reason = allowed.map_or(Reason::NothingGrants, Reason::AllowedBy);
    Outcome::Decided(Decision { allowed: allowed.is_some(), reason, valid_until: walk.valid_until })
}

/// What of a resource server's roles and permissions covers one query.
struct Matching<'a> {
    snapshot: &'a Snapshot,
    holders: [Option<&'a FixedBitSet>; 4],
    query: &'a Query,
}

impl<'a> Matching<'a> {
    fn new(snapshot: &'a Snapshot, query: &'a Query) -> Self {
        Self { snapshot, holders: snapshot.holders(&query.action, &query.resource_type), query }
    }

    fn covers(&self, held: &HeldThing) -> bool {
        match held {
            HeldThing::Role(role) => self.snapshot.holds(*role, &self.holders),
            HeldThing::Permission(p) => p.matches(&self.query.action, &self.query.resource_type),
        }
    }
}

/// Collects the subject's groups, level by level, and what each principal is assigned.
fn walk(world: &impl World, start: Principal, now: Instant) -> Outcome<Walk> {
    let mut walk = Walk { assignments: Vec::new(), valid_until: None };
    let mut seen = vec![start];
    let mut known = HashSet::from([start]);
    let mut missing = Vec::new();
    let mut level = 0..1;
    for _ in 0..=GROUP_DEPTH_MAX {
        let principals: Vec<_> = seen.get(level.clone()).unwrap_or_default().to_vec();
        for principal in principals {
            match world.assignments(principal) {
                Some(list) => walk.assignments.push(list),
                None => missing.push(Key::Assignments(principal)),
            }
            let Some(memberships) = world.memberships(principal) else {
                missing.push(Key::Memberships(principal));
                continue;
            };
            for membership in memberships.iter() {
                let group = Principal::Group(membership.group);
                if walk.see(&membership.interval, now) && known.insert(group) {
                    seen.push(group);
                }
                if seen.len() > PRINCIPALS_MAX {
                    return Outcome::OverBudget;
                }
            }
        }
        if level.end == seen.len() {
            return if missing.is_empty() { Outcome::Decided(walk) } else { Outcome::Missing(missing) };
        }
        level = level.end..seen.len();
    }
    Outcome::OverBudget
}

/// What a subject holds at a resource server, for the claims of a token.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Held {
    pub roles: Vec<String>,
    pub permissions: Vec<String>,
    /// The next moment at which an interval begins or ends that could change this.
    pub valid_until: Option<Instant>,
}

/// The roles and permissions a subject holds at `now`, in alphabetical order. Whatever a deny touches is left out: a
/// claim cannot say "but", so it says less.
pub fn held(world: &impl World, subject: &SubjectRef, now: Instant) -> Outcome<Held> {
    let principal = match world.subject(subject) {
        None => return Outcome::Missing(vec![Key::Subject(subject.clone())]),
        Some(SubjectState::Unknown | SubjectState::Disabled) => return Outcome::Decided(Held::default()),
        Some(SubjectState::Active(principal)) => principal,
    };
    let mut walk = match walk(world, principal, now) {
        Outcome::Decided(walk) => walk,
        Outcome::Missing(keys) => return Outcome::Missing(keys),
        Outcome::OverBudget => return Outcome::OverBudget,
    };
    let snapshot = world.snapshot();
    let lists = std::mem::take(&mut walk.assignments);
    let active = lists.iter().flat_map(|list| list.iter()).filter(|a| walk.see(&a.interval, now));
    let (denied, allowed): (Vec<_>, Vec<_>) = active.partition(|a| a.effect == Effect::Deny);
    let denied: Vec<Permission> = denied.iter().flat_map(|a| permissions(snapshot, &a.held)).collect();
    let touched = |p: &Permission| denied.iter().any(|d| d.overlaps(p));

    let mut held = Held { valid_until: walk.valid_until, ..Held::default() };
    for assignment in allowed {
        let carried = permissions(snapshot, &assignment.held);
        held.permissions.extend(carried.iter().filter(|p| !touched(p)).map(ToString::to_string));
        if let HeldThing::Role(role) = &assignment.held
            && !carried.iter().any(touched)
        {
            held.roles.extend(snapshot.names_of(*role).map(str::to_owned));
        }
    }
    held.roles.sort_unstable();
    held.roles.dedup();
    held.permissions.sort_unstable();
    held.permissions.dedup();
    Outcome::Decided(held)
}

fn permissions(snapshot: &Snapshot, held: &HeldThing) -> Vec<Permission> {
    match held {
        HeldThing::Permission(p) => vec![p.clone()],
        HeldThing::Role(role) => snapshot.permissions_of(*role).into_iter().cloned().collect(),
    }
}
