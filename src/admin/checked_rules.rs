//! What models and policies are checked for before they count.

use std::sync::Arc;

use super::{AdminError, Edit};
use crate::decision::Policies;
use crate::decision::trial::Proposed;
use crate::domain::model::Model;
use crate::domain::permission::Permission;
use crate::domain::resource_server::{DOORWARD, ResourceServer};
use crate::store::{Conn, resource_servers, rules};

/// What Doorward's own resource server is, the code says: a policy there could lock every operator out.
pub(super) fn of_applications(server: ResourceServer) -> Result<ResourceServer, AdminError> {
    if server.name.as_str() == DOORWARD {
        return Err(AdminError::invalid("resource_server", "the model and policies of doorward are built in"));
    }
    Ok(server)
}

/// Policies are compiled away from the threads that others wait for, and before any transaction.
pub(super) async fn compile(model: Option<Model>, text: Option<String>) -> Result<Proposed, AdminError> {
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
        return Ok(Proposed { model, policies: None });
    };
    let model =
        model.ok_or_else(|| AdminError::invalid("policies", "there is no model they could be checked against"))?;
    let compile = move || Policies::compile(&model, &text).map(|policies| (model, policies));
    let compiled = tokio::task::spawn_blocking(compile).await;
    let compiled = compiled.map_err(|_| AdminError::invalid("policies", "they could not be compiled"))?;
    let (model, policies) = compiled.map_err(|errors| {
        let problems: Vec<_> = errors.iter().map(ToString::to_string).collect();
        AdminError::invalid("policies", problems.join("\n"))
    })?;
    Ok(Proposed { model: Some(model), policies: Some(Arc::new(policies)) })
}

pub(super) async fn declare_actions(edit: &mut Edit, server: &ResourceServer, model: &Model) -> Result<(), AdminError> {
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
