//! `doorward resource …`

use clap::Subcommand;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::node::BootError;
use super::super::output::table;
use super::Context;
use super::bulk::{self, From, Item};
use super::halves::Halves;
use super::lines::object;
use crate::admin::resources::ResourceWrite;
use crate::admin::{Admin, AdminError, PAGE_MAX};
use crate::decision::given::{GivenResource, Line};
use crate::domain::name::{Segment, Slug};
use crate::domain::object::ObjectRef;

#[derive(Subcommand)]
pub(in crate::boot) enum ResourceCommand {
    /// Register resources, or give them other attributes.
    #[command(after_help = "\
Examples:
  doorward resource put --resource-server documents document:7 --attributes '{\"status\":\"archived\"}'
  doorward resource put --resource-server documents --from documents.jsonl

A line is {\"resource\":\"document:7\",\"attributes\":{…}}, or \"document:7\" for one without attributes. Many lines are a series of
writes; what is there already is left as it is, so begin again after an interruption.")]
    Put {
        #[arg(long, value_name = "NAME")]
        resource_server: Slug,
        #[arg(value_name = "TYPE:ID")]
        resources: Vec<ObjectRef>,
        /// Their attributes, as a JSON object; they replace what was registered.
        #[arg(long, value_name = "JSON", value_parser = object, conflicts_with = "from")]
        attributes: Option<Map<String, Value>>,
        #[command(flatten)]
        from: From,
    },
    /// Delete resources, with all their relations and what is given on them alone.
    #[command(after_help = "\
Examples:
  doorward resource delete --resource-server documents document:7
  doorward resource delete --resource-server documents --from gone.jsonl      lines as for put")]
    Delete {
        #[arg(long, value_name = "NAME")]
        resource_server: Slug,
        #[arg(value_name = "TYPE:ID")]
        resources: Vec<ObjectRef>,
        #[command(flatten)]
        from: From,
    },
    /// List the registered resources of a type, in order of identifier.
    #[command(after_help = "Example:\n  doorward resource list --resource-server documents --type document --after 7")]
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
struct Put(Line<GivenResource>);

impl Item for Put {
    const MANY: &str = "resources";

    async fn write(admin: &Admin, server: &Slug, items: &[Self]) -> Result<usize, AdminError> {
        let items: Vec<_> = items.iter().map(|Self(Line(of))| (of.resource.clone(), of.attributes.clone())).collect();
        admin.load_resources(server, &items, false).await
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Delete(Line<GivenResource>);

impl Item for Delete {
    const MANY: &str = "resources to delete";

    async fn write(admin: &Admin, server: &Slug, items: &[Self]) -> Result<usize, AdminError> {
        let all: Vec<_> = items.iter().map(|Self(Line(of))| of.resource.clone()).collect();
        let there = admin.known_resources(server, &all).await?;
        // Also of what is not registered something may be given; that goes along and is not counted.
        let gone = all.iter().filter(|of| there.contains(*of)).count();
        let mut halves = Halves::new(all.into_iter().enumerate());
        while let Some((some, delete)) = halves.next() {
            let written = admin.write_resources(server, &ResourceWrite { delete, put: Vec::new() }).await;
            halves.came(some, written)?;
        }
        Ok(gone)
    }
}

pub(super) async fn run(cx: &Context<'_>, command: ResourceCommand) -> Result<(), BootError> {
    match command {
        ResourceCommand::Put { resource_server, resources, attributes, from } => {
            let attributes = attributes.unwrap_or_default();
            let given = |resource| Put(Line(GivenResource { resource, attributes: attributes.clone() }));
            bulk::run(cx, &resource_server, resources.into_iter().map(given).collect(), &from).await
        }
        ResourceCommand::Delete { resource_server, resources, from } => {
            let given = |resource| Delete(Line(GivenResource { resource, attributes: Map::new() }));
            bulk::run(cx, &resource_server, resources.into_iter().map(given).collect(), &from).await
        }
        ResourceCommand::List { resource_server, r#type, after } => {
            let all = cx.admin.resources(&resource_server, r#type.as_str(), after.as_deref(), PAGE_MAX).await?;
            let view =
                |(resource, attributes): &(ObjectRef, Value)| json!({ "resource": resource, "attributes": attributes });
            cx.output.show(&json!({ "resources": all.iter().map(view).collect::<Vec<_>>() }), || {
                let row =
                    |(resource, attributes): &(ObjectRef, Value)| vec![resource.to_string(), attributes.to_string()];
                table(&["resource", "attributes"], &all.iter().map(row).collect::<Vec<_>>())
            });
            Ok(())
        }
    }
}
