//! Client authentication: the one door of every endpoint that clients call (RFC 6749 §2.3, RFC 7523 §2.2).

use std::sync::Arc;
use std::time::Duration;

use super::Provider;
use crate::decision::DecisionError;
use crate::domain::client::{AuthMethod, Client, ClientCredential};
use crate::domain::secret::{Digest, Secret};
use crate::domain::time::Instant;
use crate::keys::{Assertion, AssertionError, PublicKeys};
use crate::store::{StoreError, tokens};

/// What a request brought to prove who asks; parsed, not yet believed.
#[derive(Debug)]
pub enum Presented {
    Basic {
        client_id: String,
        secret: Secret,
    },
    Post {
        client_id: String,
        secret: Secret,
    },
    Assertion {
        client_id: Option<String>,
        jwt: Secret,
    },
    /// A `client_id` alone: a public client (`none`).
    Nothing {
        client_id: String,
    },
}

impl Presented {
    const fn method(&self) -> AuthMethod {
        match self {
            Self::Basic { .. } => AuthMethod::ClientSecretBasic,
            Self::Post { .. } => AuthMethod::ClientSecretPost,
            Self::Assertion { .. } => AuthMethod::PrivateKeyJwt,
            Self::Nothing { .. } => AuthMethod::None,
        }
    }
}

/// Why a client is not believed. Which of the first four it was goes into the log, never to the caller.
#[derive(Debug, thiserror::Error)]
pub enum ClientAuthError {
    #[error("unknown client")]
    Unknown,
    #[error("the client is disabled")]
    Disabled,
    #[error("another authentication method is registered")]
    Method,
    #[error("wrong secret")]
    Secret,
    #[error(transparent)]
    Assertion(#[from] AssertionError),
    #[error("client_assertion: {0}")]
    AssertionClaims(&'static str),
    #[error("client_assertion: its jti was used before")]
    AssertionReplayed,
    #[error("the check was interrupted")]
    Interrupted,
    #[error(transparent)]
    Decision(#[from] DecisionError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How far a client's clock may differ from ours.
const SKEW: Duration = Duration::from_secs(10);
/// How far ahead the `exp` of an assertion may lie.
const ASSERTION_LIFE_MAX: Duration = Duration::from_mins(5);

impl Provider {
    /// The client that this request proved to come from.
    ///
    /// # Errors
    /// See [`ClientAuthError`].
    pub async fn authenticate(&self, presented: &Presented) -> Result<Arc<Client>, ClientAuthError> {
        match presented {
            Presented::Basic { client_id, secret } | Presented::Post { client_id, secret } => {
                let client = self.registered(client_id, presented).await?;
                check_secret(&client, secret)?;
                Ok(client)
            }
            Presented::Assertion { client_id, jwt } => self.check_assertion(client_id.as_deref(), jwt, presented).await,
            Presented::Nothing { client_id } => self.registered(client_id, presented).await,
        }
    }

    async fn registered(&self, client_id: &str, presented: &Presented) -> Result<Arc<Client>, ClientAuthError> {
        let client = self.decisions.client(client_id).await?.ok_or(ClientAuthError::Unknown)?;
        if client.disabled {
            return Err(ClientAuthError::Disabled);
        }
        if presented.method() != client.credential.method() {
            return Err(ClientAuthError::Method);
        }
        Ok(client)
    }

    async fn check_assertion(
        &self,
        client_id: Option<&str>,
        jwt: &Secret,
        presented: &Presented,
    ) -> Result<Arc<Client>, ClientAuthError> {
        // Whose keys to check with stands in the assertion itself; nothing of it is believed before the signature is.
        let claimed = PublicKeys::claimed_issuer(jwt.reveal())?;
        if client_id.is_some_and(|id| id != claimed) {
            return Err(ClientAuthError::AssertionClaims("client_id must be its sub"));
        }
        let client = self.registered(&claimed, presented).await?;
        let ClientCredential::PrivateKeyJwt { jwks } = &client.credential else {
            return Err(ClientAuthError::Method);
        };
        let keys = PublicKeys::parse(jwks).map_err(|_| ClientAuthError::Method)?;
        let assertion = keys.verify(jwt.reveal())?;
        let expires_at = self.check_claims(&assertion, &claimed)?;
        self.spend(&assertion, expires_at).await?;
        Ok(client)
    }

    fn check_claims(&self, assertion: &Assertion, client_id: &str) -> Result<Instant, ClientAuthError> {
        let wrong = |what| Err(ClientAuthError::AssertionClaims(what));
        let now = self.clock.now();
        if assertion.iss != client_id || assertion.sub != client_id {
            return wrong("iss and sub must both be the client_id");
        }
        let issuer = &self.settings.issuer;
        match assertion.audience() {
            Some(aud) if aud == issuer.as_str() || aud == issuer.at("/oauth2/token") => {}
            _ => return wrong("aud must be one string, the issuer or the token endpoint"),
        }
        let expires_at = assertion.exp.instant();
        if expires_at.plus(SKEW) <= now {
            return wrong("it has expired");
        }
        if expires_at > now.plus(ASSERTION_LIFE_MAX).plus(SKEW) {
            return wrong("exp must be at most 5 minutes ahead");
        }
        let future = now.plus(SKEW);
        if assertion.nbf.is_some_and(|nbf| nbf.instant() > future)
            || assertion.iat.is_some_and(|iat| iat.instant() > future)
        {
            return wrong("iat and nbf must not lie in the future");
        }
        if assertion.jti.is_empty() || assertion.jti.len() > 256 {
            return wrong("jti must have 1 to 256 characters");
        }
        Ok(expires_at)
    }

    /// Spends the `jti` by a unique insert: of two equal assertions at the same instant one wins.
    async fn spend(&self, assertion: &Assertion, expires_at: Instant) -> Result<(), ClientAuthError> {
        let digest = Digest::of(format!("{}\n{}", assertion.sub, assertion.jti).as_bytes());
        let store = self.store.clone();
        // In a task of its own: a caller that disconnects does so before the commit or after it.
        let spent = tokio::spawn(async move {
            let mut tx = store.begin().await?;
            let first = tokens::spend_assertion(&mut tx, &digest, expires_at.plus(SKEW)).await?;
            tx.commit().await.map(|()| first)
        });
        match spent.await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(ClientAuthError::AssertionReplayed),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(ClientAuthError::Interrupted),
        }
    }
}

fn check_secret(client: &Client, secret: &Secret) -> Result<(), ClientAuthError> {
    let (ClientCredential::SecretBasic(registered) | ClientCredential::SecretPost(registered)) = &client.credential
    else {
        return Err(ClientAuthError::Method);
    };
    // Digests compare in constant time.
    if secret.digest() == *registered { Ok(()) } else { Err(ClientAuthError::Secret) }
}
