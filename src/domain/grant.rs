//! Grants: what access tokens and refresh tokens live under. Ending a grant ends them all.

use super::id::{ClientId, GrantId, PersonId, SessionId};
use super::scope::Scopes;
use super::session::Authentication;

/// A live grant of a person to a client.
#[derive(Clone, Debug)]
pub struct Grant {
    pub id: GrantId,
    pub client: ClientId,
    pub person: PersonId,
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

/// What a token check needs to know of a grant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GrantState {
    Live,
    Ended,
    /// Never made here, or swept long after its end: counts as ended.
    Unknown,
}
