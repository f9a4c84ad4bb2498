//! At applications, too, an operator gives, denies and takes nothing that they neither hold nor control there.

mod control;
mod denies;
mod giving;
mod groups;
mod named;
mod roles;
mod scopes;
mod worlds;

use doorward::admin::assignments::{HeldRef, NewAssignment};
use doorward::domain::assignment::Effect;
use doorward::domain::id::AssignmentId;
use doorward::domain::object::ObjectRef;
use doorward::domain::time::Interval;
use serde_json::{Value, json};

use super::support::Operator;
use crate::support::{Answer, House, permission, slug};

const ASSIGNMENTS: &str = "/api/v1/assignments";

/// Refused, and said why: each of these is named.
fn is_beyond(what: &str, answer: &Answer, named: &[&str]) {
    assert_eq!(answer.refusal(), (403, "beyond_own_permissions".into()), "{what}: {answer:?}");
    for name in named {
        assert!(answer.text.contains(name), "{what} names {name}: {answer:?}");
    }
}

fn is_done(what: &str, answer: &Answer) {
    assert!(answer.status < 300, "{what}: {answer:?}");
}

/// A role or permission of an application, as a body.
fn gift(to: &str, at: &str, held: &str) -> Value {
    let kind = if held.contains(':') { "permission" } else { "role" };
    json!({ "principal": to, "resource_server": at, kind: held })
}

fn with(mut body: Value, member: &str, value: Value) -> Value {
    body[member] = value;
    body
}

fn on(body: Value, object: &str) -> Value {
    with(body, "on", json!(object))
}

fn deny(body: Value) -> Value {
    with(body, "effect", json!("deny"))
}

impl House {
    /// Gives or denies at `notes`, past all checks of delegation; everywhere or on one resource.
    async fn gives(&self, to: &str, held: &str, scope: Option<&str>, effect: Effect) -> AssignmentId {
        self.gives_for(to, held, scope, effect, Interval::ALWAYS).await
    }

    async fn gives_for(
        &self,
        to: &str,
        held: &str,
        scope: Option<&str>,
        effect: Effect,
        interval: Interval,
    ) -> AssignmentId {
        let held = if held.contains(':') { HeldRef::Permission(permission(held)) } else { HeldRef::Role(slug(held)) };
        let new = NewAssignment {
            principal: to.parse().unwrap(),
            resource_server: slug("notes"),
            held,
            scope: scope.map(|scope| ObjectRef::parse(scope).unwrap()),
            effect,
            interval,
            reason: None,
        };
        self.node().admin().add_assignment(&new).await.unwrap().0.assignment.id
    }

    /// Puts somebody into a group, past all checks; makes the group if there is none.
    async fn joins(&self, who: &str, group: &str, interval: Interval) {
        let admin = self.node().admin();
        if admin.group(&slug(group)).await.is_err() {
            admin.create_group(slug(group)).await.unwrap();
        }
        admin.add_group_member(&slug(group), &who.parse().unwrap(), interval, None).await.unwrap();
    }
}

impl Operator<'_> {
    async fn gives(&self, body: &Value) -> Answer {
        self.post(ASSIGNMENTS, body).await
    }

    async fn takes(&self, id: AssignmentId) -> Answer {
        self.delete(&format!("{ASSIGNMENTS}/{id}")).await
    }
}
