//! Resource servers: `/api/v1/resource-servers`.

use serde_json::{Value, json};

use super::super::errors::Problem;
use super::super::ledger::ServerOperation;
use super::answer::{self, flag, text, texts};
use super::body::{Text, body, values};
use super::call::{Call, Reply, page};
use super::describe::Described;
use crate::admin::resource_servers::NewResourceServer;
use crate::domain::name::Slug;
use crate::domain::permission::Permission;
use crate::domain::resource_server::{ResourceServer, TokenClaims};
use crate::domain::scope::{SCOPES_MAX, Scope};

body! {
    CreateServer {
        name: Slug = "What operators call it",
        identifier: String = "The audience of its tokens: an absolute URI without fragment",
        ---
        scopes: Vec<Text<Scope>> = "The scopes it knows",
        permissions: Vec<Text<Permission>> = "The permissions it declares, without wildcards",
        claim_roles: bool = "Whether its tokens carry the roles of their subject",
        claim_permissions: bool = "Whether its tokens carry the permissions of their subject",
    }
}

body! {
    DeclarePermissions {
        permissions: Vec<Text<Permission>> = "Further permissions, without wildcards",
        ---
    }
}

pub(super) fn describe(operation: ServerOperation) -> Described {
    use ServerOperation as Of;
    match operation {
        Of::Create => Described::creates::<CreateServer>("Create a resource server", with_permissions),
        Of::List => Described::lists("List resource servers, by name", server),
        Of::Show => Described::shows("Show a resource server and the permissions it declares", with_permissions),
        Of::Declare => Described::changes::<DeclarePermissions>("Declare further permissions", with_permissions),
    }
}

const ALWAYS: answer::Members = &[("name", text), ("identifier", text), ("scopes", texts), ("claims", claims)];

fn claims() -> Value {
    answer::object(&[("roles", flag), ("permissions", flag)], &[])
}

fn server() -> Value {
    answer::object(ALWAYS, &[])
}

fn with_permissions() -> Value {
    answer::object(ALWAYS, &[("permissions", texts)])
}

pub(super) async fn run(operation: ServerOperation, call: &Call) -> Result<Reply, Problem> {
    match operation {
        ServerOperation::Create => create(call).await,
        ServerOperation::List => list(call).await,
        ServerOperation::Show => Ok(Reply::ok(show(call, &call.named("server")?).await?)),
        ServerOperation::Declare => {
            let (server, DeclarePermissions { permissions }) = (call.named::<Slug>("server")?, call.body()?);
            let declared = call.admin.declare_permissions(&server, &values(permissions)).await;
            declared.map_err(|error| call.refused(&error))?;
            Ok(Reply::ok(show(call, &server).await?))
        }
    }
}

async fn create(call: &Call) -> Result<Reply, Problem> {
    let new: CreateServer = call.body()?;
    if new.scopes.len() > SCOPES_MAX {
        return Err(Problem::member("scopes", &format!("at most {SCOPES_MAX} scopes")));
    }
    // Tokens for it would look like tokens for one of our own APIs.
    if call.app.provider.settings().issuer.owns(&new.identifier) {
        return Err(Problem::member("identifier", "must not be an address of Doorward itself"));
    }
    let new = NewResourceServer {
        name: new.name,
        identifier: new.identifier,
        scopes: values(new.scopes).into_iter().collect(),
        permissions: values(new.permissions),
        claims: TokenClaims { roles: new.claim_roles, permissions: new.claim_permissions },
    };
    let server = call.admin.create_resource_server(new).await.map_err(|error| call.refused(&error))?;
    Ok(Reply::created(format!("/api/v1/resource-servers/{}", server.name), show(call, &server.name).await?))
}

async fn show(call: &Call, name: &Slug) -> Result<Value, Problem> {
    let (server, permissions) = call.admin.resource_server(name).await.map_err(|error| call.refused(&error))?;
    let mut value = json!(server);
    if let Some(members) = value.as_object_mut() {
        members.insert("permissions".into(), json!(permissions));
    }
    Ok(value)
}

/// There are few of them, so they are read whole.
async fn list(call: &Call) -> Result<Reply, Problem> {
    let mut all = call.admin.resource_servers().await.map_err(|error| call.refused(&error))?;
    all.retain(|server| server.name.as_str() > call.query.after());
    all.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(page(call, all, |server: &ResourceServer| server.name.to_string(), |server| json!(server)))
}
