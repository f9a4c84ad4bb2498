//! Token revocation (RFC 7009).

use serde_json::json;

use super::Provider;
use super::bearer::BearerError;
use crate::decision::DecisionError;
use crate::domain::change::{Actor, Changed};
use crate::domain::client::Client;
use crate::domain::fact::{Fact, FactKind};
use crate::domain::secret::Digest;
use crate::domain::time::Instant;
use crate::events;
use crate::store::changes::States;
use crate::store::refresh::{self, StoredToken};
use crate::store::{StoreError, grants, tokens};

#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// RFC 7009 §2.1: the request is refused and the client told.
    #[error("token: it was issued to another client")]
    OtherClient,
    #[error(transparent)]
    Decision(#[from] DecisionError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Provider {
    /// A refresh token of ours, whatever its state; told from access tokens by its prefix.
    pub(super) async fn refresh_token(&self, token: &str) -> Result<Option<StoredToken>, StoreError> {
        if !token.starts_with("dwrt_") {
            return Ok(None);
        }
        let digest = Digest::of(token.as_bytes());
        refresh::find(&mut self.store.read().await?, &digest).await
    }

    /// Revokes a refresh token with everything of its grant, or one access token, of this client at once, here and on
    /// every node. What is no token of ours, has expired or
    /// was revoked before needs nothing and is no error (RFC 7009 §2.2).
    ///
    /// # Errors
    /// See [`RevokeError`].
    pub async fn revoke(&self, client: &Client, token: &str, request_id: Option<&str>) -> Result<(), RevokeError> {
        if let Some(stored) = self.refresh_token(token).await? {
            // Whoever the person is and whether they may act: what is revoked stays so when a lock comes off.
            let live = grants::live(&mut self.store.read().await?, stored.family.grant).await?;
            let Some(grants::Live { grant, .. }) = live else { return Ok(()) };
            if grant.client != client.id {
                return Err(RevokeError::OtherClient);
            }
            let actor = Actor::Client(client.client_id.to_string());
            let grant = grant.id;
            let ended = self.end_grant(grant, FactKind::TokenRevoked, &actor, "revoked", request_id).await?;
            if let Some(revision) = ended {
                self.decisions.wait_applied(revision).await?;
            }
            return Ok(());
        }
        let verified = match self.verify(token) {
            Ok(verified) => verified,
            Err(BearerError::Decision(fault)) => return Err(fault.into()),
            Err(_) => return Ok(()),
        };
        if verified.claims.client_id != client.client_id.as_str() {
            return Err(RevokeError::OtherClient);
        }
        let now = self.clock.now();
        let expires_at = Instant::from_seconds(verified.claims.exp);
        if expires_at <= now {
            return Ok(());
        }
        let mut edit = self.store.edit().await?;
        if !tokens::deny(&mut edit, verified.id, expires_at, now).await? {
            return Ok(edit.rollback().await?);
        }
        let actor = Actor::Client(client.client_id.as_str().to_owned());
        let changed = Changed::DeniedToken { id: verified.id, expires_at };
        edit.log(&changed, &actor, now, States::default()).await?;
        let subject = format!("client:{}", client.client_id);
        let fact = Fact::new(now, self.entropy.as_ref(), FactKind::TokenRevoked, actor, subject)
            .at_revision(edit.revision())
            .for_request(request_id)
            .with(json!({ "jti": verified.claims.jti }));
        events::record(&mut edit, fact).await?;
        let revision = edit.commit().await?;
        // The answer says "revoked": from here on it is, on this node too.
        self.decisions.wait_applied(revision).await?;
        Ok(())
    }
}
