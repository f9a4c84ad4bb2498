//! Clients: software that asks for tokens or decisions (RFC 6749 §2).

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::id::{ClientId, ResourceServerId};
use super::name::{ClientName, DisplayName};
use super::redirect::{BackchannelUri, RedirectUri};
use super::scope::Scopes;
use super::secret::Digest;

/// `token_endpoint_auth_method` (RFC 7591 §2). Only the registered one is accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
    /// A public client: it can keep no secret, so PKCE stands in for one (RFC 7636).
    None,
}

impl AuthMethod {
    pub const ALL: [Self; 4] = [Self::ClientSecretBasic, Self::ClientSecretPost, Self::PrivateKeyJwt, Self::None];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::None => "none",
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
            .ok_or_else(|| format!("{text:?} is not client_secret_basic, client_secret_post, private_key_jwt or none"))
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
    None,
}

impl ClientCredential {
    #[must_use]
    pub const fn method(&self) -> AuthMethod {
        match self {
            Self::SecretBasic(_) => AuthMethod::ClientSecretBasic,
            Self::SecretPost(_) => AuthMethod::ClientSecretPost,
            Self::PrivateKeyJwt { .. } => AuthMethod::PrivateKeyJwt,
            Self::None => AuthMethod::None,
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
    /// The resource servers it speaks for: whose decisions it may ask and whose tokens it may introspect.
    pub speaks_for: Vec<ResourceServerId>,
    pub disabled: bool,
    pub grant_types: GrantTypes,
    /// Where the authorization endpoint may send people back to.
    pub redirect_uris: Vec<RedirectUri>,
    pub post_logout_redirect_uris: Vec<RedirectUri>,
    /// One of the operator's own: people are not asked for consent.
    pub first_party: bool,
    /// A certified profile that sends no PKCE; never for public clients.
    pub pkce_optional: bool,
    /// Applies where a request names no `max_age` (OpenID Connect Registration §2).
    pub default_max_age: Option<Duration>,
    /// Where it is told that a session has ended (OpenID Connect Back-Channel Logout §2.2).
    pub backchannel_logout_uri: Option<BackchannelUri>,
    /// The host whose clients know people by names of their own (`subject_type` `pairwise`, OpenID Connect Core §8.1);
    /// without it the client is told the person's `sub`.
    pub sector: Option<String>,
}

impl Client {
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.credential == ClientCredential::None
    }

    #[must_use]
    pub fn needs_pkce(&self) -> bool {
        self.is_public() || !self.pkce_optional
    }
}

/// The grants a client may use (`grant_types`, RFC 7591 §2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GrantTypes {
    pub authorization_code: bool,
    pub refresh_token: bool,
    pub client_credentials: bool,
}

impl GrantTypes {
    /// # Errors
    /// A sentence that names what is no grant type here.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.split(' ').filter(|t| !t.is_empty()).try_fold(Self::default(), |types, name| match name {
            "authorization_code" => Ok(Self { authorization_code: true, ..types }),
            "refresh_token" => Ok(Self { refresh_token: true, ..types }),
            "client_credentials" => Ok(Self { client_credentials: true, ..types }),
            other => Err(format!("{other:?} is not authorization_code, refresh_token or client_credentials")),
        })
    }
}

impl fmt::Display for GrantTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            (self.authorization_code, "authorization_code"),
            (self.refresh_token, "refresh_token"),
            (self.client_credentials, "client_credentials"),
        ];
        let names: Vec<_> = all.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
        f.write_str(&names.join(" "))
    }
}
