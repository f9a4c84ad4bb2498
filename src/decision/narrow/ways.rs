//! By what relations an action on a type can be had, as far as the model alone tells.

use std::collections::{BTreeSet, HashSet};

use crate::decision::engine;
use crate::domain::model::{Model, PARENT, Relation, SubjectPattern};
use crate::domain::name::Segment;
use crate::domain::object::ObjectRef;

/// Relations of types from which the action follows, step by step; nothing else needs to be looked at.
pub(super) struct Ways<'m> {
    model: &'m Model,
    resource_type: &'m str,
    granting: HashSet<&'m str>,
    relations: HashSet<(&'m str, &'m str)>,
    /// Those that others take from what an edge leads to, on whatever type.
    taken: BTreeSet<&'m str>,
    /// The relations of those edges.
    via: BTreeSet<&'m str>,
    /// Those that edges name as their subject: `team#member`.
    usersets: BTreeSet<(&'m str, &'m str)>,
}

impl<'m> Ways<'m> {
    pub(super) fn new(model: &'m Model, action: &'m str, resource_type: &'m str) -> Self {
        let granting: HashSet<_> = engine::granting(model, action, resource_type).map(Segment::as_str).collect();
        let mut ways = Self {
            model,
            resource_type,
            granting,
            relations: HashSet::new(),
            taken: BTreeSet::new(),
            via: BTreeSet::new(),
            usersets: BTreeSet::new(),
        };
        let mut open: Vec<_> = ways.granting.iter().map(|relation| (resource_type, *relation)).collect();
        while let Some((of, name)) = open.pop() {
            let Some(relation) = model.relation(of, name) else { continue };
            if ways.relations.insert((of, name)) {
                ways.step(of, relation, &mut open);
            }
        }
        ways
    }

    /// What a relation follows from.
    fn step(&mut self, of: &'m str, relation: &'m Relation, open: &mut Vec<(&'m str, &'m str)>) {
        open.extend(relation.includes.iter().map(|included| (of, included.as_str())));
        for from in &relation.from {
            self.via.insert(from.via.as_str());
            self.taken.insert(from.relation.as_str());
            // Of whatever type: where the edge leads is not held against the present model (nor is it in a decision).
            open.extend(self.model.resources.keys().map(|to| (to.as_str(), from.relation.as_str())));
        }
        for pattern in &relation.subjects {
            if let SubjectPattern::Userset(to, name) = pattern {
                self.usersets.insert((to.as_str(), name.as_str()));
                open.push((to.as_str(), name.as_str()));
            }
        }
    }

    /// Whether resources of this type are in others.
    pub(super) fn has_parents(&self, resource_type: &str) -> bool {
        self.model.relation(resource_type, PARENT).is_some()
    }

    /// Whether what holds for a resource may hold for what is below it, down to the type that is searched for.
    pub(super) fn is_inherited(&self) -> bool {
        self.has_parents(self.resource_type)
    }

    pub(super) fn is_granting(&self, object: &ObjectRef, relation: &str) -> bool {
        object.object_type() == self.resource_type && self.granting.contains(relation)
    }

    pub(super) fn has(&self, object: &ObjectRef, relation: &str) -> bool {
        self.relations.contains(&(object.object_type(), relation))
    }

    /// The names of the relations.
    pub(super) fn names(&self) -> Vec<&'m str> {
        let names: BTreeSet<_> = self.relations.iter().map(|(_, name)| *name).collect();
        names.into_iter().collect()
    }

    /// The relations of edges through which another relation is taken, or what holds above.
    pub(super) fn via(&self) -> Vec<&'m str> {
        let parent = self.is_inherited().then_some(PARENT);
        let all: BTreeSet<_> = self.via.iter().copied().chain(parent).collect();
        all.into_iter().collect()
    }

    /// The names of relations that edges have as subjects.
    pub(super) fn usersets(&self) -> Vec<&'m str> {
        let names: BTreeSet<_> = self.usersets.iter().map(|(_, name)| *name).collect();
        names.into_iter().collect()
    }

    /// Whether a relation of a resource may give one of another resource.
    pub(super) fn leads_on(&self, object: &ObjectRef, relation: &str) -> bool {
        self.taken.contains(relation) || self.usersets.contains(&(object.object_type(), relation))
    }

    /// The relations of a resource that include this one.
    pub(super) fn including<'w>(&'w self, object: &'w ObjectRef, relation: &'w str) -> impl Iterator<Item = &'m str> {
        self.of(object, move |of| of.includes.iter().any(|included| included.as_str() == relation))
    }

    /// The relations of a resource that take this one from what its edges lead to.
    pub(super) fn taking<'w>(
        &'w self,
        object: &'w ObjectRef,
        via: &'w str,
        relation: &'w str,
    ) -> impl Iterator<Item = &'m str> {
        self.of(object, move |of| {
            of.from.iter().any(|from| from.via.as_str() == via && from.relation.as_str() == relation)
        })
    }

    fn of<'w>(
        &'w self,
        object: &'w ObjectRef,
        is_wanted: impl Fn(&Relation) -> bool + 'w,
    ) -> impl Iterator<Item = &'m str> {
        let of = self.model.resources.get(object.object_type());
        let relations = of.into_iter().flat_map(|of| &of.relations).filter(move |(_, relation)| is_wanted(relation));
        relations.map(|(name, _)| name.as_str()).filter(move |name| self.has(object, name))
    }
}
