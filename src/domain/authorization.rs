//! A validated authorization request, as it is kept between the pages, and what is to happen to it next.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::scope::Scopes;
use super::session::{ACR_VALUES, Session};
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

/// Everything that was asked for; nothing of it is read from a URL again. What a newer version adds has a default, so that
/// requests under way survive an update.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    pub client_id: String,
    pub redirect_uri: String,
    pub response_mode: ResponseMode,
    /// Space-separated, as granted at most.
    pub scope: String,
    /// The scopes of the claims asked for by name (§5.5): agreed to like those of `scope`, and no more granted than asked.
    #[serde(default)]
    pub claim_scopes: String,
    pub state: Option<String>,
    pub nonce: Option<String>,
    pub challenge: Option<String>,
    pub prompt: Prompt,
    /// The request's, or the client's default.
    pub max_age_seconds: Option<u64>,
    pub login_hint: Option<String>,
    /// The `sub` of the `id_token_hint`.
    pub hinted_sub: Option<String>,
    /// Subjects named as values of the `sub` claim (§5.5.1): one of them must be who signs in. Empty when none is named.
    #[serde(default)]
    pub claimed_subs: Vec<String>,
    /// Values of an essential `acr` claim (§5.5.1.1): one of them must be met. Empty when nothing is essential.
    #[serde(default)]
    pub essential_acr: Vec<String>,
    pub resources: Vec<String>,
    pub ui_locales: Option<String>,
    /// The `claims` parameter (§5.5), as JSON that was checked.
    pub claims: Option<serde_json::Value>,
}

/// What the person decided when asked which account to go on with (`prompt=select_account`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccountChoice {
    /// Go on as who is signed in.
    Continue,
    /// Sign in as somebody else.
    Switch,
}

impl AccountChoice {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::Switch => "switch",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Continue, Self::Switch].into_iter().find(|choice| choice.as_str() == text)
    }
}

/// What an authorization request needs of the person next. Each step is found again from what is stored, so none can be
/// skipped by another route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    SelectAccount,
    SignIn,
    Consent,
    Grant,
    Refuse(Refusal),
}

/// Why no person can, or may, meet the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// `prompt=none` and nobody is signed in as asked; or somebody else than asked for signed in.
    LoginRequired,
    /// `prompt=none` and the person would have to agree.
    ConsentRequired,
    /// `prompt=none` and the person would have to do something else.
    InteractionRequired,
    /// No authentication there is here meets the essential `acr`.
    UnmetAuthentication,
}

/// What is known when the next step is looked for.
#[derive(Clone, Debug)]
pub struct Progress<'a> {
    pub session: Option<&'a Session>,
    /// Who the session's person is to the client.
    pub session_sub: Option<&'a str>,
    /// When somebody signed in within this very interaction.
    pub authenticated_at: Option<Instant>,
    /// What the person of this session chose within this very interaction.
    pub account_choice: Option<AccountChoice>,
    /// Whether consent was given within this very interaction.
    pub consented: bool,
    /// Whether stored consent, or the operator's word, covers everything asked for.
    pub consent_remembered: bool,
    /// Whether the answer may go back without the person doing anything (RFC 8252 §8.6).
    pub silent_allowed: bool,
}

/// Who is signed in, seen from the request.
enum SignedIn {
    AsAsked,
    /// Nobody, somebody else, or too long ago.
    No,
    /// Signed in within the interaction, and yet somebody else than the request names: asking again would loop.
    Never,
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

    /// What the person is asked to agree to.
    #[must_use]
    pub fn consent_scopes(&self) -> Scopes {
        let parsed = |text: &str| Scopes::parse(text).unwrap_or_default();
        parsed(&self.scope).union(&parsed(&self.claim_scopes))
    }

    /// The next step.
    #[must_use]
    pub fn next_step(&self, progress: &Progress<'_>, now: Instant) -> Step {
        let silent = self.prompt.none;
        let refuse_or = |refusal, step| if silent { Step::Refuse(refusal) } else { step };
        if !self.essential_acr.is_empty() && !self.essential_acr.iter().any(|acr| ACR_VALUES.contains(&acr.as_str())) {
            return Step::Refuse(Refusal::UnmetAuthentication);
        }
        if self.must_select(progress) {
            return refuse_or(Refusal::InteractionRequired, Step::SelectAccount);
        }
        match self.signed_in(progress, now) {
            SignedIn::AsAsked => {}
            SignedIn::No => return refuse_or(Refusal::LoginRequired, Step::SignIn),
            SignedIn::Never => return Step::Refuse(Refusal::LoginRequired),
        }
        if !self.is_consented(progress) {
            return refuse_or(Refusal::ConsentRequired, Step::Consent);
        }
        Step::Grant
    }

    /// Whoever is signed in, and need not sign in anyway, is asked which account it shall be.
    fn must_select(&self, progress: &Progress<'_>) -> bool {
        let undecided = progress.account_choice.is_none() && progress.authenticated_at.is_none();
        self.prompt.select_account && !self.prompt.login && progress.session.is_some() && undecided
    }

    fn signed_in(&self, progress: &Progress<'_>, now: Instant) -> SignedIn {
        let Some(session) = progress.session else { return SignedIn::No };
        let here = progress.authenticated_at.is_some();
        let is = |sub: &String| progress.session_sub == Some(sub);
        let is_claimed = self.claimed_subs.is_empty() || self.claimed_subs.iter().any(is);
        if !is_claimed || !self.hinted_sub.iter().all(is) {
            return if here { SignedIn::Never } else { SignedIn::No };
        }
        // Asked to sign in again: only what was done within this interaction counts, or it could be stripped, or loop.
        let again = self.prompt.login || progress.account_choice == Some(AccountChoice::Switch);
        let fresh = self.max_age().is_none_or(|age| !session.is_older_than(age, now));
        if here || (fresh && !again) { SignedIn::AsAsked } else { SignedIn::No }
    }

    fn is_consented(&self, progress: &Progress<'_>) -> bool {
        let must_ask = self.prompt.consent || !progress.silent_allowed;
        progress.consented || (progress.consent_remembered && !must_ask)
    }
}
