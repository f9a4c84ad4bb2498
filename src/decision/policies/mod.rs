//! Policies: conditions beside roles and relations, written in Cedar, checked against the model of their resource server.
//!
//! Here: the schema a model makes, the compiled policies, which of them can apply to a request, and what they say to it.
//! Never: I/O, a clock, the rest of a decision.

mod error;
mod evaluate;
mod index;
mod nesting;
mod schema;
mod slice;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cedar_policy::ffi::DetailedError;
use cedar_policy::{
    Authorizer, ParseErrors, Policy, PolicyId, PolicySet, Schema, ValidationMode, ValidationWarning, Validator,
};

pub use self::error::PolicyError;
pub use self::evaluate::{Given, PolicyOutcome, PolicyRequest};
pub use self::nesting::{POLICY_BRACKETS_MAX, POLICY_LINKS_MAX};
pub use self::schema::{schema, schema_text};

use self::index::{Index, Slices};
use self::schema::Names;
use self::slice::{Compiled, Slice};
use crate::domain::model::{Model, ModelError};

/// The text of all policies of one resource server.
pub const POLICY_TEXT_BYTES_MAX: usize = 1024 * 1024;
/// Policies of one resource server. Those that can apply to one request cost a microsecond or two each.
pub const POLICIES_MAX: usize = 2_000;
pub const POLICY_ID_BYTES_MAX: usize = 128;
/// So many findings are told at once.
const POLICY_ERRORS_MAX: usize = 50;

/// The policies of one resource server, immutable.
#[derive(Debug)]
pub struct Policies {
    model: Model,
    names: Names,
    compiled: Vec<Arc<Compiled>>,
    index: Index,
    slices: Slices,
    authorizer: Authorizer,
}

impl Policies {
    /// Reads policies and checks them strictly against the schema of the model. It takes processor time, about half a
    /// second for a thousand policies: not for a thread that others wait for.
    ///
    /// A policy is called by its annotation `@id("…")`, or else by its place: `policy0`, `policy1` and so on.
    ///
    /// # Errors
    /// Each thing that is wrong, at most 50; also policies that could never apply, since whoever wrote them meant something.
    pub fn compile(model: &Model, text: &str) -> Result<Self, Vec<PolicyError>> {
        nesting::with_room_to_compile(|| Self::compile_here(model, text))
    }

    fn compile_here(model: &Model, text: &str) -> Result<Self, Vec<PolicyError>> {
        let of_model = |error: ModelError| vec![PolicyError::whole(format!("the model: {error}"))];
        let names = Names::new(model).map_err(of_model)?;
        let schema = schema(model).map_err(of_model)?;
        let parsed = parse(text)?;
        let (set, lines) = name(&parsed, text)?;
        validate(schema, &set, &lines, text)?;
        let mut policies: Vec<_> = set.policies().cloned().collect();
        policies.sort_by_cached_key(|policy| lines.get(policy.id()).copied());
        let index = Index::new(&policies, &names);
        let slices = Slices::new(&index);
        let compiled = policies.into_iter().map(|policy| Arc::new(Compiled::new(policy))).collect();
        Ok(Self { model: model.clone(), names, compiled, index, slices, authorizer: Authorizer::new() })
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.compiled.is_empty()
    }

    /// The identifiers of the policies, in the order of the text.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.compiled.iter().map(|compiled| &*compiled.id)
    }

    /// Whether any policy can apply to a request of this kind. Where none can, none needs to know any attribute.
    #[must_use]
    pub fn may_apply(&self, action: &str, resource_type: &str, principal_type: &str) -> bool {
        self.index.find(action, resource_type, principal_type).1.next().is_some()
    }

    /// The policies that can apply to a request of this kind, in the order of the text: what they are called, and whether
    /// they forbid.
    pub fn applicable(
        &self,
        action: &str,
        resource_type: &str,
        principal_type: &str,
    ) -> impl Iterator<Item = (&Arc<str>, bool)> {
        let found = self.index.find(action, resource_type, principal_type).1;
        found.filter_map(|policy| self.compiled.get(policy)).map(|policy| (&policy.id, policy.is_forbid()))
    }

    fn slice(&self, action: &str, resource_type: &str, principal_type: &str) -> Arc<Slice> {
        let (key, found) = self.index.find(action, resource_type, principal_type);
        self.slices.get(key, || Slice::new(found.filter_map(|policy| self.compiled.get(policy))))
    }
}

/// Where a policy begins: its number, and its line.
type Lines = BTreeMap<PolicyId, (usize, Option<usize>)>;

fn parse(text: &str) -> Result<PolicySet, Vec<PolicyError>> {
    let too_much = |problem: String| Err(vec![PolicyError::whole(problem)]);
    if text.len() > POLICY_TEXT_BYTES_MAX {
        return too_much(format!("policies are at most {POLICY_TEXT_BYTES_MAX} bytes of text, not {}", text.len()));
    }
    nesting::links(text).map_err(|error| vec![error])?;
    let set: PolicySet = text.parse().map_err(|errors: ParseErrors| {
        let found = errors.iter().map(|error| PolicyError::found(text, None, None, DetailedError::from(error)));
        found.take(POLICY_ERRORS_MAX).collect::<Vec<_>>()
    })?;
    if let Some(template) = set.templates().next() {
        let line = text.find(&template.to_cedar()).and_then(|at| error::line_at(text, at));
        let problem = "?principal and ?resource are of templates, which are not taken: write out each policy";
        return Err(vec![PolicyError { policy: None, line, problem: problem.to_owned() }]);
    }
    match set.num_of_policies() {
        many if many > POLICIES_MAX => too_much(format!("policies are at most {POLICIES_MAX}, not {many}")),
        _ => Ok(set),
    }
}

/// Gives each policy the name its author chose, and says where it begins.
fn name(parsed: &PolicySet, text: &str) -> Result<(PolicySet, Lines), Vec<PolicyError>> {
    let mut policies: Vec<_> = parsed.policies().collect();
    policies.sort_by_key(|policy| number(policy));
    let (mut named, mut lines, mut errors) = (PolicySet::new(), Lines::new(), Vec::new());
    let mut at = 0;
    for (place, policy) in policies.into_iter().enumerate() {
        let written = policy.to_cedar().unwrap_or_default();
        let begins = text.get(at..).and_then(|rest| rest.find(&written)).map(|after| at + after);
        at = begins.map_or(at, |begins| begins + written.len());
        let line = begins.and_then(|begins| error::line_at(text, begins));
        let id = policy.annotation("id").map_or_else(|| format!("policy{place}"), str::to_owned);
        let mut wrong = |problem: &str| {
            errors.push(PolicyError { policy: Some(id.chars().take(80).collect()), line, problem: problem.to_owned() });
        };
        if id.is_empty() || id.len() > POLICY_ID_BYTES_MAX || id.chars().any(char::is_control) {
            wrong("@id must be 1 to 128 bytes without control characters");
        } else if named.add(policy.new_id(PolicyId::new(&id))).is_err() {
            wrong("another policy has the same @id: each needs one of its own");
        }
        lines.insert(PolicyId::new(&id), (place, line));
    }
    errors.truncate(POLICY_ERRORS_MAX);
    if errors.is_empty() { Ok((named, lines)) } else { Err(errors) }
}

/// The parser counts: `policy12`.
fn number(policy: &Policy) -> Option<usize> {
    AsRef::<str>::as_ref(policy.id()).strip_prefix("policy")?.parse().ok()
}

fn validate(schema: Schema, set: &PolicySet, lines: &Lines, text: &str) -> Result<(), Vec<PolicyError>> {
    let result = Validator::new(schema).validate(set, ValidationMode::Strict);
    let line = |id: &PolicyId| lines.get(id).copied();
    let mut errors: Vec<_> = result
        .validation_errors()
        .map(|error| (error.policy_id(), DetailedError::from(error)))
        .chain(result.validation_warnings().filter(|w| misleads(w)).map(|w| (w.policy_id(), DetailedError::from(w))))
        .map(|(id, found)| {
            (
                line(id),
                PolicyError::found(text, Some(AsRef::<str>::as_ref(id).to_owned()), line(id).and_then(|l| l.1), found),
            )
        })
        .collect();
    errors.sort_by(|(a, x), (b, y)| (a, x.line, &x.problem).cmp(&(b, y.line, &y.problem)));
    // The same finding comes once for each kind of request the policy speaks of.
    let mut told = BTreeSet::new();
    let errors = errors.into_iter().map(|(_, error)| error).filter(|e| told.insert(e.to_string()));
    let errors: Vec<_> = errors.take(POLICY_ERRORS_MAX).collect();
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Warnings about policies that do not do what they seem to.
fn misleads(warning: &ValidationWarning) -> bool {
    // Names in other scripts are names.
    !matches!(
        warning,
        ValidationWarning::MixedScriptString(_)
            | ValidationWarning::MixedScriptIdentifier(_)
            | ValidationWarning::ConfusableIdentifier(_)
    )
}
