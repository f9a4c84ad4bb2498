//! `doorward user …`

use std::io::BufRead as _;

use clap::Subcommand;
use serde_json::json;
use zeroize::Zeroizing;

use super::super::node::BootError;
use super::super::output::table;
use super::Context;
use crate::admin::people::NewPerson;
use crate::domain::name::{DisplayName, Email, Sub, Username};
use crate::domain::password::Password;
use crate::domain::person::Person;
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
    },
    /// Show a person, by username or sub.
    Show { name: String },
    /// List people, in order of username.
    List {
        /// Begin after this username.
        #[arg(long, default_value = "")]
        after: String,
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
}

pub(super) async fn run(cx: &Context<'_>, command: UserCommand) -> Result<(), BootError> {
    match command {
        UserCommand::Create { username, sub, name, email } => {
            let person = cx.admin.create_person(NewPerson { username, sub, name, email }).await?;
            show(cx, &person, "created");
        }
        UserCommand::Show { name } => show(cx, &cx.admin.person(&name).await?, ""),
        UserCommand::List { after } => list(cx, &cx.admin.people(&after).await?),
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
    }
    Ok(())
}

fn show(cx: &Context<'_>, person: &Person, done: &str) {
    cx.output.show(&json!(person), || {
        let state = if person.disabled { "disabled" } else { "active" };
        let mut lines = vec![
            format!("username  {}", person.username),
            format!("sub       {}", person.sub),
            format!("state     {state}"),
        ];
        lines.extend(person.name.as_ref().map(|name| format!("name      {name}")));
        lines.extend(person.email.as_ref().map(|email| format!("email     {email}")));
        if !done.is_empty() {
            lines.insert(0, format!("{done} user {}", person.username));
        }
        lines.join("\n")
    });
}

fn list(cx: &Context<'_>, people: &[Person]) {
    cx.output.show(&json!({ "users": people }), || {
        let row = |p: &Person| {
            let state = if p.disabled { "disabled" } else { "active" };
            let name = p.name.as_ref().map_or("", DisplayName::as_str);
            vec![p.username.to_string(), p.sub.to_string(), state.to_owned(), name.to_owned()]
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
