//! Roles of a resource server: `/api/v1/resource-servers/{server}/roles`.

use serde_json::{Value, json};

use super::super::errors::Problem;
use super::super::ledger::RoleOperation;
use super::answer::{self, text, texts};
use super::body::{Text, body, values};
use super::call::{Call, Reply, page};
use super::describe::Described;
use crate::admin::roles::RoleChange;
use crate::domain::name::Slug;
use crate::domain::permission::Permission;

body! {
    CreateRole {
        name: Slug = "What operators call it",
        ---
        permissions: Vec<Text<Permission>> = "What it holds",
        includes: Vec<Slug> = "Roles of the same resource server whose permissions it holds, too",
    }
}

body! {
    UpdateRole {
        ---
        add_permissions: Vec<Text<Permission>> = "What it holds from now on",
        remove_permissions: Vec<Text<Permission>> = "What it holds no longer",
        add_includes: Vec<Slug> = "Roles it includes from now on",
        remove_includes: Vec<Slug> = "Roles it includes no longer",
    }
}

pub(super) fn describe(operation: RoleOperation) -> Described {
    use RoleOperation as Of;
    match operation {
        Of::Create => Described::creates::<CreateRole>("Create a role", role),
        Of::List => Described::lists("List the roles of a resource server, by name", role),
        Of::Show => Described::shows("Show a role", role),
        Of::Update => Described::changes::<UpdateRole>("Change a role; whoever holds it follows at once", role),
        Of::Delete => Described::deletes("Delete a role that nobody holds"),
    }
}

fn role() -> Value {
    answer::object(&[("name", text), ("permissions", texts), ("includes", texts)], &[])
}

pub(super) async fn run(operation: RoleOperation, call: &Call) -> Result<Reply, Problem> {
    let server: Slug = call.named("server")?;
    match operation {
        RoleOperation::Create => create(call, &server).await,
        RoleOperation::List => list(call, &server).await,
        RoleOperation::Show => Ok(Reply::ok(show(call, &server, &call.named("role")?).await?)),
        RoleOperation::Update => update(call, &server, &call.named("role")?).await,
        RoleOperation::Delete => {
            let deleted = call.admin.delete_role(&server, &call.named("role")?).await;
            deleted.map(|_| Reply::nothing()).map_err(|error| call.refused(&error))
        }
    }
}

async fn create(call: &Call, server: &Slug) -> Result<Reply, Problem> {
    let CreateRole { name, permissions, includes } = call.body()?;
    let created = call.admin.create_role(server, name, values(permissions), &includes).await;
    let role = created.map_err(|error| call.refused(&error))?;
    let location = format!("/api/v1/resource-servers/{server}/roles/{}", role.name);
    Ok(Reply::created(location, show(call, server, &role.name).await?))
}

async fn update(call: &Call, server: &Slug, name: &Slug) -> Result<Reply, Problem> {
    let UpdateRole { add_permissions, remove_permissions, add_includes, remove_includes } = call.body()?;
    let change = RoleChange {
        add_permissions: values(add_permissions),
        remove_permissions: values(remove_permissions),
        add_includes,
        remove_includes,
    };
    call.admin.change_role(server, name, &change).await.map_err(|error| call.refused(&error))?;
    Ok(Reply::ok(show(call, server, name).await?))
}

async fn show(call: &Call, server: &Slug, name: &Slug) -> Result<Value, Problem> {
    call.admin.role(server, name).await.map_err(|error| call.refused(&error))
}

/// A decision holds all roles of a resource server in memory; so can a list.
async fn list(call: &Call, server: &Slug) -> Result<Reply, Problem> {
    let mut all = call.admin.roles(server).await.map_err(|error| call.refused(&error))?;
    let name = |role: &Value| role.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    all.retain(|role| name(role).as_str() > call.query.after());
    all.sort_by_key(name);
    Ok(page(call, all, name, |role| json!(role)))
}
