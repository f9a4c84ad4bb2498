//! Policies within a decision: what they must know is loaded only where one of them can apply.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::holdings::List;
use super::pass::{Pass, Step};
use super::{Key, Query, Scope, SubjectRef, World};
use crate::decision::policies::{Given, PolicyOutcome, PolicyRequest};
use crate::decision::snapshot::Snapshot;
use crate::domain::assignment::{Effect, Held, Principal};
use crate::domain::attribute::OF_PEOPLE;
use crate::domain::model::{CLIENT, Model};
use crate::domain::object::ObjectRef;

/// A subject as the decision has found it so far.
pub(super) struct Who<'a> {
    pub principal: Principal,
    pub groups: &'a [Arc<str>],
    pub lists: &'a [List<'a>],
    pub scopes: &'a [Scope],
}

/// What the policies say.
///
/// # Errors
/// What is missing.
pub(super) fn evaluate(world: &impl World, query: &Query, who: &Who<'_>, pass: &mut Pass) -> Step<PolicyOutcome> {
    let snapshot = world.snapshot();
    let (Some(model), Some(policies)) = (snapshot.model(), snapshot.policies()) else {
        return Ok(PolicyOutcome::default());
    };
    let principal_type = subject_type(model, &query.subject);
    if !policies.may_apply(&query.action, &query.resource_type, principal_type) {
        return Ok(PolicyOutcome::default());
    }
    let person = match who.principal {
        Principal::Person(id) => pass.need(world.person(id), || Key::Person(id)),
        Principal::Client(_) | Principal::Group(_) | Principal::External(_) => None,
    };
    let registered = pass.need(world.attributes(who.principal), || Key::Attributes(who.principal));
    let resource = match &query.object {
        Some(object) => pass.need(world.resource(object), || Key::Resource(object.clone())),
        None => None,
    };
    pass.complete()?;

    let of_resource = resource.unwrap_or_default();
    let sent = said(who.principal, &query.sent.subject);
    let mut stored = registered.map_or_else(Map::new, |registered| said(who.principal, &registered).into_owned());
    stored.extend(person.iter().flat_map(|p| p.attributes.iter()).map(|(name, value)| (name.clone(), value.clone())));
    let principal_id = match &query.subject {
        SubjectRef::User(name) => person.as_ref().map_or(name.as_str(), |person| person.sub.as_str()),
        SubjectRef::Client(client_id) => client_id,
        SubjectRef::External(subject) => subject.id(),
    };
    let roles = who.lists.iter().flat_map(|list| list.iter()).filter(|a| a.effect == Effect::Allow);
    let roles = roles.filter(|a| pass.is_active(&a.interval)).filter_map(|a| match a.held {
        Held::Role(role) => Some(role),
        Held::Permission(_) => None,
    });
    let roles: Vec<&str> = roles.flat_map(|role| snapshot.names_of(role)).collect();
    let groups: Vec<&str> = who.groups.iter().map(AsRef::as_ref).collect();
    let above = who.scopes.iter().flatten().filter(|scope| Some(*scope) != query.object.as_ref());
    let ancestors: Vec<(&str, &str)> = above.map(|object: &ObjectRef| (object.object_type(), object.id())).collect();
    Ok(policies.evaluate(&PolicyRequest {
        principal_type,
        principal_id,
        principal: Given { stored: &stored, sent: &sent },
        roles: &roles,
        groups: &groups,
        action: &query.action,
        action_properties: &query.sent.action,
        resource_type: &query.resource_type,
        resource_id: &query.resource_id,
        resource: Given { stored: &of_resource, sent: &query.sent.resource },
        ancestors: &ancestors,
        context: &query.sent.context,
    }))
}

/// What others say of a subject. What is known here of a person is not theirs to say, also where nothing is known.
fn said(of: Principal, attributes: &Map<String, Value>) -> Cow<'_, Map<String, Value>> {
    let is_known_here = |name: &str| matches!(of, Principal::Person(_)) && OF_PEOPLE.contains(&name);
    if !attributes.keys().any(|name| is_known_here(name)) {
        return Cow::Borrowed(attributes);
    }
    let rest = attributes.iter().filter(|(name, _)| !is_known_here(name));
    Cow::Owned(rest.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// The policies that could apply to a query: what they are called, and whether they forbid.
pub(in crate::decision) fn applicable<'a>(snapshot: &'a Snapshot, query: &Query) -> Vec<(&'a Arc<str>, bool)> {
    let (Some(model), Some(policies)) = (snapshot.model(), snapshot.policies()) else { return Vec::new() };
    let principal_type = subject_type(model, &query.subject);
    policies.applicable(&query.action, &query.resource_type, principal_type).collect()
}

/// Whether a policy that could apply to a query asks for one of these groups, or for a role among what is held.
pub(super) fn ask_for<'a>(
    snapshot: &'a Snapshot,
    query: &Query,
    groups: impl Iterator<Item = &'a str>,
    held: impl Iterator<Item = &'a Held>,
) -> bool {
    let (Some(model), Some(policies)) = (snapshot.model(), snapshot.policies()) else { return false };
    let roles = held.filter_map(|held| match held {
        Held::Role(role) => Some(*role),
        Held::Permission(_) => None,
    });
    let kind = (query.action.as_str(), query.resource_type.as_str(), subject_type(model, &query.subject));
    policies.ask_for(kind, groups, roles.flat_map(|role| snapshot.names_of(role)))
}

/// One subject has one type, whatever name it was asked for by.
pub(in crate::decision) fn subject_type<'a>(model: &'a Model, subject: &'a SubjectRef) -> &'a str {
    match subject {
        SubjectRef::User(_) => model.people_type(),
        SubjectRef::Client(_) => CLIENT,
        SubjectRef::External(subject) => subject.object_type(),
    }
}
