//! What of a list is not in the database yet, or not so. Whatever cannot be looked up counts as not there: who writes it
//! is told why it is refused.

use std::collections::{HashMap, HashSet};

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
        let subjects = KnownSubjects::read(&mut conn, &server, items.iter().map(|item| &item.subject)).await?;
        let mut pending = Pending::default();
        for (index, item) in items.iter().enumerate() {
            pending.add(index, item.subject.to_string(), has_subject(&subjects, item));
        }
        Ok(pending.indexes)
    }

    pub(super) async fn pending_resources(
        &self,
        server: &Slug,
        items: &[(ObjectRef, Map<String, Value>)],
    ) -> Result<Vec<usize>, AdminError> {
        let mut conn = self.read().await?;
        let Some(server) = known(find(&mut conn, server).await)? else { return Ok((0..items.len()).collect()) };
        let mut pending = Pending::default();
        for (index, (object, attributes)) in items.iter().enumerate() {
            let found = resources::find(&mut conn, server.id, object).await?;
            pending.add(index, object.to_string(), found == Some(Value::Object(attributes.clone())));
        }
        Ok(pending.indexes)
    }

    pub(super) async fn pending_relations(&self, server: &Slug, items: &[NewEdge]) -> Result<Vec<usize>, AdminError> {
        let mut conn = self.read().await?;
        let Some(server) = known(find(&mut conn, server).await)? else { return Ok((0..items.len()).collect()) };
        let model = known(rules::required_model(&mut conn, &server).await)?;
        let Some(model) = model else { return Ok((0..items.len()).collect()) };
        let mut resolver = Resolver { server: &server, model: &model, known: HashMap::new() };
        let mut pending = Pending::default();
        for (index, item) in items.iter().enumerate() {
            let (mut there, mut name) = (false, item.name.subject.clone());
            if let Some(subject) = known(resolver.subject(&mut conn, &item.name.subject).await)? {
                let (object, relation) = (&item.name.object, item.name.relation.as_str());
                let key = EdgeKey { object, relation, subject: &subject };
                let found = edges::find(&mut conn, server.id, key).await?;
                there = found.is_some_and(|found| found.edge.interval == item.interval);
                name = format!("{subject:?}");
            }
            pending.add(index, format!("{}#{}@{name}", item.name.object, item.name.relation), there);
        }
        Ok(pending.indexes)
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

/// What is still to be written, by its place in the list.
#[derive(Default)]
struct Pending {
    indexes: Vec<usize>,
    names: HashSet<String>,
}

impl Pending {
    /// One that is there as it is to be is left out, unless one before it makes it another: the last one counts.
    fn add(&mut self, index: usize, name: String, there: bool) {
        if !there || self.names.contains(&name) {
            self.indexes.push(index);
            self.names.insert(name);
        }
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

fn has_subject(known: &KnownSubjects, item: &SubjectPut) -> bool {
    let Some(principal) = known.principal(&item.subject) else { return false };
    if let (super::PrincipalRef::External(name), Some(disabled)) = (&item.subject, item.disabled)
        && known.is_disabled(name) != Some(disabled)
    {
        return false;
    }
    item.attributes.as_ref().is_none_or(|wanted| known.attributes(principal) == Some(wanted))
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
