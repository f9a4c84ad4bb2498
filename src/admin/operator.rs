//! On whose behalf something is done, and how far that reaches.

use std::fmt;
use std::sync::Arc;

use crate::decision::{Query, SubjectRef};
use crate::domain::api_key::ApiKey;
use crate::domain::change::Actor;

/// What the one who acts is measured by.
#[derive(Clone, Debug)]
pub enum Authority {
    /// Whoever may run the command line could change the database itself; the service and the set-up link do what the code
    /// says.
    Unrestricted,
    /// Whoever authenticated at the administration API, and what they must be permitted for what they ask.
    Operator(Operator, Needed),
}

impl Authority {
    /// The API key by which an operator came.
    #[must_use]
    pub fn key(&self) -> Option<&ApiKey> {
        match self {
            Self::Unrestricted => None,
            Self::Operator(operator, _) => operator.key.as_deref(),
        }
    }
}

/// The permission that an operation needs, on one thing or on all of a type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Needed {
    pub action: &'static str,
    pub resource_type: &'static str,
    /// What it is about, under the one name by which permissions know it; `*` for all of the type: nothing is called so.
    pub id: String,
}

impl Needed {
    #[must_use]
    pub fn query(&self, subject: SubjectRef) -> Query {
        Query::new(subject, self.action, self.resource_type, &self.id)
    }
}

impl fmt::Display for Needed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.action, self.resource_type)
    }
}

/// A person or client that authenticated, possibly by a key that is worth less than they are.
#[derive(Clone, Debug)]
pub struct Operator {
    /// A person by `sub`, a client by `client_id`.
    pub subject: SubjectRef,
    pub key: Option<Arc<ApiKey>>,
}

impl Operator {
    /// Who did it, for the audit trail: the owner, also of a key.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match &self.subject {
            SubjectRef::User(sub) => Actor::User(sub.clone()),
            SubjectRef::Client(client_id) => Actor::Client(client_id.clone()),
            // Nobody who can authenticate here.
            SubjectRef::External(_) => Actor::System,
        }
    }
}
