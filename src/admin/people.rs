//! People: create, show, list, and what is said of them.

use serde_json::json;

use super::delegation::Reach;
use super::{Admin, AdminError, Edit, PAGE_MAX};
use crate::domain::assignment::Principal;
use crate::domain::change::Changed;
use crate::domain::fact::FactKind;
use crate::domain::id::PersonId;
use crate::domain::listing::Listing;
use crate::domain::name::{DisplayName, Email, Sub, Username};
use crate::domain::person::Person;
use crate::domain::profile::Profile;
use crate::store::changes::States;
use crate::store::{Conn, clients, people};

#[derive(Debug)]
pub struct NewPerson {
    pub username: Username,
    /// Chosen once, or generated.
    pub sub: Option<Sub>,
    pub name: Option<DisplayName>,
    pub email: Option<Email>,
    /// Whether the address was shown to be theirs.
    pub email_verified: bool,
    pub profile: Profile,
}

impl NewPerson {
    /// Somebody of whom nothing but the username is known.
    #[must_use]
    pub fn named(username: Username) -> Self {
        Self { username, sub: None, name: None, email: None, email_verified: false, profile: Profile::default() }
    }
}

/// What is said of a person, changed: `Some(None)` takes it out.
#[derive(Debug, Default)]
pub struct PersonEdit {
    pub username: Option<Username>,
    pub name: Option<Option<DisplayName>>,
    pub email: Option<Option<Email>>,
    pub email_verified: Option<bool>,
    /// Standard claims (OpenID Connect Core §5.1) by name; `address.locality` names a member of the address.
    pub claims: Vec<(String, Option<String>)>,
}

impl PersonEdit {
    /// # Errors
    /// The claim, and what was expected.
    pub fn apply(&self, before: &Person) -> Result<Person, AdminError> {
        let mut after = before.clone();
        if let Some(username) = &self.username {
            after.username.clone_from(username);
        }
        if let Some(name) = &self.name {
            after.name.clone_from(name);
        }
        if let Some(email) = &self.email {
            // Another address has not been shown to be theirs.
            after.email_verified &= after.email == *email;
            after.email.clone_from(email);
        }
        if let Some(verified) = self.email_verified {
            after.email_verified = verified;
        }
        if after.email_verified && after.email.is_none() {
            return Err(AdminError::invalid("email_verified", "there is no e-mail address"));
        }
        for (claim, value) in &self.claims {
            let changed = after.profile.with(claim, value.as_deref());
            after.profile = changed.map_err(|problem| AdminError::invalid("claim", format!("{claim}: {problem}")))?;
        }
        Ok(after)
    }
}

impl Admin {
    /// # Errors
    /// [`AdminError::Taken`] when the username or `sub` already means somebody.
    pub async fn create_person(&self, new: NewPerson) -> Result<Person, AdminError> {
        let mut edit = self.edit().await?;
        let person = self.insert_person(&mut edit, new).await?;
        let subject = format!("user:{}", person.sub);
        self.conclude(edit, FactKind::PersonCreated, subject, json!({ "username": person.username })).await?;
        Ok(person)
    }

    pub(super) async fn insert_person(&self, edit: &mut Edit, new: NewPerson) -> Result<Person, AdminError> {
        let now = self.now();
        let sub = match new.sub {
            Some(chosen) => chosen,
            None => Sub::generate(self.entropy.as_ref()),
        };
        let id = PersonId::mint(now, self.entropy.as_ref());
        let NewPerson { username, name, email, email_verified, profile, .. } = new;
        let person = Person {
            id,
            sub,
            username,
            name,
            email_verified: email_verified && email.is_some(),
            email,
            profile,
            updated_at: now,
            disabled: false,
            locked: false,
        };
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

    /// Changes what is said of a person.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], or what is wrong with a claim.
    pub async fn update_person(&self, name: &str, change: &PersonEdit) -> Result<Person, AdminError> {
        let mut edit = self.edit().await?;
        let before = find(&mut edit, name).await?;
        self.check_reach(&mut edit, Reach::Account(Principal::Person(before.id))).await?;
        let after = Person { updated_at: self.now(), ..change.apply(&before)? };
        if after.username != before.username {
            self.rename(&mut edit, &before, &after.username).await?;
        }
        people::update(&mut edit, &after).await?;
        self.log_person(&mut edit, &after, States::changed(json!(before), json!(after))).await?;
        self.conclude(edit, FactKind::PersonChanged, format!("user:{}", after.sub), json!({})).await?;
        Ok(after)
    }

    /// Another username: the old one means nobody from then on, and may mean somebody else one day.
    async fn rename(&self, edit: &mut Edit, before: &Person, username: &Username) -> Result<(), AdminError> {
        let name = username.as_str();
        if clients::by_client_id(edit, name).await?.is_some() {
            return Err(AdminError::Taken { what: "name (of a client)", name: name.to_owned() });
        }
        let holders = people::holders_of(edit, &[name]).await?;
        if holders.iter().any(|holder| *holder != before.id) {
            return Err(AdminError::Taken { what: "person", name: name.to_owned() });
        }
        people::rename(edit, before, username).await.map_err(AdminError::taken("person", name))?;
        let gone = Changed::User(before.username.as_str().to_owned());
        Ok(edit.log(&gone, &self.actor, self.now(), States::default()).await?)
    }

    pub(super) async fn log_person(&self, edit: &mut Edit, person: &Person, states: States) -> Result<(), AdminError> {
        let now = self.now();
        edit.log(&Changed::User(person.sub.as_str().to_owned()), &self.actor, now, states).await?;
        edit.log(&Changed::Person(person.id), &self.actor, now, States::default()).await?;
        // The other names of the same person are other cached keys; their before and after stand beside the first.
        for name in people::names_of(edit, person.id).await? {
            if name != person.sub.as_str() {
                edit.log(&Changed::User(name), &self.actor, now, States::default()).await?;
            }
        }
        Ok(())
    }

    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn person(&self, name: &str) -> Result<Person, AdminError> {
        find(&mut self.read().await?, name).await
    }

    /// People in order of username, those whose username or e-mail address begins so in any case; who are disabled or are
    /// not, or all.
    ///
    /// # Errors
    /// The store's.
    pub async fn people(&self, page: Listing<'_>, disabled: Option<bool>) -> Result<Vec<Person>, AdminError> {
        Ok(people::list(&mut self.read().await?, page.at_most(PAGE_MAX), disabled).await?)
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
