//! Refresh tokens (RFC 6749 §6, RFC 9700 §4.14): rotated at each use; reuse is theft, but for a short grace in which the
//! same successor is given again, for clients whose answer was lost on the way.

use super::Provider;
use super::exchange::{Living, Tokens, narrowed_resources};
use super::token::TokenError;
use crate::domain::client::Client;
use crate::domain::fact::FactKind;
use crate::domain::scope::Scopes;
use crate::domain::secret::{Secret, SecretKind};
use crate::domain::time::Instant;
use crate::events;
use crate::keys::{open_successor, seal_successor};
use crate::store::refresh::{self, Rotated, StoredToken, Successor};

/// What a client sends.
#[derive(Debug)]
pub struct RefreshRequest {
    pub token: Secret,
    /// Narrows this one access token.
    pub scope: Option<String>,
    pub resources: Vec<String>,
    pub request_id: Option<String>,
}

const NO_TOKEN: TokenError =
    TokenError::InvalidGrant("refresh_token: unknown, expired, spent, ended, or not issued to this client");

/// What one attempt came to.
enum Rotation {
    Done(Tokens),
    /// Somebody else spent the token meanwhile: look again.
    Lost,
}

impl Provider {
    /// Rotates a refresh token.
    ///
    /// # Errors
    /// [`TokenError::InvalidGrant`] and what else can go wrong with tokens.
    pub async fn refresh(&self, client: &Client, request: RefreshRequest) -> Result<Tokens, TokenError> {
        if !client.grant_types.refresh_token {
            return Err(TokenError::GrantNotAllowed);
        }
        for _ in 0..2 {
            match self.store.in_one_piece(self.try_refresh(client, &request)).await? {
                Rotation::Done(tokens) => return Ok(tokens),
                Rotation::Lost => {}
            }
        }
        Err(NO_TOKEN)
    }

    async fn try_refresh(&self, client: &Client, request: &RefreshRequest) -> Result<Rotation, TokenError> {
        let now = self.clock.now();
        let digest = request.token.digest();
        let stored = refresh::find(&mut self.store.read().await?, &digest).await?.ok_or(NO_TOKEN)?;
        let family = &stored.family;
        if family.ended || family.expires_at <= now || family.idle_expires_at <= now {
            return Err(NO_TOKEN);
        }
        let living = self.living(family.grant).await?.ok_or(NO_TOKEN)?;
        // Another client's token: nothing is burnt.
        if living.grant.client != client.id {
            return Err(NO_TOKEN);
        }
        let (scopes, resources) = narrowed(&living, request)?;
        if let Some(spent_at) = stored.spent_at {
            return self.again(client, &living, &stored, spent_at, request, (&scopes, &resources), now).await;
        }
        let successor = Secret::mint(SecretKind::RefreshToken, self.entropy.as_ref());
        let sealed = seal_successor(&request.token, &successor)?;
        let mut tokens = self.mint_tokens(client, &living, &scopes, &resources, None, now).await?;

        let idle_expires_at = now.plus(self.settings.refresh_idle);
        let to = Successor { digest: &successor.digest(), sealed: &sealed, idle_expires_at };
        let mut tx = self.store.begin().await?;
        match refresh::rotate(&mut tx, &digest, family.id, to, now).await? {
            Rotated::Done => {}
            Rotated::Ended => {
                tx.rollback().await?;
                return Err(NO_TOKEN);
            }
            Rotated::Spent => {
                tx.rollback().await?;
                return Ok(Rotation::Lost);
            }
        }
        let fact = self.issued(client, &living, "refresh_token", &scopes, now);
        events::record(&mut tx, fact.for_request(request.request_id.as_deref())).await?;
        tx.commit().await?;
        tokens.refresh_token = Some(successor);
        Ok(Rotation::Done(tokens))
    }

    /// A spent token: within the grace, the same successor while nobody has used it; after it, theft.
    #[expect(
        clippy::too_many_arguments,
        reason = "what was read, what was asked and when; a struct would be made for one call"
    )]
    async fn again(
        &self,
        client: &Client,
        living: &Living,
        stored: &StoredToken,
        spent_at: Instant,
        request: &RefreshRequest,
        (scopes, resources): (&Scopes, &[String]),
        now: Instant,
    ) -> Result<Rotation, TokenError> {
        // Counted from the first use; a replay never extends it.
        if now >= spent_at.plus(self.settings.refresh_grace) {
            let request_id = request.request_id.as_deref();
            return self.reused(client, living.grant.id, FactKind::RefreshReused, request_id).await;
        }
        let Some(sealed) = &stored.successor_sealed else { return Err(NO_TOKEN) };
        let successor = open_successor(&request.token, sealed)?;
        let mut tokens = self.mint_tokens(client, living, scopes, resources, None, now).await?;
        tokens.refresh_token = Some(successor);
        Ok(Rotation::Done(tokens))
    }
}

/// `scope` and `resource` narrow this one access token; they never widen it (RFC 6749 §6, RFC 8707 §2.2).
fn narrowed(living: &Living, request: &RefreshRequest) -> Result<(Scopes, Vec<String>), TokenError> {
    let grant = &living.grant;
    let scopes = match &request.scope {
        None => grant.scopes.clone(),
        Some(text) => {
            let asked = Scopes::parse(text)?;
            if !asked.is_subset(&grant.scopes) {
                return Err(TokenError::ScopeNotAllowed(asked.minus(&grant.scopes)));
            }
            asked
        }
    };
    Ok((scopes, narrowed_resources(grant, &request.resources)?))
}
