//! Models of resource servers: write, show, roll back.

use serde_json::{Value, json};

use super::resource_servers::find;
use super::roles::editable;
use super::{Admin, AdminError};
use crate::domain::change::{Changed, Revision};
use crate::domain::fact::FactKind;
use crate::domain::model::Model;
use crate::domain::name::Slug;
use crate::domain::permission::Permission;
use crate::domain::resource_server::ResourceServer;
use crate::store::changes::States;
use crate::store::models::{self, NewModel};
use crate::store::{Conn, Edit, resource_servers};

/// So many versions are listed.
const VERSIONS_MAX: i64 = 100;

impl Admin {
    /// Makes a model the one that counts, as a new version unless it is the present one; its actions become permissions
    /// that roles may name. Says which version counts.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], or for Doorward's own resource server.
    pub async fn put_model(&self, server: &Slug, model: &Model) -> Result<(i64, Revision), AdminError> {
        let now = self.now();
        let mut edit = self.store.edit().await?;
        let server = editable(find(&mut edit, server).await?)?;
        let before = models::active(&mut edit, server.id).await?;
        if let Some((version, present)) = &before
            && present == model
        {
            let revision = edit.revision();
            edit.commit().await?;
            return Ok((*version, revision));
        }
        let version = models::newest(&mut edit, server.id).await? + 1;
        let given_by = self.actor.to_string();
        let new = NewModel { of: server.id, version, model, given_by: &given_by, created_at: now };
        models::insert(&mut edit, &new).await?;
        declare_actions(&mut edit, &server, model).await?;
        let revision = self.activate(edit, &server, before, version, Some(model)).await?;
        Ok((version, revision))
    }

    /// Makes another version the one that counts; 0 for none.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn activate_model(&self, server: &Slug, version: i64) -> Result<Revision, AdminError> {
        let mut edit = self.store.edit().await?;
        let server = editable(find(&mut edit, server).await?)?;
        let before = models::active(&mut edit, server.id).await?;
        let model = models::version_of(&mut edit, server.id, version).await?;
        if model.is_none() && version != 0 {
            return Err(AdminError::not_found("model version", &version.to_string()));
        }
        self.activate(edit, &server, before, version, model.as_ref()).await
    }

    async fn activate(
        &self,
        mut edit: Edit,
        server: &ResourceServer,
        before: Option<(i64, Model)>,
        version: i64,
        model: Option<&Model>,
    ) -> Result<Revision, AdminError> {
        models::activate(&mut edit, server.id, version).await?;
        let after = json!({ "version": version, "model": model });
        let states = match before {
            None => States::created(after),
            Some((version, model)) => States::changed(json!({ "version": version, "model": model }), after),
        };
        edit.log(&Changed::Roles(server.id), &self.actor, self.now(), states).await?;
        let subject = format!("resource-server:{}", server.name);
        self.conclude(edit, FactKind::ModelChanged, subject, json!({ "version": version })).await
    }

    /// The model that counts, with its version; `None` without one.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn model(&self, server: &Slug) -> Result<Option<(i64, Model)>, AdminError> {
        let mut conn = self.read().await?;
        let server = find(&mut conn, server).await?;
        Ok(models::active(&mut conn, server.id).await?)
    }

    /// The latest versions, newest first, and which one counts.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn model_versions(&self, server: &Slug) -> Result<Vec<Value>, AdminError> {
        let mut conn = self.read().await?;
        let server = find(&mut conn, server).await?;
        let active = models::active(&mut conn, server.id).await?.map(|(version, _)| version);
        let versions = models::versions(&mut conn, server.id, VERSIONS_MAX).await?;
        let view = |(version, given_by, at)| json!({ "version": version, "active": Some(version) == active, "given_by": given_by, "created_at": at });
        Ok(versions.into_iter().map(view).collect())
    }
}

async fn declare_actions(edit: &mut Edit, server: &ResourceServer, model: &Model) -> Result<(), AdminError> {
    for (resource_type, of) in &model.resources {
        for action in of.actions.keys() {
            let permission = Permission::parse(&format!("{action}:{resource_type}"))?;
            resource_servers::declare(edit, server.id, &permission).await?;
        }
    }
    Ok(())
}

/// The model of a resource server that has one.
pub(super) async fn required(conn: &mut Conn, server: &ResourceServer) -> Result<Model, AdminError> {
    let active = models::active(conn, server.id).await?;
    active
        .map(|(_, model)| model)
        .ok_or_else(|| AdminError::not_found("model of resource server", server.name.as_str()))
}
