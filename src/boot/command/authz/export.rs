//! `doorward authz export`: the authorization of a resource server, written as files.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::super::super::node::BootError;
use super::super::Context;
use super::files;
use crate::domain::name::Slug;

#[derive(Args)]
#[command(after_help = "\
Example:
  doorward authz export --resource-server documents authz/documents

Applied again, the files change nothing. Data (relations, assignments, resources) is not exported.")]
pub(in crate::boot) struct ExportArgs {
    #[arg(long, value_name = "NAME")]
    resource_server: Slug,
    /// A new or empty folder.
    folder: PathBuf,
}

pub(super) async fn run(cx: &Context<'_>, args: &ExportArgs) -> Result<(), BootError> {
    let name = &args.resource_server;
    let found = cx.admin.authorization(name).await?;
    let found = found.ok_or_else(|| format!("there is no resource server {:?}", name.as_str()))?;
    let written = files::write(&args.folder, &found)?;
    let folder = args.folder.display().to_string();
    cx.output
        .show(&json!({ "folder": folder, "files": written }), || format!("wrote {} to {folder}", written.join(", ")));
    Ok(())
}
