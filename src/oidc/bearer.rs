//! Access tokens at Doorward's own endpoints: signature, type, issuer, audience, times, and that what they live under
//! still lives. The one door of every API that takes `Authorization: Bearer`.

use std::sync::Arc;

use super::Provider;
use super::claims::AccessClaims;
use crate::decision::{DecisionError, SubjectRef, SubjectState};
use crate::domain::grant::GrantState;
use crate::domain::id::{GrantId, TokenId};
use crate::domain::time::Instant;
use crate::keys::{TokenKind, Unverified};

/// A token whose signature and shape were checked once. Its times and its life are checked on every use.
#[derive(Clone, Debug)]
pub struct Verified {
    pub claims: AccessClaims,
    pub id: TokenId,
    pub grant: Option<GrantId>,
}

impl Verified {
    #[must_use]
    pub const fn expires_at(&self) -> Instant {
        Instant::from_seconds(self.claims.exp)
    }

    /// Whom the token speaks for: a person where it lives under a grant, else the client itself.
    #[must_use]
    pub fn subject(&self) -> SubjectRef {
        match self.grant {
            Some(_) => SubjectRef::User(self.claims.sub.clone()),
            None => SubjectRef::Client(self.claims.client_id.clone()),
        }
    }
}

/// Why a token is not accepted; callers are told `invalid_token` and no more.
#[derive(Debug, thiserror::Error)]
pub enum BearerError {
    #[error(transparent)]
    Unverified(#[from] Unverified),
    #[error("a claim is not of the form Doorward gives it")]
    Claims,
    #[error("another issuer")]
    Issuer,
    #[error("another audience")]
    Audience,
    #[error("expired, or not valid yet")]
    Time,
    #[error("revoked")]
    Denied,
    #[error("its grant has ended")]
    GrantEnded,
    #[error("its client is disabled or gone")]
    ClientDisabled,
    #[error("its subject is disabled or gone")]
    SubjectDisabled,
    #[error(transparent)]
    Decision(#[from] DecisionError),
}

impl Provider {
    /// Accepts a token for one of our own audiences.
    ///
    /// # Errors
    /// See [`BearerError`].
    pub async fn accept(&self, token: &str, audience: &str) -> Result<Arc<Verified>, BearerError> {
        let verified = self.live(token).await?;
        if verified.claims.aud.contains(audience) { Ok(verified) } else { Err(BearerError::Audience) }
    }

    /// A token of ours that is valid now, whatever its audience.
    ///
    /// # Errors
    /// See [`BearerError`].
    pub async fn live(&self, token: &str) -> Result<Arc<Verified>, BearerError> {
        let verified = self.verify(token)?;
        let now = self.clock.now();
        let claims = &verified.claims;
        if Instant::from_seconds(claims.exp) <= now || Instant::from_seconds(claims.nbf) > now {
            return Err(BearerError::Time);
        }
        self.alive(&verified).await?;
        Ok(verified)
    }

    /// Checks signature, type and issuer; a token that passed is remembered by its digest, for as long as its key counts.
    pub(super) fn verify(&self, token: &str) -> Result<Arc<Verified>, BearerError> {
        let digest = Self::digest(token);
        let ring = self.keys.ring();
        if let Some(verified) = self.verified.get(&digest)
            && ring.still_counts(token)
        {
            return Ok(verified);
        }
        let claims: AccessClaims = ring.verify(TokenKind::Access, token)?;
        if claims.iss != self.settings.issuer.as_str() {
            return Err(BearerError::Issuer);
        }
        let id = claims.token_id().ok_or(BearerError::Claims)?;
        let grant = claims.grant().transpose().map_err(|_| BearerError::Claims)?;
        let verified = Arc::new(Verified { claims, id, grant });
        self.verified.insert(digest, verified.clone());
        Ok(verified)
    }

    async fn alive(&self, verified: &Verified) -> Result<(), BearerError> {
        self.decisions.fresh()?;
        if self.decisions.is_denied(verified.id) {
            return Err(BearerError::Denied);
        }
        let client = self.decisions.client(&verified.claims.client_id).await?;
        if client.is_none_or(|client| client.disabled) {
            return Err(BearerError::ClientDisabled);
        }
        if let Some(grant) = verified.grant {
            if self.decisions.grant(grant).await? != GrantState::Live {
                return Err(BearerError::GrantEnded);
            }
            if !matches!(self.decisions.person(&verified.claims.sub).await?, SubjectState::Active(_)) {
                return Err(BearerError::SubjectDisabled);
            }
        }
        Ok(())
    }
}
