//! What of a list is not in the database yet, or not so. Whatever cannot be looked up counts as not there: who writes it
//! is told why it is refused.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::assignments::{HeldRef, NewAssignment};
use super::known_subjects::KnownSubjects;
use super::relations::{NewEdge, Resolver};
use super::resource_servers::find;
use super::roles::by_name;
use super::subjects::SubjectPut;
use super::{Admin, AdminError, rules};
use crate::domain::assignment::Held;
use crate::domain::name::Slug;
use crate::domain::object::ObjectRef;
use crate::domain::resource_server::ResourceServer;
use crate::domain::role::Role;
use crate::store::edges::{self, EdgeKey};
use crate::store::{Conn, decisions, resources, roles};

impl Admin {
    pub(super) async fn pending_subjects(&self, server: &Slug, items: &[SubjectPut]) -> Result<Vec<usize>, AdminError> {
        let mut conn = self.read().await?;
        let Some(server) = known(find(&mut conn, server).await)? else { return Ok((0..items.len()).collect()) };
        let mut subjects = KnownSubjects::read(&mut conn, &server, items.iter().map(|item| &item.subject)).await?;
        let mut pending = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let there = known(has_subject(&mut conn, &mut subjects, item).await)?.unwrap_or(false);
            pending.extend((!there).then_some(index));
        }
        Ok(pending)
    }

    pub(super) async fn pending_resources(
        &self,
        server: &Slug,
        items: &[(ObjectRef, Map<String, Value>)],
    ) -> Result<Vec<usize>, AdminError> {
        let mut conn = self.read().await?;
        let Some(server) = known(find(&mut conn, server).await)? else { return Ok((0..items.len()).collect()) };
        let mut pending = Vec::new();
        for (index, (object, attributes)) in items.iter().enumerate() {
            let found = resources::find(&mut conn, server.id, object).await?;
            pending.extend((found != Some(Value::Object(attributes.clone()))).then_some(index));
        }
        Ok(pending)
    }

    pub(super) async fn pending_relations(&self, server: &Slug, items: &[NewEdge]) -> Result<Vec<usize>, AdminError> {
        let mut conn = self.read().await?;
        let Some(server) = known(find(&mut conn, server).await)? else { return Ok((0..items.len()).collect()) };
        let model = known(rules::required_model(&mut conn, &server).await)?;
        let Some(model) = model else { return Ok((0..items.len()).collect()) };
        let mut resolver = Resolver { server: &server, model: &model, known: HashMap::new() };
        let mut pending = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let there = match known(resolver.subject(&mut conn, &item.name.subject).await)? {
                None => false,
                Some(subject) => {
                    let (object, relation) = (&item.name.object, item.name.relation.as_str());
                    let key = EdgeKey { object, relation, subject: &subject };
                    let found = edges::find(&mut conn, server.id, key).await?;
                    found.is_some_and(|found| found.edge.interval == item.interval)
                }
            };
            pending.extend((!there).then_some(index));
        }
        Ok(pending)
    }

    pub(super) async fn pending_assignments(
        &self,
        server: &Slug,
        items: &[NewAssignment],
    ) -> Result<Vec<usize>, AdminError> {
        let mut conn = self.read().await?;
        let Some(server) = known(find(&mut conn, server).await)? else { return Ok((0..items.len()).collect()) };
        let roles = roles::all(&mut conn, server.id).await?;
        let mut pending = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let there = known(has_assignment(&mut conn, &server, &roles, item).await)?.unwrap_or(false);
            pending.extend((!there).then_some(index));
        }
        Ok(pending)
    }
}

/// A fault stays one; a refusal is for whoever writes.
fn known<T>(found: Result<T, AdminError>) -> Result<Option<T>, AdminError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error @ AdminError::Store(_)) => Err(error),
        Err(_) => Ok(None),
    }
}

async fn has_subject(conn: &mut Conn, known: &mut KnownSubjects, item: &SubjectPut) -> Result<bool, AdminError> {
    let Some(principal) = known.principal(conn, &item.subject).await? else { return Ok(false) };
    if let (super::PrincipalRef::External(name), Some(disabled)) = (&item.subject, item.disabled)
        && known.is_disabled(name) != Some(disabled)
    {
        return Ok(false);
    }
    Ok(item.attributes.as_ref().is_none_or(|wanted| known.attributes(principal) == Some(wanted)))
}

async fn has_assignment(
    conn: &mut Conn,
    server: &ResourceServer,
    roles: &[Role],
    item: &NewAssignment,
) -> Result<bool, AdminError> {
    let principal = item.principal.resolve_at(conn, server).await?.principal;
    let held = match &item.held {
        HeldRef::Role(name) => Held::Role(by_name(roles, name)?.id),
        HeldRef::Permission(permission) => Held::Permission(permission.clone()),
    };
    let scope = item.scope.as_ref().map_or("", ObjectRef::as_str);
    let found = decisions::assignments(conn, server.id, &[principal], &[scope]).await?;
    let mut found = found.values.values().flatten();
    Ok(found.any(|a| a.held == held && a.effect == item.effect && a.interval == item.interval))
}
