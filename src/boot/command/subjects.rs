//! `doorward subject …`

use clap::Subcommand;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::node::BootError;
use super::super::output::table;
use super::Context;
use super::bulk::{self, From, Item};
use super::halves::Halves;
use super::lines::object;
use crate::admin::load::subjects;
use crate::admin::required::Required;
use crate::admin::subjects::RegisteredSubject;
use crate::admin::{Admin, AdminError, PAGE_MAX};
use crate::decision::given::{GivenSubject, Line};
use crate::domain::name::{Segment, Slug};

#[derive(Subcommand)]
pub(in crate::boot) enum SubjectCommand {
    /// Register subjects that only the resource server knows, or what it knows of any subject.
    #[command(after_help = "\
Examples:
  doorward subject put --resource-server documents employee:42 --attributes '{\"level\":3}'
  doorward subject put --resource-server documents user:alice --attributes '{\"department\":\"sales\"}'
  doorward subject put --resource-server documents employee:42 --disabled true
  doorward subject put --resource-server documents --from employees.jsonl

A line is {\"subject\":\"employee:42\",\"attributes\":{…},\"disabled\":false}, all but the subject as you like, or \"employee:42\".
Many lines are a series of writes; what is there already is left as it is, so begin again after an interruption.")]
    Put {
        #[arg(long, value_name = "NAME")]
        resource_server: Slug,
        #[arg(value_name = "TYPE:ID")]
        subjects: Vec<String>,
        /// Their attributes, as a JSON object; they replace what was registered. Left out, they stay as they are.
        #[arg(long, value_name = "JSON", value_parser = object, conflicts_with = "from")]
        attributes: Option<Map<String, Value>>,
        /// Whether they are shut out; only of subjects of the resource server's own.
        #[arg(long, value_name = "true|false", conflicts_with = "from")]
        disabled: Option<bool>,
        #[command(flatten)]
        from: From,
    },
    /// Forget subjects: those of the resource server's own with their relations and what they were given, of others the
    /// attributes.
    #[command(after_help = "\
Examples:
  doorward subject delete --resource-server documents employee:42
  doorward subject delete --resource-server documents --from gone.jsonl      lines as for put")]
    Delete {
        #[arg(long, value_name = "NAME")]
        resource_server: Slug,
        #[arg(value_name = "TYPE:ID")]
        subjects: Vec<String>,
        #[command(flatten)]
        from: From,
    },
    /// List the subjects of a type that only the resource server knows, in order of identifier.
    #[command(after_help = "Example:\n  doorward subject list --resource-server documents --type employee")]
    List {
        #[arg(long, value_name = "NAME")]
        resource_server: Slug,
        #[arg(long, value_name = "TYPE")]
        r#type: Segment,
        /// Begin after this identifier.
        #[arg(long, value_name = "ID")]
        after: Option<String>,
    },
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Put(Line<GivenSubject>);

impl Item for Put {
    const MANY: &str = "subjects";

    async fn write(admin: &Admin, server: &Slug, items: &[Self]) -> Result<usize, AdminError> {
        let items = subjects(items.iter().map(|Self(Line(given))| given))?;
        admin.load_subjects(server, &items, false).await
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Delete(Line<GivenSubject>);

impl Item for Delete {
    const MANY: &str = "subjects to forget";

    async fn write(admin: &Admin, server: &Slug, items: &[Self]) -> Result<usize, AdminError> {
        let items = subjects(items.iter().map(|Self(Line(given))| given))?;
        let mut halves = Halves::new(items.into_iter().map(|item| item.subject).enumerate());
        let mut gone = 0;
        while let Some((some, delete)) = halves.next() {
            let written = admin.write_subjects(server, &Required::default(), &delete, &[]).await;
            gone += halves.came(some, written)?;
        }
        Ok(gone)
    }
}

pub(super) async fn run(cx: &Context<'_>, command: SubjectCommand) -> Result<(), BootError> {
    match command {
        SubjectCommand::Put { resource_server, subjects, attributes, disabled, from } => {
            let given = |subject| Put(Line(GivenSubject { subject, attributes: attributes.clone(), disabled }));
            bulk::run(cx, &resource_server, subjects.into_iter().map(given).collect(), &from).await
        }
        SubjectCommand::Delete { resource_server, subjects, from } => {
            let given = |subject| Delete(Line(GivenSubject { subject, attributes: None, disabled: None }));
            bulk::run(cx, &resource_server, subjects.into_iter().map(given).collect(), &from).await
        }
        SubjectCommand::List { resource_server, r#type, after } => {
            let all = cx.admin.external_subjects(&resource_server, r#type.as_str(), after.as_deref(), PAGE_MAX).await?;
            cx.output.show(&json!({ "subjects": all }), || {
                let state = |disabled: bool| if disabled { "disabled" } else { "" }.to_owned();
                let row = |of: &RegisteredSubject| {
                    vec![of.subject.to_string(), state(of.disabled), json!(of.attributes).to_string()]
                };
                table(&["subject", "state", "attributes"], &all.iter().map(row).collect::<Vec<_>>())
            });
            Ok(())
        }
    }
}
