//! Logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.4).

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::Provider;
use crate::decision::DecisionError;
use crate::domain::id::TokenId;
use crate::keys::{KeysError, TokenKind};

/// Long enough to arrive; it is made anew for each try (§2.4 recommends two minutes at most).
const LIFETIME: Duration = Duration::from_mins(2);
/// The one member of `events`.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Never a `nonce`: so no logout token can pass for an ID token.
#[derive(Serialize)]
struct LogoutClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
    sub: &'a str,
    sid: &'a str,
    events: Value,
}

#[derive(Debug, thiserror::Error)]
pub enum BackchannelError {
    #[error(transparent)]
    Decision(#[from] DecisionError),
    #[error(transparent)]
    Keys(#[from] KeysError),
}

impl Provider {
    /// Where a client wants to be told that a session has ended, and the token that says so; nothing when it is gone,
    /// disabled, or does not want to be told any more.
    ///
    /// # Errors
    /// See [`BackchannelError`].
    pub async fn logout_token(
        &self,
        client_id: &str,
        sid: &str,
        sub: &str,
    ) -> Result<Option<(String, String)>, BackchannelError> {
        let client = self.decisions.client(client_id).await?.filter(|client| !client.disabled);
        let Some(uri) = client.and_then(|client| client.backchannel_logout_uri.clone()) else { return Ok(None) };
        let now = self.clock.now();
        let claims = LogoutClaims {
            iss: self.settings.issuer.as_str(),
            aud: client_id,
            iat: now.as_seconds(),
            exp: now.plus(LIFETIME).as_seconds(),
            jti: TokenId::mint(now, self.entropy.as_ref()).to_string(),
            sub,
            sid,
            events: json!({ EVENT: {} }),
        };
        let token = self.keys.sign(TokenKind::Logout, &claims).await?;
        Ok(Some((uri.as_str().to_owned(), token)))
    }
}
