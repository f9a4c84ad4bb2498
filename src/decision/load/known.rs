//! What a view knows when the engine asks: what it loaded itself, else what is cached.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::View;
use crate::decision::caches::Whom;
use crate::decision::engine::{
    Direct, Elsewhere, Gathered, Holdings, Key, PersonFacts, Scope, SubjectRef, SubjectState, WiderWorld, World,
};
use crate::decision::snapshot::Snapshot;
use crate::domain::assignment::{Assignment, Principal};
use crate::domain::group::Membership;
use crate::domain::id::PersonId;
use crate::domain::object::{Edge, EdgeSubject, ObjectRef};
use crate::domain::time::Instant;

impl World for View<'_> {
    fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn subject(&self, subject: &SubjectRef) -> Option<SubjectState> {
        self.uses(|| Key::Subject(subject.clone()));
        let own = self.own.as_ref().and_then(|own| own.states.get(subject).copied());
        own.or_else(|| match subject {
            SubjectRef::External(name) => self.hit(self.caches?.externals.get(&(self.at, name.clone()))),
            named => self.hit(self.caches?.subjects.get(named)),
        })
    }

    fn memberships(&self, of: Principal) -> Option<Arc<[Membership]>> {
        self.uses(|| Key::Memberships(of));
        let own = self.own.as_ref().and_then(|own| own.memberships.get(&of).cloned());
        own.or_else(|| self.hit(self.caches?.memberships.get(&of)))
    }

    fn holdings(&self, of: Principal) -> Option<Arc<Holdings>> {
        self.uses(|| Key::Holdings(of));
        let own = self.own.as_ref().and_then(|own| own.holdings.get(&of).cloned());
        own.or_else(|| self.hit(self.caches?.holdings.get(&(self.at, of))))
    }

    fn assignments(&self, of: Principal, scope: &Scope) -> Option<Arc<[Assignment]>> {
        self.uses(|| Key::Assignments(of, scope.clone()));
        let own = self.own.as_ref().and_then(|own| own.assignments.get(&(of, scope.clone())).cloned());
        own.or_else(|| self.hit(self.caches?.assignments.get(&(self.at, of, scope.clone()))))
    }

    fn listed(&self, object: &ObjectRef) -> Option<Arc<[Edge]>> {
        self.uses(|| Key::Listed(object.clone()));
        let own = self.own.as_ref().and_then(|own| own.listed.get(object).cloned());
        own.or_else(|| self.hit(self.caches?.listed.get(&(self.at, object.clone()))))
    }

    fn direct(&self, object: &ObjectRef, subject: &EdgeSubject) -> Option<Arc<[Direct]>> {
        self.uses(|| Key::Direct(object.clone(), subject.clone()));
        let own = self.own.as_ref().and_then(|own| own.direct.get(&(object.clone(), subject.clone())).cloned());
        own.or_else(|| self.hit(self.caches?.direct.get(&(self.at, object.clone(), subject.clone()))))
    }

    fn person(&self, id: PersonId) -> Option<Arc<PersonFacts>> {
        self.uses(|| Key::Person(id));
        let own = self.own.as_ref().and_then(|own| own.people.get(&id).cloned());
        own.or_else(|| self.hit(self.caches?.people.get(&id)))
    }

    fn attributes(&self, of: Principal) -> Option<Arc<Map<String, Value>>> {
        self.uses(|| Key::Attributes(of));
        let own = self.own.as_ref().and_then(|own| own.attributes.get(&of).cloned());
        own.or_else(|| self.hit(self.caches?.attributes.get(&(self.at, of))))
    }

    fn resource(&self, object: &ObjectRef) -> Option<Arc<Map<String, Value>>> {
        self.uses(|| Key::Resource(object.clone()));
        let own = self.own.as_ref().and_then(|own| own.resources.get(object).cloned());
        own.or_else(|| self.hit(self.caches?.resources.get(&(self.at, object.clone()))))
    }

    fn kept(&self, subject: &SubjectRef, now: Instant) -> Option<Arc<Gathered>> {
        let (revision, gathered) = self.caches?.gathered.get(&Whom(self.at, subject))?;
        if !(gathered.counts(now) && self.service.changes.unmarked_since(&gathered.marks, revision)) {
            return None;
        }
        self.saw(revision);
        self.found.borrow_mut().push(gathered.clone());
        Some(gathered)
    }

    fn keep(&self, subject: &SubjectRef, mut gathered: Gathered) -> Arc<Gathered> {
        if self.caches.is_none() {
            return Arc::new(gathered);
        }
        let of = gathered.principals().iter().flat_map(|of| [Key::Memberships(*of), Key::Holdings(*of)]);
        let keys = std::iter::once(Key::Subject(subject.clone())).chain(of);
        gathered.marks = keys.map(|key| self.service.changes.mark_of(&self.changed(&key))).collect();
        let gathered = Arc::new(gathered);
        self.gathered.borrow_mut().push((subject.clone(), gathered.clone()));
        gathered
    }
}

impl WiderWorld for View<'_> {
    fn elsewhere(&self, of: Principal) -> Option<Arc<[Elsewhere]>> {
        self.uses(|| Key::Elsewhere(of));
        self.own.as_ref()?.elsewhere.get(&of).cloned()
    }
}
