//! The client-credentials grant (RFC 6749 §4.4) with resource indicators (RFC 8707).

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::Provider;
use super::claims::AccessClaims;
use super::mint::Holder;
use crate::decision::{DecisionError, Registry};
use crate::domain::change::Actor;
use crate::domain::client::Client;
use crate::domain::fact::{Fact, FactKind};
use crate::domain::name::NameError;
use crate::domain::resource_server::{DOORWARD, ResourceServer};
use crate::domain::scope::Scopes;
use crate::domain::time::Instant;
use crate::events::LedgerError;
use crate::keys::{KeysError, TokenKind};
use crate::store::StoreError;

/// What a client asks for.
#[derive(Debug, Default)]
pub struct ClientCredentialsRequest {
    pub scope: Option<String>,
    pub resources: Vec<String>,
    pub request_id: Option<String>,
}

/// A token and what the response says beside it.
#[derive(Debug)]
pub struct Issued {
    pub access_token: String,
    pub expires_in_seconds: u64,
    /// What was granted, when it is not what was asked for (RFC 6749 §5.1).
    pub scope: Option<Scopes>,
}

#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("grant_type: this client is not registered for it")]
    GrantNotAllowed,
    #[error(transparent)]
    ScopeMalformed(#[from] NameError),
    #[error("scope: {0} is not for this client to ask for, or not known at this resource")]
    ScopeNotAllowed(Scopes),
    #[error("resource: not known here, or not one this client may ask for")]
    TargetNotAllowed,
    #[error("resource: this client has no single default; name one of the resource servers it may ask for")]
    TargetMissing,
    /// Unknown, expired, spent, another client's, or what it came from has ended: one answer for all (RFC 6749 §5.2).
    #[error("{0}")]
    InvalidGrant(&'static str),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("resource: Doorward's own API must be asked for alone")]
    TargetMixed,
    #[error(transparent)]
    Decision(#[from] DecisionError),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A resource server that the token is for, and the audience by which it was asked.
pub(super) struct Target {
    pub server: Arc<ResourceServer>,
    pub audience: String,
}

impl Provider {
    /// Issues an access token to an authenticated client, for itself.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub async fn client_credentials(
        &self,
        client: &Client,
        request: &ClientCredentialsRequest,
    ) -> Result<Issued, TokenError> {
        let now = self.clock.now();
        if !client.grant_types.client_credentials {
            return Err(TokenError::GrantNotAllowed);
        }
        let registry = self.decisions.registry().await?;
        let targets = self.targets(client, &request.resources, &registry)?;
        let asked = request.scope.as_deref().map(Scopes::parse).transpose()?;
        let granted = granted(client, asked.as_ref(), &targets)?;
        let holder = Holder::Client(client);
        let claims = self.access_claims(&holder, client.client_id.as_str(), &granted, &targets, now).await?;
        let access_token = self.keys.sign(TokenKind::Access, &claims).await?;
        self.ledger.append(self.fact(&claims, request, now)).await?;
        let scope = (asked.as_ref() != Some(&granted) && !granted.is_empty()).then_some(granted);
        let expires_in_seconds = u64::try_from(claims.exp - claims.iat).unwrap_or(0);
        Ok(Issued { access_token, expires_in_seconds, scope })
    }

    /// Which resource servers the token is for: those asked for, else the only one the client may ask for. Doorward's own
    /// APIs are never a default.
    pub(super) fn targets(
        &self,
        client: &Client,
        asked: &[String],
        registry: &Registry,
    ) -> Result<Vec<Target>, TokenError> {
        if !asked.is_empty() {
            let mut seen = BTreeSet::new();
            let distinct = asked.iter().filter(|audience| seen.insert(*audience));
            let targets = distinct.map(|audience| self.target(client, audience, registry));
            let targets = targets.collect::<Result<Vec<_>, _>>()?;
            // Another resource server that got such a token could use it here in the client's name.
            if targets.len() > 1 && targets.iter().any(|target| target.server.name.as_str() == DOORWARD) {
                return Err(TokenError::TargetMixed);
            }
            return Ok(targets);
        }
        // Nor is a resource server that took the address of one of them for its identifier.
        let is_own =
            |rs: &ResourceServer| rs.name.as_str() == DOORWARD || self.settings.issuer.is_own_api(&rs.identifier);
        let others = client.resources.iter().filter_map(|id| registry.by_id(*id)).filter(|rs| !is_own(rs));
        let mut others = others.cloned();
        match (others.next(), others.next()) {
            (Some(server), None) => Ok(vec![Target { audience: server.identifier.clone(), server }]),
            _ => Err(TokenError::TargetMissing),
        }
    }

    fn target(&self, client: &Client, audience: &str, registry: &Registry) -> Result<Target, TokenError> {
        let own = self.settings.issuer.is_own_api(audience);
        let found = if own { registry.by_name(DOORWARD) } else { registry.by_identifier(audience) };
        let server = found.ok_or(TokenError::TargetNotAllowed)?;
        let allowed = client.resources.contains(&server.id) && (own || server.name.as_str() != DOORWARD);
        if !allowed {
            return Err(TokenError::TargetNotAllowed);
        }
        Ok(Target { server: server.clone(), audience: audience.to_owned() })
    }

    fn fact(&self, claims: &AccessClaims, request: &ClientCredentialsRequest, now: Instant) -> Fact {
        let actor = Actor::Client(claims.client_id.clone());
        let subject = format!("client:{}", claims.client_id);
        Fact::new(now, self.entropy.as_ref(), FactKind::TokenIssued, actor, subject)
            .for_request(request.request_id.as_deref())
            .with(json!({
                "grant": "client_credentials", "jti": claims.jti, "aud": claims.aud,
                "scope": claims.scope, "exp": claims.exp,
            }))
    }
}

/// The scopes of the token: what was asked for (all the client may, when nothing was), as far as these resource servers
/// know them.
fn granted(client: &Client, asked: Option<&Scopes>, targets: &[Target]) -> Result<Scopes, TokenError> {
    let known = targets.iter().fold(Scopes::default(), |known, target| known.union(&target.server.scopes));
    let Some(asked) = asked else { return Ok(client.scopes.intersection(&known)) };
    if !asked.is_subset(&client.scopes) {
        return Err(TokenError::ScopeNotAllowed(asked.minus(&client.scopes)));
    }
    if !asked.is_subset(&known) {
        return Err(TokenError::ScopeNotAllowed(asked.minus(&known)));
    }
    Ok(asked.clone())
}
