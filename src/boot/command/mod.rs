//! Administration on the command line: parses, calls one use case, prints.

mod access;
mod api_keys;
mod audit;
mod authz;
mod bulk;
mod clients;
mod halves;
mod keys;
mod lines;
mod page;
mod people;
mod relations;
mod resources;
mod servers;
mod subjects;

use std::sync::Arc;

use clap::Subcommand;

use self::page::PageArgs;
use super::node::{BootError, World, explain, store_options};
use super::output::Output;
use crate::admin::Admin;
use crate::config::Config;
use crate::domain::change::Actor;
use crate::store::{Opener, Store};

#[derive(Subcommand)]
pub(super) enum AdminCommand {
    /// People.
    #[command(subcommand)]
    User(people::UserCommand),
    /// Clients: software that asks for tokens or decisions.
    #[command(subcommand)]
    Client(clients::ClientCommand),
    /// Resource servers: applications with permissions and roles of their own.
    #[command(subcommand)]
    ResourceServer(servers::ServerCommand),
    /// Roles of a resource server.
    #[command(subcommand)]
    Role(servers::RoleCommand),
    /// Groups of people, clients and groups.
    #[command(subcommand)]
    Group(access::GroupCommand),
    /// Who holds which role or permission.
    #[command(subcommand)]
    Assign(access::AssignCommand),
    /// Resources that a resource server registers.
    #[command(subcommand)]
    Resource(resources::ResourceCommand),
    /// Relations between resources and subjects.
    #[command(subcommand)]
    Relation(relations::RelationCommand),
    /// Subjects that only a resource server knows, and what it knows of others.
    #[command(subcommand)]
    Subject(subjects::SubjectCommand),
    /// API keys: what programs show in somebody's name.
    #[command(subcommand)]
    ApiKey(api_keys::ApiKeyCommand),
    /// The authorization of a resource server as files: test, apply, export, roll back; and why it decides as it does.
    #[command(subcommand)]
    Authz(authz::AuthzCommand),
    /// What happened: the latest facts of the audit trail.
    Audit(audit::AuditArgs),
    /// Signing keys.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
}

/// What a command works with.
struct Context<'a> {
    config: &'a Config,
    world: World,
    store: Arc<Store>,
    admin: Admin,
    output: Output,
}

/// Opens the database, beside a running server or not, and runs one command.
pub(super) async fn run(config: &Config, command: AdminCommand, json: bool) -> Result<(), BootError> {
    if let AdminCommand::Authz(command) = &command
        && let Some(done) = authz::offline(command, Output { json })
    {
        return done;
    }
    let store = Arc::new(Store::open(&store_options(config), Opener::Command).await.map_err(explain)?);
    let world = World::system();
    let admin = Admin::new(store.clone(), world.clock.clone(), world.entropy.clone(), Actor::CommandLine);
    admin.ensure_builtin().await?;
    let context = Context { config, world, store, admin, output: Output { json } };
    match command {
        AdminCommand::User(command) => people::run(&context, command).await,
        AdminCommand::Client(command) => clients::run(&context, command).await,
        AdminCommand::ResourceServer(command) => servers::run(&context, command).await,
        AdminCommand::Role(command) => servers::run_role(&context, command).await,
        AdminCommand::Group(command) => access::run_group(&context, command).await,
        AdminCommand::Assign(command) => access::run(&context, command).await,
        AdminCommand::Resource(command) => resources::run(&context, command).await,
        AdminCommand::Relation(command) => relations::run(&context, command).await,
        AdminCommand::Subject(command) => subjects::run(&context, command).await,
        AdminCommand::ApiKey(command) => api_keys::run(&context, command).await,
        AdminCommand::Authz(command) => authz::run(&context, command).await,
        AdminCommand::Audit(args) => audit::run(&context, args).await,
        AdminCommand::Keys(command) => keys::run(&context, command).await,
    }
}
