//! The decision itself: a pure function over what is known, at one moment. It answers, or says what it must know first.

mod conditions;
mod explain;
mod gathered;
mod held;
mod holdings;
mod parts;
mod pass;
mod relations;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use self::conditions::Who;
pub(super) use self::conditions::{applicable, subject_type};
pub use self::explain::{Elsewhere, Explanation, Kind, Node, WiderWorld, explain};
pub use self::gathered::Gathered;
use self::gathered::gather;
pub use self::held::{Held, held};
pub use self::holdings::{Holdings, WHOLE_MAX};
pub(super) use self::parts::{AtLarge, at_large, scopes};
use self::pass::{Pass, Principals, Step, Stop};
use self::relations::Search;
use super::snapshot::Snapshot;
use crate::domain::assignment::{Assignment, Effect, Principal};
use crate::domain::group::Membership;
use crate::domain::id::{AssignmentId, PersonId};
use crate::domain::model::{CLIENT, Model, USER};
use crate::domain::name::Segment;
use crate::domain::object::{Edge, EdgeSubject, ObjectRef};
use crate::domain::time::{Instant, Interval};

/// A map that is asked often, by keys that are short. Its hash is seeded, and no secret hangs on it.
pub(in crate::decision) type FastMap<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// Who is asked about, as the wire names them.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum SubjectRef {
    /// A person, by `sub` or username.
    User(String),
    /// A client, by `client_id`.
    Client(String),
    /// A subject that the resource server registered.
    External(ObjectRef),
}

impl fmt::Display for SubjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "{USER}:{name}"),
            Self::Client(name) => write!(f, "{CLIENT}:{name}"),
            Self::External(name) => name.fmt(f),
        }
    }
}

/// What is known of a subject.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SubjectState {
    Unknown,
    Disabled,
    Active(Principal),
}

/// May this subject do this action on this resource?
#[derive(Clone, Debug)]
pub struct Query {
    pub subject: SubjectRef,
    pub action: String,
    pub resource_type: String,
    /// As it was asked for.
    pub resource_id: String,
    /// `None` for what cannot be registered here: it has no relations and nothing is given on it alone.
    pub object: Option<ObjectRef>,
    pub sent: Sent,
}

/// What a request says beside the names, for policies; the model says what of it counts.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    pub subject: Map<String, Value>,
    pub action: Map<String, Value>,
    pub resource: Map<String, Value>,
    pub context: Map<String, Value>,
}

impl Query {
    #[must_use]
    pub fn new(subject: SubjectRef, action: &str, resource_type: &str, resource_id: &str) -> Self {
        Self {
            object: ObjectRef::of(resource_type, resource_id),
            subject,
            action: action.to_owned(),
            resource_type: resource_type.to_owned(),
            resource_id: resource_id.to_owned(),
            sent: Sent::default(),
        }
    }

    /// What the request says beside the names.
    #[must_use]
    pub fn with(self, sent: Sent) -> Self {
        Self { sent, ..self }
    }
}

/// Where an assignment counts: everywhere at its resource server, or at one resource and all below it.
pub type Scope = Option<ObjectRef>;

/// What the engine must know: the unit of loading, caching and invalidation.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Key {
    Subject(SubjectRef),
    Memberships(Principal),
    /// What a principal holds, wherever.
    Holdings(Principal),
    /// What a principal holds at one scope; only of those who hold too much for one value.
    Assignments(Principal, Scope),
    /// What leads on from a resource: groups, everybody, other resources, usersets.
    Listed(ObjectRef),
    /// The relations that one subject has to a resource by edges of its own.
    Direct(ObjectRef, EdgeSubject),
    /// What is known here of a person.
    Person(PersonId),
    /// What the resource server registered of a subject.
    Attributes(Principal),
    /// What the resource server registered of a resource.
    Resource(ObjectRef),
    /// What a principal holds on single resources, whichever; only explanations ask.
    Elsewhere(Principal),
}

/// What is known here of a person, as policies may ask for it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PersonFacts {
    /// Their one identifier, by whatever name they were asked for.
    pub sub: String,
    /// `username`, `name`, and `email` only when it was verified.
    pub attributes: Map<String, Value>,
}

/// A relation that a subject has to a resource by an edge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Direct {
    pub relation: Segment,
    pub interval: Interval,
}

/// What is known now; `None` is "not loaded", never "nothing there".
pub trait World {
    fn snapshot(&self) -> &Snapshot;
    fn subject(&self, subject: &SubjectRef) -> Option<SubjectState>;
    fn memberships(&self, of: Principal) -> Option<Arc<[Membership]>>;
    fn holdings(&self, of: Principal) -> Option<Arc<Holdings>>;
    /// Asked only where [`Self::holdings`] are many.
    fn assignments(&self, of: Principal, scope: &Scope) -> Option<Arc<[Assignment]>>;
    fn listed(&self, object: &ObjectRef) -> Option<Arc<[Edge]>>;
    fn direct(&self, object: &ObjectRef, subject: &EdgeSubject) -> Option<Arc<[Direct]>>;
    fn person(&self, id: PersonId) -> Option<Arc<PersonFacts>>;
    fn attributes(&self, of: Principal) -> Option<Arc<Map<String, Value>>>;
    fn resource(&self, object: &ObjectRef) -> Option<Arc<Map<String, Value>>>;

    /// What [`Self::keep`] was given for the subject, if all of it still counts at `now`.
    fn kept(&self, _subject: &SubjectRef, _now: Instant) -> Option<Arc<Gathered>> {
        None
    }

    /// Takes what was gathered of a subject, whole, to be found again.
    fn keep(&self, _subject: &SubjectRef, gathered: Gathered) -> Arc<Gathered> {
        Arc::new(gathered)
    }
}

/// Why a decision came out as it did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    SubjectUnknown,
    SubjectDisabled,
    DeniedBy(AssignmentId),
    AllowedBy(AssignmentId),
    /// A policy forbids it, or could not be evaluated.
    ForbiddenBy(Arc<str>),
    /// A relation to the resource permits it.
    RelatedBy(Segment),
    PermittedBy(Arc<str>),
    /// Nothing allows it: deny by default.
    NothingGrants,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    pub allowed: bool,
    pub reason: Reason,
    /// The next moment at which an interval begins or ends that could change this answer.
    pub valid_until: Option<Instant>,
}

/// What the engine answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome<T> {
    Decided(T),
    /// Load these and ask again.
    Missing(Vec<Key>),
    /// More than one decision may walk: an error to be shown, never a silent deny and never a permit.
    OverBudget,
}

impl<T> Outcome<T> {
    fn of(step: Step<T>) -> Self {
        match step {
            Ok(value) => Self::Decided(value),
            Err(Stop::Missing(keys)) => Self::Missing(keys),
            Err(Stop::OverBudget) => Self::OverBudget,
        }
    }
}

/// One decision walks so many principals (a subject and all its groups) at most.
pub const PRINCIPALS_MAX: usize = 1_000;
/// So many resources that hold one resource, each in the other.
pub const ANCESTORS_MAX: usize = 1_000;
/// So many pairs of a principal and a resource on which it may hold something.
pub const HOLDINGS_MAX: usize = 50_000;
/// So many edges, each as often as it is looked at.
pub const EDGES_MAX: usize = 100_000;
/// So many relations of resources.
pub const RELATIONS_MAX: usize = 10_000;
/// So many steps from a resource, up its parents or along its relations.
pub const OBJECT_DEPTH_MAX: usize = 64;

/// Decides `query` at `now`: any deny, else any permit, else deny.
pub fn decide(world: &impl World, query: &Query, now: Instant) -> Outcome<Decision> {
    decide_after(world, query, now, &mut None)
}

/// Decides each query at `now`; none for one that is over budget. Who a subject is and what it holds is gathered once where
/// several in a row are about it.
pub fn decide_all<'a>(
    world: &impl World,
    queries: impl IntoIterator<Item = &'a Query>,
    now: Instant,
) -> Outcome<Vec<Option<Decision>>> {
    let mut before = None;
    let (mut decided, mut missing) = (Vec::new(), HashSet::new());
    for query in queries {
        match decide_after(world, query, now, &mut before) {
            Outcome::Decided(decision) => decided.push(Some(decision)),
            Outcome::OverBudget => decided.push(None),
            Outcome::Missing(keys) => missing.extend(keys),
        }
    }
    if missing.is_empty() { Outcome::Decided(decided) } else { Outcome::Missing(missing.into_iter().collect()) }
}

/// Decides one; `before` is whom the one before it was about.
fn decide_after<'a>(
    world: &impl World,
    query: &'a Query,
    now: Instant,
    before: &mut Option<(&'a SubjectRef, Arc<Gathered>)>,
) -> Outcome<Decision> {
    let mut pass = Pass::new(now);
    let reason = match before {
        Some((subject, gathered)) if **subject == query.subject => {
            pass.valid_until = gathered.valid_until;
            reason(world, query, gathered, &mut pass)
        }
        _ => gather(world, &query.subject, &mut pass).and_then(|gathered| match gathered {
            Err(refused) => Ok(refused),
            Ok(gathered) => {
                let is_known = pass.is_complete();
                let reason = reason(world, query, &gathered, &mut pass);
                *before = is_known.then_some((&query.subject, gathered));
                reason
            }
        }),
    };
    outcome(reason, &pass)
}

fn outcome(reason: Step<Reason>, pass: &Pass) -> Outcome<Decision> {
    Outcome::of(reason.map(|reason| Decision {
        allowed: matches!(reason, Reason::AllowedBy(_) | Reason::RelatedBy(_) | Reason::PermittedBy(_)),
        reason,
        valid_until: pass.valid_until,
    }))
}

fn reason(world: &impl World, query: &Query, gathered: &Gathered, pass: &mut Pass) -> Step<Reason> {
    let Gathered { principal, principals, .. } = gathered;
    let scopes = pass.scopes(world, query.object.as_ref())?;
    let lists = pass.assignments(world, principals, &scopes)?;
    pass.complete()?;

    let covering = world.snapshot().covering(&query.action, &query.resource_type);
    let mut allowed = None;
    for assignment in lists.iter().flat_map(|list| list.iter()).filter(|a| covering.covers(&a.held)) {
        if !pass.is_active(&assignment.interval) {
            continue;
        }
        match assignment.effect {
            // Nothing can outweigh a deny: the rest need not be looked at.
            Effect::Deny => return Ok(Reason::DeniedBy(assignment.id)),
            Effect::Allow => allowed = allowed.or(Some(assignment.id)),
        }
    }
    let who = Who { principal: *principal, groups: &principals.groups, lists: &lists, scopes: &scopes };
    let policies = conditions::evaluate(world, query, &who, pass)?;
    if let Some(policy) = policies.forbids.into_iter().next() {
        return Ok(Reason::ForbiddenBy(policy));
    }
    if let Some(assignment) = allowed {
        return Ok(Reason::AllowedBy(assignment));
    }
    if let Some(policy) = policies.permits.into_iter().next() {
        return Ok(Reason::PermittedBy(policy));
    }
    let related = related(world, query, *principal, principals, pass)?;
    Ok(related.map_or(Reason::NothingGrants, Reason::RelatedBy))
}

/// The relation of the subject to the resource that permits the action.
fn related(
    world: &impl World,
    query: &Query,
    principal: Principal,
    principals: &Principals,
    pass: &mut Pass,
) -> Step<Option<Segment>> {
    let (Some(model), Some(object)) = (world.snapshot().model(), &query.object) else { return Ok(None) };
    let subject = of_edges(&query.subject, principal);
    let mut search = Search::new(world, model, &subject, principals);
    for relation in granting(model, &query.action, object.object_type()) {
        search.begin(object, relation);
    }
    search.run(pass)
}

/// The subject as edges name it.
pub(super) fn of_edges(subject: &SubjectRef, principal: Principal) -> EdgeSubject {
    match subject {
        SubjectRef::External(subject) => EdgeSubject::External(subject.clone()),
        SubjectRef::User(_) | SubjectRef::Client(_) => EdgeSubject::Principal(principal),
    }
}

/// The relations of a type that permit an action.
pub(super) fn granting<'a>(
    model: &'a Model,
    action: &'a str,
    resource_type: &str,
) -> impl Iterator<Item = &'a Segment> + use<'a> {
    let of = model.resources.get(resource_type);
    let relations = of.into_iter().flat_map(move |of| {
        let declared = of.actions.contains_key(action);
        of.relations.iter().filter(move |(_, relation)| declared && relation.permits(action))
    });
    relations.map(|(name, _)| name)
}
