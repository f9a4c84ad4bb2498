//! A validated authorization request, as it is kept between the pages, and what is to happen to it next.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::session::Session;
use super::time::Instant;

/// How the answer goes back (OAuth 2.0 Multiple Response Types §2.1, Form Post Response Mode).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    Query,
    FormPost,
}

/// Values of `prompt` (OpenID Connect Core §3.1.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Prompt {
    pub none: bool,
    pub login: bool,
    pub consent: bool,
    pub select_account: bool,
}

/// Everything that was asked for; nothing of it is read from a URL again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    pub client_id: String,
    pub redirect_uri: String,
    pub response_mode: ResponseMode,
    /// Space-separated, as granted at most.
    pub scope: String,
    pub state: Option<String>,
    pub nonce: Option<String>,
    pub challenge: Option<String>,
    pub prompt: Prompt,
    pub max_age_seconds: Option<u64>,
    pub login_hint: Option<String>,
    /// The `sub` of the `id_token_hint`.
    pub hinted_sub: Option<String>,
    pub resources: Vec<String>,
    pub ui_locales: Option<String>,
    /// The `claims` parameter (§5.5), as JSON that was checked.
    pub claims: Option<serde_json::Value>,
}

/// What an authorization request needs of the person next. Each step is found again from what is stored, so none can be
/// skipped by another route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    SignIn,
    Consent,
    Grant,
    /// `prompt=none` and the person would have to do something.
    Refuse(SilentError),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SilentError {
    LoginRequired,
    ConsentRequired,
}

/// What is known when the next step is looked for.
#[derive(Clone, Debug)]
pub struct Progress<'a> {
    pub session: Option<&'a Session>,
    /// The `sub` of the session's person.
    pub session_sub: Option<&'a str>,
    /// When somebody signed in within this very interaction.
    pub authenticated_at: Option<Instant>,
    /// Whether consent was given within this very interaction.
    pub consented: bool,
    /// Whether stored consent, or the operator's word, covers everything asked for.
    pub consent_remembered: bool,
    /// Whether the answer may go back without the person doing anything (RFC 8252 §8.6).
    pub silent_allowed: bool,
}

impl AuthorizationRequest {
    #[must_use]
    pub fn max_age(&self) -> Option<Duration> {
        self.max_age_seconds.map(Duration::from_secs)
    }

    #[must_use]
    pub fn wants(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|s| s == scope)
    }

    /// The next step.
    #[must_use]
    pub fn next_step(&self, progress: &Progress<'_>, now: Instant) -> Step {
        if !self.is_signed_in(progress, now) {
            return if self.prompt.none { Step::Refuse(SilentError::LoginRequired) } else { Step::SignIn };
        }
        if !self.is_consented(progress) {
            return if self.prompt.none { Step::Refuse(SilentError::ConsentRequired) } else { Step::Consent };
        }
        Step::Grant
    }

    fn is_signed_in(&self, progress: &Progress<'_>, now: Instant) -> bool {
        let Some(session) = progress.session else { return false };
        if self.hinted_sub.as_deref().is_some_and(|hinted| progress.session_sub != Some(hinted)) {
            return false;
        }
        // Asked to sign in again: only what was done within this interaction counts, or it could be stripped, or loop.
        if (self.prompt.login || self.prompt.select_account) && progress.authenticated_at.is_none() {
            return false;
        }
        progress.authenticated_at.is_some() || self.max_age().is_none_or(|age| !session.is_older_than(age, now))
    }

    fn is_consented(&self, progress: &Progress<'_>) -> bool {
        let must_ask = self.prompt.consent || !progress.silent_allowed;
        progress.consented || (progress.consent_remembered && !must_ask)
    }
}
