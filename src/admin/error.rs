//! Why an act of administration is refused.

use super::Needed;
use crate::decision::DecisionError;
use crate::domain::name::{NameError, Slug};
use crate::domain::object::ObjectRef;
use crate::domain::time::Instant;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// A member is not what it must be.
    #[error("{member}: {problem}")]
    Invalid { member: &'static str, problem: String },
    /// One item of a list is refused, and with it the whole list.
    #[error("{list}[{index}]: {problem}")]
    Item { list: &'static str, index: usize, problem: Box<AdminError> },
    /// What had to be so for a write is not so.
    #[error("{what} is not as the write requires it to be")]
    Precondition { what: String },
    /// A decision would come out other than its test says.
    #[error("{case} should be {expected}, and is {got}")]
    TestFailed { case: String, expected: bool, got: String },
    #[error("there is no {what} {name:?}")]
    NotFound { what: &'static str, name: String },
    #[error("the {what} {name} exists already")]
    Taken { what: &'static str, name: String },
    #[error("{what} {name:?} cannot be deleted: {because}")]
    InUse { what: &'static str, name: String, because: &'static str },
    #[error("{holder} holds the {what} {name}, which the files do not have: take it away first")]
    Held { what: &'static str, name: String, holder: String },
    #[error("that would make {what} {name:?} include itself")]
    Cycle { what: &'static str, name: String },
    #[error("that would nest {what} deeper than {max}")]
    TooDeep { what: &'static str, max: usize },
    #[error("{member} would be in more than {max} groups, by all the groups that those are in")]
    TooManyGroups { member: String, max: usize },
    #[error(
        "the set-up link was used, has expired, or was replaced by a newer one; start the server again for a new one"
    )]
    SetupLinkSpent,
    /// An operator would give, take or reach what they do not hold themself.
    #[error("this reaches {what} at {server}{}{}, which the operator does not hold", on(.scope.as_ref()), lasting(*.until))]
    Beyond { what: String, server: Slug, scope: Option<ObjectRef>, until: Option<Instant> },
    #[error("nobody would be left who holds the role admin of doorward and is neither shut out nor denied anything")]
    LastAdmin,
    #[error("the operator was shut out meanwhile, or the key they came by has ended")]
    OperatorGone,
    #[error("this needs the permission {needed} at the resource server doorward")]
    NotPermitted { needed: Needed },
    #[error(transparent)]
    Decision(#[from] DecisionError),
    #[error("the write comes to more than {max} changes; make several of it")]
    TooManyChanges { max: i64 },
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TooManyChanges { max } => Self::TooManyChanges { max },
            other => Self::Store(other),
        }
    }
}

impl AdminError {
    pub(super) fn invalid(member: &'static str, problem: impl Into<String>) -> Self {
        Self::Invalid { member, problem: problem.into() }
    }

    pub(super) fn at(self, list: &'static str, index: usize) -> Self {
        Self::Item { list, index, problem: Box::new(self) }
    }

    pub(super) fn not_found(what: &'static str, name: &str) -> Self {
        Self::NotFound { what, name: name.to_owned() }
    }

    /// Reads a conflict of the store as "taken".
    pub(super) fn taken(what: &'static str, name: &str) -> impl FnOnce(StoreError) -> Self + use<> {
        let name = name.to_owned();
        move |error| match error {
            StoreError::Conflict(_) => Self::Taken { what, name },
            other => Self::Store(other),
        }
    }
}

fn on(scope: Option<&ObjectRef>) -> String {
    scope.map(|scope| format!(" on {scope}")).unwrap_or_default()
}

fn lasting(until: Option<Instant>) -> String {
    until.map(|until| format!(" until {until}")).unwrap_or_default()
}

impl From<NameError> for AdminError {
    fn from(error: NameError) -> Self {
        Self::Invalid { member: error.what, problem: error.to_string() }
    }
}
