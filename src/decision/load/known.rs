//! What a view knows when the engine asks: what it loaded itself, else what is cached.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Used, View};
use crate::decision::engine::{
    Direct, Elsewhere, Holdings, PersonFacts, Scope, SubjectRef, SubjectState, WiderWorld, World,
};
use crate::decision::snapshot::Snapshot;
use crate::domain::assignment::{Assignment, Principal};
use crate::domain::group::Membership;
use crate::domain::id::PersonId;
use crate::domain::object::{Edge, EdgeSubject, ObjectRef};

impl World for View<'_> {
    fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn subject(&self, subject: &SubjectRef) -> Option<SubjectState> {
        self.uses(|| Used::Subject(subject.clone()));
        self.states.get(subject).copied().or_else(|| match subject {
            SubjectRef::External(name) => self.hit(self.caches?.externals.get(&(self.at, name.clone()))),
            named => self.hit(self.caches?.subjects.get(named)),
        })
    }

    fn memberships(&self, of: Principal) -> Option<Arc<[Membership]>> {
        self.uses(|| Used::Memberships(of));
        self.memberships.get(&of).cloned().or_else(|| self.hit(self.caches?.memberships.get(&of)))
    }

    fn holdings(&self, of: Principal) -> Option<Arc<Holdings>> {
        self.uses(|| Used::Holdings(of));
        self.holdings.get(&of).cloned().or_else(|| self.hit(self.caches?.holdings.get(&(self.at, of))))
    }

    fn assignments(&self, of: Principal, scope: &Scope) -> Option<Arc<[Assignment]>> {
        self.uses(|| Used::Assignments(of, scope.clone()));
        let loaded = self.assignments.get(&(of, scope.clone())).cloned();
        loaded.or_else(|| self.hit(self.caches?.assignments.get(&(self.at, of, scope.clone()))))
    }

    fn listed(&self, object: &ObjectRef) -> Option<Arc<[Edge]>> {
        self.uses(|| Used::Listed(object.clone()));
        self.listed.get(object).cloned().or_else(|| self.hit(self.caches?.listed.get(&(self.at, object.clone()))))
    }

    fn direct(&self, object: &ObjectRef, subject: &EdgeSubject) -> Option<Arc<[Direct]>> {
        self.uses(|| Used::Direct(object.clone(), subject.clone()));
        let loaded = self.direct.get(&(object.clone(), subject.clone())).cloned();
        loaded.or_else(|| self.hit(self.caches?.direct.get(&(self.at, object.clone(), subject.clone()))))
    }

    fn person(&self, id: PersonId) -> Option<Arc<PersonFacts>> {
        self.uses(|| Used::Person(id));
        self.people.get(&id).cloned().or_else(|| self.hit(self.caches?.people.get(&id)))
    }

    fn attributes(&self, of: Principal) -> Option<Arc<Map<String, Value>>> {
        self.uses(|| Used::Attributes(of));
        self.attributes.get(&of).cloned().or_else(|| self.hit(self.caches?.attributes.get(&(self.at, of))))
    }

    fn resource(&self, object: &ObjectRef) -> Option<Arc<Map<String, Value>>> {
        self.uses(|| Used::Resource(object.clone()));
        let loaded = self.resources.get(object).cloned();
        loaded.or_else(|| self.hit(self.caches?.resources.get(&(self.at, object.clone()))))
    }
}

impl WiderWorld for View<'_> {
    fn elsewhere(&self, of: Principal) -> Option<Arc<[Elsewhere]>> {
        self.elsewhere.get(&of).cloned()
    }
}
