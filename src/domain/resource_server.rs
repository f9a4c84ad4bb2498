//! Resource servers: applications whose permissions, roles and grants live in a namespace of their own.

use serde::{Deserialize, Serialize};

use super::id::ResourceServerId;
use super::name::Slug;
use super::scope::Scopes;

/// The name of Doorward's own resource server.
pub const DOORWARD: &str = "doorward";
/// Its built-in role that may do everything there.
pub const ADMIN_ROLE: &str = "admin";
/// Its built-in role that may ask for decisions.
pub const DECISION_CALLER_ROLE: &str = "decision-caller";
/// The permission that role carries: action and type.
pub const EVALUATE: (&str, &str) = ("evaluate", "decision");

/// An application that is asked with access tokens.
#[derive(Clone, Debug, Serialize)]
pub struct ResourceServer {
    #[serde(skip)]
    pub id: ResourceServerId,
    pub name: Slug,
    /// The audience of its tokens: an absolute URI without fragment (RFC 8707 §2).
    pub identifier: String,
    pub scopes: Scopes,
    pub claims: TokenClaims,
}

/// Which optional claims it wants in its access tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenClaims {
    pub roles: bool,
    pub permissions: bool,
}

/// Checks a resource indicator: an absolute URI, no fragment (RFC 8707 §2), at most 512 characters.
///
/// # Errors
/// What was expected.
pub fn parse_identifier(text: &str) -> Result<String, String> {
    let wrong = || format!("{text:?} is not an absolute URI without fragment, of at most 512 characters");
    let url = url::Url::parse(text).map_err(|_| wrong())?;
    if url.fragment().is_some() || text.len() > 512 || text.chars().any(char::is_whitespace) {
        return Err(wrong());
    }
    Ok(text.to_owned())
}
