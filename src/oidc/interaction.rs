//! Going on with an interaction: which step comes next is found from what is stored, every time.

use std::sync::Arc;

use serde_json::json;

use super::Provider;
use super::authorize::Answer;
use crate::decision::DecisionError;
use crate::domain::authorization::{AccountChoice, AuthorizationRequest, Progress, Refusal, Step};
use crate::domain::change::Actor;
use crate::domain::client::Client;
use crate::domain::fact::{Fact, FactKind};
use crate::domain::grant::Grant;
use crate::domain::id::{GrantId, InteractionId, SessionId};
use crate::domain::name::Sub;
use crate::domain::person::Person;
use crate::domain::redirect::RedirectUri;
use crate::domain::scope::Scopes;
use crate::domain::secret::{Secret, SecretKind};
use crate::domain::session::Session;
use crate::events;
use crate::store::consents::Consent;
use crate::store::interactions::Interaction;
use crate::store::{StoreError, codes, consents, grants, interactions, pairwise, people, sessions};

/// The browser that goes on: its two cookies.
#[derive(Clone)]
pub struct Browser {
    pub secret: Secret,
    pub session: Option<Secret>,
}

/// What the person sees next.
#[derive(Debug)]
pub struct Page {
    pub client: Arc<Client>,
    pub redirect_uri: String,
    /// The languages the client would like (`ui_locales`), in order of preference.
    pub ui_locales: Option<String>,
    pub asks: Asks,
}

/// What a page asks of the person.
#[derive(Debug)]
pub enum Asks {
    SelectAccount { person: Person, session: SessionId },
    SignIn { login_hint: Option<String> },
    Consent { person: Person, session: SessionId, scopes: Scopes },
}

/// Where an interaction goes: to a page, or back to the client.
#[derive(Debug)]
pub enum Next {
    Page(Box<Page>),
    Answer(Answer),
}

#[derive(Debug, thiserror::Error)]
pub enum InteractionError {
    /// Ended, expired, begun in another browser, or its client is gone.
    #[error("the interaction is over")]
    Gone,
    /// Somebody else signed in in this browser since the page was shown.
    #[error("another person has signed in")]
    OtherPerson,
    #[error(transparent)]
    Decision(#[from] DecisionError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Everything an interaction stands on now.
struct State {
    interaction: Interaction,
    request: AuthorizationRequest,
    client: Arc<Client>,
    /// The live session of a person who may act.
    signed_in: Option<(Session, Person)>,
    consent: Option<Consent>,
    /// Who they are to this client; nobody yet where it has never been told.
    known_as: Option<String>,
}

impl Provider {
    /// The next step of the interaction.
    ///
    /// # Errors
    /// See [`InteractionError`].
    pub async fn advance(&self, id: InteractionId, browser: &Browser) -> Result<Next, InteractionError> {
        self.store.in_one_piece(self.step(id, browser)).await
    }

    async fn step(&self, id: InteractionId, browser: &Browser) -> Result<Next, InteractionError> {
        let now = self.clock.now();
        let state = self.state(id, browser).await?;
        let asks = match (state.request.next_step(&state.progress(), now), &state.signed_in) {
            (Step::SignIn, _) => Asks::SignIn { login_hint: state.request.login_hint.clone() },
            (Step::SelectAccount, Some((session, person))) => {
                Asks::SelectAccount { person: person.clone(), session: session.id }
            }
            (Step::Consent, Some((session, person))) => {
                Asks::Consent { person: person.clone(), session: session.id, scopes: state.request.consent_scopes() }
            }
            (Step::SelectAccount | Step::Consent, None) => return Err(InteractionError::Gone),
            (Step::Grant, _) => return self.grant(state).await.map(Next::Answer),
            (Step::Refuse(refusal), _) => {
                let (code, text) = described(refusal);
                return self.close(&state, code, text).await.map(Next::Answer);
            }
        };
        let (redirect_uri, ui_locales) = (state.request.redirect_uri, state.request.ui_locales);
        Ok(Next::Page(Box::new(Page { client: state.client, redirect_uri, ui_locales, asks })))
    }

    /// The person of that session goes on as who they are, or wants to sign in as somebody else.
    ///
    /// # Errors
    /// See [`InteractionError`].
    pub async fn choose_account(
        &self,
        id: InteractionId,
        browser: &Browser,
        shown_to: SessionId,
        choice: AccountChoice,
    ) -> Result<(), InteractionError> {
        let state = self.state(id, browser).await?;
        let session = state.signed_in.as_ref().map(|(session, _)| session.id).filter(|session| *session == shown_to);
        let session = session.ok_or(InteractionError::OtherPerson)?;
        let mut tx = self.store.begin().await?;
        if !interactions::choose_account(&mut tx, id, session, choice).await? {
            tx.rollback().await?;
            return Err(InteractionError::Gone);
        }
        Ok(tx.commit().await?)
    }

    /// The person agreed, or not, to what the page showed to the person of that session.
    ///
    /// # Errors
    /// See [`InteractionError`].
    pub async fn consent(
        &self,
        id: InteractionId,
        browser: &Browser,
        shown_to: SessionId,
        allowed: bool,
    ) -> Result<Next, InteractionError> {
        let now = self.clock.now();
        let state = self.state(id, browser).await?;
        let Some((session, person)) = &state.signed_in else { return Err(InteractionError::OtherPerson) };
        if session.id != shown_to {
            return Err(InteractionError::OtherPerson);
        }
        if !allowed {
            return self.close(&state, "access_denied", "the person refused").await.map(Next::Answer);
        }
        // Another step became due meanwhile: nothing is agreed to before it is done.
        if state.request.next_step(&state.progress(), now) != Step::Consent {
            return self.advance(id, browser).await;
        }
        let subject = format!("user:{}", person.sub);
        let fact =
            Fact::new(now, self.entropy.as_ref(), FactKind::ConsentGiven, Actor::User(person.sub.to_string()), subject)
                .with(json!({ "client": state.client.client_id, "scope": state.request.scope }));
        let mut tx = self.store.begin().await?;
        if !interactions::consented(&mut tx, id, session.id, now).await? {
            tx.rollback().await?;
            return Err(InteractionError::Gone);
        }
        let before = consents::hold(&mut tx, person.id, state.client.id).await?.unwrap_or_default();
        let mut resources = before.resources.clone();
        resources.extend(state.request.resources.iter().filter(|r| !before.resources.contains(r)).cloned());
        let consent = Consent { scopes: before.scopes.union(&state.request.consent_scopes()), resources };
        consents::set(&mut tx, person.id, state.client.id, &consent, now).await?;
        events::record(&mut tx, fact).await?;
        tx.commit().await?;
        self.advance(id, browser).await
    }

    async fn state(&self, id: InteractionId, browser: &Browser) -> Result<State, InteractionError> {
        let now = self.clock.now();
        let mut conn = self.store.read().await?;
        let interaction = interactions::live(&mut conn, id, &browser.secret.digest(), now).await?;
        let interaction = interaction.ok_or(InteractionError::Gone)?;
        let request: AuthorizationRequest =
            serde_json::from_value(interaction.request.clone()).map_err(|_| InteractionError::Gone)?;
        let session = match &browser.session {
            Some(cookie) => sessions::by_secret(&mut conn, &cookie.digest()).await?,
            None => None,
        };
        let session = session.filter(|session| session.is_live(self.settings.session, now));
        let person = match &session {
            Some(session) => people::by_id(&mut conn, session.person).await?.filter(Person::may_act),
            None => None,
        };
        drop(conn);
        let client = self.decisions.client(&request.client_id).await?.filter(|client| !client.disabled);
        let client = client.ok_or(InteractionError::Gone)?;
        let signed_in = session.zip(person);
        let (consent, known_as) = match &signed_in {
            Some((_, person)) => {
                let mut conn = self.store.read().await?;
                let known_as = match &client.sector {
                    Some(sector) => pairwise::of(&mut conn, person.id, sector).await?,
                    None => Some(person.sub.clone()),
                };
                (consents::of(&mut conn, person.id, client.id).await?, known_as.map(|sub| sub.to_string()))
            }
            None => (None, None),
        };
        Ok(State { interaction, request, client, signed_in, consent, known_as })
    }

    /// Issues the code: the interaction ends, the grant begins, in one transaction.
    async fn grant(&self, state: State) -> Result<Answer, InteractionError> {
        let now = self.clock.now();
        let Some((session, person)) = &state.signed_in else { return Err(InteractionError::Gone) };
        let code = Secret::mint(SecretKind::AuthorizationCode, self.entropy.as_ref());
        let request = &state.request;
        let mut grant = Grant {
            sub: None,
            id: GrantId::mint(now, self.entropy.as_ref()),
            client: state.client.id,
            person: person.id,
            scopes: Scopes::parse(&request.scope).unwrap_or_default(),
            resources: request.resources.clone(),
            session: session.id,
            offline: request.wants("offline_access"),
            authentication: session.authentication.clone(),
            claims: request.claims.clone(),
        };
        let stored = codes::Code {
            grant: grant.id,
            client: state.client.id,
            redirect_uri: request.redirect_uri.clone(),
            challenge: request.challenge.clone(),
            nonce: request.nonce.clone(),
            expires_at: now.plus(self.settings.code_lifetime),
            spent: false,
        };
        let subject = format!("user:{}", person.sub);
        let fact =
            Fact::new(now, self.entropy.as_ref(), FactKind::CodeIssued, Actor::User(person.sub.to_string()), subject)
                .with(json!({ "client": state.client.client_id, "grant": grant.id, "scope": request.scope }));
        let fresh = Sub::generate(self.entropy.as_ref());
        let mut tx = self.store.begin().await?;
        // The person's row first, then the session's: a disable, a lock, a sign-out or a new password beats this, or finds the
        // grant, and every name the person has by now.
        let acts = people::hold(&mut tx, person.id).await?.is_some_and(|person| person.may_act());
        let lives = acts && sessions::touch(&mut tx, session.id, now).await?;
        if !lives || !interactions::end(&mut tx, state.interaction.id, now).await? {
            tx.rollback().await?;
            return Err(InteractionError::Gone);
        }
        // Consent is looked at again, and held: withdrawing it beats this, or ends the grant.
        if !state.is_waived() {
            let consent = consents::hold(&mut tx, person.id, state.client.id).await?;
            if !consent.is_some_and(|consent| consent.covers(&state.request.consent_scopes(), &grant.resources)) {
                tx.rollback().await?;
                return Err(InteractionError::Gone);
            }
        }
        if let Some(sector) = &state.client.sector {
            grant.sub = Some(pairwise::assign(&mut tx, person.id, sector, &fresh).await?);
        }
        grants::insert(&mut tx, &grant, now).await?;
        codes::insert(&mut tx, &code.digest(), &stored, now.plus(self.settings.refresh_absolute)).await?;
        events::record(&mut tx, fact).await?;
        tx.commit().await?;
        let mut parameters = vec![("code", code.reveal().to_owned())];
        parameters.extend(request.state.clone().map(|state| ("state", state)));
        parameters.push(("iss", self.settings.issuer.as_str().to_owned()));
        Ok(Answer { redirect_uri: request.redirect_uri.clone(), mode: request.response_mode, parameters })
    }

    async fn close(&self, state: &State, error: &'static str, text: &str) -> Result<Answer, InteractionError> {
        let mut tx = self.store.begin().await?;
        interactions::end(&mut tx, state.interaction.id, self.clock.now()).await?;
        tx.commit().await?;
        let request = &state.request;
        Ok(self.refuse(&request.redirect_uri, request.response_mode, request.state.as_deref(), error, text))
    }
}

/// The error a client gets, and its description.
const fn described(refusal: Refusal) -> (&'static str, &'static str) {
    match refusal {
        Refusal::LoginRequired => ("login_required", "nobody is signed in as asked"),
        Refusal::ConsentRequired => ("consent_required", "the person must be asked first"),
        Refusal::InteractionRequired => ("interaction_required", "the person must choose an account first"),
        Refusal::UnmetAuthentication => {
            ("unmet_authentication_requirements", "no authentication there is here meets the essential acr")
        }
    }
}

impl State {
    /// Offline access is the person's own to give, whoever the client belongs to (OpenID Connect Core §11).
    fn is_waived(&self) -> bool {
        self.client.first_party && !self.request.wants("offline_access")
    }

    fn progress(&self) -> Progress<'_> {
        let session = self.signed_in.as_ref().map(|(session, _)| session);
        // What was done within the interaction counts only for the session it was done in.
        let same = session.is_some_and(|session| self.interaction.session == Some(session.id));
        let scopes = self.request.consent_scopes();
        let remembered = self.consent.as_ref().is_some_and(|c| c.covers(&scopes, &self.request.resources));
        let native = RedirectUri::parse(&self.request.redirect_uri).map_or(true, |uri| uri.is_native());
        Progress {
            session,
            session_sub: self.known_as.as_deref(),
            authenticated_at: self.interaction.authenticated_at.filter(|_| same),
            consented: same && self.interaction.consented_at.is_some(),
            account_choice: self.interaction.account_choice.filter(|_| same),
            consent_remembered: remembered || self.is_waived(),
            silent_allowed: !native || !self.client.is_public(),
        }
    }
}
