//! The versions of models and policies, as they were written, and the schema that a model makes.

use serde_json::{Value, json};

use super::resource_servers::find;
use super::{Admin, AdminError};
use crate::decision::policies::schema_text;
use crate::domain::name::Slug;
use crate::store::rules::{self, Listed, Rules, Versions};

/// So many versions of each are listed.
const VERSIONS_MAX: i64 = 100;

impl Admin {
    /// The latest versions of model and policies, newest first, and which of them count.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn rule_versions(&self, server: &Slug) -> Result<Value, AdminError> {
        let mut conn = self.read().await?;
        let server = find(&mut conn, server).await?;
        let active = rules::active(&mut conn, server.id).await?.versions();
        let (of_model, of_policies) = rules::list(&mut conn, server.id, VERSIONS_MAX).await?;
        let view = |rows: Vec<Listed>, active: i64| {
            let row = |(version, given_by, at)| json!({ "version": version, "active": version == active, "given_by": given_by, "created_at": at });
            rows.into_iter().map(row).collect::<Vec<_>>()
        };
        Ok(json!({ "model": view(of_model, active.model), "policies": view(of_policies, active.policies) }))
    }

    /// One version of the model, counting or not.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn model_version(&self, server: &Slug, version: i64) -> Result<Value, AdminError> {
        let found = self.stored_rules(server, Versions { model: version, policies: 0 }).await?.model;
        let (version, model) = found.ok_or_else(|| no_version(version))?;
        Ok(json!({ "version": version, "document": model }))
    }

    /// One version of the policies, counting or not.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn policies_version(&self, server: &Slug, version: i64) -> Result<Value, AdminError> {
        let found = self.stored_rules(server, Versions { model: 0, policies: version }).await?.policies;
        let (version, text) = found.ok_or_else(|| no_version(version))?;
        Ok(json!({ "version": version, "text": text }))
    }

    /// The schema that policies are checked against, in the language of Cedar: of the model that counts, or of another.
    ///
    /// # Errors
    /// [`AdminError::NotFound`]; a model that no policy could be written for.
    pub async fn rules_schema(&self, server: &Slug, version: Option<i64>) -> Result<Value, AdminError> {
        let rules = match version {
            Some(version) => self.stored_rules(server, Versions { model: version, policies: 0 }).await?,
            None => self.rules(server).await?,
        };
        let (version, model) = rules.model.ok_or_else(|| no_version(version.unwrap_or_default()))?;
        let text = schema_text(&model).map_err(|error| AdminError::invalid("model", error.to_string()))?;
        Ok(json!({ "version": version, "text": text }))
    }

    async fn stored_rules(&self, server: &Slug, wanted: Versions) -> Result<Rules, AdminError> {
        let mut conn = self.read().await?;
        let server = find(&mut conn, server).await?;
        Ok(rules::versions(&mut conn, server.id, wanted).await?)
    }
}

fn no_version(version: i64) -> AdminError {
    AdminError::not_found("version", &version.to_string())
}
