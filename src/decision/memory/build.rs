//! A world from names; each is looked up as a server looks it up, and what nobody is called is refused.

use std::collections::BTreeSet;
use std::sync::{Arc, RwLock};

use serde_json::{Map, Value};
use uuid::Uuid;

use super::{MemoryWorld, Rulebook};
use crate::decision::engine::{Direct, FastMap, Holdings, PersonFacts, Scope, SubjectRef, SubjectState};
use crate::decision::given::{
    Given, GivenAssignment, GivenHeld, GivenMember, GivenPerson, GivenRelation, GivenSubject,
};
use crate::domain::assignment::{Assignment, Held, Principal};
use crate::domain::attribute::known_here;
use crate::domain::group::{Membership, NamedGroups};
use crate::domain::id::{AssignmentId, ClientId, ExternalSubjectId, GroupId, PersonId};
use crate::domain::model::{Model, SubjectSpace};
use crate::domain::name::Slug;
use crate::domain::object::{Edge, EdgeSubject, ObjectRef};
use crate::domain::subject_name::{SubjectName, check_edge};
use crate::domain::time::Interval;

/// A world under construction.
#[derive(Default)]
struct Builder {
    last: u128,
    subjects: FastMap<SubjectRef, SubjectState>,
    known: FastMap<SubjectRef, Principal>,
    groups: FastMap<Slug, GroupId>,
    people: FastMap<PersonId, Arc<PersonFacts>>,
    memberships: FastMap<Principal, Vec<Membership>>,
    holdings: FastMap<Principal, Vec<(Scope, Assignment)>>,
    listed: FastMap<ObjectRef, Vec<Edge>>,
    direct: FastMap<(ObjectRef, EdgeSubject), Vec<Direct>>,
    attributes: FastMap<Principal, Arc<Map<String, Value>>>,
    labels: FastMap<AssignmentId, String>,
}

impl MemoryWorld {
    /// # Errors
    /// The first member that names what is not there or is not allowed, with its path.
    pub fn build(rules: &Rulebook, groups: &NamedGroups, given: &Given) -> Result<Self, String> {
        let mut builder = Builder::default();
        let model = rules.snapshot.model();
        builder.name_groups(groups, &given.members);
        each("people", &given.people, |person| builder.person(person))?;
        for client in &given.clients {
            let id = Principal::Client(ClientId::from_uuid(builder.mint()));
            builder.know(SubjectRef::Client(client.to_string()), id, false);
        }
        each("subjects", &given.subjects, |subject| builder.subject(model, subject))?;
        builder.nest(groups)?;
        each("members", &given.members, |member| builder.member(member))?;
        each("assignments", &given.assignments, |assignment| builder.assignment(rules, assignment))?;
        each("relations", &given.relations, |relation| builder.relation(model, relation))?;
        let resources = given.resources.iter();
        each("resources", &given.resources, |resource| {
            let is_known = model.is_some_and(|model| model.resources.contains_key(resource.resource.object_type()));
            let unknown = || format!("the model has no resource type {:?}", resource.resource.object_type());
            is_known.then_some(()).ok_or_else(unknown)
        })?;
        Ok(Self {
            snapshot: rules.snapshot.clone(),
            subjects: builder.subjects,
            memberships: shared(builder.memberships),
            holdings: builder.holdings.into_iter().map(|(of, held)| (of, Arc::new(Holdings::whole(held)))).collect(),
            nothing: Arc::new(Holdings::whole(Vec::new())),
            listed: shared(builder.listed),
            direct: shared(builder.direct),
            people: builder.people,
            attributes: builder.attributes,
            resources: resources.map(|of| (of.resource.clone(), Arc::new(of.attributes.clone()))).collect(),
            gathered: RwLock::default(),
            labels: builder.labels,
        })
    }
}

fn each<T>(list: &str, items: &[T], mut add: impl FnMut(&T) -> Result<(), String>) -> Result<(), String> {
    let mut numbered = items.iter().enumerate();
    numbered.try_for_each(|(index, item)| add(item).map_err(|problem| format!("{list}[{index}]: {problem}")))
}

fn shared<K: std::hash::Hash + Eq, V>(lists: FastMap<K, Vec<V>>) -> FastMap<K, Arc<[V]>> {
    lists.into_iter().map(|(key, list)| (key, list.into())).collect()
}

impl Builder {
    fn mint(&mut self) -> Uuid {
        self.last += 1;
        Uuid::from_u128(self.last)
    }

    fn know(&mut self, name: SubjectRef, principal: Principal, disabled: bool) {
        let state = if disabled { SubjectState::Disabled } else { SubjectState::Active(principal) };
        self.subjects.insert(name.clone(), state);
        self.known.insert(name, principal);
    }

    /// A group is there when the files name it or somebody is in it.
    fn name_groups(&mut self, groups: &NamedGroups, members: &[GivenMember]) {
        let names: BTreeSet<_> = groups.keys().chain(members.iter().map(|member| &member.group)).collect();
        for name in names {
            let id = GroupId::from_uuid(self.mint());
            self.groups.insert(name.clone(), id);
        }
    }

    fn person(&mut self, person: &GivenPerson) -> Result<(), String> {
        let id = PersonId::from_uuid(self.mint());
        let username = person.username.to_string();
        // As a generated one: nothing can have been written with it in mind.
        let sub = person.sub.as_ref().map_or_else(|| format!("u{}", id.uuid().simple()), ToString::to_string);
        for name in [&sub, &username] {
            let name = SubjectRef::User(name.clone());
            if self.known.contains_key(&name) {
                return Err(format!("{username} is there already"));
            }
            self.know(name, Principal::Person(id), person.disabled);
        }
        let name = person.name.as_ref().map(ToString::to_string);
        let email = person.email.as_ref().map(ToString::to_string);
        let known = [("username", Some(username)), ("name", name), ("email", email)].into_iter();
        let attributes = known.filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?)))).collect();
        self.people.insert(id, Arc::new(PersonFacts { sub, attributes }));
        Ok(())
    }

    fn subject(&mut self, model: Option<&Model>, given: &GivenSubject) -> Result<(), String> {
        let model = model.ok_or("there is no model")?;
        let of = given.subject.split_once(':').map_or("", |(of, _)| of);
        let principal = if model.subject_space(of) == Some(SubjectSpace::External) {
            let name = ObjectRef::parse(&given.subject).map_err(|error| error.to_string())?;
            let principal = Principal::External(ExternalSubjectId::from_uuid(self.mint()));
            self.know(SubjectRef::External(name), principal, given.disabled.unwrap_or(false));
            principal
        } else if given.disabled.is_some() {
            return Err("only a subject of the resource server's own is disabled here".to_owned());
        } else {
            self.principal(&given.subject)?
        };
        if let Some(attributes) = &given.attributes {
            if let (Principal::Person(_), Some(name)) = (principal, known_here(attributes)) {
                return Err(format!("attributes.{name}: of people this is given with the person"));
            }
            self.attributes.insert(principal, Arc::new(attributes.clone()));
        }
        Ok(())
    }

    fn nest(&mut self, groups: &NamedGroups) -> Result<(), String> {
        for (outer, group) in groups {
            for inner in &group.groups {
                let inner = self.principal(&format!("group:{inner}"));
                let inner = inner.map_err(|problem| format!("groups.{outer}.groups: {problem}"))?;
                self.join(inner, outer, Interval::ALWAYS)?;
            }
        }
        Ok(())
    }

    fn member(&mut self, given: &GivenMember) -> Result<(), String> {
        let member = self.principal(&given.member)?;
        self.join(member, &given.group, given.interval()?)
    }

    fn join(&mut self, member: Principal, group: &Slug, interval: Interval) -> Result<(), String> {
        let id = *self.groups.get(group).ok_or_else(|| format!("there is no group {:?}", group.as_str()))?;
        let membership = Membership { group: id, name: group.as_str().into(), interval };
        self.memberships.entry(member).or_default().push(membership);
        Ok(())
    }

    fn assignment(&mut self, rules: &Rulebook, given: &GivenAssignment) -> Result<(), String> {
        let principal = self.principal(&given.to)?;
        let (held, name) = match given.held()? {
            GivenHeld::Role(name) => {
                let role = rules.roles.get(&name).ok_or_else(|| format!("there is no role {:?}", name.as_str()))?;
                (Held::Role(*role), format!("the role {name}"))
            }
            GivenHeld::Permission(permission) => {
                rules.check_declared(&permission)?;
                let name = format!("the permission {permission}");
                (Held::Permission(permission), name)
            }
        };
        let id = AssignmentId::from_uuid(self.mint());
        let scope = given.on.as_ref().map_or_else(String::new, |on| format!(" on {on}"));
        self.labels.insert(id, format!("{name} of {}{scope}", given.to));
        let assignment = Assignment { id, held, effect: given.effect(), interval: given.interval()? };
        self.holdings.entry(principal).or_default().push((given.on.clone(), assignment));
        Ok(())
    }

    fn relation(&mut self, model: Option<&Model>, given: &GivenRelation) -> Result<(), String> {
        let model = model.ok_or("there is no model")?;
        let subject = match SubjectName::read(model, &given.subject)? {
            SubjectName::Person(name) => EdgeSubject::Principal(self.principal(&format!("user:{name}"))?),
            SubjectName::Client(name) => EdgeSubject::Principal(self.principal(&format!("client:{name}"))?),
            SubjectName::Group(name) => EdgeSubject::Principal(self.principal(&format!("group:{name}"))?),
            SubjectName::Known(subject) => subject,
        };
        let (object, relation) = (given.object.clone(), given.relation.clone());
        check_edge(model, &object, relation.as_str(), &subject, &given.subject)
            .map_err(|(member, problem)| format!("{member}: {problem}"))?;
        let interval = given.interval()?;
        if subject.is_one() {
            self.direct.entry((object, subject)).or_default().push(Direct { relation, interval });
        } else {
            self.listed.entry(object).or_default().push(Edge { relation, subject, interval });
        }
        Ok(())
    }

    /// `user:alice`, `client:bot`, `group:staff`, `employee:42`.
    fn principal(&self, text: &str) -> Result<Principal, String> {
        let unknown = || format!("there is no {text}");
        let (of, name) = text.split_once(':').ok_or_else(|| format!("{text:?} is not type:name"))?;
        let subject = match of {
            "group" => return self.groups.get(name).map(|id| Principal::Group(*id)).ok_or_else(unknown),
            "user" => SubjectRef::User(name.to_owned()),
            "client" => SubjectRef::Client(name.to_owned()),
            _ => SubjectRef::External(ObjectRef::parse(text).map_err(|error| error.to_string())?),
        };
        self.known.get(&subject).copied().ok_or_else(unknown)
    }
}
