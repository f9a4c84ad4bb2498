//! The registry of resources: put and delete in bulk, list.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::relations::{changed, describe_all};
use super::required::Required;
use super::resource_servers::find;
use super::{Admin, AdminError, Edit, PAGE_MAX, rules};
use crate::domain::change::{Changed, Revision};
use crate::domain::fact::FactKind;
use crate::domain::model::Model;
use crate::domain::name::Slug;
use crate::domain::object::ObjectRef;
use crate::domain::resource_server::ResourceServer;
use crate::store::changes::{CHANGES_MAX, States};
use crate::store::edges::{self, EdgeKey, Which};
use crate::store::{assignments, resources};

/// Attributes of one resource or subject, as JSON, at most.
const ATTRIBUTES_BYTES_MAX: usize = 16 * 1024;

/// Resources to register (or to give other attributes) and to delete; all of it happens, or nothing.
#[derive(Clone, Debug, Default)]
pub struct ResourceWrite {
    pub delete: Vec<ObjectRef>,
    pub put: Vec<(ObjectRef, Map<String, Value>)>,
}

impl Admin {
    /// Registers and deletes resources. A deleted resource takes its relation edges with it, in both directions, and what
    /// was given or denied on it alone.
    ///
    /// # Errors
    /// [`AdminError::Item`] for a type the model does not have; more than 10,000 items.
    pub async fn write_resources(&self, server: &Slug, write: &ResourceWrite) -> Result<Revision, AdminError> {
        self.write_resources_if(server, &Required::default(), write).await
    }

    /// The same, if what is required is so: resources that are registered, and such as are not.
    ///
    /// # Errors
    /// As [`Self::write_resources`]; [`AdminError::Precondition`] for the first that is not so.
    pub async fn write_resources_if(
        &self,
        server: &Slug,
        required: &Required<ObjectRef>,
        write: &ResourceWrite,
    ) -> Result<Revision, AdminError> {
        let count = required.len() + write.delete.len() + write.put.len();
        if i64::try_from(count).unwrap_or(i64::MAX) > CHANGES_MAX {
            return Err(AdminError::invalid("put", format!("{count} items; at most {CHANGES_MAX} at once")));
        }
        let mut edit = self.edit().await?;
        let server = find(&mut edit, server).await?;
        let model = rules::required_model(&mut edit, &server).await?;
        let asked: Vec<_> = required.each().map(|(_, _, resource, _)| resource.clone()).collect();
        let there = resources::known(&mut edit, server.id, &asked).await?;
        if let Some((list, index, resource, _)) =
            required.each().find(|(.., of, wanted)| there.contains(*of) != *wanted)
        {
            return Err(AdminError::Precondition { what: resource.to_string() }.at(list, index));
        }
        for (index, object) in write.delete.iter().enumerate() {
            self.delete_resource(&mut edit, &server, object).await.map_err(|error| error.at("delete", index))?;
        }
        for (index, (object, attributes)) in write.put.iter().enumerate() {
            let put = self.put_resource(&mut edit, &server, &model, object, attributes).await;
            put.map_err(|error| error.at("put", index))?;
        }
        let detail = json!({ "put": write.put.len(), "deleted": write.delete.len() });
        let subject = format!("resource-server:{}", server.name);
        self.conclude(edit, FactKind::ResourcesChanged, subject, detail).await
    }

    /// Those of the resources that are registered.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn known_resources(&self, server: &Slug, of: &[ObjectRef]) -> Result<HashSet<ObjectRef>, AdminError> {
        let mut conn = self.read().await?;
        let server = find(&mut conn, server).await?;
        Ok(resources::known(&mut conn, server.id, of).await?)
    }

    async fn put_resource(
        &self,
        edit: &mut Edit,
        server: &ResourceServer,
        model: &Model,
        object: &ObjectRef,
        attributes: &Map<String, Value>,
    ) -> Result<(), AdminError> {
        if !model.resources.contains_key(object.object_type()) {
            let problem = format!("the model has no resource type {:?}", object.object_type());
            return Err(AdminError::invalid("resource", problem));
        }
        check_size(attributes)?;
        let attributes = Value::Object(attributes.clone());
        let before = resources::find(edit, server.id, object).await?;
        if before.as_ref() == Some(&attributes) {
            return Ok(());
        }
        resources::put(edit, server.id, object, attributes.clone(), self.now()).await?;
        let after = json!({ "resource": object, "attributes": attributes });
        let states = match before {
            None => States::created(after),
            Some(before) => States::changed(json!({ "resource": object, "attributes": before }), after),
        };
        Ok(edit.log(&Changed::Resource(server.id, object.clone()), &self.actor, self.now(), states).await?)
    }

    async fn delete_resource(
        &self,
        edit: &mut Edit,
        server: &ResourceServer,
        object: &ObjectRef,
    ) -> Result<(), AdminError> {
        let before = resources::find(edit, server.id, object).await?;
        let from = Which { from: Some(object), ..Which::default() };
        let to = Which { to_object: Some(object), ..Which::default() };
        for which in [from, to] {
            let edges = edges::list(edit, server.id, which, None, CHANGES_MAX + 1).await?;
            check_number(edges.len())?;
            let described = describe_all(edit, &edges).await?;
            for (recorded, before) in edges.iter().zip(described) {
                let edge = &recorded.edge;
                let (relation, subject) = (edge.relation.as_str(), &edge.subject);
                edges::delete(edit, server.id, EdgeKey { object: &recorded.object, relation, subject }).await?;
                let changed = changed(server.id, &recorded.object, subject);
                edit.log(&changed, &self.actor, self.now(), States::removed(before)).await?;
            }
        }
        // Left behind, they would count again for whatever is registered under this identifier one day.
        let given = assignments::on_resource(edit, server.id, object, CHANGES_MAX + 1).await?;
        check_number(given.len())?;
        for recorded in &given {
            let before = self.describe_all(edit, std::slice::from_ref(recorded)).await?.pop().unwrap_or_default();
            assignments::delete(edit, recorded.assignment.id).await?;
            let changed = Changed::Assignments(server.id, recorded.principal, recorded.scope.clone());
            edit.log(&changed, &self.actor, self.now(), States::removed(before)).await?;
        }
        let Some(attributes) = before else { return Ok(()) };
        resources::delete(edit, server.id, object).await?;
        let states = States::removed(json!({ "resource": object, "attributes": attributes }));
        Ok(edit.log(&Changed::Resource(server.id, object.clone()), &self.actor, self.now(), states).await?)
    }

    /// Resources of one type with their attributes, in order of identifier after one of them.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn resources(
        &self,
        server: &Slug,
        resource_type: &str,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<(ObjectRef, Value)>, AdminError> {
        let mut conn = self.read().await?;
        let server = find(&mut conn, server).await?;
        Ok(resources::list(&mut conn, server.id, resource_type, after, limit.min(PAGE_MAX)).await?)
    }
}

pub(super) fn check_size(attributes: &Map<String, Value>) -> Result<(), AdminError> {
    let bytes = serde_json::to_vec(attributes).map_or(usize::MAX, |text| text.len());
    if bytes > ATTRIBUTES_BYTES_MAX {
        return Err(AdminError::invalid("attributes", format!("{bytes} bytes; at most {ATTRIBUTES_BYTES_MAX}")));
    }
    Ok(())
}

/// What cannot be one write is refused before it is begun.
pub(super) fn check_number(changes: usize) -> Result<(), AdminError> {
    if i64::try_from(changes).is_ok_and(|changes| changes <= CHANGES_MAX) {
        return Ok(());
    }
    Err(AdminError::TooManyChanges { max: CHANGES_MAX })
}
