//! One pass of the engine: what it found missing, and until when its answer holds.

use std::collections::HashSet;
use std::sync::Arc;

use super::holdings::List;
use super::{ANCESTORS_MAX, EDGES_MAX, HOLDINGS_MAX, Holdings, Key, OBJECT_DEPTH_MAX, PRINCIPALS_MAX, Scope, World};
use crate::domain::assignment::Principal;
use crate::domain::group::GROUP_DEPTH_MAX;
use crate::domain::model::PARENT;
use crate::domain::object::{EdgeSubject, ObjectRef};
use crate::domain::time::{Instant, Interval};

/// Why a pass ends without an answer.
pub(super) enum Stop {
    Missing(Vec<Key>),
    OverBudget,
}

pub(super) type Step<T> = Result<T, Stop>;

/// Up to here a walk along the list is faster than a set.
const FEW: usize = 16;

/// A subject and all its groups.
#[derive(Debug, Default)]
pub(super) struct Principals {
    pub all: Vec<Principal>,
    /// What each of them holds, as far as it is known.
    holdings: Vec<Option<Arc<Holdings>>>,
    /// The names of the groups.
    pub groups: Vec<Arc<str>>,
    /// The same as `all` once there are more than a few.
    set: HashSet<Principal>,
}

impl Principals {
    pub(super) fn contains(&self, principal: &Principal) -> bool {
        if self.all.len() <= FEW { self.all.contains(principal) } else { self.set.contains(principal) }
    }

    /// Assignments of the subject itself, as far as they are one value.
    pub(super) fn held_by_subject(&self) -> usize {
        self.holdings.first().and_then(Option::as_ref).map_or(0, |holdings| holdings.len())
    }

    /// False for one that is there.
    fn insert(&mut self, principal: Principal) -> bool {
        if self.contains(&principal) {
            return false;
        }
        self.all.push(principal);
        match self.all.len() {
            0..=FEW => {}
            len if len == FEW + 1 => self.set = self.all.iter().copied().collect(),
            _ => drop(self.set.insert(principal)),
        }
        true
    }
}

pub(super) struct Pass {
    now: Instant,
    pub valid_until: Option<Instant>,
    missing: HashSet<Key>,
    edges: usize,
}

impl Pass {
    pub(super) fn new(now: Instant) -> Self {
        Self { now, valid_until: None, missing: HashSet::new(), edges: 0 }
    }

    pub(super) const fn now(&self) -> Instant {
        self.now
    }

    pub(super) fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// Whether the interval holds now; its next edge bounds the answer.
    pub(super) fn is_active(&mut self, interval: &Interval) -> bool {
        let edge = interval.next_edge(self.now);
        self.valid_until = [self.valid_until, edge].into_iter().flatten().min();
        interval.contains(self.now)
    }

    /// Notes the key of what is not known, once.
    pub(super) fn need<T>(&mut self, known: Option<T>, key: impl FnOnce() -> Key) -> Option<T> {
        if known.is_none() {
            self.missing.insert(key());
        }
        known
    }

    /// # Errors
    /// What is missing so far.
    pub(super) fn complete(&mut self) -> Step<()> {
        if self.missing.is_empty() { Ok(()) } else { Err(Stop::Missing(self.missing.drain().collect())) }
    }

    /// Counts edges that are about to be looked at.
    ///
    /// # Errors
    /// More than one decision may look at.
    pub(super) fn look_at(&mut self, edges: usize) -> Step<()> {
        self.edges = self.edges.saturating_add(edges);
        if self.edges > EDGES_MAX { Err(Stop::OverBudget) } else { Ok(()) }
    }

    /// More than a decision may walk, unless what is not known yet shows a shorter way.
    pub(super) fn over_budget<T>(&mut self) -> Step<T> {
        self.complete()?;
        Err(Stop::OverBudget)
    }

    /// The subject and all its groups, level by level, with what they hold, as far as it is known.
    pub(super) fn principals(&mut self, world: &impl World, start: Principal) -> Step<Principals> {
        let mut found = Principals::default();
        found.insert(start);
        let mut level = 0..1;
        for _ in 0..=GROUP_DEPTH_MAX {
            for at in level.clone() {
                let Some(principal) = found.all.get(at).copied() else { continue };
                let holdings = self.need(world.holdings(principal), || Key::Holdings(principal));
                found.holdings.push(holdings);
                let memberships = world.memberships(principal);
                let Some(memberships) = self.need(memberships, || Key::Memberships(principal)) else { continue };
                for membership in memberships.iter() {
                    if self.is_active(&membership.interval) && found.insert(Principal::Group(membership.group)) {
                        found.groups.push(membership.name.clone());
                    }
                    if found.all.len() > PRINCIPALS_MAX {
                        return Err(Stop::OverBudget);
                    }
                }
            }
            if level.end == found.all.len() {
                return Ok(found);
            }
            level = level.end..found.all.len();
        }
        self.over_budget()
    }

    /// The resource server as a whole, the resource, and what it is in, as far as it is known.
    pub(super) fn scopes(&mut self, world: &impl World, object: Option<&ObjectRef>) -> Step<Vec<Scope>> {
        let Some(object) = object else { return Ok(vec![None]) };
        let mut scopes = vec![None, Some(object.clone())];
        let Some(model) = world.snapshot().model() else { return Ok(scopes) };
        if model.relation(object.object_type(), PARENT).is_none() {
            return Ok(scopes);
        }
        let mut known = HashSet::from([object.clone()]);
        let mut level = vec![object.clone()];
        for _ in 0..=OBJECT_DEPTH_MAX {
            let inner = level.into_iter().filter(|o| model.relation(o.object_type(), PARENT).is_some());
            let mut outer = Vec::new();
            for object in inner {
                let Some(listed) = self.need(world.listed(&object), || Key::Listed(object.clone())) else { continue };
                self.look_at(listed.len())?;
                for edge in listed.iter().filter(|edge| edge.relation.as_str() == PARENT) {
                    if let EdgeSubject::Object(parent) = &edge.subject
                        && model.counts(object.object_type(), edge)
                        && self.is_active(&edge.interval)
                        && known.insert(parent.clone())
                    {
                        outer.push(parent.clone());
                    }
                }
            }
            if known.len() > ANCESTORS_MAX {
                return Err(Stop::OverBudget);
            }
            if outer.is_empty() {
                return Ok(scopes);
            }
            scopes.extend(outer.iter().cloned().map(Some));
            level = outer;
        }
        self.over_budget()
    }

    /// What the principals hold at these scopes, as far as it is known.
    pub(super) fn assignments<'a>(
        &mut self,
        world: &impl World,
        principals: &'a Principals,
        scopes: &[Scope],
    ) -> Step<Vec<List<'a>>> {
        let pairs = principals.all.len() * scopes.len();
        if pairs > HOLDINGS_MAX {
            return Err(Stop::OverBudget);
        }
        let mut lists = Vec::with_capacity(pairs);
        for (principal, holdings) in principals.all.iter().zip(&principals.holdings) {
            match holdings.as_deref() {
                None => {}
                Some(Holdings::Whole(whole)) => {
                    lists.extend(scopes.iter().map(|scope| List::Lent(whole.at(scope))));
                }
                Some(Holdings::Many) => {
                    for scope in scopes {
                        let known = world.assignments(*principal, scope);
                        let known = self.need(known, || Key::Assignments(*principal, scope.clone()));
                        lists.extend(known.map(List::Read));
                    }
                }
            }
        }
        Ok(lists)
    }
}
