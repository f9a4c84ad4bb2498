//! The same world as the product keeps it, and the engine over it: once with everything known, and once with nothing known
//! but what was asked for.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use doorward::decision::given::{
    Given, GivenAssignment, GivenMember, GivenPerson, GivenRelation, GivenResource, GivenSubject,
};
use doorward::decision::memory::{MemoryWorld, Question, Rulebook};
use doorward::decision::{
    Decision, Direct, Holdings, Key, Outcome, PersonFacts, Query, Scope, Sent, Snapshot, SubjectRef, SubjectState,
    World, decide,
};
use doorward::domain::assignment::{Assignment, Principal};
use doorward::domain::group::{Membership, NamedGroup, NamedGroups};
use doorward::domain::id::PersonId;
use doorward::domain::model::Model;
use doorward::domain::name::{ClientName, Email, Segment, Slug, Sub, Username};
use doorward::domain::object::{Edge, EdgeSubject, ObjectRef};
use doorward::domain::permission::Permission;
use doorward::domain::role::{NamedRole, NamedRoles};
use doorward::domain::time::Instant;
use serde_json::{Map, Value};

use super::naive::resolve;
use super::plan::{Ask, ModelPlan, Place, Plan, Span, What, id_of, type_of};
use super::random::declared;

/// The engine asks no more often than groups nest and resources lie in one another, twice: for scopes, and for relations.
const ROUNDS_MAX: usize = 2 * 64 + 16 + 8;

pub struct Real {
    data: MemoryWorld,
    /// Where the model changed after the data was written: the rules as they are now.
    now: Option<MemoryWorld>,
}

/// What came out.
#[derive(Debug)]
pub enum Answer {
    Decided(Decision),
    OverBudget,
    Unreadable,
}

fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

fn moment(time: Option<i64>) -> Option<Instant> {
    time.map(Instant::from_micros)
}

/// The rules of a plan, without the policies that say nothing the model could mean: their names come back.
pub fn compile(plan: &Plan, model: Option<&ModelPlan>) -> (Rulebook, BTreeSet<String>) {
    let permission = |text: &&str| Permission::parse(text).unwrap();
    let declared = declared(model).iter().map(permission).collect();
    let roles: NamedRoles = plan
        .roles
        .iter()
        .map(|role| {
            let permissions = role.permissions.iter().map(|text| Permission::parse(text).unwrap()).collect();
            (
                slug(&role.name),
                NamedRole { permissions, includes: role.includes.iter().map(|name| slug(name)).collect() },
            )
        })
        .collect();
    let model = model.map(|model| Model::parse(&model.document()).unwrap());
    let mut refused = BTreeSet::new();
    loop {
        let kept = plan.policies.iter().filter(|policy| !refused.contains(&policy.id));
        let text: String = kept.clone().map(|policy| policy.text() + "\n").collect();
        let errors = match Rulebook::compile(&declared, &roles, model.as_ref(), &text) {
            Ok(book) => return (book, refused),
            Err(errors) => errors,
        };
        let named = |id: &str| errors.iter().any(|error| error.contains(&format!("policy \"{id}\"")));
        let wrong: Vec<_> = kept.filter(|policy| named(&policy.id)).map(|policy| policy.id.clone()).collect();
        assert!(!wrong.is_empty(), "{errors:?}");
        refused.extend(wrong);
    }
}

fn given(plan: &Plan) -> Given {
    let object = |text: &str| ObjectRef::parse(text).unwrap();
    let people = plan.people.iter().map(|person| GivenPerson {
        username: Username::parse(&person.username).unwrap(),
        sub: Some(Sub::parse(&person.sub).unwrap()),
        name: None,
        email: person.email.as_ref().map(|email| Email::parse(email).unwrap()),
        disabled: person.disabled,
    });
    let employees = plan.employees.iter().map(|(name, disabled)| GivenSubject {
        subject: name.clone(),
        attributes: plan.registered.get(name).cloned(),
        disabled: Some(*disabled),
    });
    let others = plan.registered.iter().filter(|(name, _)| type_of(name) != "employee");
    let others = others.map(|(name, attributes)| {
        let mut attributes = attributes.clone();
        // Nobody may register what is known here of a person; so it must make no difference.
        if type_of(name) == "user" {
            attributes.retain(|attribute, _| attribute != "email");
        }
        GivenSubject { subject: name.clone(), attributes: Some(attributes), disabled: None }
    });
    let members = plan.members.iter().map(|member| {
        let Span { from, until } = member.span;
        let (group, member) = (slug(id_of(&member.group)), member.member.clone());
        GivenMember { member, group, not_before: moment(from), expires_at: moment(until) }
    });
    let assignments = plan.grants.iter().map(|grant| {
        let (role, permission) = match &grant.what {
            What::Role(name) => (Some(slug(name)), None),
            What::Permission(text) => (None, Some(Permission::parse(text).unwrap())),
        };
        let (not_before, expires_at) = (moment(grant.span.from), moment(grant.span.until));
        let on = grant.on.as_ref().map(|on| object(on));
        GivenAssignment { to: grant.to.clone(), role, permission, on, deny: grant.deny, not_before, expires_at }
    });
    let relations = plan.edges.iter().map(|edge| GivenRelation {
        object: object(&edge.object),
        relation: Segment::parse(&edge.relation).unwrap(),
        subject: edge.to.to_string(),
        not_before: moment(edge.span.from),
        expires_at: moment(edge.span.until),
    });
    let resources = plan.resources.iter();
    let resources = resources.map(|(name, of)| GivenResource { resource: object(name), attributes: of.clone() });
    Given {
        now: None,
        people: people.collect(),
        clients: plan.clients.iter().map(|name| ClientName::parse(name).unwrap()).collect(),
        members: members.collect(),
        subjects: employees.chain(others).collect(),
        resources: resources.collect(),
        assignments: assignments.collect(),
        relations: relations.collect(),
    }
}

impl Real {
    /// Also which policies were refused.
    pub fn build(plan: &Plan) -> (Self, BTreeSet<String>) {
        let groups: NamedGroups = plan.groups.iter().map(|name| (slug(id_of(name)), NamedGroup::default())).collect();
        let (rules, refused) = compile(plan, plan.model.as_ref());
        let build = |rules: &Rulebook, given: &Given| MemoryWorld::build(rules, &groups, given).unwrap();
        let Some(earlier) = &plan.earlier else {
            return (Self { data: build(&rules, &given(plan)), now: None }, refused);
        };
        let without = Plan { policies: Vec::new(), ..plan.clone() };
        let (before, _) = compile(&without, Some(earlier));
        (Self { data: build(&before, &given(plan)), now: Some(build(&rules, &Given::default())) }, refused)
    }

    /// The reason in words.
    pub fn say(&self, decision: &Decision) -> String {
        self.data.say(&decision.reason)
    }

    /// As a server would be asked. None where the rules are not those the data was written under.
    pub fn ask(&self, ask: &Ask, now: i64) -> Option<Answer> {
        let (subject, action, resource) = (ask.subject.clone(), ask.action.clone(), ask.resource.clone());
        let question = Question { subject, action, resource, sent: sent(ask) };
        if self.now.is_some() {
            return None;
        }
        Some(match self.data.ask(&question, Instant::from_micros(now)) {
            Ok(decision) => Answer::Decided(decision),
            Err(problem) if problem.contains("more than its budget") => Answer::OverBudget,
            Err(problem) => {
                assert!(problem.contains(" must be "), "{problem}");
                Answer::Unreadable
            }
        })
    }

    /// With nothing known at first. None for what would not have come so far.
    pub fn learn(&self, plan: &Plan, ask: &Ask, now: i64) -> Option<Answer> {
        let query = query(plan, ask)?;
        let snapshot = self.now.as_ref().unwrap_or(&self.data).snapshot();
        let learner = Learner { snapshot, data: &self.data, known: RefCell::default() };
        for _ in 0..ROUNDS_MAX {
            match decide(&learner, &query, Instant::from_micros(now)) {
                Outcome::Decided(decision) => return Some(Answer::Decided(decision)),
                Outcome::OverBudget => return Some(Answer::OverBudget),
                Outcome::Missing(keys) => {
                    assert!(!keys.is_empty(), "something is missing, and nobody says what");
                    for key in keys {
                        assert!(learner.known.borrow_mut().insert(key.clone()), "asked for twice: {key:?}");
                    }
                }
            }
        }
        panic!("more than {ROUNDS_MAX} rounds");
    }
}

fn sent(ask: &Ask) -> Sent {
    let of = |place| ask.sent.get(&place).cloned().unwrap_or_default();
    Sent {
        subject: of(Place::Subject),
        action: of(Place::Action),
        resource: of(Place::Resource),
        context: of(Place::Context),
    }
}

fn query(plan: &Plan, ask: &Ask) -> Option<Query> {
    let id = id_of(&ask.subject).to_owned();
    let me = resolve(plan, &ask.subject)?;
    let subject = match type_of(&me) {
        "user" => SubjectRef::User(id),
        "client" => SubjectRef::Client(id),
        _ => SubjectRef::External(ObjectRef::parse(&me).unwrap()),
    };
    Some(Query::new(subject, &ask.action, type_of(&ask.resource), id_of(&ask.resource)).with(sent(ask)))
}

/// Knows what it was told to look up, and nothing else.
struct Learner<'a> {
    snapshot: &'a Snapshot,
    data: &'a MemoryWorld,
    known: RefCell<HashSet<Key>>,
}

impl Learner<'_> {
    fn when<T>(&self, key: &Key, value: Option<T>) -> Option<T> {
        value.filter(|_| self.known.borrow().contains(key))
    }
}

impl World for Learner<'_> {
    fn snapshot(&self) -> &Snapshot {
        self.snapshot
    }

    fn subject(&self, subject: &SubjectRef) -> Option<SubjectState> {
        self.when(&Key::Subject(subject.clone()), self.data.subject(subject))
    }

    fn memberships(&self, of: Principal) -> Option<Arc<[Membership]>> {
        self.when(&Key::Memberships(of), self.data.memberships(of))
    }

    fn holdings(&self, of: Principal) -> Option<Arc<Holdings>> {
        self.when(&Key::Holdings(of), self.data.holdings(of))
    }

    fn assignments(&self, of: Principal, scope: &Scope) -> Option<Arc<[Assignment]>> {
        self.when(&Key::Assignments(of, scope.clone()), self.data.assignments(of, scope))
    }

    fn listed(&self, object: &ObjectRef) -> Option<Arc<[Edge]>> {
        self.when(&Key::Listed(object.clone()), self.data.listed(object))
    }

    fn direct(&self, object: &ObjectRef, subject: &EdgeSubject) -> Option<Arc<[Direct]>> {
        self.when(&Key::Direct(object.clone(), subject.clone()), self.data.direct(object, subject))
    }

    fn person(&self, id: PersonId) -> Option<Arc<PersonFacts>> {
        self.when(&Key::Person(id), self.data.person(id))
    }

    fn attributes(&self, of: Principal) -> Option<Arc<Map<String, Value>>> {
        self.when(&Key::Attributes(of), self.data.attributes(of))
    }

    fn resource(&self, object: &ObjectRef) -> Option<Arc<Map<String, Value>>> {
        self.when(&Key::Resource(object.clone()), self.data.resource(object))
    }
}
