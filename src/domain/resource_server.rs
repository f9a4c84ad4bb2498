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
/// The permission to be told why a decision comes out as it does; the built-in role that asks for decisions lacks it.
pub const EXPLAIN: (&str, &str) = ("explain", "decision");
/// The permission to write the model and policies of a resource server, which can permit anything there: whoever holds it
/// controls that resource server.
pub const CONTROL: (&str, &str) = ("update", "rules");

/// What Doorward's own resource server declares, action and type: each endpoint of its APIs needs one of them.
pub const OWN_PERMISSIONS: [(&str, &str); 45] = [
    EVALUATE,
    EXPLAIN,
    ("create", "user"),
    ("read", "user"),
    ("update", "user"),
    ("disable", "user"),
    ("enable", "user"),
    ("lock", "user"),
    ("unlock", "user"),
    ("set-password", "user"),
    ("sign-out", "user"),
    ("read", "session"),
    ("read", "consent"),
    ("withdraw", "consent"),
    ("create", "client"),
    ("read", "client"),
    ("disable", "client"),
    ("enable", "client"),
    ("rotate-secret", "client"),
    ("create", "resource-server"),
    ("read", "resource-server"),
    ("update", "resource-server"),
    ("create", "role"),
    ("read", "role"),
    ("update", "role"),
    ("delete", "role"),
    ("read", "rules"),
    CONTROL,
    ("read", "relation"),
    ("write", "relation"),
    ("read", "resource"),
    ("write", "resource"),
    ("read", "subject"),
    ("write", "subject"),
    ("create", "group"),
    ("read", "group"),
    ("add", "member"),
    ("remove", "member"),
    ("create", "assignment"),
    ("read", "assignment"),
    ("delete", "assignment"),
    ("read", "audit"),
    ("create", "api-key"),
    ("read", "api-key"),
    ("revoke", "api-key"),
];

/// Whether a role of this name is built in at Doorward's own resource server.
#[must_use]
pub fn is_builtin_role(name: &str) -> bool {
    name == ADMIN_ROLE || name == DECISION_CALLER_ROLE
}

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

/// Checks a resource indicator: an absolute URI (RFC 3986: printable ASCII), no fragment (RFC 8707 §2), at most 512
/// characters.
///
/// # Errors
/// What was expected.
pub fn parse_identifier(text: &str) -> Result<String, String> {
    let wrong = || format!("{text:?} is not an absolute URI without fragment, of at most 512 characters");
    let url = url::Url::parse(text).map_err(|_| wrong())?;
    if url.fragment().is_some() || text.len() > 512 || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(wrong());
    }
    Ok(text.to_owned())
}
