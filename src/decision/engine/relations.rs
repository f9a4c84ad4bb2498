//! Whether a subject has a relation to a resource: a search along the edges, from the resource towards the subject. What
//! relations say is a union and nothing else, so the first way that is found is enough.

use std::collections::{HashMap, HashSet};

use super::pass::{Pass, Step, Stop};
use super::{Key, OBJECT_DEPTH_MAX, RELATIONS_MAX, World};
use crate::domain::assignment::Principal;
use crate::domain::model::{Model, Relation, SubjectSpace};
use crate::domain::name::Segment;
use crate::domain::object::{EdgeSubject, ObjectRef};
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
struct Node {
    object: ObjectRef,
    relation: Segment,
    /// Where the search began: the relation that grants.
    granting: Segment,
    depth: usize,
}

pub(super) struct Search<'a, W> {
    world: &'a W,
    model: &'a Model,
    subject: &'a EdgeSubject,
    principals: &'a [Principal],
    seen: HashSet<(ObjectRef, Segment)>,
    open: Vec<Node>,
    trace: Option<Trace>,
}

impl<'a, W: World> Search<'a, W> {
    pub(super) fn new(world: &'a W, model: &'a Model, subject: &'a EdgeSubject, principals: &'a [Principal]) -> Self {
        Self { world, model, subject, principals, seen: HashSet::new(), open: Vec::new(), trace: None }
    }

    /// Having this relation would do.
    pub(super) fn begin(&mut self, object: &ObjectRef, relation: &Segment) {
        self.open_at(object, relation, relation, 0);
    }

    /// The relation it began with through which the subject is found, if any is.
    ///
    /// # Errors
    /// What is missing, or over budget.
    pub(super) fn run(mut self, pass: &mut Pass) -> Step<Option<Segment>> {
        while let Some(node) = self.open.pop() {
            if self.seen.len() > RELATIONS_MAX || node.depth > OBJECT_DEPTH_MAX {
                return Err(Stop::OverBudget);
            }
            let Some(relation) = self.model.relation(node.object.object_type(), node.relation.as_str()) else {
                continue;
            };
            if self.is_direct(&node, relation, pass) || self.follow(&node, relation, pass) {
                return Ok(Some(node.granting));
            }
        }
        pass.complete()?;
        Ok(None)
    }

    /// The same search to its end: every edge that ends it, one way to each.
    ///
    /// # Errors
    /// What is missing; or over budget before anything was found, as [`Self::run`] would be.
    pub(super) fn all(mut self, pass: &mut Pass) -> Step<Trace> {
        self.trace = Some(Trace::default());
        let mut is_cut = false;
        while let Some(node) = self.open.pop() {
            if self.seen.len() > RELATIONS_MAX || node.depth > OBJECT_DEPTH_MAX {
                is_cut = true;
                break;
            }
            let Some(relation) = self.model.relation(node.object.object_type(), node.relation.as_str()) else {
                continue;
            };
            self.is_direct(&node, relation, pass);
            self.follow(&node, relation, pass);
        }
        pass.complete()?;
        match self.trace {
            Some(trace) if is_cut && trace.found.is_empty() => Err(Stop::OverBudget),
            trace => Ok(Trace { is_cut, ..trace.unwrap_or_default() }),
        }
    }

    fn open_at(&mut self, object: &ObjectRef, relation: &Segment, granting: &Segment, depth: usize) -> bool {
        let is_new = self.seen.insert((object.clone(), relation.clone()));
        if is_new {
            let (object, relation, granting) = (object.clone(), relation.clone(), granting.clone());
            self.open.push(Node { object, relation, granting, depth });
        }
        is_new
    }

    fn reach(&mut self, object: &ObjectRef, relation: &Segment, from: &Node, depth: usize, how: impl FnOnce() -> How) {
        if self.open_at(object, relation, &from.granting, depth)
            && let Some(trace) = &mut self.trace
        {
            let came = ((from.object.clone(), from.relation.clone()), how());
            trace.came.insert((object.clone(), relation.clone()), came);
        }
    }

    /// Whether the search is over, since the subject was found; one that is traced goes on.
    fn ends(&mut self, node: &Node, subject: &EdgeSubject, interval: Interval) -> bool {
        if let Some(trace) = &mut self.trace {
            trace.found.push(end(node, subject, interval));
        }
        self.trace.is_none()
    }

    fn passes_by(&mut self, node: &Node, relation: &Segment, subject: &EdgeSubject, interval: Interval) {
        if let Some(trace) = &mut self.trace {
            let at = (node.object.clone(), relation.clone());
            trace.inactive.push(End { at, ..end(node, subject, interval) });
        }
    }

    /// An edge from the resource to the subject itself.
    fn is_direct(&mut self, node: &Node, relation: &Relation, pass: &mut Pass) -> bool {
        if !self.model.accepts(relation, self.subject) {
            return false;
        }
        let known = self.world.direct(&node.object, self.subject);
        let known = pass.need(known, || Key::Direct(node.object.clone(), self.subject.clone()));
        let of_relation = known.iter().flat_map(|list| list.iter()).filter(|edge| edge.relation == node.relation);
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
    fn follow(&mut self, node: &Node, relation: &Relation, pass: &mut Pass) -> bool {
        for included in &relation.includes {
            self.reach(&node.object, included, node, node.depth, || How::Includes);
        }
        let listed = self.world.listed(&node.object);
        let Some(listed) = pass.need(listed, || Key::Listed(node.object.clone())) else { return false };
        for edge in listed.iter() {
            let mut from = relation.from.iter().filter(|from| from.via == edge.relation).peekable();
            let is_of_relation = edge.relation == node.relation;
            if !(is_of_relation || from.peek().is_some()) || !self.model.allows(&node.object, edge) {
                continue;
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
                        self.reach(object, &from.relation, node, node.depth + 1, || How::From(from.via.clone()));
                    }
                }
                EdgeSubject::Userset(object, name) if is_of_relation => {
                    self.reach(object, name, node, node.depth + 1, || How::Userset);
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

fn end(node: &Node, subject: &EdgeSubject, interval: Interval) -> End {
    End { at: (node.object.clone(), node.relation.clone()), subject: subject.clone(), interval }
}
