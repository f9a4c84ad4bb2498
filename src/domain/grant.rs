//! Grants: what access tokens and refresh tokens live under. Ending a grant ends them all.

use super::id::{ClientId, GrantId, PersonId, SessionId};
use super::name::Sub;
use super::person::Person;
use super::scope::Scopes;
use super::session::Authentication;

/// A live grant of a person to a client.
#[derive(Clone, Debug)]
pub struct Grant {
    pub id: GrantId,
    pub client: ClientId,
    pub person: PersonId,
    /// The person's name at the client's sector, where it knows them by one of its own (OpenID Connect Core §8.1).
    pub sub: Option<Sub>,
    pub scopes: Scopes,
    /// Identifiers of the resource servers its tokens may be for.
    pub resources: Vec<String>,
    /// The session it ends with, unless it is offline.
    pub session: SessionId,
    pub offline: bool,
    pub authentication: Authentication,
    /// The `claims` parameter it was asked for with.
    pub claims: Option<serde_json::Value>,
}

impl Grant {
    /// Who the person is to the client, and to whoever gets its tokens.
    #[must_use]
    pub fn subject<'a>(&'a self, person: &'a Person) -> &'a Sub {
        self.sub.as_ref().unwrap_or(&person.sub)
    }
}

/// What a token check needs to know of a grant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GrantState {
    Live,
    Ended,
    /// Never made here, or swept long after its end: counts as ended.
    Unknown,
}
