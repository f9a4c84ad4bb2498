//! `doorward user …`

use clap::Subcommand;
use serde_json::json;

use super::super::node::BootError;
use super::super::output::table;
use super::Context;
use crate::admin::people::NewPerson;
use crate::domain::name::{DisplayName, Email, Sub, Username};
use crate::domain::person::Person;

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
