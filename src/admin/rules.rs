//! Models and policies of resource servers: write, show, roll back.

use serde_json::{Value, json};

use super::resource_servers::find;
use super::{Admin, AdminError, Edit};
use crate::decision::Policies;
use crate::domain::change::{Changed, Revision};
use crate::domain::fact::FactKind;
use crate::domain::model::Model;
use crate::domain::name::Slug;
use crate::domain::permission::Permission;
use crate::domain::resource_server::{DOORWARD, ResourceServer};
use crate::store::changes::States;
pub use crate::store::rules::Versions;
use crate::store::rules::{self, Listed, Rules, Stamp};
use crate::store::{Conn, resource_servers};

/// So many versions of each are listed.
const VERSIONS_MAX: i64 = 100;

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
        let before = self.rules(server).await?;
        let model = change.model.clone().or_else(|| before.model.clone().map(|(_, model)| model));
        let text = change.policies.clone().or_else(|| before.policies.clone().map(|(_, text)| text));
        compile(model.clone(), text.clone()).await?;

        let (mut edit, server) = self.begin_rules(server, &before).await?;
        let after = self.write_rules(&mut edit, &server, &before, change).await?;
        let revision = self.activate(edit, &server, &before, after).await?;
        Ok((after, revision))
    }

    /// Writes what is new as new versions, and says which then count; what was compiled is trusted here.
    pub(super) async fn write_rules(
        &self,
        edit: &mut Edit,
        server: &ResourceServer,
        before: &Rules,
        change: &RuleChange,
    ) -> Result<Versions, AdminError> {
        let newest = rules::newest(edit, server.id).await?;
        let (given_by, created_at) = (self.actor.to_string(), self.now());
        let stamp = |version| Stamp { of: server.id, version, given_by: &given_by, created_at };
        let mut after = before.versions();
        if let Some(model) =
            change.model.as_ref().filter(|new| before.model.as_ref().is_none_or(|(_, old)| old != *new))
        {
            after.model = newest.model + 1;
            rules::insert_model(edit, stamp(after.model), model).await?;
            declare_actions(edit, server, model).await?;
        }
        match change.policies.as_deref().map(str::trim) {
            None => {}
            Some("") => after.policies = 0,
            Some(new) if before.policies.as_ref().is_some_and(|(_, old)| old == new) => {}
            Some(new) => {
                after.policies = newest.policies + 1;
                rules::insert_policies(edit, stamp(after.policies), new).await?;
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
        let before = self.rules(server).await?;
        let mut conn = self.read().await?;
        let found = find(&mut conn, server).await?;
        let rules = rules::versions(&mut conn, found.id, wanted).await?;
        drop(conn);
        if rules.versions() != wanted {
            let name = format!("{} of the model or {} of the policies", wanted.model, wanted.policies);
            return Err(AdminError::not_found("version", &name));
        }
        compile(rules.model.map(|(_, model)| model), rules.policies.map(|(_, text)| text)).await?;
        let (edit, server) = self.begin_rules(server, &before).await?;
        self.activate(edit, &server, &before, wanted).await
    }

    /// What was compiled and compared outside must still be what counts inside.
    async fn begin_rules(&self, server: &Slug, before: &Rules) -> Result<(Edit, ResourceServer), AdminError> {
        let mut edit = self.edit().await?;
        let server = of_applications(find(&mut edit, server).await?)?;
        if rules::active(&mut edit, server.id).await?.versions() != before.versions() {
            return Err(AdminError::Precondition { what: "what counts at the resource server".to_owned() });
        }
        Ok((edit, server))
    }

    async fn activate(
        &self,
        mut edit: Edit,
        server: &ResourceServer,
        before: &Rules,
        after: Versions,
    ) -> Result<Revision, AdminError> {
        rules::activate(&mut edit, server.id, after).await?;
        let states = States::changed(json!(before.versions()), json!(after));
        edit.log(&Changed::Roles(server.id), &self.actor, self.now(), states).await?;
        let kind =
            if before.versions().model == after.model { FactKind::PoliciesChanged } else { FactKind::ModelChanged };
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
}

/// What Doorward's own resource server is, the code says: a policy there could lock every operator out.
pub(super) fn of_applications(server: ResourceServer) -> Result<ResourceServer, AdminError> {
    if server.name.as_str() == DOORWARD {
        return Err(AdminError::invalid("resource_server", "the model and policies of doorward are built in"));
    }
    Ok(server)
}

/// Policies are compiled away from the threads that others wait for, and before any transaction.
async fn compile(model: Option<Model>, text: Option<String>) -> Result<(), AdminError> {
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return Ok(()) };
    let model =
        model.ok_or_else(|| AdminError::invalid("policies", "there is no model they could be checked against"))?;
    let compiled = tokio::task::spawn_blocking(move || Policies::compile(&model, &text).map(drop)).await;
    let compiled = compiled.map_err(|_| AdminError::invalid("policies", "they could not be compiled"))?;
    compiled.map_err(|errors| {
        let problems: Vec<_> = errors.iter().map(ToString::to_string).collect();
        AdminError::invalid("policies", problems.join("\n"))
    })
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
pub(super) async fn required_model(conn: &mut Conn, server: &ResourceServer) -> Result<Model, AdminError> {
    let model = rules::active(conn, server.id).await?.model.map(|(_, model)| model);
    let problem = || AdminError::invalid("", format!("{} has no model yet: put its rules first", server.name));
    model.ok_or_else(problem)
}
