//! People.

use serde::Serialize;

use super::id::PersonId;
use super::name::{DisplayName, Email, Sub, Username};
use super::profile::Profile;
use super::time::Instant;

/// A person known here. `sub` and username share one namespace in which no name stands twice.
#[derive(Clone, Debug, Serialize)]
pub struct Person {
    #[serde(skip)]
    pub id: PersonId,
    /// Opaque and generated, or chosen once at creation; never changes (OpenID Connect Core §8).
    pub sub: Sub,
    pub username: Username,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<DisplayName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// Whether the address was shown to be theirs; means nothing without one.
    pub email_verified: bool,
    #[serde(skip_serializing_if = "is_empty")]
    pub profile: Profile,
    /// When what tokens and userinfo say of them last changed.
    pub updated_at: Instant,
    /// Refused everything; what they were granted has ended.
    pub disabled: bool,
    /// Refused everything for now; what they were granted goes on when the lock is taken off.
    pub locked: bool,
}

impl Person {
    /// Whether they may do anything at all.
    #[must_use]
    pub const fn may_act(&self) -> bool {
        !self.disabled && !self.locked
    }
}

fn is_empty(profile: &Profile) -> bool {
    *profile == Profile::default()
}
