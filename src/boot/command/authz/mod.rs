//! `doorward authz …`: the authorization of one resource server as a folder of files, and why it decides as it does.

mod apply;
mod explain;
mod export;
mod files;
mod show;
mod test;
mod versions;

use clap::Subcommand;

use super::super::node::BootError;
use super::super::output::Output;
use super::Context;

#[derive(Subcommand)]
pub(in crate::boot) enum AuthzCommand {
    /// Run the decision tests of a folder. It needs no database.
    Test(test::TestArgs),
    /// Make a resource server's roles, model, policies and groups what a folder says.
    Apply(apply::ApplyArgs),
    /// Say whether a subject may do something, and why.
    Explain(Box<explain::ExplainArgs>),
    /// Write a resource server's roles, model, policies and groups into a folder.
    Export(export::ExportArgs),
    /// List the versions of model and policies.
    Versions(versions::VersionsArgs),
    /// Print one version of the model or of the policies.
    Show(show::ShowArgs),
    /// Print the schema that the model makes for policies, in the language of Cedar.
    Schema(show::SchemaArgs),
    /// Let stored or earlier versions of model and policies count.
    #[command(visible_alias = "activate")]
    Rollback(versions::RollbackArgs),
}

/// What needs no database is done before one is opened.
pub(super) fn offline(command: &AuthzCommand, output: Output) -> Option<Result<(), BootError>> {
    match command {
        AuthzCommand::Test(args) => Some(test::run(args, output)),
        _ => None,
    }
}

pub(super) async fn run(cx: &Context<'_>, command: AuthzCommand) -> Result<(), BootError> {
    match command {
        AuthzCommand::Test(args) => test::run(&args, cx.output),
        AuthzCommand::Apply(args) => apply::run(cx, &args).await,
        AuthzCommand::Explain(args) => explain::run(cx, *args).await,
        AuthzCommand::Export(args) => export::run(cx, &args).await,
        AuthzCommand::Versions(args) => versions::list(cx, &args).await,
        AuthzCommand::Show(args) => show::show(cx, &args).await,
        AuthzCommand::Schema(args) => show::schema(cx, &args).await,
        AuthzCommand::Rollback(args) => versions::rollback(cx, &args).await,
    }
}
