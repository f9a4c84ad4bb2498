//! On whose behalf something is done, and how far that reaches.

use std::sync::Arc;

use crate::decision::SubjectRef;
use crate::domain::api_key::ApiKey;
use crate::domain::change::Actor;

/// What the one who acts is measured by.
#[derive(Clone, Debug)]
pub enum Authority {
    /// Whoever may run the command line could change the database itself; the service and the set-up link do what the code
    /// says.
    Unrestricted,
    /// Whoever authenticated at the administration API.
    Operator(Operator),
}

impl Authority {
    /// The API key by which an operator came.
    #[must_use]
    pub fn key(&self) -> Option<&ApiKey> {
        match self {
            Self::Unrestricted => None,
            Self::Operator(operator) => operator.key.as_deref(),
        }
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
