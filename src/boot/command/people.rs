//! `doorward user …`

use std::io::BufRead as _;

use clap::Subcommand;
use serde_json::json;
use zeroize::Zeroizing;

use super::super::node::BootError;
use super::super::output::table;
use super::{Context, PageArgs};
use crate::admin::accounts::GivenConsent;
use crate::admin::people::{NewPerson, PersonEdit};
use crate::domain::name::{DisplayName, Email, Sub, Username};
use crate::domain::password::Password;
use crate::domain::person::Person;
use crate::domain::profile::Profile;
use crate::domain::session::Session;
use crate::login::Hasher;

#[derive(Subcommand)]
pub(in crate::boot) enum UserCommand {
    /// Create a person.
    #[command(after_help = "Example:\n  doorward user create alice --name 'Alice Ames' --email alice@example.com")]
    Create {
        username: Username,
        /// A chosen, unchangeable subject identifier; generated when left out.
        #[arg(long)]
        sub: Option<Sub>,
        #[arg(long)]
        name: Option<DisplayName>,
        #[arg(long)]
        email: Option<Email>,
        /// The e-mail address was shown to be theirs.
        #[arg(long, requires = "email")]
        email_verified: bool,
        /// A standard claim, such as given_name=Alice or address.locality=Bern; may be repeated.
        #[arg(long, value_name = "NAME=VALUE", value_parser = claim)]
        claim: Vec<(String, String)>,
    },
    /// Change what is said of a person.
    #[command(after_help = "\
Examples:
  doorward user update alice --claim given_name=Alice --claim address.locality=Bern
  doorward user update alice --email alice@example.com --email-verified true
  doorward user update alice --remove name --remove phone_number")]
    Update {
        /// Username or sub.
        person: String,
        /// Another username; the old one is free from then on.
        #[arg(long)]
        username: Option<Username>,
        #[arg(long)]
        name: Option<DisplayName>,
        #[arg(long)]
        email: Option<Email>,
        /// Whether the e-mail address was shown to be theirs.
        #[arg(long, value_name = "true|false")]
        email_verified: Option<bool>,
        /// A standard claim, such as given_name=Alice or address.locality=Bern; may be repeated.
        #[arg(long, value_name = "NAME=VALUE", value_parser = claim)]
        claim: Vec<(String, String)>,
        /// Take out name, email or a claim; may be repeated.
        #[arg(long, value_name = "NAME")]
        remove: Vec<String>,
    },
    /// Show a person, by username or sub.
    Show { name: String },
    /// List people, in order of username.
    #[command(after_help = "Example:\n  doorward user list --search ali --disabled false")]
    List {
        #[command(flatten)]
        page: PageArgs,
        /// Only those who are disabled, or who are not.
        #[arg(long, value_name = "true|false")]
        disabled: Option<bool>,
    },
    /// Refuse a person everything, at once, and end their grants.
    Disable { name: String },
    /// Give a person a password, read from standard input; everything they are signed in with ends.
    #[command(after_help = "Example:\n  printf '%s' 'three words nobody guesses' | doorward user set-password alice")]
    SetPassword { name: String },
    /// List where a person is signed in.
    Sessions { name: String },
    /// Sign a person out everywhere.
    SignOut { name: String },
    /// Let a disabled person in again.
    Enable { name: String },
    /// Refuse a person everything for now; what they were granted goes on once they are unlocked.
    Lock { name: String },
    /// Take a lock off.
    Unlock { name: String },
    /// List what a person has agreed to, by client.
    Consents { name: String },
    /// Take back what a person agreed to with a client, and end what was granted.
    #[command(after_help = "Example:\n  doorward user withdraw alice notes-web")]
    Withdraw { name: String, client_id: String },
}

pub(super) async fn run(cx: &Context<'_>, command: UserCommand) -> Result<(), BootError> {
    match command {
        UserCommand::Create { username, sub, name, email, email_verified, claim } => {
            let mut profile = Profile::default();
            for (name, value) in &claim {
                profile = profile.with(name, Some(value)).map_err(|problem| format!("--claim {name}: {problem}"))?;
            }
            let new = NewPerson { username, sub, name, email, email_verified, profile };
            show(cx, &cx.admin.create_person(new).await?, "created");
        }
        UserCommand::Update { person, username, name, email, email_verified, claim, remove } => {
            let change = PersonEdit { username, ..change(name, email, email_verified, claim, remove) };
            show(cx, &cx.admin.update_person(&person, &change).await?, "changed");
        }
        UserCommand::Show { name } => show(cx, &cx.admin.person(&name).await?, ""),
        UserCommand::List { page, disabled } => list(cx, &cx.admin.people(page.listing(), disabled).await?),
        UserCommand::Disable { name } => show(cx, &cx.admin.disable_person(&name).await?, "disabled"),
        UserCommand::SetPassword { name } => {
            let person = cx.admin.person(&name).await?;
            let about = [person.username.as_str()];
            let password = Password::chosen(&typed()?, &about).map_err(|e| format!("password: {e}"))?;
            let hash = Hasher::new(cx.world.entropy.as_ref()).hash(password, cx.world.entropy.as_ref()).await?;
            show(cx, &cx.admin.set_password(&name, &hash).await?, "set the password of");
        }
        UserCommand::Sessions { name } => sessions(cx, &cx.admin.sessions(&name).await?),
        UserCommand::SignOut { name } => show(cx, &cx.admin.sign_out_person(&name).await?, "signed out"),
        UserCommand::Enable { name } => show(cx, &cx.admin.enable_person(&name).await?, "enabled"),
        UserCommand::Lock { name } => show(cx, &cx.admin.set_person_locked(&name, true).await?, "locked"),
        UserCommand::Unlock { name } => show(cx, &cx.admin.set_person_locked(&name, false).await?, "unlocked"),
        UserCommand::Consents { name } => consents(cx, &cx.admin.consents(&name).await?),
        UserCommand::Withdraw { name, client_id } => {
            show(cx, &cx.admin.withdraw_consent(&name, &client_id).await?, "withdrew the consent of");
        }
    }
    Ok(())
}

/// `NAME=VALUE`.
fn claim(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is not NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

fn change(
    name: Option<DisplayName>,
    email: Option<Email>,
    email_verified: Option<bool>,
    claims: Vec<(String, String)>,
    remove: Vec<String>,
) -> PersonEdit {
    let mut change =
        PersonEdit { name: name.map(Some), email: email.map(Some), email_verified, ..PersonEdit::default() };
    for (claim, value) in claims {
        change.claims.push((claim, Some(value)));
    }
    for gone in remove {
        match gone.as_str() {
            "name" => change.name = Some(None),
            "email" => change.email = Some(None),
            _ => change.claims.push((gone, None)),
        }
    }
    change
}

const fn state(person: &Person) -> &'static str {
    match (person.disabled, person.locked) {
        (true, _) => "disabled",
        (false, true) => "locked",
        (false, false) => "active",
    }
}

fn show(cx: &Context<'_>, person: &Person, done: &str) {
    cx.output.show(&json!(person), || {
        let mut lines = vec![
            format!("username  {}", person.username),
            format!("sub       {}", person.sub),
            format!("state     {}", state(person)),
        ];
        lines.extend(person.name.as_ref().map(|name| format!("name      {name}")));
        let verified = if person.email_verified { " (verified)" } else { "" };
        lines.extend(person.email.as_ref().map(|email| format!("email     {email}{verified}")));
        lines.extend(person.profile.members().iter().map(|(claim, value)| match value.as_str() {
            Some(text) => format!("{claim:<9} {text}"),
            None => format!("{claim:<9} {value}"),
        }));
        if !done.is_empty() {
            lines.insert(0, format!("{done} user {}", person.username));
        }
        lines.join("\n")
    });
}

fn list(cx: &Context<'_>, people: &[Person]) {
    cx.output.show(&json!({ "users": people }), || {
        let row = |p: &Person| {
            let name = p.name.as_ref().map_or("", DisplayName::as_str);
            vec![p.username.to_string(), p.sub.to_string(), state(p).to_owned(), name.to_owned()]
        };
        match people {
            [] => "There are no people yet: doorward user create NAME".to_owned(),
            people => table(&["username", "sub", "state", "name"], &people.iter().map(row).collect::<Vec<_>>()),
        }
    });
}

/// The first line of standard input.
fn typed() -> Result<Zeroizing<String>, BootError> {
    let mut line = Zeroizing::new(String::new());
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}

fn sessions(cx: &Context<'_>, sessions: &[Session]) {
    let view = |session: &Session| {
        json!({
            "sid": session.id, "signed_in_at": session.authentication.auth_time, "seen_at": session.seen_at,
            "expires_at": session.expires_at, "amr": session.authentication.amr,
        })
    };
    let values: Vec<_> = sessions.iter().map(view).collect();
    cx.output.show(&json!({ "sessions": values }), || {
        let row = |s: &Session| {
            vec![
                s.id.to_string(),
                s.authentication.auth_time.to_string(),
                s.seen_at.to_string(),
                s.expires_at.to_string(),
            ]
        };
        match sessions {
            [] => "Not signed in anywhere.".to_owned(),
            all => table(&["sid", "signed in", "seen", "ends"], &all.iter().map(row).collect::<Vec<_>>()),
        }
    });
}

fn consents(cx: &Context<'_>, given: &[GivenConsent]) {
    let view = |c: &GivenConsent| json!({ "client_id": c.client_id, "scopes": c.scopes, "resources": c.resources, "given_at": c.at });
    let values: Vec<_> = given.iter().map(view).collect();
    cx.output.show(&json!({ "consents": values }), || {
        let row =
            |c: &GivenConsent| vec![c.client_id.clone(), c.at.to_string(), c.scopes.to_string(), c.resources.join(" ")];
        match given {
            [] => "Nothing has been agreed to.".to_owned(),
            all => table(&["client_id", "given", "scopes", "resources"], &all.iter().map(row).collect::<Vec<_>>()),
        }
    });
}
