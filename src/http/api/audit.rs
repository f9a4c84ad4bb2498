//! The audit trail: `/api/v1/audit`.

use serde_json::{Value, json};

use super::super::errors::Problem;
use super::answer::{self, anything, moment, optional_number, optional_text, text};
use super::body::nullable;
use super::call::{Call, Reply, page};
use super::describe::{Described, Parameter};
use crate::admin::audit::{AuditFilter, AuditRecord, Newest, narrow};
use crate::domain::id::FactId;
use crate::domain::listing::Order;
use crate::domain::time::Instant;

const FILTERS: [Parameter; 8] = [
    Parameter::new("actor", "only what was done by user:SUB, client:CLIENT_ID, command-line or system"),
    Parameter::new("subject", "only what was done to this, such as user:SUB or role:notes/editor"),
    Parameter::new("kind", "what was done: only facts of this kind, such as assignment.added"),
    Parameter::new(
        "resource_server",
        "only what concerns this resource server: its roles, rules, assignments, resources",
    ),
    Parameter::new("resource", "only what concerns this resource, as type:id, or resource-server:NAME"),
    Parameter::new("from", "only what happened at this moment or later"),
    Parameter::new("until", "only what happened before this moment"),
    Parameter::new("order", "desc or asc; desc, the newest first, when left out"),
];

pub(super) fn describe() -> Described {
    Described::lists("What happened, newest first", fact).filtered(&FILTERS)
}

pub(super) fn describe_one() -> Described {
    Described::shows("Show a fact, and what its write changed, before and after", with_changes)
}

const ALWAYS: answer::Members = &[
    ("id", answer::id),
    ("at", moment),
    ("kind", text),
    ("actor", text),
    ("subject", text),
    ("revision", optional_number),
    ("request_id", optional_text),
    ("detail", optional_object),
];

fn optional_object() -> Value {
    nullable(anything())
}

fn fact() -> Value {
    answer::object(ALWAYS, &[])
}

fn with_changes() -> Value {
    answer::object(ALWAYS, &[("changes", changes)])
}

fn changes() -> Value {
    let members = &[("kind", text as fn() -> Value), ("before", optional_object), ("after", optional_object)];
    json!({ "type": "array", "items": answer::object(members, &[]) })
}

pub(super) async fn read(call: &Call) -> Result<Reply, Problem> {
    let query = &call.query;
    let mut filter = AuditFilter {
        actor: query.text("actor"),
        subject: query.text("subject"),
        kind: query.text("kind"),
        resource_server: query.filter("resource_server")?,
        resource: None,
        from: query.filter::<Instant>("from")?,
        until: query.filter::<Instant>("until")?,
        newest: match query.filter("order")? {
            None | Some(Order::Descending) => Newest::First,
            Some(Order::Ascending) => Newest::Last,
        },
    };
    narrow(&mut filter, query.filter("resource")?);
    let after = query.after_id()?.map(FactId::from_uuid);
    let facts = call.admin.audit(&filter, after, query.rows()).await.map_err(|error| call.refused(&error))?;
    Ok(page(call, facts, |fact| fact.id.to_string(), view))
}

pub(super) async fn show(call: &Call) -> Result<Reply, Problem> {
    let (fact, changes) = call.admin.fact(call.named("fact")?).await.map_err(|error| call.refused(&error))?;
    // What only tells caches to forget has neither a before nor an after.
    let telling = changes.iter().filter(|change| change.states.before.is_some() || change.states.after.is_some());
    let changes = telling
        .map(|change| json!({ "kind": change.kind, "before": change.states.before, "after": change.states.after }));
    let changes: Vec<_> = changes.collect();
    let mut view = view(&fact);
    if let Some(members) = view.as_object_mut() {
        members.insert("changes".into(), json!(changes));
    }
    Ok(Reply::ok(view))
}

fn view(fact: &AuditRecord) -> Value {
    json!({
        "id": fact.id, "at": fact.at, "kind": fact.kind, "actor": fact.actor, "subject": fact.subject,
        "revision": fact.revision, "request_id": fact.request_id, "detail": fact.detail,
    })
}
