//! One pass of the engine: what it found missing, and until when its answer holds.

use std::collections::HashSet;
use std::sync::Arc;

use super::{ANCESTORS_MAX, EDGES_MAX, HOLDINGS_MAX, Key, OBJECT_DEPTH_MAX, PRINCIPALS_MAX, Scope, World};
use crate::domain::assignment::{Assignment, Principal};
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

/// A subject and all its groups.
pub(super) struct Principals {
    pub all: Vec<Principal>,
    /// The same, to ask whether one is among them.
    pub known: HashSet<Principal>,
    /// The names of the groups.
    pub groups: Vec<Arc<str>>,
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

    /// The subject and all its groups, level by level, as far as they are known.
    pub(super) fn principals(&mut self, world: &impl World, start: Principal) -> Step<Principals> {
        let mut groups = Vec::new();
        let mut seen = vec![start];
        let mut known = HashSet::from([start]);
        let mut level = 0..1;
        for _ in 0..=GROUP_DEPTH_MAX {
            let principals: Vec<_> = seen.get(level.clone()).unwrap_or_default().to_vec();
            for principal in principals {
                let memberships = world.memberships(principal);
                let Some(memberships) = self.need(memberships, || Key::Memberships(principal)) else { continue };
                for membership in memberships.iter() {
                    let group = Principal::Group(membership.group);
                    if self.is_active(&membership.interval) && known.insert(group) {
                        seen.push(group);
                        groups.push(membership.name.clone());
                    }
                    if seen.len() > PRINCIPALS_MAX {
                        return Err(Stop::OverBudget);
                    }
                }
            }
            if level.end == seen.len() {
                return Ok(Principals { all: seen, known, groups });
            }
            level = level.end..seen.len();
        }
        self.over_budget()
    }

    /// The resource server as a whole, the resource, and what it is in, as far as it is known.
    pub(super) fn scopes(&mut self, world: &impl World, object: Option<&ObjectRef>) -> Step<Vec<Scope>> {
        let mut scopes = vec![None];
        let Some(object) = object else { return Ok(scopes) };
        scopes.push(Some(object.clone()));
        let Some(model) = world.snapshot().model() else { return Ok(scopes) };
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
    pub(super) fn assignments(
        &mut self,
        world: &impl World,
        principals: &[Principal],
        scopes: &[Scope],
    ) -> Step<Vec<Arc<[Assignment]>>> {
        let holdings = principals.len() * scopes.len();
        if holdings > HOLDINGS_MAX {
            return Err(Stop::OverBudget);
        }
        let mut lists = Vec::with_capacity(holdings);
        for principal in principals {
            for scope in scopes {
                let known = world.assignments(*principal, scope);
                lists.extend(self.need(known, || Key::Assignments(*principal, scope.clone())));
            }
        }
        Ok(lists)
    }
}
