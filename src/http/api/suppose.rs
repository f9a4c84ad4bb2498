//! The changes under which an explanation is asked for, though nobody made them.

use serde_json::Value;

use super::super::errors::Problem;
use super::assignments::held;
use super::body::{Shape, Sign, Text, body};
use super::call::{check_texts, read};
use super::groups::interval;
use super::registry::{Edge, EdgeToWrite, new_edges, plain};
use crate::admin::PrincipalRef;
use crate::admin::assignments::NewAssignment;
use crate::admin::relations::RelationWrite;
use crate::admin::suppose::{self, Supposed};
use crate::domain::id::AssignmentId;
use crate::domain::name::Slug;
use crate::domain::object::ObjectRef;
use crate::domain::permission::Permission;
use crate::domain::time::Instant;

body! {
    Membership {
        group: Slug = "The group",
        member: Text<PrincipalRef> = "Whom",
        ---
    }
}

body! {
    Assignment {
        principal: Text<PrincipalRef> = "To whom",
        ---
        on: Option<Text<ObjectRef>> = "Only on this resource (type:id) and all below it",
        role: Option<Slug> = "A role of this resource server; this or a permission",
        permission: Option<Text<Permission>> = "A permission of this resource server; this or a role",
        effect: Sign = "allow when left out; a deny outweighs every permit",
        not_before: Option<Text<Instant>> = "Counts from this moment on",
        expires_at: Option<Text<Instant>> = "Counts until this moment",
    }
}

body! {
    Changes {
        ---
        assignments: Vec<Assignment> = "If these were given",
        without_assignments: Vec<Text<AssignmentId>> = "If these (by id) were taken away",
        members: Vec<Membership> = "If these were in the groups",
        without_members: Vec<Membership> = "If these were not",
        write: Vec<EdgeToWrite> = "If these relations were written",
        delete: Vec<Edge> = "If these were not there",
    }
}

/// The schema of `changes`.
pub(in crate::http) fn schema() -> Value {
    Changes::schema()
}

/// Reads them, at a resource server.
pub(in crate::http) fn parse(changes: &Value, server: &Slug) -> Result<Supposed, Problem> {
    let within = |problem: Problem| problem.within("changes");
    if !changes.is_object() {
        return Err(Problem::member("changes", "must be an object"));
    }
    check_texts(changes).map_err(within)?;
    let changes = read::<Changes>(changes).map_err(within)?;
    let assignments = changes.assignments.into_iter().enumerate().map(|(index, new)| {
        let at = |problem: Problem| problem.within(&format!("changes.assignments[{index}]"));
        Ok(NewAssignment {
            principal: new.principal.0,
            resource_server: server.clone(),
            held: held(new.role, new.permission).map_err(at)?,
            scope: new.on.map(|on| on.0),
            effect: new.effect.into(),
            interval: interval(new.not_before, new.expires_at).map_err(at)?,
            reason: None,
        })
    });
    let membership = |Membership { group, member }: Membership| suppose::Membership { group, member: member.0 };
    Ok(Supposed {
        assignments: assignments.collect::<Result<_, Problem>>()?,
        without_assignments: changes.without_assignments.into_iter().map(|Text(id)| id).collect(),
        members: changes.members.into_iter().map(membership).collect(),
        without_members: changes.without_members.into_iter().map(membership).collect(),
        relations: RelationWrite {
            write: new_edges(changes.write).map_err(within)?,
            delete: changes.delete.into_iter().map(plain).collect(),
            ..RelationWrite::default()
        },
    })
}
