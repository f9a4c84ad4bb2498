//! Grants: what access tokens and refresh tokens live under. Ending a grant ends them all.

use super::id::{ClientId, GrantId, PersonId};
use super::scope::Scopes;

/// A live grant of a person to a client.
#[derive(Clone, Debug)]
pub struct Grant {
    pub id: GrantId,
    pub client: ClientId,
    pub person: PersonId,
    pub scopes: Scopes,
}

/// What a token check needs to know of a grant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GrantState {
    Live,
    Ended,
    /// Never made here, or swept long after its end: counts as ended.
    Unknown,
}
