//! `doorward authz apply`: makes a resource server's authorization what a folder says.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::super::super::node::BootError;
use super::super::super::output::{line, note};
use super::super::Context;
use super::files::Files;
use super::test;
use crate::admin::load::{Load, Progress};

#[derive(Args)]
#[command(after_help = "\
Examples:
  doorward authz apply authz/documents --dry-run     what would change
  doorward authz apply authz/documents               runs the decision tests, shows what changes, and changes it

Roles, model, policies and groups become what the files say, all at once. A role that the files do not have is removed,
unless somebody holds it. Resources, relations and assignments are added and never taken away.")]
pub(in crate::boot) struct ApplyArgs {
    folder: PathBuf,
    /// Only show what would change.
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(cx: &Context<'_>, args: &ApplyArgs) -> Result<(), BootError> {
    let files = Files::read(&args.folder)?;
    pass_tests(cx, &files)?;
    let difference = cx.admin.difference(&files.authorization).await?;
    if !difference.is_empty() && !cx.output.json {
        line(&difference.to_string());
    }
    if !args.dry_run {
        cx.admin.converge(&files.authorization).await?;
    }
    let server = &files.authorization.server.name;
    let load = Load { admin: &cx.admin, server, dry_run: args.dry_run, progress: &told };
    let loaded = load.run(&files.data).await?;
    let new: usize = loaded.iter().map(|list| list.new).sum();
    let lists: serde_json::Map<String, Value> =
        loaded.iter().map(|list| (list.list.to_owned(), json!({ "new": list.new, "of": list.of }))).collect();
    let changed = !difference.is_empty() || new > 0;
    let value = json!({
        "resource_server": server, "changed": changed, "dry_run": args.dry_run,
        "difference": difference.sections, "data": lists,
    });
    cx.output.show(&value, || match (changed, args.dry_run) {
        (false, _) => format!("{server}: nothing to do"),
        (true, true) => format!("{}{server}: nothing was written", summary(&loaded)),
        (true, false) => format!("{}{server}: applied", summary(&loaded)),
    });
    Ok(())
}

/// Before anything is written, and with no way around it.
fn pass_tests(cx: &Context<'_>, files: &Files) -> Result<(), BootError> {
    let report = test::test(files, cx.world.clock.now())?;
    if report.cases == 0 {
        note("There are no decision tests: what these files permit was not shown.");
    }
    if report.failures.is_empty() {
        return Ok(());
    }
    report.print(cx.output);
    report.verdict().map_err(|error| format!("{error}; nothing was written").into())
}

fn told(progress: Progress) {
    note(&format!("{}: {} of {}", progress.list, progress.done, progress.of));
}

fn summary(loaded: &[Progress]) -> String {
    let lists = loaded.iter().filter(|list| list.new > 0);
    let lines = lists.map(|list| format!("{}: {} new or changed of {}\n", list.list, list.new, list.of));
    lines.collect::<Vec<_>>().concat()
}
