//! Models and policies of resource servers: write, try, activate, roll back.

use serde_json::json;

use super::checked_rules::{compile, declare_actions};
pub(super) use super::checked_rules::{of_applications, required_model};
use super::resource_servers::find;
use super::trial::Trial;
use super::{Admin, AdminError, Edit};
use crate::decision::trial::Proposed;
use crate::domain::change::{Changed, Revision};
use crate::domain::fact::FactKind;
use crate::domain::model::Model;
use crate::domain::name::Slug;
use crate::domain::resource_server::ResourceServer;
use crate::store::changes::States;
pub use crate::store::rules::Versions;
use crate::store::rules::{self, Rules, Stamp};

/// What is to count; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct RuleChange {
    pub model: Option<Model>,
    /// The text of the policies; an empty one for none.
    pub policies: Option<String>,
}

impl Admin {
    /// Makes a model and policies the ones that count, each as a new version unless it is what counts already; policies are
    /// compiled against the model first, and the actions of the model become permissions that roles may name.
    ///
    /// # Errors
    /// [`AdminError::NotFound`]; what does not compile; [`AdminError::Precondition`] when somebody changed them meanwhile.
    pub async fn put_rules(&self, server: &Slug, change: &RuleChange) -> Result<(Versions, Revision), AdminError> {
        self.try_rules(server, change, None, true).await
    }

    /// The same, once its decision tests came out; or only stored, to be made to count later.
    ///
    /// # Errors
    /// As [`Self::put_rules`]; the first test that failed, by its place.
    pub async fn try_rules(
        &self,
        server: &Slug,
        change: &RuleChange,
        trial: Option<Trial<'_>>,
        activate: bool,
    ) -> Result<(Versions, Revision), AdminError> {
        let before = self.rules(server).await?;
        let model = change.model.clone().or_else(|| before.model.clone().map(|(_, model)| model));
        let text = change.policies.clone().or_else(|| before.policies.clone().map(|(_, text)| text));
        let proposed = compile(model, text).await?;
        let (mut edit, server) = self.begin_rules(server, &before, trial.as_ref(), &proposed).await?;
        let after = self.write_rules(&mut edit, &server, &before, change).await?;
        let revision = if activate {
            self.activate(edit, &server, &before, after, proposed.model.as_ref()).await?
        } else {
            let subject = format!("resource-server:{}", server.name);
            self.conclude(edit, FactKind::RulesStored, subject, json!({ "stored": after })).await?
        };
        Ok((after, revision))
    }

    /// Writes what is new as new versions, and says which these then are; what was compiled is trusted here. What stands in
    /// the newest version is not new, so that whoever asks again because no answer came makes no second one.
    pub(super) async fn write_rules(
        &self,
        edit: &mut Edit,
        server: &ResourceServer,
        before: &Rules,
        change: &RuleChange,
    ) -> Result<Versions, AdminError> {
        let versions = rules::newest(edit, server.id).await?;
        let newest = rules::versions(edit, server.id, versions).await?;
        let (given_by, created_at) = (self.actor.to_string(), self.now());
        let stamp = |version| Stamp { of: server.id, version, given_by: &given_by, created_at };
        let mut after = before.versions();
        if let Some(new) = &change.model {
            let known = [&before.model, &newest.model].into_iter().flatten().find(|(_, known)| known == new);
            after.model = known.map_or(versions.model + 1, |(version, _)| *version);
            if known.is_none() {
                rules::insert_model(edit, stamp(after.model), new).await?;
            }
        }
        match change.policies.as_deref().map(str::trim) {
            None => {}
            Some("") => after.policies = 0,
            Some(new) => {
                let known = [&before.policies, &newest.policies].into_iter().flatten().find(|(_, known)| known == new);
                after.policies = known.map_or(versions.policies + 1, |(version, _)| *version);
                if known.is_none() {
                    rules::insert_policies(edit, stamp(after.policies), new).await?;
                }
            }
        }
        Ok(after)
    }

    /// Makes other versions the ones that count; 0 for none.
    ///
    /// # Errors
    /// [`AdminError::NotFound`]; policies that do not go with the model; [`AdminError::Precondition`] when somebody changed
    /// them meanwhile.
    pub async fn activate_rules(&self, server: &Slug, wanted: Versions) -> Result<Revision, AdminError> {
        self.try_activation(server, wanted, None).await
    }

    /// The same, once its decision tests came out.
    ///
    /// # Errors
    /// As [`Self::activate_rules`]; the first test that failed, by its place.
    pub async fn try_activation(
        &self,
        server: &Slug,
        wanted: Versions,
        trial: Option<Trial<'_>>,
    ) -> Result<Revision, AdminError> {
        let before = self.rules(server).await?;
        let mut conn = self.read().await?;
        let found = find(&mut conn, server).await?;
        let rules = rules::versions(&mut conn, found.id, wanted).await?;
        drop(conn);
        if rules.versions() != wanted {
            let name = format!("{} of the model or {} of the policies", wanted.model, wanted.policies);
            return Err(AdminError::not_found("version", &name));
        }
        let proposed = compile(rules.model.map(|(_, model)| model), rules.policies.map(|(_, text)| text)).await?;
        let (edit, server) = self.begin_rules(server, &before, trial.as_ref(), &proposed).await?;
        self.activate(edit, &server, &before, wanted, proposed.model.as_ref()).await
    }

    /// What was compiled and compared outside must still be what counts inside; and then come out as the tests say, before
    /// anything is written.
    async fn begin_rules(
        &self,
        server: &Slug,
        before: &Rules,
        trial: Option<&Trial<'_>>,
        proposed: &Proposed,
    ) -> Result<(Edit, ResourceServer), AdminError> {
        if let Some(trial) = trial {
            let found = find(&mut self.read().await?, server).await?;
            trial.prepare(&found).await?;
        }
        let mut edit = self.edit().await?;
        let server = of_applications(find(&mut edit, server).await?)?;
        if rules::active(&mut edit, server.id).await?.versions() != before.versions() {
            return Err(AdminError::Precondition { what: "what counts at the resource server".to_owned() });
        }
        if let Some(trial) = trial
            && let Err(failed) = self.pass(trial, &mut edit, &server, proposed.clone()).await
        {
            edit.rollback().await?;
            return Err(failed);
        }
        Ok((edit, server))
    }

    /// Roles may name the actions of a model once it counts.
    async fn activate(
        &self,
        mut edit: Edit,
        server: &ResourceServer,
        before: &Rules,
        after: Versions,
        model: Option<&Model>,
    ) -> Result<Revision, AdminError> {
        let is_other = before.versions().model != after.model;
        if let Some(model) = model.filter(|_| is_other) {
            declare_actions(&mut edit, server, model).await?;
        }
        rules::activate(&mut edit, server.id, after).await?;
        let states = States::changed(json!(before.versions()), json!(after));
        edit.log(&Changed::Roles(server.id), &self.actor, self.now(), states).await?;
        let kind = if is_other { FactKind::ModelChanged } else { FactKind::PoliciesChanged };
        let subject = format!("resource-server:{}", server.name);
        self.conclude(edit, kind, subject, json!({ "before": before.versions(), "after": after })).await
    }

    /// The model and the policies that count.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn rules(&self, server: &Slug) -> Result<Rules, AdminError> {
        let mut conn = self.read().await?;
        let server = find(&mut conn, server).await?;
        Ok(rules::active(&mut conn, server.id).await?)
    }
}
