//! A world in memory, put together from names: for decisions without a database. It answers as a server would, from the
//! same engine; what is not in it is not there, so nothing is ever missing.
//!
//! Never: a clock, I/O.

mod build;
mod rulebook;

use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Map, Value};

pub use self::rulebook::{Rulebook, actions};
use super::asked;
use super::engine::{
    self, Decision, Direct, FastMap, Gathered, Holdings, Outcome, PersonFacts, Query, Reason, Scope, Sent, SubjectRef,
    SubjectState, World,
};
use super::snapshot::Snapshot;
use crate::domain::assignment::{Assignment, Principal};
use crate::domain::group::Membership;
use crate::domain::id::{AssignmentId, PersonId};
use crate::domain::object::{Edge, EdgeSubject, ObjectRef};
use crate::domain::time::Instant;

type Attributes = Arc<Map<String, Value>>;

/// Everything one resource server's decisions are made of.
#[derive(Debug)]
pub struct MemoryWorld {
    snapshot: Arc<Snapshot>,
    subjects: FastMap<SubjectRef, SubjectState>,
    memberships: FastMap<Principal, Arc<[Membership]>>,
    holdings: FastMap<Principal, Arc<Holdings>>,
    listed: FastMap<ObjectRef, Arc<[Edge]>>,
    direct: FastMap<(ObjectRef, EdgeSubject), Arc<[Direct]>>,
    people: FastMap<PersonId, Arc<PersonFacts>>,
    attributes: FastMap<Principal, Attributes>,
    resources: FastMap<ObjectRef, Attributes>,
    /// What all others hold.
    nothing: Arc<Holdings>,
    /// Whoever was asked about before. The world does not change, so it stays true.
    gathered: RwLock<FastMap<SubjectRef, Arc<Gathered>>>,
    /// Assignments as they were written.
    labels: FastMap<AssignmentId, String>,
}

/// What is asked, as the wire would say it.
#[derive(Clone, Debug)]
pub struct Question {
    /// `user:alice`.
    pub subject: String,
    pub action: String,
    /// `document:7`.
    pub resource: String,
    pub sent: Sent,
}

impl MemoryWorld {
    /// What a server with this world would answer at `now`.
    ///
    /// # Errors
    /// A sentence, where a server would answer with an error.
    pub fn ask(&self, question: &Question, now: Instant) -> Result<Decision, String> {
        let (subject_type, subject_id) = parts("subject", &question.subject)?;
        let (resource_type, resource_id) = parts("resource", &question.resource)?;
        let model = self.snapshot.model();
        let space = asked::space(subject_type).or_else(|| model.and_then(|model| model.subject_space(subject_type)));
        let Some(subject) = space.and_then(|space| asked::named(space, subject_type, subject_id)) else {
            return Ok(Decision { allowed: false, reason: Reason::SubjectUnknown, valid_until: None });
        };
        let query = Query::new(subject, &question.action, resource_type, resource_id).with(question.sent.clone());
        if let Some(model) = model {
            asked::check_sent(model, &query).map_err(|error| error.to_string())?;
        }
        match engine::decide(self, &query, now) {
            Outcome::Decided(decision) => Ok(decision),
            Outcome::OverBudget => Err("the decision needs more than its budget".to_owned()),
            Outcome::Missing(keys) => Err(format!("the engine asks for what no world can tell it: {keys:?}")),
        }
    }

    /// A reason in the words of whoever wrote the world.
    #[must_use]
    pub fn say(&self, reason: &Reason) -> String {
        say(reason, |id| self.labels.get(id).map_or("an assignment", String::as_str).to_owned())
    }
}

/// A reason in words, by what its assignments are called.
pub(super) fn say(reason: &Reason, label: impl Fn(&AssignmentId) -> String) -> String {
    match reason {
        Reason::SubjectUnknown => "the subject is not known".to_owned(),
        Reason::SubjectDisabled => "the subject is disabled".to_owned(),
        Reason::DeniedBy(id) => format!("denied by {}", label(id)),
        Reason::AllowedBy(id) => format!("permitted by {}", label(id)),
        Reason::ForbiddenBy(policy) => format!("forbidden by the policy {policy:?}"),
        Reason::PermittedBy(policy) => format!("permitted by the policy {policy:?}"),
        Reason::RelatedBy(relation) => format!("permitted by the relation {relation}"),
        Reason::NothingGrants => "nothing permits it".to_owned(),
    }
}

/// The type and the identifier of what a question names.
pub(super) fn parts<'a>(member: &str, text: &'a str) -> Result<(&'a str, &'a str), String> {
    text.split_once(':').ok_or_else(|| format!("{member}: {text:?} is not type:id"))
}

impl World for MemoryWorld {
    fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn subject(&self, subject: &SubjectRef) -> Option<SubjectState> {
        Some(self.subjects.get(subject).copied().unwrap_or(SubjectState::Unknown))
    }

    fn memberships(&self, of: Principal) -> Option<Arc<[Membership]>> {
        Some(self.memberships.get(&of).cloned().unwrap_or_default())
    }

    fn holdings(&self, of: Principal) -> Option<Arc<Holdings>> {
        Some(self.holdings.get(&of).unwrap_or(&self.nothing).clone())
    }

    /// Nobody's are many here.
    fn assignments(&self, _: Principal, _: &Scope) -> Option<Arc<[Assignment]>> {
        Some(Arc::default())
    }

    fn listed(&self, object: &ObjectRef) -> Option<Arc<[Edge]>> {
        Some(self.listed.get(object).cloned().unwrap_or_default())
    }

    fn direct(&self, object: &ObjectRef, subject: &EdgeSubject) -> Option<Arc<[Direct]>> {
        Some(self.direct.get(&(object.clone(), subject.clone())).cloned().unwrap_or_default())
    }

    fn person(&self, id: PersonId) -> Option<Arc<PersonFacts>> {
        Some(self.people.get(&id).cloned().unwrap_or_default())
    }

    fn attributes(&self, of: Principal) -> Option<Attributes> {
        Some(self.attributes.get(&of).cloned().unwrap_or_default())
    }

    fn resource(&self, object: &ObjectRef) -> Option<Attributes> {
        Some(self.resources.get(object).cloned().unwrap_or_default())
    }

    fn kept(&self, subject: &SubjectRef, now: Instant) -> Option<Arc<Gathered>> {
        let kept = self.gathered.read().unwrap_or_else(PoisonError::into_inner);
        kept.get(subject).filter(|gathered| gathered.counts(now)).cloned()
    }

    fn keep(&self, subject: &SubjectRef, gathered: Gathered) -> Arc<Gathered> {
        let gathered = Arc::new(gathered);
        let mut kept = self.gathered.write().unwrap_or_else(PoisonError::into_inner);
        kept.insert(subject.clone(), gathered.clone());
        gathered
    }
}
