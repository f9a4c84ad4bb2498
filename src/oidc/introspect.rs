//! Token introspection (RFC 7662).

use std::sync::Arc;

use serde::Serialize;

use super::Provider;
use super::bearer::{BearerError, Verified};
use super::claims::AccessClaims;
use crate::decision::DecisionError;
use crate::domain::client::Client;
use crate::store::StoreError;
use crate::store::refresh::StoredToken;

/// What an introspecting client is told. An inactive token is told nothing about, not even why.
#[derive(Debug, Serialize)]
pub struct Introspection {
    pub active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_type: Option<&'static str>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub claims: Option<AccessClaims>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<RefreshClaims>,
}

/// What is told of a refresh token.
#[derive(Debug, Serialize)]
pub struct RefreshClaims {
    pub iss: String,
    pub sub: String,
    pub client_id: String,
    pub scope: String,
    pub exp: i64,
}

impl Introspection {
    const INACTIVE: Self = Self { active: false, token_type: None, claims: None, refresh: None };
}

impl Provider {
    /// Says whether a token is active, to the resource server it is for or to the client that owns it; to everybody else
    /// every token is inactive.
    ///
    /// # Errors
    /// Only when the state of the token cannot be known.
    pub async fn introspect(&self, caller: &Client, token: &str) -> Result<Introspection, DecisionError> {
        if let Some(stored) = self.refresh_token(token).await? {
            return Ok(self.introspect_refresh(caller, &stored).await?);
        }
        let verified = match self.live(token).await {
            Ok(verified) => verified,
            Err(BearerError::Decision(fault)) => return Err(fault),
            Err(_) => return Ok(Introspection::INACTIVE),
        };
        if !self.may_see(caller, &verified).await? {
            return Ok(Introspection::INACTIVE);
        }
        let claims = Some(Arc::unwrap_or_clone(verified).claims);
        Ok(Introspection { active: true, token_type: Some("Bearer"), claims, refresh: None })
    }

    /// A refresh token, to the client it was issued to and nobody else.
    async fn introspect_refresh(&self, caller: &Client, stored: &StoredToken) -> Result<Introspection, StoreError> {
        let (family, now) = (&stored.family, self.clock.now());
        let spent = stored.spent_at.is_some() || family.ended;
        if spent || family.expires_at <= now || family.idle_expires_at <= now {
            return Ok(Introspection::INACTIVE);
        }
        let Some(living) = self.living(family.grant).await? else { return Ok(Introspection::INACTIVE) };
        if living.grant.client != caller.id {
            return Ok(Introspection::INACTIVE);
        }
        let refresh = Some(RefreshClaims {
            iss: self.settings.issuer.as_str().to_owned(),
            sub: living.grant.subject(&living.person).to_string(),
            client_id: caller.client_id.to_string(),
            scope: living.grant.scopes.to_string(),
            exp: family.expires_at.as_seconds(),
        });
        Ok(Introspection { active: true, token_type: None, claims: None, refresh })
    }

    async fn may_see(&self, caller: &Client, verified: &Verified) -> Result<bool, DecisionError> {
        if verified.claims.client_id == caller.client_id.as_str() {
            return Ok(true);
        }
        if caller.speaks_for.is_empty() {
            return Ok(false);
        }
        let registry = self.decisions.registry().await?;
        let mut servers = caller.speaks_for.iter().filter_map(|id| registry.by_id(*id));
        Ok(servers.any(|server| verified.claims.aud.contains(&server.identifier)))
    }
}
