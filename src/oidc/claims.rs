//! The claims of an access token (RFC 9068 §2.2).

use serde::{Deserialize, Serialize};

use crate::domain::id::{GrantId, TokenId};

/// One audience is written as a string, more as an array (RFC 7519 §4.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    #[must_use]
    pub fn new(mut of: Vec<String>) -> Self {
        if of.len() == 1 { of.pop().map_or(Self::Many(of), Self::One) } else { Self::Many(of) }
    }

    #[must_use]
    pub fn contains(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Many(many) => many.iter().any(|a| a == audience),
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccessClaims {
    pub iss: String,
    pub sub: String,
    pub aud: Audience,
    pub client_id: String,
    pub iat: i64,
    /// A few seconds before `iat`, so that a verifier without clock tolerance does not refuse a fresh token.
    pub nbf: i64,
    pub exp: i64,
    pub jti: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// What the token dies with; absent where the client itself is the grant (client credentials).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<String>>,
}

impl AccessClaims {
    pub(super) fn token_id(&self) -> Option<TokenId> {
        self.jti.parse().ok()
    }

    pub(super) fn grant(&self) -> Option<Result<GrantId, String>> {
        self.grant_id.as_deref().map(str::parse)
    }
}

/// The claims of an ID token (OpenID Connect Core §2, §3.1.3.6; Front-Channel Logout §3 for `sid`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IdClaims {
    pub iss: String,
    pub sub: String,
    pub aud: Audience,
    pub iat: i64,
    pub exp: i64,
    pub auth_time: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    pub acr: String,
    pub amr: Vec<String>,
    pub at_hash: String,
    pub sid: String,
    /// Claims that were asked for by name (§5.5).
    #[serde(flatten)]
    pub asked: serde_json::Map<String, serde_json::Value>,
}
