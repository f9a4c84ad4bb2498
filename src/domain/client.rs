//! Clients: software that asks for tokens or decisions (RFC 6749 §2).

use std::fmt;

use serde::Serialize;

use super::id::{ClientId, ResourceServerId};
use super::name::{ClientName, DisplayName};
use super::scope::Scopes;
use super::secret::Digest;

/// `token_endpoint_auth_method` (RFC 7591 §2). Only the registered one is accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
}

impl AuthMethod {
    pub const ALL: [Self; 3] = [Self::ClientSecretBasic, Self::ClientSecretPost, Self::PrivateKeyJwt];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }
}

impl fmt::Display for AuthMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for AuthMethod {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|m| m.as_str() == text)
            .ok_or_else(|| format!("{text:?} is not client_secret_basic, client_secret_post or private_key_jwt"))
    }
}

/// The registered way to prove to be this client, with what the proof is checked against.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClientCredential {
    SecretBasic(Digest),
    SecretPost(Digest),
    /// A JWK Set of public keys (RFC 7517 §5), as JSON text checked when it was registered.
    PrivateKeyJwt {
        jwks: String,
    },
}

impl ClientCredential {
    #[must_use]
    pub const fn method(&self) -> AuthMethod {
        match self {
            Self::SecretBasic(_) => AuthMethod::ClientSecretBasic,
            Self::SecretPost(_) => AuthMethod::ClientSecretPost,
            Self::PrivateKeyJwt { .. } => AuthMethod::PrivateKeyJwt,
        }
    }
}

/// A registered client, as everything but the store knows it.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: ClientId,
    pub client_id: ClientName,
    pub name: Option<DisplayName>,
    pub credential: ClientCredential,
    /// What it may ask for at most.
    pub scopes: Scopes,
    /// The resource servers whose tokens it may ask for (`resource`, RFC 8707).
    pub resources: Vec<ResourceServerId>,
    /// The resource server it speaks for: whose decisions it may ask and whose tokens it may introspect.
    pub speaks_for: Option<ResourceServerId>,
    pub disabled: bool,
}
