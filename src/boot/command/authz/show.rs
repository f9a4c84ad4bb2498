//! `doorward authz show` and `doorward authz schema`: the text of a version, and what policies are checked against.

use clap::Args;
use serde_json::Value;

use super::super::super::node::BootError;
use super::super::Context;
use crate::domain::model::Model;
use crate::domain::name::Slug;

#[derive(Args)]
#[command(after_help = "\
Examples:
  doorward authz show --resource-server documents --policies 5 > policies.cedar
  doorward authz show --resource-server documents --model 3 > model.toml")]
pub(in crate::boot) struct ShowArgs {
    #[arg(long, value_name = "NAME")]
    resource_server: Slug,
    /// This version of the model.
    #[arg(long, value_name = "VERSION", required_unless_present = "policies", conflicts_with = "policies")]
    model: Option<i64>,
    /// This version of the policies.
    #[arg(long, value_name = "VERSION")]
    policies: Option<i64>,
}

#[derive(Args)]
#[command(after_help = "\
Example:
  doorward authz schema --resource-server documents > documents.cedarschema     for the editor that you write policies in")]
pub(in crate::boot) struct SchemaArgs {
    #[arg(long, value_name = "NAME")]
    resource_server: Slug,
    /// Of this version of the model, not of the one that counts.
    #[arg(long, value_name = "VERSION")]
    model: Option<i64>,
}

pub(super) async fn show(cx: &Context<'_>, args: &ShowArgs) -> Result<(), BootError> {
    let server = &args.resource_server;
    let shown = match (args.model, args.policies) {
        (Some(version), _) => cx.admin.model_version(server, version).await?,
        (None, version) => cx.admin.policies_version(server, version.unwrap_or_default()).await?,
    };
    let text = match shown.get("document") {
        Some(document) => toml::to_string(&Model::parse(document)?)?,
        None => text(&shown),
    };
    cx.output.show(&shown, || text.trim_end().to_owned());
    Ok(())
}

pub(super) async fn schema(cx: &Context<'_>, args: &SchemaArgs) -> Result<(), BootError> {
    let schema = cx.admin.rules_schema(&args.resource_server, args.model).await?;
    cx.output.show(&schema, || text(&schema).trim_end().to_owned());
    Ok(())
}

fn text(of: &Value) -> String {
    of.get("text").and_then(Value::as_str).unwrap_or_default().to_owned()
}
