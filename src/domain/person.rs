//! People.

use serde::Serialize;

use super::id::PersonId;
use super::name::{DisplayName, Email, Sub, Username};

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
    pub disabled: bool,
}
