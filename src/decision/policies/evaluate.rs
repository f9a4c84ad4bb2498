//! What policies say to one request.
//!
//! Values are made into expressions here, from checked data alone, so that no text in them can be read as anything else;
//! that is also why the library need not check each request against the schema again. Where data are not as the model
//! declares them (a required attribute missing, a registered value of another type), a policy that may look at them fails
//! even if it would ask `has` first: the checks before activation took the declaration for granted. A `forbid` that fails
//! counts as applying, a `permit` as not applying.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use cedar_policy::{
    AuthorizationError, Context, Decision, Entities, Entity, EntityUid, Request, Response, RestrictedExpression,
};
use serde_json::{Map, Value};

use super::schema::{ACTION, uid};
use super::slice::{Compiled, RequestEntities, Slice};
use super::{Policies, nesting};
use crate::domain::attribute::{AttributeValue, check, choose, present};
use crate::domain::model::{Attribute, Attributes};
use crate::domain::name::Segment;

/// What is registered of a principal or resource, and what the request says of it; the model says whose word counts.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    pub stored: &'a Map<String, Value>,
    pub sent: &'a Map<String, Value>,
}

/// One request, as policies see it.
#[derive(Clone, Copy, Debug)]
pub struct PolicyRequest<'a> {
    /// The subject type as the model knows it.
    pub principal_type: &'a str,
    /// One subject must have one identifier, however it was asked for, or a policy about it could be walked around.
    pub principal_id: &'a str,
    pub principal: Given<'a>,
    /// The names of all roles it has, included ones too.
    pub roles: &'a [&'a str],
    /// The names of all groups it is in, directly or not.
    pub groups: &'a [&'a str],
    pub action: &'a str,
    /// The properties of the action, as sent.
    pub action_properties: &'a Map<String, Value>,
    pub resource_type: &'a str,
    pub resource_id: &'a str,
    pub resource: Given<'a>,
    /// Types and identifiers of all that the resource is in.
    pub ancestors: &'a [(&'a str, &'a str)],
    /// The context, as sent.
    pub context: &'a Map<String, Value>,
}

/// What policies say, each by its identifier, in alphabetical order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyOutcome {
    /// Policies that permit. Where one forbids they are not looked for: they would not matter.
    pub permits: Vec<Arc<str>>,
    /// Policies that forbid, and those that would have to be known not to.
    pub forbids: Vec<Arc<str>>,
    /// Policies that could not be evaluated, and why.
    pub errors: Vec<(Arc<str>, String)>,
}

impl PolicyOutcome {
    #[must_use]
    pub fn denies(&self) -> bool {
        !self.forbids.is_empty()
    }

    #[must_use]
    pub fn allows(&self) -> bool {
        self.forbids.is_empty() && !self.permits.is_empty()
    }

    /// Of several problems of one policy the first is told.
    fn fail(&mut self, policy: &Compiled, problem: &str) {
        if self.errors.iter().any(|(id, _)| *id == policy.id) {
            return;
        }
        self.permits.retain(|id| *id != policy.id);
        if policy.is_forbid() {
            self.permits.clear();
            self.forbids.push(policy.id.clone());
        }
        self.errors.push((policy.id.clone(), problem.to_owned()));
    }

    fn sorted(mut self) -> Self {
        self.permits.sort_unstable();
        self.forbids.sort_unstable();
        self.forbids.dedup();
        self.errors.sort_unstable();
        self
    }
}

impl Policies {
    /// What the policies say to a request. Never fails: what goes wrong goes wrong for a policy.
    #[must_use]
    pub fn evaluate(&self, request: &PolicyRequest<'_>) -> PolicyOutcome {
        let slice = self.slice(request.action, request.resource_type, request.principal_type);
        if slice.len() == 0 {
            return PolicyOutcome::default();
        }
        let entities = self.entities(request, &slice);
        let mut data = Data::default();
        let prepared = slice.set.as_ref().and_then(|set| Some((set, self.prepare(request, &entities, &mut data)?)));
        let Some((set, (request, known))) = prepared else {
            return all_fail(&slice, "the request could not be put to policies");
        };
        let decide = || self.authorizer.is_authorized(&request, set, &known);
        let response = nesting::with_room_to_evaluate(slice.links, decide);
        let mut outcome = reasons(&slice, &response);
        for (attribute, problem) in &data.unusable {
            for policy in slice.policies().filter(|p| p.mentions(attribute) && p.speaks_of(&entities)) {
                outcome.fail(policy, problem);
            }
        }
        // The library skips a `forbid` that fails.
        for AuthorizationError::PolicyEvaluationError(error) in response.diagnostics().errors() {
            if let Some(policy) = slice.get(error.policy_id()) {
                outcome.fail(policy, &error.inner().to_string());
            }
        }
        outcome.sorted()
    }

    /// Whether a policy that could apply names any of these groups or roles.
    pub fn ask_for<'a>(
        &self,
        (action, resource_type, principal_type): (&str, &str, &str),
        mut groups: impl Iterator<Item = &'a str>,
        mut roles: impl Iterator<Item = &'a str>,
    ) -> bool {
        let slice = self.slice(action, resource_type, principal_type);
        groups.any(|group| slice.named(&self.names.group, group).is_some())
            || roles.any(|role| slice.named(&self.names.role, role).is_some())
    }

    fn entities(&self, request: &PolicyRequest<'_>, slice: &Slice) -> RequestEntities {
        let names = &self.names;
        let principal = uid(names.subject(request.principal_type), request.principal_id);
        let resource = uid(names.resource(request.resource_type), request.resource_id);
        // Only what a policy names can matter; so a member of a thousand groups costs look-ups, not entities.
        let roles = request.roles.iter().filter_map(|role| slice.named(&names.role, role));
        let groups = request.groups.iter().filter_map(|group| slice.named(&names.group, group));
        let ancestors = request.ancestors.iter().filter_map(|(of, id)| slice.named(names.resource(of), id));
        RequestEntities {
            above_principal: roles.chain(groups).cloned().collect(),
            // Of what is in itself the library would make nothing at all.
            above_resource: ancestors.filter(|above| **above != resource).cloned().collect(),
            action: names.action(request.action),
            principal,
            resource,
        }
    }

    /// None where the library refuses what has been checked: then no policy can be evaluated.
    fn prepare(
        &self,
        request: &PolicyRequest<'_>,
        entities: &RequestEntities,
        data: &mut Data,
    ) -> Option<(Request, Entities)> {
        let none = Attributes::new();
        let subject = self.model.subjects.get(request.principal_type);
        let resource = self.model.resources.get(request.resource_type);
        let action = resource.and_then(|of| of.actions.get(request.action));

        let of_principal = subject.map_or(&none, |of| &of.attributes);
        let principal = data.chosen("subject.properties", of_principal, request.principal);
        let of_resource = resource.map_or(&none, |of| &of.attributes);
        let resource = data.chosen("resource.properties", of_resource, request.resource);
        let of_action = action.map_or(&none, |of| &of.properties);
        let properties = data.sent("action.properties", of_action, request.action_properties);
        let mut context = data.sent("context", &self.model.context, request.context);
        context.insert(ACTION.to_owned(), RestrictedExpression::new_record(properties).ok()?);

        let RequestEntities { principal: who, action, resource: what, above_principal, above_resource } = entities;
        let known = Entities::from_entities(
            [entity(who, principal, above_principal)?, entity(what, resource, above_resource)?],
            None,
        );
        let context = Context::from_pairs(context).ok()?;
        let request = Request::new(who.clone(), action.clone(), what.clone(), context, None);
        Some((request.ok()?, known.ok()?))
    }
}

type Expressions = HashMap<String, RestrictedExpression>;

fn entity(uid: &EntityUid, attributes: Expressions, above: &HashSet<EntityUid>) -> Option<Entity> {
    Entity::new(uid.clone(), attributes, above.clone()).ok()
}

/// What is not as declared, by the name of the attribute.
#[derive(Debug, Default)]
struct Data {
    unusable: Vec<(String, String)>,
}

impl Data {
    fn chosen(&mut self, at: &str, declared: &Attributes, given: Given<'_>) -> Expressions {
        self.expressions(at, choose(declared, given.stored, given.sent))
    }

    fn sent(&mut self, at: &str, declared: &Attributes, sent: &Map<String, Value>) -> Expressions {
        self.expressions(at, declared.iter().map(|(name, attribute)| (name, attribute, present(sent, name))))
    }

    fn expressions<'a>(
        &mut self,
        at: &str,
        values: impl Iterator<Item = (&'a Segment, &'a Attribute, Option<&'a Value>)>,
    ) -> Expressions {
        let mut expressions = Expressions::new();
        for (name, attribute, value) in values {
            match value.map(|value| check(attribute.of, value)) {
                Some(Ok(value)) => drop(expressions.insert(name.to_string(), expression(value))),
                Some(Err(wrong)) => self.unusable.push((name.to_string(), wrong.at(at, name).to_string())),
                None if attribute.required => {
                    self.unusable.push((name.to_string(), format!("{at}.{name} is required, and missing")));
                }
                None => {}
            }
        }
        expressions
    }
}

fn expression(value: AttributeValue) -> RestrictedExpression {
    match value {
        AttributeValue::String(text) => RestrictedExpression::new_string(text),
        AttributeValue::Integer(number) => RestrictedExpression::new_long(number),
        AttributeValue::Boolean(flag) => RestrictedExpression::new_bool(flag),
        AttributeValue::Strings(texts) => {
            RestrictedExpression::new_set(texts.into_iter().map(RestrictedExpression::new_string))
        }
        AttributeValue::Decimal(text) => RestrictedExpression::new_decimal(text),
        AttributeValue::Datetime(text) => RestrictedExpression::new_datetime(text),
        AttributeValue::Ip(text) => RestrictedExpression::new_ip(text),
    }
}

fn reasons(slice: &Slice, response: &Response) -> PolicyOutcome {
    let reasons = response.diagnostics().reason().filter_map(|id| slice.get(id));
    let reasons = reasons.map(|policy| policy.id.clone()).collect();
    match response.decision() {
        Decision::Allow => PolicyOutcome { permits: reasons, ..PolicyOutcome::default() },
        Decision::Deny => PolicyOutcome { forbids: reasons, ..PolicyOutcome::default() },
    }
}

fn all_fail(slice: &Slice, problem: &str) -> PolicyOutcome {
    let mut outcome = PolicyOutcome::default();
    slice.policies().for_each(|policy| outcome.fail(policy, problem));
    outcome.sorted()
}
