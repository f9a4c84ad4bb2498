//! Whether a subject has a relation to a resource: a search along the edges, from the resource towards the subject. What
//! relations say is a union and nothing else, so the first way that is found is enough.

use std::collections::{HashMap, HashSet};

use super::pass::{Pass, Principals, Step, Stop};
use super::{Key, OBJECT_DEPTH_MAX, RELATIONS_MAX, World};
use crate::domain::assignment::Principal;
use crate::domain::model::{Model, Relation, SubjectSpace};
use crate::domain::name::Segment;
use crate::domain::object::{Edge, EdgeSubject, ObjectRef};
use crate::domain::time::Interval;

/// A relation of a resource.
pub(super) type At = (ObjectRef, Segment);

/// Why having one relation is having another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum How {
    /// The relation includes another one of the same resource.
    Includes,
    /// The relation is taken from what this other one leads to.
    From(Segment),
    /// Whoever has a relation to another resource has this one.
    Userset,
}

/// An edge that ends a search, or would.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct End {
    pub at: At,
    pub subject: EdgeSubject,
    pub interval: Interval,
}

/// What a search met on its way, kept only where somebody asks why.
#[derive(Default)]
pub(super) struct Trace {
    /// From which relation each other one was reached, and how; none for those the search began with.
    came: HashMap<At, (At, How)>,
    /// Edges through which the subject has what was searched for.
    pub found: Vec<End>,
    /// Edges that would have led on, were this their time.
    pub inactive: Vec<End>,
    /// Groups whose members would have what was searched for, whatever the time of the edge.
    pub groups: HashSet<Principal>,
    /// There was more to walk than a decision may.
    pub is_cut: bool,
}

impl Trace {
    /// Of a search that was too long before it found anything.
    pub(super) fn cut() -> Self {
        Self { is_cut: true, ..Self::default() }
    }

    /// The way from a relation back to the one the search began with, which comes first.
    pub(super) fn way(&self, end: &At) -> Vec<(At, Option<How>)> {
        let mut way = Vec::new();
        let mut at = end;
        // What was reached was reached once, so the way has no ring; the bound is that of the search.
        while let Some((before, how)) = self.came.get(at) {
            way.push((at.clone(), Some(how.clone())));
            at = before;
        }
        way.push((at.clone(), None));
        way.reverse();
        way
    }
}

/// A relation of a resource that would do.
#[derive(Clone, Debug)]
struct Node<'a> {
    object: ObjectRef,
    name: Segment,
    relation: &'a Relation,
    /// Where the search began: the relation that grants.
    granting: Segment,
}

pub(super) struct Search<'a, W> {
    world: &'a W,
    model: &'a Model,
    subject: &'a EdgeSubject,
    principals: &'a Principals,
    seen: HashSet<At>,
    /// What is next: all that is as many steps away.
    level: Vec<Node<'a>>,
    depth: usize,
    trace: Option<Trace>,
}

impl<'a, W: World> Search<'a, W> {
    pub(super) fn new(world: &'a W, model: &'a Model, subject: &'a EdgeSubject, principals: &'a Principals) -> Self {
        let (seen, level) = (HashSet::new(), Vec::new());
        Self { world, model, subject, principals, seen, level, depth: 0, trace: None }
    }

    /// Having this relation would do.
    pub(super) fn begin(&mut self, object: &ObjectRef, relation: &Segment) {
        self.open(object, relation, relation);
    }

    /// The relation it began with through which the subject is found, if any is.
    ///
    /// # Errors
    /// What is missing, or over budget.
    pub(super) fn run(mut self, pass: &mut Pass) -> Step<Option<Segment>> {
        self.walk(pass)
    }

    /// The same search to its end: every edge that ends it, one way to each.
    ///
    /// # Errors
    /// What is missing; or over budget before anything was found, as [`Self::run`] would be.
    pub(super) fn all(mut self, pass: &mut Pass) -> Step<Trace> {
        self.trace = Some(Trace::default());
        let walked = self.walk(pass);
        let trace = self.trace.unwrap_or_default();
        match walked {
            Err(Stop::OverBudget) if !trace.found.is_empty() => Ok(Trace { is_cut: true, ..trace }),
            walked => walked.map(|_| trace),
        }
    }

    /// Level by level, each only when the one before it is known and looked at as a whole: so neither the order of edges
    /// nor what happens to be known decides between an answer and a budget.
    fn walk(&mut self, pass: &mut Pass) -> Step<Option<Segment>> {
        while !self.level.is_empty() {
            self.include();
            if self.seen.len() > RELATIONS_MAX || self.depth > OBJECT_DEPTH_MAX {
                return Err(Stop::OverBudget);
            }
            let level = std::mem::take(&mut self.level);
            if let Some(node) = level.iter().find(|node| self.is_direct(node, pass)) {
                return Ok(Some(node.granting.clone()));
            }
            let mut listed = Vec::with_capacity(level.len());
            for node in &level {
                listed.extend(pass.need(self.world.listed(&node.object), || Key::Listed(node.object.clone())));
            }
            pass.complete()?;
            pass.look_at(listed.iter().map(|list| list.len()).sum())?;
            let mut listed = level.iter().zip(&listed);
            if let Some((node, _)) = listed.find(|(node, list)| self.follow(node, list, pass)) {
                return Ok(Some(node.granting.clone()));
            }
            self.depth += 1;
        }
        Ok(None)
    }

    /// Included relations are of the same resource, so no step away from it: they are of the same level.
    fn include(&mut self) {
        let mut at = 0;
        while let Some(node) = self.level.get(at).cloned() {
            for included in &node.relation.includes {
                self.reach(&node.object, included, &node, || How::Includes);
            }
            at += 1;
        }
    }

    /// Puts a relation on the level that is being gathered; false for what was there before.
    fn open(&mut self, object: &ObjectRef, name: &Segment, granting: &Segment) -> bool {
        let Some(relation) = self.model.relation(object.object_type(), name.as_str()) else { return false };
        let is_new = self.seen.insert((object.clone(), name.clone()));
        if is_new {
            let (object, name, granting) = (object.clone(), name.clone(), granting.clone());
            self.level.push(Node { object, name, relation, granting });
        }
        is_new
    }

    fn reach(&mut self, object: &ObjectRef, name: &Segment, from: &Node<'_>, how: impl FnOnce() -> How) {
        if self.open(object, name, &from.granting)
            && let Some(trace) = &mut self.trace
        {
            let came = ((from.object.clone(), from.name.clone()), how());
            trace.came.insert((object.clone(), name.clone()), came);
        }
    }

    /// Whether the search is over, since the subject was found; one that is traced goes on.
    fn ends(&mut self, node: &Node<'_>, subject: &EdgeSubject, interval: Interval) -> bool {
        if let Some(trace) = &mut self.trace {
            trace.found.push(end(node, subject, interval));
        }
        self.trace.is_none()
    }

    fn passes_by(&mut self, node: &Node<'_>, relation: &Segment, subject: &EdgeSubject, interval: Interval) {
        if let Some(trace) = &mut self.trace {
            let at = (node.object.clone(), relation.clone());
            trace.inactive.push(End { at, ..end(node, subject, interval) });
        }
    }

    /// An edge from the resource to the subject itself.
    fn is_direct(&mut self, node: &Node<'_>, pass: &mut Pass) -> bool {
        if !self.model.accepts(node.relation, self.subject) {
            return false;
        }
        let known = self.world.direct(&node.object, self.subject);
        let known = pass.need(known, || Key::Direct(node.object.clone(), self.subject.clone()));
        let of_relation = known.iter().flat_map(|list| list.iter()).filter(|edge| edge.relation == node.name);
        for edge in of_relation {
            if !pass.is_active(&edge.interval) {
                self.passes_by(node, &edge.relation, self.subject, edge.interval);
            } else if self.ends(node, self.subject, edge.interval) {
                return true;
            }
        }
        false
    }

    /// Goes on to whatever the relation follows from; true when it is the subject's already.
    fn follow(&mut self, node: &Node<'_>, listed: &[Edge], pass: &mut Pass) -> bool {
        for edge in listed {
            let is_of_relation = edge.relation == node.name;
            let mut from = node.relation.from.iter().filter(|from| from.via == edge.relation).peekable();
            let is_of_use = is_of_relation || from.peek().is_some();
            if !(is_of_use && self.model.counts(node.object.object_type(), edge)) {
                continue;
            }
            if let (true, Some(trace), EdgeSubject::Principal(group)) = (is_of_relation, &mut self.trace, &edge.subject)
            {
                trace.groups.insert(*group);
            }
            if !pass.is_active(&edge.interval) {
                self.passes_by(node, &edge.relation, &edge.subject, edge.interval);
                continue;
            }
            if is_of_relation && self.is_subject_in(&edge.subject) && self.ends(node, &edge.subject, edge.interval) {
                return true;
            }
            match &edge.subject {
                EdgeSubject::Object(object) => {
                    for from in from {
                        self.reach(object, &from.relation, node, || How::From(from.via.clone()));
                    }
                }
                EdgeSubject::Userset(object, name) if is_of_relation => {
                    self.reach(object, name, node, || How::Userset);
                }
                EdgeSubject::Userset(..)
                | EdgeSubject::Principal(_)
                | EdgeSubject::External(_)
                | EdgeSubject::Everyone(_) => {}
            }
        }
        false
    }

    /// Whether the subject is one of those that an edge names together.
    fn is_subject_in(&self, named: &EdgeSubject) -> bool {
        match named {
            EdgeSubject::Principal(principal) => self.principals.contains(principal),
            EdgeSubject::Everyone(of) => match (self.model.subject_space(of.as_str()), self.subject) {
                (Some(SubjectSpace::People), EdgeSubject::Principal(Principal::Person(_)))
                | (Some(SubjectSpace::Clients), EdgeSubject::Principal(Principal::Client(_))) => true,
                (Some(SubjectSpace::External), EdgeSubject::External(subject)) => subject.object_type() == of.as_str(),
                _ => false,
            },
            EdgeSubject::External(_) | EdgeSubject::Object(_) | EdgeSubject::Userset(..) => false,
        }
    }
}

fn end(node: &Node<'_>, subject: &EdgeSubject, interval: Interval) -> End {
    End { at: (node.object.clone(), node.name.clone()), subject: subject.clone(), interval }
}
