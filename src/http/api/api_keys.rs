//! API keys: `/api/v1/api-keys`. A key is answered once, when it is made.

use serde_json::{Value, json};

use super::super::errors::Problem;
use super::super::ledger::ApiKeyOperation;
use super::answer::{self, moment, text, texts};
use super::body::{Text, body, values};
use super::call::{Call, Reply, page};
use super::describe::{Described, Parameter};
use super::groups::id_of;
use crate::admin::PrincipalRef;
use crate::admin::api_keys::NewApiKey;
use crate::domain::name::DisplayName;
use crate::domain::permission::Permission;
use crate::domain::time::Instant;

body! {
    CreateApiKey {
        name: DisplayName = "What it is for",
        permissions: Vec<Text<Permission>> = "What it may at most, at the resource server doorward",
        ---
        owner: Option<Text<PrincipalRef>> = "A client in whose name it acts; yourself when left out",
        expires_at: Option<Text<Instant>> = "Until when it works: 90 days when left out, at most 366",
    }
}

const FILTERS: [Parameter; 2] = [
    Parameter::new("owner", "only those of user:NAME or client:CLIENT_ID"),
    Parameter::new("prefix", "only those whose secret begins so, as lists show it"),
];

pub(super) fn describe(operation: ApiKeyOperation) -> Described {
    use ApiKeyOperation as Of;
    match operation {
        Of::Create => Described::creates::<CreateApiKey>("Create an API key; it is answered this once", with_secret),
        Of::List => Described::lists("List API keys, in the order they were made", key).filtered(&FILTERS),
        Of::Show => Described::shows("Show what is kept of an API key", key),
        Of::Revoke => Described::deletes("End an API key, at once"),
    }
}

const ALWAYS: answer::Members = &[
    ("id", answer::id),
    ("prefix", text),
    ("name", text),
    ("owner", text),
    ("permissions", texts),
    ("created_by", text),
    ("created_at", moment),
    ("expires_at", moment),
];

fn key() -> Value {
    answer::object(ALWAYS, &[("revoked_at", moment)])
}

fn with_secret() -> Value {
    answer::object(ALWAYS, &[("secret", text)])
}

pub(super) async fn run(operation: ApiKeyOperation, call: &Call) -> Result<Reply, Problem> {
    match operation {
        ApiKeyOperation::Create => create(call).await,
        ApiKeyOperation::List => list(call).await,
        ApiKeyOperation::Show => {
            let shown = call.admin.api_key(call.named("key")?).await;
            shown.map(Reply::ok).map_err(|error| call.refused(&error))
        }
        ApiKeyOperation::Revoke => {
            let revoked = call.admin.revoke_api_key(call.named("key")?).await;
            revoked.map(|_| Reply::nothing()).map_err(|error| call.refused(&error))
        }
    }
}

async fn create(call: &Call) -> Result<Reply, Problem> {
    let CreateApiKey { name, permissions, owner, expires_at } = call.body()?;
    let new = NewApiKey {
        name,
        owner: owner.map(|Text(owner)| owner),
        permissions: values(permissions),
        expires_at: expires_at.map(|Text(at)| at),
    };
    let (mut view, secret) = call.admin.create_api_key(new).await.map_err(|error| call.refused(&error))?;
    let location = format!("/api/v1/api-keys/{}", id_of(&view));
    if let Some(members) = view.as_object_mut() {
        members.insert("secret".into(), json!(secret.reveal()));
    }
    Ok(Reply::created(location, view))
}

async fn list(call: &Call) -> Result<Reply, Problem> {
    let owner: Option<PrincipalRef> = call.query.filter("owner")?;
    let (prefix, after) = (call.query.text("prefix"), call.query.after_id()?.unwrap_or_default());
    let all = call.admin.api_keys(owner.as_ref(), prefix.as_deref(), after, call.query.rows()).await;
    Ok(page(call, all.map_err(|error| call.refused(&error))?, id_of, Value::clone))
}
