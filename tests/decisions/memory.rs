//! A world in memory, written as one reads it. Nothing in it is known before it is asked for, as with a store behind.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use doorward::decision::{
    Decision, Direct, Elsewhere, Explanation, Holdings, Key, Outcome, PersonFacts, Policies, Query, Scope, Snapshot,
    SubjectRef, SubjectState, WiderWorld, World, decide, explain,
};
use doorward::domain::assignment::{Assignment, Effect, Held, Principal};
use doorward::domain::group::Membership;
use doorward::domain::id::{AssignmentId, ClientId, ExternalSubjectId, GroupId, PersonId, RoleId};
use doorward::domain::model::Model;
use doorward::domain::name::{Segment, Slug};
use doorward::domain::object::{Edge, EdgeSubject, ObjectRef};
use doorward::domain::permission::Permission;
use doorward::domain::role::Role;
use doorward::domain::time::{Instant, Interval};
use serde_json::{Map, Value};
use uuid::Uuid;

/// The moment at which everything is asked.
pub fn now() -> Instant {
    Instant::parse("2026-11-22T15:00:00Z").unwrap()
}

pub fn until(time: &str) -> Interval {
    Interval::new(None, Some(Instant::parse(time).unwrap())).unwrap()
}

pub fn from(time: &str) -> Interval {
    Interval::new(Some(Instant::parse(time).unwrap()), None).unwrap()
}

pub const ALWAYS: Interval = Interval::ALWAYS;

/// A role by name, with its permissions and the roles it includes, which stand before it.
pub type RoleText<'a> = (&'a str, &'a [&'a str], &'a [&'a str]);

#[derive(Debug, Default)]
pub struct MemoryWorld {
    snapshot: Snapshot,
    roles: Vec<Role>,
    principals: HashMap<String, Principal>,
    disabled: HashSet<String>,
    memberships: HashMap<Principal, Vec<Membership>>,
    assignments: Vec<(Principal, Scope, Assignment)>,
    edges: Vec<(ObjectRef, Edge)>,
    resources: HashMap<ObjectRef, Map<String, Value>>,
    attributes: HashMap<Principal, Map<String, Value>>,
    known: RefCell<HashSet<Key>>,
}

impl MemoryWorld {
    pub fn new(model: Option<&Value>, roles: &[RoleText<'_>], policies: Option<&str>) -> Self {
        let model = model.map(|document| Model::parse(document).unwrap());
        let policies = policies.map(|text| Arc::new(Policies::compile(model.as_ref().unwrap(), text).unwrap()));
        Self::with(model, roles, policies)
    }

    pub fn with(model: Option<Model>, roles: &[RoleText<'_>], policies: Option<Arc<Policies>>) -> Self {
        let mut all: Vec<Role> = Vec::new();
        for (name, permissions, includes) in roles {
            let id = RoleId::from_uuid(Uuid::from_u128(0x1000 + all.len() as u128));
            let includes =
                all.iter().filter(|role| includes.contains(&role.name.as_str())).map(|role| role.id).collect();
            let permissions = permissions.iter().map(|p| Permission::parse(p).unwrap()).collect();
            all.push(Role { id, name: Slug::parse(name).unwrap(), permissions, includes });
        }
        Self { snapshot: Snapshot::build(&all, model, policies), roles: all, ..Self::default() }
    }

    /// `user:alice`, `client:bot`, `group:staff`, and any other type for what the resource server registered.
    pub fn has(mut self, name: &str) -> Self {
        let id = Uuid::from_u128(0x2000 + self.principals.len() as u128);
        let principal = match name.split_once(':').unwrap().0 {
            "user" => Principal::Person(PersonId::from_uuid(id)),
            "client" => Principal::Client(ClientId::from_uuid(id)),
            "group" => Principal::Group(GroupId::from_uuid(id)),
            _ => Principal::External(ExternalSubjectId::from_uuid(id)),
        };
        self.principals.insert(name.to_owned(), principal);
        self
    }

    pub fn disabled(mut self, name: &str) -> Self {
        self.disabled.insert(name.to_owned());
        self.has(name)
    }

    pub fn member(mut self, group: &str, member: &str, interval: Interval) -> Self {
        let Principal::Group(id) = self.principals[group] else { panic!("{group} is no group") };
        let name = group.split_once(':').unwrap().1.into();
        let member = self.principals[member];
        self.memberships.entry(member).or_default().push(Membership { group: id, name, interval });
        self
    }

    /// `role editor` or `permission read:document`, on a resource or at all.
    pub fn assigned(self, to: &str, what: &str, on: Option<&str>, interval: Interval) -> Self {
        self.assign(to, what, on, Effect::Allow, interval)
    }

    pub fn assign(mut self, to: &str, what: &str, on: Option<&str>, effect: Effect, interval: Interval) -> Self {
        let held = match what.split_once(' ').unwrap() {
            ("role", name) => Held::Role(self.roles.iter().find(|role| role.name.as_str() == name).unwrap().id),
            (_, permission) => Held::Permission(Permission::parse(permission).unwrap()),
        };
        let id = AssignmentId::from_uuid(Uuid::from_u128(0x3000 + self.assignments.len() as u128));
        let scope = on.map(|on| ObjectRef::parse(on).unwrap());
        self.assignments.push((self.principals[to], scope, Assignment { id, held, effect, interval }));
        self
    }

    /// `document:7#viewer@user:alice`, `…@group:staff#member`, `…@user:*`, `…@team:1#member`, `…@folder:a`.
    pub fn edge(mut self, text: &str, interval: Interval) -> Self {
        let (object, rest) = text.split_once('#').unwrap();
        let (relation, subject) = rest.split_once('@').unwrap();
        let subject = match subject.strip_suffix(":*") {
            Some(of) => EdgeSubject::Everyone(Segment::parse(of).unwrap()),
            None => self.edge_subject(subject),
        };
        let edge = Edge { relation: Segment::parse(relation).unwrap(), subject, interval };
        self.edges.push((ObjectRef::parse(object).unwrap(), edge));
        self
    }

    fn edge_subject(&self, text: &str) -> EdgeSubject {
        match (self.principals.get(text.strip_suffix("#member").unwrap_or(text)), text.split_once('#')) {
            (Some(Principal::External(_)), _) => EdgeSubject::External(ObjectRef::parse(text).unwrap()),
            (Some(principal), _) => EdgeSubject::Principal(*principal),
            (None, Some((object, relation))) => {
                EdgeSubject::Userset(ObjectRef::parse(object).unwrap(), Segment::parse(relation).unwrap())
            }
            (None, None) => EdgeSubject::Object(ObjectRef::parse(text).unwrap()),
        }
    }

    pub fn resource(mut self, object: &str, attributes: &Value) -> Self {
        self.resources.insert(ObjectRef::parse(object).unwrap(), attributes.as_object().unwrap().clone());
        self
    }

    /// What the resource server registered of a subject.
    pub fn registered(mut self, of: &str, attributes: &Value) -> Self {
        self.attributes.insert(self.principals[of], attributes.as_object().unwrap().clone());
        self
    }

    pub fn decide(&self, query: &Query) -> Result<Decision, &'static str> {
        self.learn(|| decide(self, query, now()))
    }

    pub fn explain(&self, query: &Query) -> Result<Explanation, &'static str> {
        self.learn(|| explain(self, query, now()))
    }

    /// `user:alice read document:7`: why, as a drawing. What explains agrees with what decides.
    pub fn why(&self, question: &str) -> String {
        let query = query(question);
        let explanation = self.explain(&query).unwrap();
        assert_eq!(explanation.allowed, self.decide(&query).unwrap().allowed, "{question}");
        explanation.tree.draw()
    }

    /// Asks, and learns what is missing, until there is an answer.
    fn learn<T>(&self, ask: impl Fn() -> Outcome<T>) -> Result<T, &'static str> {
        self.known.borrow_mut().clear();
        loop {
            match ask() {
                Outcome::Decided(answer) => return Ok(answer),
                Outcome::OverBudget => return Err("over budget"),
                Outcome::Missing(keys) => {
                    assert!(!keys.is_empty(), "something is missing, and nobody says what");
                    for key in keys {
                        assert!(self.known.borrow_mut().insert(key.clone()), "asked for twice: {key:?}");
                    }
                }
            }
        }
    }

    fn when<T>(&self, key: &Key, value: impl FnOnce() -> T) -> Option<T> {
        self.known.borrow().contains(key).then(value)
    }
}

/// `user:alice read document:7`
pub fn query(question: &str) -> Query {
    let parts: Vec<_> = question.splitn(3, ' ').collect();
    let [subject, action, resource] = parts.try_into().unwrap();
    let subject = match subject.split_once(':').unwrap() {
        ("user", name) => SubjectRef::User(name.to_owned()),
        ("client", name) => SubjectRef::Client(name.to_owned()),
        _ => SubjectRef::External(ObjectRef::parse(subject).unwrap()),
    };
    let (resource_type, id) = resource.split_once(':').unwrap();
    Query::new(subject, action, resource_type, id)
}

impl World for MemoryWorld {
    fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn subject(&self, subject: &SubjectRef) -> Option<SubjectState> {
        self.when(&Key::Subject(subject.clone()), || {
            let name = subject.to_string();
            match self.principals.get(&name) {
                None => SubjectState::Unknown,
                Some(_) if self.disabled.contains(&name) => SubjectState::Disabled,
                Some(principal) => SubjectState::Active(*principal),
            }
        })
    }

    fn memberships(&self, of: Principal) -> Option<Arc<[Membership]>> {
        self.when(&Key::Memberships(of), || self.memberships.get(&of).cloned().unwrap_or_default().into())
    }

    /// Those of more than one are asked for scope by scope, as if they were very many.
    fn holdings(&self, of: Principal) -> Option<Arc<Holdings>> {
        self.when(&Key::Holdings(of), || {
            let held = self.assignments.iter().filter(|(principal, ..)| *principal == of);
            let held: Vec<_> = held.map(|(_, scope, assignment)| (scope.clone(), assignment.clone())).collect();
            Arc::new(if held.len() > 1 { Holdings::Many } else { Holdings::whole(held) })
        })
    }

    fn assignments(&self, of: Principal, scope: &Scope) -> Option<Arc<[Assignment]>> {
        self.when(&Key::Assignments(of, scope.clone()), || {
            let here = self.assignments.iter().filter(|(principal, at, _)| *principal == of && at == scope);
            here.map(|(_, _, assignment)| assignment.clone()).collect()
        })
    }

    fn listed(&self, object: &ObjectRef) -> Option<Arc<[Edge]>> {
        self.when(&Key::Listed(object.clone()), || {
            let here = self.edges.iter().filter(|(at, edge)| at == object && !edge.subject.is_one());
            here.map(|(_, edge)| edge.clone()).collect()
        })
    }

    fn direct(&self, object: &ObjectRef, subject: &EdgeSubject) -> Option<Arc<[Direct]>> {
        self.when(&Key::Direct(object.clone(), subject.clone()), || {
            let here = self.edges.iter().filter(|(at, edge)| at == object && edge.subject == *subject);
            here.map(|(_, edge)| Direct { relation: edge.relation.clone(), interval: edge.interval }).collect()
        })
    }

    fn person(&self, id: PersonId) -> Option<Arc<PersonFacts>> {
        self.when(&Key::Person(id), || Arc::new(PersonFacts { sub: id.to_string(), attributes: Map::new() }))
    }

    fn attributes(&self, of: Principal) -> Option<Arc<Map<String, Value>>> {
        self.when(&Key::Attributes(of), || Arc::new(self.attributes.get(&of).cloned().unwrap_or_default()))
    }

    fn resource(&self, object: &ObjectRef) -> Option<Arc<Map<String, Value>>> {
        self.when(&Key::Resource(object.clone()), || Arc::new(self.resources.get(object).cloned().unwrap_or_default()))
    }
}

impl WiderWorld for MemoryWorld {
    fn elsewhere(&self, of: Principal) -> Option<Arc<[Elsewhere]>> {
        self.when(&Key::Elsewhere(of), || {
            let scoped = self.assignments.iter().filter(|(principal, _, _)| *principal == of);
            let scoped = scoped.filter_map(|(_, scope, assignment)| Some((scope.clone()?, assignment.clone())));
            scoped.map(|(scope, assignment)| Elsewhere { scope, assignment }).collect()
        })
    }
}
