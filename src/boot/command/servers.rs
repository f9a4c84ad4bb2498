//! `doorward resource-server …` and `doorward role …`

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::super::node::BootError;
use super::super::output::table;
use super::Context;
use crate::admin::resource_servers::NewResourceServer;
use crate::admin::roles::RoleChange;
use crate::domain::name::Slug;
use crate::domain::permission::Permission;
use crate::domain::resource_server::TokenClaims;
use crate::domain::scope::Scope;

/// Claims a resource server may want in its access tokens.
#[derive(Clone, Copy, ValueEnum, PartialEq, Eq)]
pub(in crate::boot) enum Claim {
    Roles,
    Permissions,
}

#[derive(Subcommand)]
pub(in crate::boot) enum ServerCommand {
    /// Register a resource server.
    #[command(after_help = "\
Example:
  doorward resource-server create notes --identifier https://notes.example/api \\
      --scope notes:read --permission read:note --permission update:note --claim roles")]
    Create {
        name: Slug,
        /// The audience of its tokens: an absolute URI.
        #[arg(long, value_name = "URI")]
        identifier: String,
        /// A scope it understands; may be repeated.
        #[arg(long)]
        scope: Vec<Scope>,
        /// A permission it declares, as action:type; may be repeated.
        #[arg(long)]
        permission: Vec<Permission>,
        /// A claim it wants in its access tokens; may be repeated.
        #[arg(long)]
        claim: Vec<Claim>,
    },
    /// Declare further permissions.
    Declare {
        name: Slug,
        #[arg(long, required = true)]
        permission: Vec<Permission>,
    },
    /// Show a resource server and its permissions.
    Show { name: Slug },
    /// List resource servers.
    List,
}

pub(super) async fn run(cx: &Context<'_>, command: ServerCommand) -> Result<(), BootError> {
    match command {
        ServerCommand::Create { name, identifier, scope, permission, claim } => {
            let claims =
                TokenClaims { roles: claim.contains(&Claim::Roles), permissions: claim.contains(&Claim::Permissions) };
            let scopes = scope.into_iter().collect();
            let new = NewResourceServer { name, identifier, scopes, permissions: permission, claims };
            let server = cx.admin.create_resource_server(new).await?;
            let text = || format!("created resource server {} for audience {}", server.name, server.identifier);
            cx.output.show(&json!(server), text);
        }
        ServerCommand::Declare { name, permission } => {
            cx.admin.declare_permissions(&name, &permission).await?;
            cx.output.show(&json!({ "declared": permission }), || format!("declared {}", joined(&permission)));
        }
        ServerCommand::Show { name } => {
            let (server, permissions) = cx.admin.resource_server(&name).await?;
            cx.output.show(&json!({ "resource_server": server, "permissions": permissions }), || {
                format!(
                    "name         {}\nidentifier   {}\nscopes       {}\npermissions  {}",
                    server.name,
                    server.identifier,
                    server.scopes,
                    joined(&permissions)
                )
            });
        }
        ServerCommand::List => {
            let all = cx.admin.resource_servers().await?;
            cx.output.show(&json!({ "resource_servers": all }), || {
                let row = |rs: &crate::domain::resource_server::ResourceServer| {
                    vec![rs.name.to_string(), rs.identifier.clone(), rs.scopes.to_string()]
                };
                table(&["name", "identifier", "scopes"], &all.iter().map(row).collect::<Vec<_>>())
            });
        }
    }
    Ok(())
}

fn joined(permissions: &[Permission]) -> String {
    permissions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[derive(Subcommand)]
pub(in crate::boot) enum RoleCommand {
    /// Create a role.
    #[command(after_help = "\
Examples:
  doorward role create notes viewer --permission read:note
  doorward role create notes editor --includes viewer --permission update:note
  doorward role create notes owner --permission '*:note'")]
    Create {
        resource_server: Slug,
        role: Slug,
        /// A permission it holds: action:type, either of them possibly *; may be repeated.
        #[arg(long)]
        permission: Vec<Permission>,
        /// A role it includes; may be repeated.
        #[arg(long, value_name = "ROLE")]
        includes: Vec<Slug>,
    },
    /// Add to a role or take from it; whoever holds it follows at once.
    Change {
        resource_server: Slug,
        role: Slug,
        #[arg(long, value_name = "PERMISSION")]
        add: Vec<Permission>,
        #[arg(long, value_name = "PERMISSION")]
        remove: Vec<Permission>,
        #[arg(long, value_name = "ROLE")]
        include: Vec<Slug>,
        #[arg(long, value_name = "ROLE")]
        exclude: Vec<Slug>,
    },
    /// Delete a role that nobody holds.
    Delete { resource_server: Slug, role: Slug },
    /// List the roles of a resource server.
    List { resource_server: Slug },
}

pub(super) async fn run_role(cx: &Context<'_>, command: RoleCommand) -> Result<(), BootError> {
    match command {
        RoleCommand::Create { resource_server, role, permission, includes } => {
            let role = cx.admin.create_role(&resource_server, role, permission, &includes).await?;
            let text = || format!("created role {} at {resource_server}", role.name);
            cx.output.show(&json!({ "name": role.name, "resource_server": resource_server }), text);
        }
        RoleCommand::Change { resource_server, role, add, remove, include, exclude } => {
            let change = RoleChange {
                add_permissions: add,
                remove_permissions: remove,
                add_includes: include,
                remove_includes: exclude,
            };
            let revision = cx.admin.change_role(&resource_server, &role, &change).await?;
            cx.output.show(&json!({ "name": role, "revision": revision }), || format!("changed role {role}"));
        }
        RoleCommand::Delete { resource_server, role } => {
            let revision = cx.admin.delete_role(&resource_server, &role).await?;
            cx.output.show(&json!({ "deleted": role, "revision": revision }), || format!("deleted role {role}"));
        }
        RoleCommand::List { resource_server } => {
            let roles = cx.admin.roles(&resource_server).await?;
            cx.output.show(&json!({ "roles": roles }), || {
                let row = |role: &Value| {
                    vec![texts(role.get("name")), texts(role.get("permissions")), texts(role.get("includes"))]
                };
                table(&["role", "permissions", "includes"], &roles.iter().map(row).collect::<Vec<_>>())
            });
        }
    }
    Ok(())
}

/// A text, or texts with spaces between.
pub(super) fn texts(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        _ => String::new(),
    }
}
