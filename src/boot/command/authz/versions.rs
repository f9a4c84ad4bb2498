//! `doorward authz versions` and `doorward authz rollback`: model and policies as they once were.

use clap::Args;
use serde_json::{Value, json};

use super::super::super::node::BootError;
use super::super::super::output::table;
use super::super::Context;
use crate::domain::name::Slug;
use crate::store::rules::Versions;

#[derive(Args)]
pub(in crate::boot) struct VersionsArgs {
    #[arg(long, value_name = "NAME")]
    resource_server: Slug,
}

#[derive(Args)]
#[command(after_help = "\
Example:
  doorward authz versions --resource-server documents
  doorward authz rollback --resource-server documents --model 3 --policies 5

Every decision from then on follows them. Roles and groups have no versions: apply the files of that time for those.")]
pub(in crate::boot) struct RollbackArgs {
    #[arg(long, value_name = "NAME")]
    resource_server: Slug,
    /// The version of the model; 0 for none.
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(i64).range(0..))]
    model: i64,
    /// The version of the policies; 0 for none.
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(i64).range(0..))]
    policies: i64,
}

pub(super) async fn list(cx: &Context<'_>, args: &VersionsArgs) -> Result<(), BootError> {
    let versions = cx.admin.rule_versions(&args.resource_server).await?;
    cx.output.show(&versions, || {
        let of = |what: &'static str| {
            let rows = versions.get(what).and_then(Value::as_array).into_iter().flatten();
            rows.map(move |version| row(what, version))
        };
        let rows: Vec<_> = of("model").chain(of("policies")).collect();
        table(&["what", "version", "counts", "given by", "at"], &rows)
    });
    Ok(())
}

fn row(what: &str, version: &Value) -> Vec<String> {
    let text = |member: &str| match version.get(member) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(true)) => "yes".to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    vec![what.to_owned(), text("version"), text("active"), text("given_by"), text("created_at")]
}

pub(super) async fn rollback(cx: &Context<'_>, args: &RollbackArgs) -> Result<(), BootError> {
    let versions = Versions { model: args.model, policies: args.policies };
    let revision = cx.admin.activate_rules(&args.resource_server, versions).await?;
    let value = json!({ "resource_server": args.resource_server, "versions": versions, "revision": revision });
    let Versions { model, policies } = versions;
    cx.output.show(&value, || format!("{}: model {model} and policies {policies} count", args.resource_server));
    Ok(())
}
