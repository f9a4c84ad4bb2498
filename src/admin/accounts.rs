//! What an operator does to a person's account: disable, lock, set the password, sign out, withdraw consent.

use serde_json::json;

use super::delegation::Reach;
use super::people::find;
use super::{Admin, AdminError, Edit};
use crate::domain::assignment::Principal;
use crate::domain::fact::FactKind;
use crate::domain::id::ClientId;
use crate::domain::person::Person;
use crate::domain::scope::Scopes;
use crate::domain::session::Session;
use crate::domain::time::Instant;
use crate::events::{self, logout};
use crate::store::changes::States;
use crate::store::consents::Consent;
use crate::store::{clients, consents, grants, passwords, people, sessions};

/// What a person has agreed to with one client.
#[derive(Debug)]
pub struct GivenConsent {
    pub client_id: String,
    pub scopes: Scopes,
    /// Identifiers of resource servers.
    pub resources: Vec<String>,
    pub at: Instant,
}

impl Admin {
    /// Refuses a person everything from now on: decisions, and every token that lives under their grants. What they hold
    /// stays, for when they are enabled again; their grants do not come back.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::LastAdmin`]. Disabling twice is no error.
    pub async fn disable_person(&self, name: &str) -> Result<Person, AdminError> {
        let now = self.now();
        let mut edit = self.edit().await?;
        let before = find(&mut edit, name).await?;
        self.check_account(&mut edit, &before).await?;
        let administered = self.administered(&mut edit).await?;
        if !people::set_disabled(&mut edit, before.id, Some(now)).await? {
            edit.rollback().await?;
            return Ok(before);
        }
        self.check_still(&mut edit, administered).await?;
        let after = Person { disabled: true, ..before.clone() };
        self.log_person(&mut edit, &after, States::changed(json!(before), json!(after))).await?;
        let ended = self.end_everything(&mut edit, &before, "person disabled").await?;
        let subject = format!("user:{}", after.sub);
        self.conclude(edit, FactKind::PersonDisabled, subject, json!({ "grants_ended": ended })).await?;
        Ok(after)
    }

    async fn check_account(&self, edit: &mut Edit, person: &Person) -> Result<(), AdminError> {
        self.check_reach(edit, Reach::Account(Principal::Person(person.id))).await
    }

    /// Ends all sessions and grants of a person, offline access included; says how many grants there were.
    async fn end_everything(&self, edit: &mut Edit, person: &Person, reason: &str) -> Result<usize, AdminError> {
        let now = self.now();
        for session in sessions::end_of_person(edit, person.id, reason, now).await? {
            logout::session_ended(edit, self.entropy.as_ref(), session, person.sub.as_str(), now).await?;
        }
        let ended = grants::end_of_person(edit, person.id, reason, now).await?;
        events::grants::ended(edit, &ended, &self.actor, now).await?;
        Ok(ended.len())
    }

    /// Gives a person a password, as a hash made outside any transaction. Everything they are signed in with ends.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn set_password(&self, name: &str, hash: &str) -> Result<Person, AdminError> {
        let now = self.now();
        let mut edit = self.edit().await?;
        let person = find(&mut edit, name).await?;
        self.check_account(&mut edit, &person).await?;
        passwords::set(&mut edit, person.id, hash, now).await?;
        let ended = self.end_everything(&mut edit, &person, "password set by an operator").await?;
        let subject = format!("user:{}", person.sub);
        self.conclude(edit, FactKind::PasswordSet, subject, json!({ "grants_ended": ended })).await?;
        Ok(person)
    }

    /// Signs a person out everywhere, offline access included.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn sign_out_person(&self, name: &str) -> Result<Person, AdminError> {
        let mut edit = self.edit().await?;
        let person = find(&mut edit, name).await?;
        self.check_account(&mut edit, &person).await?;
        let ended = self.end_everything(&mut edit, &person, "signed out by an operator").await?;
        let subject = format!("user:{}", person.sub);
        self.conclude(edit, FactKind::SignedOut, subject, json!({ "grants_ended": ended })).await?;
        Ok(person)
    }

    /// The live sessions of a person, newest first.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn sessions(&self, name: &str) -> Result<Vec<Session>, AdminError> {
        let mut conn = self.read().await?;
        let person = find(&mut conn, name).await?;
        Ok(sessions::live_of_person(&mut conn, person.id, self.now()).await?)
    }

    /// Lets a disabled person in again; what they were granted stays ended.
    ///
    /// # Errors
    /// [`AdminError::NotFound`]. Enabling twice is no error.
    pub async fn enable_person(&self, name: &str) -> Result<Person, AdminError> {
        let mut edit = self.edit().await?;
        let before = find(&mut edit, name).await?;
        self.check_account(&mut edit, &before).await?;
        if !people::set_disabled(&mut edit, before.id, None).await? {
            edit.rollback().await?;
            return Ok(before);
        }
        let after = Person { disabled: false, ..before.clone() };
        self.log_person(&mut edit, &after, States::changed(json!(before), json!(after))).await?;
        self.conclude(edit, FactKind::PersonEnabled, format!("user:{}", after.sub), json!({})).await?;
        Ok(after)
    }

    /// Refuses a person everything for now, refresh tokens and decisions included. Nothing ends: once unlocked they go on
    /// where they were.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::LastAdmin`]. Locking twice is no error.
    pub async fn set_person_locked(&self, name: &str, locked: bool) -> Result<Person, AdminError> {
        let now = self.now();
        let mut edit = self.edit().await?;
        let before = find(&mut edit, name).await?;
        self.check_account(&mut edit, &before).await?;
        let administered = self.administered(&mut edit).await?;
        if !people::set_locked(&mut edit, before.id, locked.then_some(now)).await? {
            edit.rollback().await?;
            return Ok(before);
        }
        self.check_still(&mut edit, administered).await?;
        let after = Person { locked, ..before.clone() };
        self.log_person(&mut edit, &after, States::changed(json!(before), json!(after))).await?;
        let kind = if locked { FactKind::PersonLocked } else { FactKind::PersonUnlocked };
        self.conclude(edit, kind, format!("user:{}", after.sub), json!({})).await?;
        Ok(after)
    }

    /// What a person has agreed to: the client and since when.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn consents(&self, name: &str) -> Result<Vec<GivenConsent>, AdminError> {
        let mut conn = self.read().await?;
        let person = find(&mut conn, name).await?;
        let given = consents::of_person(&mut conn, person.id).await?;
        let ids: Vec<_> = given.iter().map(|(client, ..)| client.uuid()).collect();
        let names = clients::names(&mut conn, &ids).await?;
        let view = |(client, consent, at): (ClientId, Consent, Instant)| {
            let client_id = names.get(&client.uuid()).cloned().unwrap_or_default();
            GivenConsent { client_id, scopes: consent.scopes, resources: consent.resources, at }
        };
        Ok(given.into_iter().map(view).collect())
    }

    /// Takes back what a person agreed to with a client: it is asked for again, and what was granted ends, offline access
    /// included.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] for the person or client. Withdrawing what was never given is no error.
    pub async fn withdraw_consent(&self, name: &str, client_id: &str) -> Result<Person, AdminError> {
        let now = self.now();
        let mut edit = self.edit().await?;
        let person = find(&mut edit, name).await?;
        self.check_account(&mut edit, &person).await?;
        let client = clients::by_client_id(&mut edit, client_id).await?;
        let client = client.ok_or_else(|| AdminError::not_found("client", client_id))?;
        // The consent's row first, as whoever issues a code under it does.
        let given = consents::delete(&mut edit, person.id, client.id).await?;
        let ended = grants::end_of_consent(&mut edit, person.id, client.id, "consent withdrawn", now).await?;
        events::grants::ended(&mut edit, &ended, &self.actor, now).await?;
        if !given && ended.is_empty() {
            edit.rollback().await?;
            return Ok(person);
        }
        let detail = json!({ "client": client_id, "grants_ended": ended.len() });
        self.conclude(edit, FactKind::ConsentWithdrawn, format!("user:{}", person.sub), detail).await?;
        Ok(person)
    }
}
