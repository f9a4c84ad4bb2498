//! Whether a subject has a relation to a resource: a search along the edges, from the resource towards the subject. What
//! relations say is a union and nothing else, so the first way that is found is enough.

use std::collections::HashSet;

use super::pass::{Pass, Step, Stop};
use super::{Key, OBJECT_DEPTH_MAX, RELATIONS_MAX, World};
use crate::domain::assignment::Principal;
use crate::domain::model::{Model, Relation, SubjectSpace};
use crate::domain::name::Segment;
use crate::domain::object::{EdgeSubject, ObjectRef};

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
}

impl<'a, W: World> Search<'a, W> {
    pub(super) fn new(world: &'a W, model: &'a Model, subject: &'a EdgeSubject, principals: &'a [Principal]) -> Self {
        Self { world, model, subject, principals, seen: HashSet::new(), open: Vec::new() }
    }

    /// Having this relation would do.
    pub(super) fn begin(&mut self, object: &ObjectRef, relation: &Segment) {
        self.reach(object, relation, relation, 0);
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

    fn reach(&mut self, object: &ObjectRef, relation: &Segment, granting: &Segment, depth: usize) {
        if self.seen.insert((object.clone(), relation.clone())) {
            let (object, relation, granting) = (object.clone(), relation.clone(), granting.clone());
            self.open.push(Node { object, relation, granting, depth });
        }
    }

    /// An edge from the resource to the subject itself.
    fn is_direct(&self, node: &Node, relation: &Relation, pass: &mut Pass) -> bool {
        if !self.model.accepts(relation, self.subject) {
            return false;
        }
        let known = self.world.direct(&node.object, self.subject);
        let known = pass.need(known, || Key::Direct(node.object.clone(), self.subject.clone()));
        let mut of_relation = known.iter().flat_map(|list| list.iter()).filter(|edge| edge.relation == node.relation);
        of_relation.any(|edge| pass.is_active(&edge.interval))
    }

    /// Goes on to whatever the relation follows from; true when it is the subject's already.
    fn follow(&mut self, node: &Node, relation: &Relation, pass: &mut Pass) -> bool {
        for included in &relation.includes {
            self.reach(&node.object, included, &node.granting, node.depth);
        }
        let listed = self.world.listed(&node.object);
        let Some(listed) = pass.need(listed, || Key::Listed(node.object.clone())) else { return false };
        for edge in listed.iter() {
            let mut from = relation.from.iter().filter(|from| from.via == edge.relation).peekable();
            // An edge of an earlier model counts only as far as the present one allows it.
            let is_of_relation = edge.relation == node.relation && self.model.accepts(relation, &edge.subject);
            if !(is_of_relation || from.peek().is_some()) || !pass.is_active(&edge.interval) {
                continue;
            }
            if is_of_relation && self.is_subject_in(&edge.subject) {
                return true;
            }
            match &edge.subject {
                EdgeSubject::Object(object) => {
                    for from in from {
                        self.reach(object, &from.relation, &node.granting, node.depth + 1);
                    }
                }
                EdgeSubject::Userset(object, name) if is_of_relation => {
                    self.reach(object, name, &node.granting, node.depth + 1);
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
