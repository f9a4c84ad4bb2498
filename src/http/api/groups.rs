//! Groups and who is in them: `/api/v1/groups`.

use serde_json::{Value, json};

use super::super::errors::Problem;
use super::super::ledger::GroupOperation;
use super::answer::{self, optional_text, text};
use super::body::{Text, body};
use super::call::{Call, Reply, page};
use super::describe::{Described, ORDER, Parameter};
use crate::admin::PrincipalRef;
use crate::domain::name::{Reason, Slug};
use crate::domain::time::{Instant, Interval};

body! {
    CreateGroup {
        name: Slug = "What operators call it",
        ---
    }
}

body! {
    AddMember {
        member: Text<PrincipalRef> = "Who joins",
        ---
        not_before: Option<Text<Instant>> = "Counts from this moment on",
        expires_at: Option<Text<Instant>> = "Counts until this moment",
        reason: Option<Reason> = "Why",
    }
}

const FILTERS: [Parameter; 2] = [Parameter::new("q", "only those whose name begins so"), ORDER];

pub(super) fn describe(operation: GroupOperation) -> Described {
    use GroupOperation as Of;
    match operation {
        Of::Create => Described::creates::<CreateGroup>("Create a group", group),
        Of::List => Described::lists("List groups, by name", group).filtered(&FILTERS),
        Of::Show => Described::shows("Show a group", group),
        Of::AddMember => Described::creates::<AddMember>("Put a person, client or group into a group", added),
        Of::ListMembers => Described::lists("Who is directly in a group", member),
        Of::RemoveMember => Described::deletes("Take a person, client or group out of a group"),
    }
}

fn group() -> Value {
    answer::object(&[("name", text)], &[])
}

fn member() -> Value {
    answer::object(
        &[
            ("member", text),
            ("id", answer::id),
            ("interval", answer::interval),
            ("reason", optional_text),
            ("given_by", text),
        ],
        &[],
    )
}

fn added() -> Value {
    answer::object(&[("member", text), ("interval", answer::interval)], &[])
}

pub(super) async fn run(operation: GroupOperation, call: &Call) -> Result<Reply, Problem> {
    match operation {
        GroupOperation::Create => create(call).await,
        GroupOperation::List => list(call).await,
        GroupOperation::Show => {
            let group = call.admin.group(&call.named("group")?).await.map_err(|error| call.refused(&error))?;
            Ok(Reply::ok(json!({ "name": group.name })))
        }
        GroupOperation::AddMember => add(call).await,
        GroupOperation::ListMembers => members(call).await,
        GroupOperation::RemoveMember => {
            let removed = call.admin.remove_group_member(&call.named("group")?, &call.named("member")?).await;
            removed.map(|_| Reply::nothing()).map_err(|error| call.refused(&error))
        }
    }
}

async fn create(call: &Call) -> Result<Reply, Problem> {
    let CreateGroup { name } = call.body()?;
    let group = call.admin.create_group(name).await.map_err(|error| call.refused(&error))?;
    Ok(Reply::created(format!("/api/v1/groups/{}", group.name), json!({ "name": group.name })))
}

async fn list(call: &Call) -> Result<Reply, Problem> {
    let prefix = call.query.prefix()?;
    let groups = call.admin.groups(call.query.listing(prefix.as_ref())?).await;
    let groups = groups.map_err(|error| call.refused(&error))?;
    Ok(page(call, groups, |group| group.name.to_string(), |group| json!({ "name": group.name })))
}

async fn add(call: &Call) -> Result<Reply, Problem> {
    let AddMember { member: Text(member), not_before, expires_at, reason } = call.body()?;
    let (group, interval): (Slug, _) = (call.named("group")?, interval(not_before, expires_at)?);
    let added = call.admin.add_group_member(&group, &member, interval, reason.as_ref()).await;
    added.map_err(|error| call.refused(&error))?;
    let body = json!({ "member": member.to_string(), "interval": interval });
    Ok(Reply::created(format!("/api/v1/groups/{group}/members"), body))
}

/// From when to when something counts, as a body says it.
pub(super) fn interval(from: Option<Text<Instant>>, until: Option<Text<Instant>>) -> Result<Interval, Problem> {
    let interval = Interval::new(from.map(|Text(at)| at), until.map(|Text(at)| at));
    interval.map_err(|problem| Problem::member("expires_at", &problem))
}

async fn members(call: &Call) -> Result<Reply, Problem> {
    let after = call.query.after_id()?.unwrap_or_default();
    let members = call.admin.group_members(&call.named("group")?, after, call.query.rows()).await;
    let members = members.map_err(|error| call.refused(&error))?;
    Ok(page(call, members, id_of, Value::clone))
}

/// The identifier of an item, as lists by identifier go on after it.
pub(super) fn id_of(item: &Value) -> String {
    item.get("id").and_then(Value::as_str).unwrap_or_default().to_owned()
}
