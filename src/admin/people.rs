//! People: create, show, list, disable, enable.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::{Admin, AdminError, PAGE_MAX};
use crate::domain::change::Changed;
use crate::domain::entropy;
use crate::domain::fact::FactKind;
use crate::domain::id::PersonId;
use crate::domain::name::{DisplayName, Email, Sub, Username};
use crate::domain::person::Person;
use crate::domain::session::Session;
use crate::store::changes::States;
use crate::store::{Conn, Edit, clients, grants, passwords, people, refresh, sessions};

#[derive(Debug)]
pub struct NewPerson {
    pub username: Username,
    /// Chosen once, or generated.
    pub sub: Option<Sub>,
    pub name: Option<DisplayName>,
    pub email: Option<Email>,
}

impl Admin {
    /// # Errors
    /// [`AdminError::Taken`] when the username or `sub` already means somebody.
    pub async fn create_person(&self, new: NewPerson) -> Result<Person, AdminError> {
        let mut edit = self.store.edit().await?;
        let person = self.insert_person(&mut edit, new).await?;
        let subject = format!("user:{}", person.sub);
        self.conclude(edit, FactKind::PersonCreated, subject, json!({ "username": person.username })).await?;
        Ok(person)
    }

    pub(super) async fn insert_person(&self, edit: &mut Edit, new: NewPerson) -> Result<Person, AdminError> {
        let now = self.now();
        let sub = match new.sub {
            Some(chosen) => chosen,
            None => Sub::parse(&format!("u{}", URL_SAFE_NO_PAD.encode(entropy::bytes::<16>(self.entropy.as_ref()))))?,
        };
        let id = PersonId::mint(now, self.entropy.as_ref());
        let person = Person { id, sub, username: new.username, name: new.name, email: new.email, disabled: false };
        // A client's token carries its client_id as sub: no person may be taken for a client (RFC 9068 §5). The revision
        // this edit holds keeps others from creating one meanwhile.
        for name in [person.sub.as_str(), person.username.as_str()] {
            if clients::by_client_id(edit, name).await?.is_some() {
                return Err(AdminError::Taken { what: "name (of a client)", name: name.to_owned() });
            }
        }
        let names = format!("{} (sub {})", person.username, person.sub);
        if people::is_taken(edit, &[person.sub.as_str(), person.username.as_str()]).await? {
            return Err(AdminError::Taken { what: "person", name: names });
        }
        people::insert(edit, &person, now).await.map_err(AdminError::taken("person", &names))?;
        self.log_person(edit, &person, States::created(json!(person))).await?;
        Ok(person)
    }

    async fn log_person(&self, edit: &mut Edit, person: &Person, states: States) -> Result<(), AdminError> {
        let now = self.now();
        edit.log(&Changed::User(person.sub.as_str().to_owned()), &self.actor, now, states).await?;
        // The other name of the same person is another cached key; its before and after stand beside the first.
        let other = Changed::User(person.username.as_str().to_owned());
        Ok(edit.log(&other, &self.actor, now, States::default()).await?)
    }

    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn person(&self, name: &str) -> Result<Person, AdminError> {
        find(&mut self.read().await?, name).await
    }

    /// People in order of username after `after`.
    ///
    /// # Errors
    /// The store's.
    pub async fn people(&self, after: &str) -> Result<Vec<Person>, AdminError> {
        Ok(people::list(&mut self.read().await?, after, PAGE_MAX).await?)
    }

    /// Refuses a person everything from now on: decisions, and every token that lives under their grants. What they hold
    /// stays, for when they are enabled again; their grants do not come back.
    ///
    /// # Errors
    /// [`AdminError::NotFound`]. Disabling twice is no error.
    pub async fn disable_person(&self, name: &str) -> Result<Person, AdminError> {
        let now = self.now();
        let mut edit = self.store.edit().await?;
        let before = find(&mut edit, name).await?;
        if !people::set_disabled(&mut edit, before.id, Some(now)).await? {
            return Ok(before);
        }
        let after = Person { disabled: true, ..before.clone() };
        self.log_person(&mut edit, &after, States::changed(json!(before), json!(after))).await?;
        let ended = self.end_everything(&mut edit, &before, "person disabled").await?;
        let subject = format!("user:{}", after.sub);
        self.conclude(edit, FactKind::PersonDisabled, subject, json!({ "grants_ended": ended })).await?;
        Ok(after)
    }

    /// Ends all sessions and grants of a person, offline access included; says how many grants there were.
    async fn end_everything(&self, edit: &mut Edit, person: &Person, reason: &str) -> Result<usize, AdminError> {
        let now = self.now();
        sessions::end_of_person(edit, person.id, reason, now).await?;
        let ended = grants::end_of_person(edit, person.id, reason, now).await?;
        for grant in &ended {
            refresh::end_of_grant(edit, *grant, now).await?;
            edit.log(&Changed::Grant(*grant), &self.actor, now, States::default()).await?;
        }
        Ok(ended.len())
    }

    /// Gives a person a password, as a hash made outside any transaction. Everything they are signed in with ends.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn set_password(&self, name: &str, hash: &str) -> Result<Person, AdminError> {
        let now = self.now();
        let mut edit = self.store.edit().await?;
        let person = find(&mut edit, name).await?;
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
        let mut edit = self.store.edit().await?;
        let person = find(&mut edit, name).await?;
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

    /// # Errors
    /// [`AdminError::NotFound`]. Enabling twice is no error.
    pub async fn enable_person(&self, name: &str) -> Result<Person, AdminError> {
        let mut edit = self.store.edit().await?;
        let before = find(&mut edit, name).await?;
        if !people::set_disabled(&mut edit, before.id, None).await? {
            return Ok(before);
        }
        let after = Person { disabled: false, ..before.clone() };
        self.log_person(&mut edit, &after, States::changed(json!(before), json!(after))).await?;
        self.conclude(edit, FactKind::PersonEnabled, format!("user:{}", after.sub), json!({})).await?;
        Ok(after)
    }
}

/// By `sub` or username; usernames in any case.
pub(super) async fn find(conn: &mut Conn, name: &str) -> Result<Person, AdminError> {
    let person = match people::by_name(conn, name).await? {
        Some(person) => Some(person),
        None => people::by_name(conn, &name.to_ascii_lowercase()).await?,
    };
    person.ok_or_else(|| AdminError::not_found("person", name))
}
