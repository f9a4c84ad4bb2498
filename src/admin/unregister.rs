//! Taking away what a resource server registered of a subject.

use serde_json::{Value, json};

use super::known_subjects::{KnownSubjects, unknown};
use super::relations::{changed, describe_all};
use super::resources::check_number;
use super::{Admin, AdminError, Edit, PrincipalRef};
use crate::domain::assignment::Principal;
use crate::domain::change::Changed;
use crate::domain::object::{EdgeSubject, ObjectRef};
use crate::domain::resource_server::ResourceServer;
use crate::store::assignments::{self, Which};
use crate::store::changes::{CHANGES_MAX, States};
use crate::store::edges::{self, EdgeKey};
use crate::store::subjects;

impl Admin {
    /// A subject of the resource server's own goes with its relations and what it was given or denied; of anybody else only
    /// the attributes go. What is not there is no error.
    pub(super) async fn delete_subject(
        &self,
        edit: &mut Edit,
        server: &ResourceServer,
        known: &mut KnownSubjects,
        name: &PrincipalRef,
    ) -> Result<(), AdminError> {
        let principal = known.principal(name);
        if let PrincipalRef::External(external) = name {
            // Edges may name one that was never registered.
            self.delete_edges_to(edit, server, external).await?;
            let Some(principal) = principal else { return Ok(()) };
            self.delete_attributes(edit, server, known, name, principal).await?;
            self.delete_given(edit, server, principal).await?;
            subjects::delete(edit, principal.uuid()).await?;
            let before = json!({ "subject": external, "disabled": known.is_disabled(external) });
            let changed = Changed::ExternalSubject(server.id, external.clone());
            edit.log(&changed, &self.actor, self.now(), States::removed(before)).await?;
        } else {
            let principal = principal.ok_or_else(|| unknown(name))?;
            self.delete_attributes(edit, server, known, name, principal).await?;
        }
        known.forget(name);
        Ok(())
    }

    async fn delete_attributes(
        &self,
        edit: &mut Edit,
        server: &ResourceServer,
        known: &KnownSubjects,
        name: &PrincipalRef,
        principal: Principal,
    ) -> Result<(), AdminError> {
        let Some(attributes) = known.attributes(principal) else { return Ok(()) };
        subjects::delete_attributes(edit, server.id, principal).await?;
        let states = States::removed(json!({ "subject": name.to_string(), "attributes": attributes }));
        Ok(edit.log(&Changed::Attributes(server.id, principal), &self.actor, self.now(), states).await?)
    }

    async fn delete_edges_to(
        &self,
        edit: &mut Edit,
        server: &ResourceServer,
        name: &ObjectRef,
    ) -> Result<(), AdminError> {
        let to = EdgeSubject::External(name.clone());
        let which = edges::Which { to: Some(&to), ..edges::Which::default() };
        let all = edges::list(edit, server.id, which, None, CHANGES_MAX + 1).await?;
        check_number(all.len())?;
        let described = describe_all(edit, &all).await?;
        for (recorded, before) in all.iter().zip(described) {
            let (object, relation) = (&recorded.object, recorded.edge.relation.as_str());
            edges::delete(edit, server.id, EdgeKey { object, relation, subject: &to }).await?;
            let changed = changed(server.id, object, &to);
            edit.log(&changed, &self.actor, self.now(), States::removed(before)).await?;
        }
        Ok(())
    }

    /// Left behind, it would be nobody's for ever: who is registered under this name one day is another.
    async fn delete_given(
        &self,
        edit: &mut Edit,
        server: &ResourceServer,
        principal: Principal,
    ) -> Result<(), AdminError> {
        let which = Which { at: Some(server.id), of: Some(principal), ..Which::default() };
        let given = assignments::list(edit, &which, uuid::Uuid::nil(), CHANGES_MAX + 1).await?;
        check_number(given.len())?;
        let described: Vec<Value> = self.describe_all(edit, &given).await?;
        for (recorded, before) in given.iter().zip(described) {
            assignments::delete(edit, recorded.assignment.id).await?;
            let changed = Changed::Assignments(server.id, principal, recorded.scope.clone());
            edit.log(&changed, &self.actor, self.now(), States::removed(before)).await?;
        }
        Ok(())
    }
}
