//! Who holds which role or permission: `/api/v1/assignments`.

use serde_json::{Value, json};

use super::super::errors::Problem;
use super::super::ledger::AssignmentOperation;
use super::answer::{self, moment, optional_text, text};
use super::body::{Sign, Text, body};
use super::call::{Call, Reply, page};
use super::describe::{Described, Parameter};
use super::groups::{id_of, interval};
use crate::admin::PrincipalRef;
use crate::admin::assignments::{AssignmentFilter, HeldRef, NewAssignment};
use crate::domain::name::{Reason, Slug};
use crate::domain::object::ObjectRef;
use crate::domain::permission::Permission;
use crate::domain::time::Instant;

body! {
    CreateAssignment {
        principal: Text<PrincipalRef> = "To whom",
        resource_server: Slug = "Where it counts",
        ---
        on: Option<Text<ObjectRef>> = "Only on this resource (type:id) and all below it",
        role: Option<Slug> = "A role of that resource server; this or a permission",
        permission: Option<Text<Permission>> = "A permission of that resource server; this or a role",
        effect: Sign = "allow when left out; a deny outweighs every permit",
        not_before: Option<Text<Instant>> = "Counts from this moment on",
        expires_at: Option<Text<Instant>> = "Counts until this moment",
        reason: Option<Reason> = "Why",
    }
}

const FILTERS: [Parameter; 4] = [
    Parameter::new("resource_server", "only those at this resource server"),
    Parameter::new("principal", "only those of user:NAME, client:CLIENT_ID or group:NAME"),
    Parameter::new("role", "only those of roles of this name"),
    Parameter::new("on", "only those on this resource alone (type:id)"),
];

pub(super) fn describe(operation: AssignmentOperation) -> Described {
    use AssignmentOperation as Of;
    match operation {
        Of::Create => Described::creates::<CreateAssignment>("Give a role or a permission, or deny it", assignment),
        Of::List => Described::lists("List assignments, in the order they were made", assignment).filtered(&FILTERS),
        Of::Show => Described::shows("Show an assignment", assignment),
        Of::Delete => Described::deletes("Take an assignment away"),
    }
}

fn assignment() -> Value {
    answer::object(
        &[
            ("id", answer::id),
            ("principal", text),
            ("resource_server", text),
            ("effect", text),
            ("scope", optional_text),
            ("interval", answer::interval),
            ("reason", optional_text),
            ("given_by", text),
            ("created_at", moment),
        ],
        &[("role", optional_text), ("permission", text)],
    )
}

pub(super) async fn run(operation: AssignmentOperation, call: &Call) -> Result<Reply, Problem> {
    match operation {
        AssignmentOperation::Create => create(call).await,
        AssignmentOperation::List => list(call).await,
        AssignmentOperation::Show => {
            let shown = call.admin.assignment(call.named("assignment")?).await;
            shown.map(Reply::ok).map_err(|error| call.refused(&error))
        }
        AssignmentOperation::Delete => {
            let removed = call.admin.remove_assignment(call.named("assignment")?).await;
            removed.map(|_| Reply::nothing()).map_err(|error| call.refused(&error))
        }
    }
}

/// What is given: one of the two.
pub(super) fn held(role: Option<Slug>, permission: Option<Text<Permission>>) -> Result<HeldRef, Problem> {
    match (role, permission) {
        (Some(role), None) => Ok(HeldRef::Role(role)),
        (None, Some(Text(permission))) => Ok(HeldRef::Permission(permission)),
        (None, None) => Err(Problem::member("role", "say which role or which permission")),
        (Some(_), Some(_)) => Err(Problem::member("permission", "say a role or a permission, not both")),
    }
}

async fn create(call: &Call) -> Result<Reply, Problem> {
    let new: CreateAssignment = call.body()?;
    let new = NewAssignment {
        principal: new.principal.0,
        resource_server: new.resource_server,
        held: held(new.role, new.permission)?,
        scope: new.on.map(|on| on.0),
        effect: new.effect.into(),
        interval: interval(new.not_before, new.expires_at)?,
        reason: new.reason,
    };
    let (recorded, view) = call.admin.add_assignment(&new).await.map_err(|error| call.refused(&error))?;
    Ok(Reply::created(format!("/api/v1/assignments/{}", recorded.assignment.id), json!(view)))
}

async fn list(call: &Call) -> Result<Reply, Problem> {
    let query = &call.query;
    let filter = AssignmentFilter {
        resource_server: query.filter("resource_server")?,
        principal: query.filter("principal")?,
        role: query.filter("role")?,
        on: query.filter("on")?,
    };
    let after = call.query.after_id()?.unwrap_or_default();
    let all = call.admin.assignments(&filter, after, query.rows()).await;
    Ok(page(call, all.map_err(|error| call.refused(&error))?, id_of, Value::clone))
}
