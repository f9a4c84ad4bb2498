//! OAuth 2 and OpenID Connect use cases: client authentication, token grants, revocation, introspection, metadata, and the
//! check of access tokens at Doorward's own APIs.
//!
//! Never: HTTP (handlers translate), SQL (the store does), other use cases.

pub mod authorize;
pub mod backchannel;
pub mod bearer;
pub mod claims;
pub mod client_auth;
pub mod exchange;
pub mod interaction;
pub mod introspect;
pub mod logout;
pub mod metadata;
mod mint;
pub mod refresh;
pub mod revoke;
pub mod token;
pub mod userinfo;

use std::sync::Arc;
use std::time::Duration;

use crate::decision::Decisions;
use crate::domain::entropy::Entropy;
use crate::domain::issuer::Issuer;
use crate::domain::secret::Digest;
use crate::domain::session::SessionLife;
use crate::domain::time::Clock;
use crate::events::Ledger;
use crate::keys::Keys;
use crate::store::Store;

/// What operators set.
#[derive(Clone, Debug)]
pub struct Settings {
    pub issuer: Issuer,
    pub access_token_lifetime: Duration,
    /// `roles` and `permissions` of a token take so many bytes of JSON at most, else they are left out.
    pub access_token_claims_max_bytes: usize,
    /// Verified tokens kept at most.
    pub verified_tokens_max: u64,
    pub session: SessionLife,
    pub code_lifetime: Duration,
    pub interaction_lifetime: Duration,
    pub refresh_idle: Duration,
    pub refresh_absolute: Duration,
    /// How long after its first use a refresh token gives the same successor again.
    pub refresh_grace: Duration,
}

/// The authorization server: what its use cases work with.
pub struct Provider {
    pub(crate) store: Arc<Store>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) decisions: Arc<Decisions>,
    pub(crate) ledger: Ledger,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) settings: Settings,
    verified: moka::sync::Cache<[u8; 32], Arc<bearer::Verified>>,
}

/// What a provider is put together from.
pub struct Parts {
    pub store: Arc<Store>,
    pub keys: Arc<Keys>,
    pub decisions: Arc<Decisions>,
    pub ledger: Ledger,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub settings: Settings,
}

impl Provider {
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { store, keys, decisions, ledger, clock, entropy, settings } = parts;
        let verified = moka::sync::Cache::new(settings.verified_tokens_max);
        Self { store, keys, decisions, ledger, clock, entropy, settings, verified }
    }

    #[must_use]
    pub const fn keys(&self) -> &Arc<Keys> {
        &self.keys
    }

    #[must_use]
    pub const fn decisions(&self) -> &Arc<Decisions> {
        &self.decisions
    }

    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    fn digest(token: &str) -> [u8; 32] {
        *Digest::of(token.as_bytes()).as_bytes()
    }
}
