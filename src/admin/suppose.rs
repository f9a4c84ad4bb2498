//! What would be, if: changes are made in a transaction, something is asked inside it, and all is undone.

use std::collections::HashMap;

use super::assignments::NewAssignment;
use super::edit::Edit;
use super::relations::{RelationWrite, Resolver};
use super::resource_servers::find;
use super::{Admin, AdminError, PrincipalRef, rules};
use crate::domain::id::AssignmentId;
use crate::domain::name::Slug;
use crate::domain::time::Interval;
use crate::store::{Tx, roles};

/// Changes that are only supposed. Models and policies are tried out with `doorward authz test`.
#[derive(Debug, Default)]
pub struct Supposed {
    pub relations: RelationWrite,
    pub assignments: Vec<NewAssignment>,
    pub without_assignments: Vec<AssignmentId>,
    pub members: Vec<Membership>,
    pub without_members: Vec<Membership>,
}

/// Somebody in a group.
#[derive(Debug)]
pub struct Membership {
    pub group: Slug,
    pub member: PrincipalRef,
}

/// So many changes are supposed at once: other writes wait meanwhile.
pub const SUPPOSED_MAX: usize = 100;

impl Supposed {
    fn len(&self) -> usize {
        let relations = self.relations.write.len() + self.relations.delete.len();
        let assignments = self.assignments.len() + self.without_assignments.len();
        relations + assignments + self.members.len() + self.without_members.len()
    }
}

impl Admin {
    /// Asks in a world in which these changes were made at a resource server. Nothing of it is stored: no revision, no
    /// change, no fact.
    ///
    /// # Errors
    /// [`AdminError::Item`] for a change that could not be made; more than [`SUPPOSED_MAX`].
    pub async fn suppose<T>(
        &self,
        server: &Slug,
        supposed: &Supposed,
        ask: impl AsyncFnOnce(&mut Tx) -> T,
    ) -> Result<T, AdminError> {
        if supposed.len() > SUPPOSED_MAX {
            let problem = format!("{} changes; at most {SUPPOSED_MAX} at once", supposed.len());
            return Err(AdminError::invalid("changes", problem));
        }
        let mut edit = self.edit().await?;
        let answer = match self.make(&mut edit, server, supposed).await {
            Ok(()) => Ok(ask(&mut edit).await),
            Err(refused) => Err(refused),
        };
        edit.rollback().await?;
        answer
    }

    async fn make(&self, edit: &mut Edit, server: &Slug, supposed: &Supposed) -> Result<(), AdminError> {
        let server = find(edit, server).await?;
        for (index, Membership { group, member }) in supposed.without_members.iter().enumerate() {
            let left = self.leave(edit, group, member).await;
            left.map_err(|error| error.at("without_members", index))?;
        }
        for (index, Membership { group, member }) in supposed.members.iter().enumerate() {
            let joined = self.join(edit, group, member, Interval::ALWAYS, None).await;
            joined.map_err(|error| error.at("members", index))?;
        }
        for (index, id) in supposed.without_assignments.iter().enumerate() {
            let taken = self.take(edit, *id).await;
            taken.map_err(|error| error.at("without_assignments", index))?;
        }
        let roles = roles::all(edit, server.id).await?;
        for (index, new) in supposed.assignments.iter().enumerate() {
            let given = self.give(edit, &server, &roles, new).await;
            given.map_err(|error| error.at("assignments", index))?;
        }
        if supposed.relations.write.is_empty() && supposed.relations.delete.is_empty() {
            return Ok(());
        }
        let model = rules::required_model(edit, &server).await?;
        let mut resolver = Resolver { server: &server, model: &model, known: HashMap::new() };
        self.relate(edit, &mut resolver, &supposed.relations).await.map(drop)
    }
}
