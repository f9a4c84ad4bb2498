//! Browser sessions and how people proved who they are.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::id::{PersonId, SessionId};
use super::time::Instant;

/// One factor was shown.
pub const ACR_ONE_FACTOR: &str = "urn:doorward:acr:1fa";

/// Every `acr` an authentication here can have (`acr_values_supported`).
pub const ACR_VALUES: [&str; 1] = [ACR_ONE_FACTOR];

/// How and when somebody proved who they are: what ID tokens say of it (OpenID Connect Core §2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Authentication {
    pub auth_time: Instant,
    pub acr: String,
    /// RFC 8176 values.
    pub amr: Vec<String>,
}

impl Authentication {
    /// A password, and nothing else yet.
    #[must_use]
    pub fn by_password(auth_time: Instant) -> Self {
        Self { auth_time, acr: ACR_ONE_FACTOR.to_owned(), amr: vec!["pwd".to_owned()] }
    }
}

/// A live session: read, it is neither ended nor past its idle or absolute end.
#[derive(Clone, Debug)]
pub struct Session {
    pub id: SessionId,
    pub person: PersonId,
    pub authentication: Authentication,
    pub seen_at: Instant,
    pub expires_at: Instant,
}

/// How long sessions live.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct SessionLife {
    /// Without use.
    pub idle: Duration,
    /// In all.
    pub absolute: Duration,
}

impl Session {
    #[must_use]
    pub fn is_live(&self, life: SessionLife, now: Instant) -> bool {
        now < self.expires_at && now < self.seen_at.plus(life.idle)
    }

    /// Whether the authentication is older than `max_age` allows, strictly (OpenID Connect Core §3.1.2.1).
    #[must_use]
    pub fn is_older_than(&self, max_age: Duration, now: Instant) -> bool {
        self.authentication.auth_time.plus(max_age) < now
    }
}
