//! People: `/api/v1/users`. A person is addressed by `sub` or username.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::errors::Problem;
use super::super::ledger::UserOperation;
use super::answer::{self, flag, moment, text, texts};
use super::body::{Change, Hidden, body};
use super::call::{Call, Reply, page_of};
use super::describe::{Described, ORDER, Parameter};
use crate::admin::AdminError;
use crate::admin::accounts::GivenConsent;
use crate::admin::people::{NewPerson, PersonEdit};
use crate::domain::name::{DisplayName, Email, Sub, Username};
use crate::domain::password::Password;
use crate::domain::person::Person;
use crate::domain::profile::Profile;
use crate::domain::session::Session;

body! {
    CreateUser {
        username: Username = "What they sign in with",
        ---
        sub: Option<Sub> = "The subject of their tokens, chosen once; generated when left out",
        name: Option<DisplayName> = "What they are called",
        email: Option<Email> = "Where they are written to",
        email_verified: bool = "Whether the address was shown to be theirs",
        claims: BTreeMap<String, String> = "Standard claims by name; address.locality names a member of the address",
    }
}

body! {
    UpdateUser {
        ---
        username: Option<Username> = "Another username; the old one is free from then on",
        name: Change<DisplayName> = "What they are called; null takes it out",
        email: Change<Email> = "Where they are written to; null takes it out",
        email_verified: Option<bool> = "Whether the address was shown to be theirs",
        claims: BTreeMap<String, Option<String>> = "Standard claims by name; null takes one out",
    }
}

body! {
    SetPassword {
        password: Hidden = "At least fifteen characters, not easily guessed",
        ---
    }
}

const FILTERS: [Parameter; 3] = [
    Parameter::new("q", "only those whose username or e-mail address begins so, in any case"),
    Parameter::new("disabled", "only those who are disabled (true), or who are not (false)"),
    ORDER,
];

pub(super) fn describe(operation: UserOperation) -> Described {
    use UserOperation as User;
    match operation {
        User::Create => Described::creates::<CreateUser>("Create a person", user),
        User::List => Described::lists("List people, by username", user).filtered(&FILTERS),
        User::Show => Described::shows("Show a person", user),
        User::Update => Described::changes::<UpdateUser>("Change what is said of a person", user),
        User::Disable => Described::acts("Refuse a person everything, and end what they were granted", user),
        User::Enable => Described::acts("Let a disabled person in again", user),
        User::Lock => Described::acts("Refuse a person everything for now; nothing ends", user),
        User::Unlock => Described::acts("Take a lock off", user),
        User::SetPassword => {
            Described::changes::<SetPassword>("Give a person a password; everything they are signed in with ends", user)
        }
        User::SignOut => Described::acts("Sign a person out everywhere, offline access included", user),
        User::Sessions => Described::shows("Where a person is signed in", sessions),
        User::Consents => Described::shows("What a person has agreed to, by client", consents),
        User::Withdraw => Described::deletes("Take back what a person agreed to with a client; what was granted ends"),
    }
}

fn user() -> Value {
    answer::object(
        &[
            ("sub", text),
            ("username", text),
            ("email_verified", flag),
            ("updated_at", moment),
            ("disabled", flag),
            ("locked", flag),
        ],
        &[("name", text), ("email", text), ("profile", answer::anything)],
    )
}

fn sessions() -> Value {
    answer::page(&answer::object(
        &[("sid", answer::id), ("signed_in_at", moment), ("seen_at", moment), ("expires_at", moment), ("amr", texts)],
        &[],
    ))
}

fn consents() -> Value {
    let consent =
        &[("client_id", text as fn() -> Value), ("scopes", texts), ("resources", texts), ("given_at", moment)];
    answer::page(&answer::object(consent, &[]))
}

pub(super) async fn run(operation: UserOperation, call: &Call) -> Result<Reply, Problem> {
    use UserOperation as User;
    let (admin, name) = (&call.admin, call.path("user"));
    let changed = match operation {
        User::Create => return create(call).await,
        User::List => return list(call).await,
        User::Sessions => return list_sessions(call).await,
        User::Consents => return list_consents(call).await,
        User::Withdraw => {
            let withdrawn = admin.withdraw_consent(name, call.path("client")).await;
            return withdrawn.map(|_| Reply::nothing()).map_err(|error| call.refused(&error));
        }
        User::SetPassword => set_password(call).await?,
        User::Show => admin.person(name).await,
        User::Update => update(call).await?,
        User::Disable => admin.disable_person(name).await,
        User::Enable => admin.enable_person(name).await,
        User::Lock => admin.set_person_locked(name, true).await,
        User::Unlock => admin.set_person_locked(name, false).await,
        User::SignOut => admin.sign_out_person(name).await,
    };
    changed.map(|person| Reply::ok(json!(person))).map_err(|error| call.refused(&error))
}

async fn create(call: &Call) -> Result<Reply, Problem> {
    let CreateUser { username, sub, name, email, email_verified, claims } = call.body()?;
    if email_verified && email.is_none() {
        return Err(Problem::member("email_verified", "there is no e-mail address"));
    }
    let mut profile = Profile::default();
    for (claim, value) in &claims {
        let member = format!("claims.{claim}");
        profile = profile.with(claim, Some(value)).map_err(|problem| Problem::member(&member, &problem))?;
    }
    let new = NewPerson { username, sub, name, email, email_verified, profile };
    let person = call.admin.create_person(new).await.map_err(|error| call.refused(&error))?;
    // A sub may hold a slash; a username may not.
    let sub = person.sub.as_str();
    let address = if sub.contains('/') { person.username.as_str() } else { sub };
    Ok(Reply::created(format!("/api/v1/users/{address}"), json!(person)))
}

async fn update(call: &Call) -> Result<Result<Person, AdminError>, Problem> {
    let UpdateUser { username, name, email, email_verified, claims } = call.body()?;
    let claims = claims.into_iter().collect();
    let mut change = PersonEdit { username, email_verified, claims, ..PersonEdit::default() };
    name.apply(|name| change.name = Some(name));
    email.apply(|email| change.email = Some(email));
    Ok(call.admin.update_person(call.path("user"), &change).await)
}

async fn set_password(call: &Call) -> Result<Result<Person, AdminError>, Problem> {
    let SetPassword { password } = call.body()?;
    let name = call.path("user");
    let person = call.admin.person(name).await.map_err(|error| call.refused(&error))?;
    let password = Password::chosen(&password.0, &[person.username.as_str()]);
    let password = password.map_err(|error| Problem::member("password", &error.to_string()))?;
    let hash = call.app.login.hash(password).await.map_err(|error| Problem::busy(&error))?;
    Ok(call.admin.set_password(name, &hash).await)
}

async fn list(call: &Call) -> Result<Reply, Problem> {
    let (prefix, disabled) = (call.query.prefix()?, call.query.filter("disabled")?);
    let people = call.admin.people(call.query.listing(prefix.as_ref())?, disabled).await;
    let people = people.map_err(|error| call.refused(&error))?;
    let (key, sub) = (|of: &Person| of.username.to_string(), |of: &Person| of.sub.to_string());
    Ok(page_of(call, people, key, sub, |person| json!(person)))
}

async fn list_sessions(call: &Call) -> Result<Reply, Problem> {
    let view = |session: &Session| {
        json!({
            "sid": session.id, "signed_in_at": session.authentication.auth_time, "seen_at": session.seen_at,
            "expires_at": session.expires_at, "amr": session.authentication.amr,
        })
    };
    let all = call.admin.sessions(call.path("user")).await.map_err(|error| call.refused(&error))?;
    Ok(Reply::ok(json!({ "items": all.iter().map(view).collect::<Vec<_>>() })))
}

async fn list_consents(call: &Call) -> Result<Reply, Problem> {
    let view = |given: &GivenConsent| {
        json!({
            "client_id": given.client_id, "scopes": given.scopes, "resources": given.resources, "given_at": given.at,
        })
    };
    let all = call.admin.consents(call.path("user")).await.map_err(|error| call.refused(&error))?;
    Ok(Reply::ok(json!({ "items": all.iter().map(view).collect::<Vec<_>>() })))
}
