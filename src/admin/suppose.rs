//! What would be, if: changes are made in a transaction, something is asked inside it, and all is undone.

use std::collections::HashMap;

use super::assignments::{NewAssignment, is_given};
use super::edit::Edit;
use super::nesting::Nesting;
use super::principal::Named;
use super::relations::{RelationWrite, Resolver};
use super::resource_servers::find;
use super::{Admin, AdminError, PrincipalRef, groups, rules};
use crate::domain::assignment::Principal;
use crate::domain::id::AssignmentId;
use crate::domain::name::Slug;
use crate::domain::resource_server::ResourceServer;
use crate::domain::role::Role;
use crate::domain::time::Interval;
use crate::store::groups::NewMember;
use crate::store::{self, Tx, assignments, roles};

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

    /// Nobody is asked whether they might: what is supposed happens to nobody. So it is told only whether it could be at all,
    /// never whether it is so already, and not what is worth what at Doorward.
    async fn make(&self, edit: &mut Edit, server: &Slug, supposed: &Supposed) -> Result<(), AdminError> {
        let server = find(edit, server).await?;
        for (index, without) in supposed.without_members.iter().enumerate() {
            let left = Self::suppose_left(edit, without).await;
            left.map_err(|error| error.at("without_members", index))?;
        }
        self.suppose_joined(edit, &supposed.members).await?;
        for (index, id) in supposed.without_assignments.iter().enumerate() {
            let taken = Self::suppose_taken(edit, &server, *id).await;
            taken.map_err(|error| error.at("without_assignments", index))?;
        }
        let roles = roles::all(edit, server.id).await?;
        for (index, new) in supposed.assignments.iter().enumerate() {
            let given = self.suppose_given(edit, &server, &roles, new).await;
            given.map_err(|error| error.at("assignments", index))?;
        }
        if supposed.relations.write.is_empty() && supposed.relations.delete.is_empty() {
            return Ok(());
        }
        let model = rules::required_model(edit, &server).await?;
        let mut resolver = Resolver { server: &server, model: &model, known: HashMap::new() };
        self.relate(edit, &mut resolver, &supposed.relations).await.map(drop)
    }

    async fn suppose_left(edit: &mut Edit, Membership { group, member }: &Membership) -> Result<(), AdminError> {
        let group = groups::find(edit, group).await?;
        let member = member.resolve(edit).await?.principal;
        store::groups::remove_member(edit, group.id, member).await?;
        Ok(())
    }

    async fn suppose_joined(&self, edit: &mut Edit, members: &[Membership]) -> Result<(), AdminError> {
        if members.is_empty() {
            return Ok(());
        }
        let mut nesting = Nesting::read(edit).await?;
        for (index, new) in members.iter().enumerate() {
            let joined = self.suppose_member(edit, &mut nesting, new).await;
            joined.map_err(|error| error.at("members", index))?;
        }
        Ok(())
    }

    async fn suppose_member(
        &self,
        edit: &mut Edit,
        nesting: &mut Nesting,
        Membership { group, member }: &Membership,
    ) -> Result<(), AdminError> {
        let group = groups::find(edit, group).await?;
        let Named { principal: member, label, .. } = member.resolve(edit).await?;
        match member {
            Principal::Group(inner) => nesting.check_group(edit, inner, &group).await?,
            member => nesting.check_member(edit, member, &label, group.id).await?,
        }
        // For good, also where it is so for a time already.
        store::groups::remove_member(edit, group.id, member).await?;
        let given_by = self.actor.to_string();
        let new = NewMember { group: group.id, member, interval: Interval::ALWAYS, reason: None, given_by: &given_by };
        Ok(store::groups::add_member(edit, &new, self.now()).await?)
    }

    /// What was given at another resource server is not there for whoever asks at this one.
    async fn suppose_taken(edit: &mut Edit, server: &ResourceServer, id: AssignmentId) -> Result<(), AdminError> {
        let found = assignments::find(edit, id).await?.filter(|given| given.resource_server == server.id);
        if found.is_none() {
            return Err(AdminError::not_found("assignment", &id.to_string()));
        }
        assignments::delete(edit, id).await?;
        Ok(())
    }

    async fn suppose_given(
        &self,
        edit: &mut Edit,
        server: &ResourceServer,
        roles: &[Role],
        new: &NewAssignment,
    ) -> Result<(), AdminError> {
        let (recorded, _) = self.recorded(edit, server, roles, new).await?;
        if !is_given(edit, &recorded).await? {
            assignments::insert(edit, &recorded).await?;
        }
        Ok(())
    }
}
