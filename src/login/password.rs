//! Signing in with a password.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::json;

use super::hasher::HashError;
use super::{Login, network};
use crate::domain::change::Actor;
use crate::domain::fact::{Fact, FactKind};
use crate::domain::id::InteractionId;
use crate::domain::password::Password;
use crate::domain::person::Person;
use crate::domain::secret::{Secret, SecretKind};
use crate::domain::session::{Authentication, Session};
use crate::events;
use crate::store::{StoreError, interactions, passwords, people, throttles};

/// How long to wait where too many attempts of one address are being made: about as long as those take.
const CROWDED_FOR: Duration = Duration::from_secs(2);

/// What somebody typed, where and from where.
pub struct Attempt {
    pub interaction: InteractionId,
    /// The cookie that binds the interaction to its browser.
    pub browser: Secret,
    /// The session cookie the browser sent, if any.
    pub session: Option<Secret>,
    pub username: String,
    pub password: Secret,
    pub address: IpAddr,
    pub request_id: Option<String>,
}

/// A session that has just been signed in, and its new cookie.
#[derive(Debug)]
pub struct SignedIn {
    pub session: Session,
    pub cookie: Secret,
}

#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Unknown person, no password, wrong password, disabled: one answer for all.
    #[error("wrong username or password")]
    Wrong,
    /// Too many attempts: come back after so long.
    #[error("too many attempts")]
    Throttled { retry_after: Duration },
    /// The interaction has ended, expired, or belongs to another browser.
    #[error("the sign-in has expired")]
    InteractionGone,
    #[error("too many sign-ins at once")]
    Busy,
    #[error("the password could not be checked")]
    Failed,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<HashError> for SignInError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::Busy,
            HashError::Failed => Self::Failed,
        }
    }
}

impl Login {
    /// Checks a password and signs the browser in, within one interaction.
    ///
    /// # Errors
    /// See [`SignInError`].
    pub async fn sign_in(&self, attempt: Attempt) -> Result<SignedIn, SignInError> {
        // Before the queue: who fills it alone would keep everybody else out of it.
        let present = self.crowd.enter(network(attempt.address));
        let _present = present.ok_or(SignInError::Throttled { retry_after: CROWDED_FOR })?;
        let _turn = self.attempts.take().await.ok_or(SignInError::Busy)?;
        self.store.in_one_piece(self.try_sign_in(attempt)).await
    }

    async fn try_sign_in(&self, attempt: Attempt) -> Result<SignedIn, SignInError> {
        let now = self.clock.now();
        let mut conn = self.store.read().await?;
        let live = interactions::live(&mut conn, attempt.interaction, &attempt.browser.digest(), now).await?;
        drop(conn);
        if live.is_none() {
            return Err(SignInError::InteractionGone);
        }
        let account = account_key(&attempt.username);
        self.throttle(&account, attempt.address).await?;
        let (person, hash) = self.look_up(&attempt.username).await?;
        let typed =
            Password::typed(attempt.password.reveal()).or_else(|| Password::typed("-")).ok_or(SignInError::Wrong)?;
        let verdict = self.hasher.verify(typed, hash.as_deref()).await?;
        let person = person.filter(|person| verdict.right && person.may_act());
        let Some(person) = person else {
            self.record_failure(&attempt).await?;
            return Err(SignInError::Wrong);
        };
        let hash = hash.unwrap_or_default();
        let signed_in = self.establish(&attempt, &person, &account, &hash).await?;
        if verdict.outdated {
            self.rehash(&person, &attempt.password, &hash).await?;
        }
        Ok(signed_in)
    }

    async fn look_up(&self, username: &str) -> Result<(Option<Person>, Option<String>), SignInError> {
        let mut conn = self.store.read().await?;
        let person = people::by_name(&mut conn, &username.trim().to_ascii_lowercase()).await?;
        // Asked for in any case, so that an unknown name costs as many reads.
        let id = person.as_ref().map_or(crate::domain::id::PersonId::from_uuid(uuid::Uuid::nil()), |p| p.id);
        let hash = passwords::of(&mut conn, id).await?;
        Ok((person, hash))
    }

    /// Counts the attempt before it is made: of many at once none slips through uncounted.
    async fn throttle(&self, account: &str, address: IpAddr) -> Result<(), SignInError> {
        let now = self.clock.now();
        let settings = &self.settings;
        let mut tx = self.store.begin().await?;
        let address = address_key(address);
        let (by_account, account_ends) = throttles::count(&mut tx, account, settings.attempts_window, now).await?;
        let (by_address, address_ends) = throttles::count(&mut tx, &address, settings.attempts_window, now).await?;
        tx.commit().await?;
        if by_account > settings.attempts_per_account_max {
            return Err(SignInError::Throttled { retry_after: now.until(account_ends) });
        }
        if by_address > settings.attempts_per_address_max {
            return Err(SignInError::Throttled { retry_after: now.until(address_ends) });
        }
        Ok(())
    }

    async fn record_failure(&self, attempt: &Attempt) -> Result<(), SignInError> {
        let now = self.clock.now();
        let subject = address_key(attempt.address);
        let fact = Fact::new(now, self.entropy.as_ref(), FactKind::SignInFailed, Actor::System, subject)
            .for_request(attempt.request_id.as_deref());
        let mut tx = self.store.begin().await?;
        events::record(&mut tx, fact).await?;
        Ok(tx.commit().await?)
    }

    async fn rehash(&self, person: &Person, typed: &Secret, old: &str) -> Result<(), SignInError> {
        let Some(password) = Password::typed(typed.reveal()) else { return Ok(()) };
        let hash = self.hasher.hash(password, self.entropy.as_ref()).await?;
        let mut tx = self.store.begin().await?;
        passwords::rehash(&mut tx, person.id, old, &hash).await?;
        Ok(tx.commit().await?)
    }

    /// One transaction: the session goes on or begins under a new secret, the interaction knows of it, failures no longer
    /// count. It takes no revision: nobody's rights change. Another person's session in this browser ends before.
    async fn establish(
        &self,
        attempt: &Attempt,
        person: &Person,
        account: &str,
        proved: &str,
    ) -> Result<SignedIn, SignInError> {
        let now = self.clock.now();
        let request_id = attempt.request_id.as_deref();
        let before = self.session_of(attempt.session.as_ref()).await?;
        let before = match before {
            Some(other) if other.person != person.id => {
                self.sign_out(&other, request_id).await?;
                None
            }
            before => before,
        };
        let cookie = Secret::mint(SecretKind::Session, self.entropy.as_ref());
        let mut tx = self.store.begin().await?;
        // Read again, and held: whoever was disabled, or got another password, meanwhile stays out.
        let acts = people::hold(&mut tx, person.id).await?.is_some_and(|person| person.may_act());
        if !acts || passwords::hold(&mut tx, person.id).await?.as_deref() != Some(proved) {
            tx.rollback().await?;
            return Err(SignInError::Wrong);
        }
        let authentication = Authentication::by_password(now);
        let session = self.begin_session(&mut tx, person, authentication, before.as_ref(), &cookie).await?;
        if !interactions::authenticated(&mut tx, attempt.interaction, session.id, now).await? {
            tx.rollback().await?;
            return Err(SignInError::InteractionGone);
        }
        throttles::clear(&mut tx, account).await?;
        // Of the address only this one: many people may share it, and so may somebody who guesses.
        throttles::uncount(&mut tx, &address_key(attempt.address)).await?;
        let (actor, subject) = (Actor::User(person.sub.to_string()), format!("user:{}", person.sub));
        let fact = Fact::new(now, self.entropy.as_ref(), FactKind::SignedIn, actor, subject)
            .for_request(request_id)
            .with(json!({ "sid": session.id, "amr": session.authentication.amr }));
        events::record(&mut tx, fact).await?;
        tx.commit().await?;
        Ok(SignedIn { session, cookie })
    }
}

fn address_key(address: IpAddr) -> String {
    format!("address:{}", network(address))
}

/// The account an attempt counts for, whether or not there is one.
fn account_key(username: &str) -> String {
    let folded: String = username.trim().to_lowercase().chars().take(128).collect();
    format!("account:{folded}")
}
