//! Assignments: give, take, list.

use serde_json::{Value, json};

use super::resource_servers::{check_declared, find};
use super::roles::by_name;
use super::{Admin, AdminError, PAGE_MAX, PrincipalRef};
use crate::domain::assignment::{Assignment, Effect, Held};
use crate::domain::change::{Changed, Revision};
use crate::domain::fact::FactKind;
use crate::domain::id::AssignmentId;
use crate::domain::name::{Reason, Slug};
use crate::domain::permission::Permission;
use crate::domain::time::Interval;
use crate::store::assignments::{self, Recorded};
use crate::store::changes::States;
use crate::store::roles;

/// A role or a permission, by name.
#[derive(Clone, Debug)]
pub enum HeldRef {
    Role(Slug),
    Permission(Permission),
}

#[derive(Debug)]
pub struct NewAssignment {
    pub principal: PrincipalRef,
    pub resource_server: Slug,
    pub held: HeldRef,
    pub effect: Effect,
    pub interval: Interval,
    pub reason: Option<Reason>,
}

impl Admin {
    /// # Errors
    /// [`AdminError::NotFound`], or an undeclared permission.
    pub async fn add_assignment(&self, new: &NewAssignment) -> Result<Recorded, AdminError> {
        let now = self.now();
        let mut edit = self.store.edit().await?;
        let server = find(&mut edit, &new.resource_server).await?;
        let principal = new.principal.resolve(&mut edit).await?;
        let held = match &new.held {
            HeldRef::Role(name) => Held::Role(by_name(&roles::all(&mut edit, server.id).await?, name)?.id),
            HeldRef::Permission(permission) => {
                check_declared(&mut edit, &server, std::slice::from_ref(permission)).await?;
                Held::Permission(permission.clone())
            }
        };
        let id = AssignmentId::mint(now, self.entropy.as_ref());
        let recorded = Recorded {
            assignment: Assignment { id, held, effect: new.effect, interval: new.interval },
            resource_server: server.id,
            principal,
            reason: new.reason.as_ref().map(|r| r.as_str().to_owned()),
            given_by: self.actor.to_string(),
            created_at: now,
        };
        assignments::insert(&mut edit, &recorded).await?;
        let after = assigned(&recorded);
        let changed = Changed::Assignments(server.id, principal);
        edit.log(&changed, &self.actor, now, States::created(after.clone())).await?;
        self.conclude(edit, FactKind::AssignmentAdded, new.principal.to_string(), after).await?;
        Ok(recorded)
    }

    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn remove_assignment(&self, id: AssignmentId) -> Result<Revision, AdminError> {
        let mut edit = self.store.edit().await?;
        let not_found = || AdminError::not_found("assignment", &id.to_string());
        let recorded = assignments::find(&mut edit, id).await?.ok_or_else(not_found)?;
        if !assignments::delete(&mut edit, id).await? {
            return Err(not_found());
        }
        let before = assigned(&recorded);
        let changed = Changed::Assignments(recorded.resource_server, recorded.principal);
        edit.log(&changed, &self.actor, self.now(), States::removed(before.clone())).await?;
        self.conclude(edit, FactKind::AssignmentRemoved, recorded.principal.to_string(), before).await
    }

    /// The assignments at one resource server, in the order they were made after one of them; of one principal or of all.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn assignments(
        &self,
        server: &Slug,
        principal: Option<&PrincipalRef>,
        after: uuid::Uuid,
    ) -> Result<Vec<Value>, AdminError> {
        let mut conn = self.read().await?;
        let server = find(&mut conn, server).await?;
        let principal = match principal {
            None => None,
            Some(named) => Some(named.resolve(&mut conn).await?),
        };
        let all = assignments::list(&mut conn, server.id, principal, after, PAGE_MAX).await?;
        let names = roles::all(&mut conn, server.id).await?;
        let named = |recorded: &Recorded| {
            let mut view = assigned(recorded);
            if let (Held::Role(id), Some(members)) = (&recorded.assignment.held, view.as_object_mut()) {
                let role = names.iter().find(|role| role.id == *id).map(|role| role.name.as_str());
                members.insert("role".into(), json!(role));
            }
            view
        };
        Ok(all.iter().map(named).collect())
    }
}

/// What the audit trail and operators see of an assignment.
#[must_use]
pub fn assigned(recorded: &Recorded) -> Value {
    let assignment = &recorded.assignment;
    let mut view = json!({
        "id": assignment.id, "principal": recorded.principal.to_string(),
        "resource_server": recorded.resource_server, "effect": assignment.effect,
        "interval": assignment.interval, "reason": recorded.reason,
        "given_by": recorded.given_by, "created_at": recorded.created_at,
    });
    let (name, held) = match &assignment.held {
        Held::Role(id) => ("role_id", json!(id)),
        Held::Permission(permission) => ("permission", json!(permission)),
    };
    if let Some(members) = view.as_object_mut() {
        members.insert(name.into(), held);
    }
    view
}
