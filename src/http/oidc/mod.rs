//! OAuth and OpenID Connect endpoints. Each file is one endpoint and translates only.

pub(super) mod authorize;
pub(super) mod discovery;
pub(super) mod introspect;
pub(super) mod jwks;
pub(super) mod revoke;
pub(super) mod token;
pub(super) mod userinfo;

use salvo::Depot;

use super::door::Entered;
use super::errors::OAuthError;

/// What the client door let in.
fn entered(depot: &Depot) -> Result<&Entered, OAuthError> {
    depot.get_typed::<Entered>().map_err(|_| OAuthError::no_client())
}
