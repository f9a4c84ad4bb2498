//! What is missing, by kind: one statement reads all of a kind.

use crate::decision::engine::{Key, Scope, SubjectRef};
use crate::domain::assignment::Principal;
use crate::domain::id::PersonId;
use crate::domain::object::{EdgeSubject, ObjectRef};

/// Keys by kind.
#[derive(Default)]
pub(super) struct Wanted {
    pub subjects: Vec<SubjectRef>,
    pub memberships: Vec<Principal>,
    pub holdings: Vec<Principal>,
    pub assignments: Vec<(Principal, Scope)>,
    pub listed: Vec<ObjectRef>,
    pub direct: Vec<(ObjectRef, EdgeSubject)>,
    pub people: Vec<PersonId>,
    pub attributes: Vec<Principal>,
    pub resources: Vec<ObjectRef>,
    pub elsewhere: Vec<Principal>,
}

impl Wanted {
    pub(super) fn sort(keys: Vec<Key>) -> Self {
        let mut wanted = Self::default();
        for key in keys {
            match key {
                Key::Subject(of) => wanted.subjects.push(of),
                Key::Memberships(of) => wanted.memberships.push(of),
                Key::Holdings(of) => wanted.holdings.push(of),
                Key::Assignments(of, scope) => wanted.assignments.push((of, scope)),
                Key::Listed(object) => wanted.listed.push(object),
                Key::Direct(object, subject) => wanted.direct.push((object, subject)),
                Key::Person(id) => wanted.people.push(id),
                Key::Attributes(of) => wanted.attributes.push(of),
                Key::Resource(object) => wanted.resources.push(object),
                Key::Elsewhere(of) => wanted.elsewhere.push(of),
            }
        }
        // So that what crosses in one statement has one side in common, and little is read twice.
        wanted.assignments.sort_unstable();
        wanted.direct.sort_unstable();
        wanted
    }
}
