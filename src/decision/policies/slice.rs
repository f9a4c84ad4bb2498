//! The policies that can apply to one kind of request, ready to be evaluated.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use cedar_policy::{
    ActionConstraint, Effect, EntityTypeName, EntityUid, Policy, PolicyId, PolicySet, PrincipalConstraint,
    ResourceConstraint,
};
use serde_json::Value;

use super::nesting;

/// One policy, and what its evaluation needs beside it.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) id: Arc<str>,
    pub(super) policy: Policy,
    /// Every text in its conditions, the names of the attributes it asks for among them; none where they cannot be told.
    words: Option<BTreeSet<String>>,
    /// Links on its longest branch.
    links: usize,
}

impl Compiled {
    pub(super) fn new(policy: Policy) -> Self {
        let id = AsRef::<str>::as_ref(policy.id()).into();
        let conditions = policy.to_json().ok().and_then(|mut document| document.get_mut("conditions").map(Value::take));
        let words = conditions.map(|conditions| {
            let mut words = BTreeSet::new();
            collect(conditions, &mut words);
            words
        });
        let text = policy.to_cedar().unwrap_or_default();
        let links = nesting::links(&text).unwrap_or(nesting::POLICY_LINKS_MAX);
        Self { id, policy, words, links }
    }

    pub(super) fn is_forbid(&self) -> bool {
        self.policy.effect() == Effect::Forbid
    }

    /// Whether its conditions may look at an attribute of this name.
    pub(super) fn mentions(&self, attribute: &str) -> bool {
        self.words.as_ref().is_none_or(|words| words.contains(attribute))
    }

    /// Whether a request is what the head of the policy speaks of, before its conditions.
    pub(super) fn speaks_of(&self, entities: &RequestEntities) -> bool {
        let RequestEntities { principal, action, resource, above_principal, above_resource } = entities;
        let is_in = |uid: &EntityUid, above: &HashSet<EntityUid>, of: &EntityUid| uid == of || above.contains(of);
        let principal = match self.policy.principal_constraint() {
            PrincipalConstraint::Any => true,
            PrincipalConstraint::Eq(of) => *principal == of,
            PrincipalConstraint::In(of) => is_in(principal, above_principal, &of),
            PrincipalConstraint::Is(of) => *principal.type_name() == of,
            PrincipalConstraint::IsIn(of, to) => *principal.type_name() == of && is_in(principal, above_principal, &to),
        };
        let resource = match self.policy.resource_constraint() {
            ResourceConstraint::Any => true,
            ResourceConstraint::Eq(of) => *resource == of,
            ResourceConstraint::In(of) => is_in(resource, above_resource, &of),
            ResourceConstraint::Is(of) => *resource.type_name() == of,
            ResourceConstraint::IsIn(of, to) => *resource.type_name() == of && is_in(resource, above_resource, &to),
        };
        let action = match self.policy.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(of) => *action == of,
            ActionConstraint::In(of) => of.contains(action),
        };
        principal && resource && action
    }
}

fn collect(document: Value, words: &mut BTreeSet<String>) {
    match document {
        Value::String(text) => drop(words.insert(text)),
        Value::Array(items) => items.into_iter().for_each(|item| collect(item, words)),
        Value::Object(members) => members.into_iter().for_each(|(name, value)| {
            words.insert(name);
            collect(value, words);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Who does what to what, and what the two are in.
#[derive(Debug)]
pub(super) struct RequestEntities {
    pub(super) principal: EntityUid,
    pub(super) action: EntityUid,
    pub(super) resource: EntityUid,
    pub(super) above_principal: HashSet<EntityUid>,
    pub(super) above_resource: HashSet<EntityUid>,
}

#[derive(Debug)]
pub(super) struct Slice {
    /// None where the library does not take them together: then none of them can be evaluated.
    pub(super) set: Option<PolicySet>,
    policies: HashMap<PolicyId, Arc<Compiled>>,
    /// Links on the longest branch of any of them.
    pub(super) links: usize,
    /// The entities that policies name. Attributes hold none, so that nothing else can be asked for with `in`.
    named: HashMap<EntityTypeName, HashMap<String, EntityUid>>,
}

impl Slice {
    pub(super) fn new<'a>(policies: impl Iterator<Item = &'a Arc<Compiled>>) -> Self {
        let policies: Vec<_> = policies.cloned().collect();
        let mut named: HashMap<EntityTypeName, HashMap<String, EntityUid>> = HashMap::new();
        for uid in policies.iter().flat_map(|compiled| compiled.policy.entity_literals()) {
            let of = named.entry(uid.type_name().clone()).or_default();
            of.insert(uid.id().unescaped().to_owned(), uid);
        }
        let set = PolicySet::from_policies(policies.iter().map(|compiled| compiled.policy.clone())).ok();
        let links = policies.iter().map(|compiled| compiled.links).max().unwrap_or_default();
        let policies = policies.into_iter().map(|compiled| (compiled.policy.id().clone(), compiled)).collect();
        Self { set, policies, links, named }
    }

    pub(super) fn len(&self) -> usize {
        self.policies.len()
    }

    pub(super) fn get(&self, id: &PolicyId) -> Option<&Arc<Compiled>> {
        self.policies.get(id)
    }

    pub(super) fn policies(&self) -> impl Iterator<Item = &Arc<Compiled>> {
        self.policies.values()
    }

    /// The entity of this type and identifier, if a policy names it.
    pub(super) fn named(&self, of: &EntityTypeName, id: &str) -> Option<&EntityUid> {
        self.named.get(of)?.get(id)
    }
}
