//! Why a decision comes out as it does: the same evaluation without short cuts, told as a tree. It and
//! [`decide`](super::decide) agree on every answer.

mod found;
mod misses;
mod node;
mod related;

use std::sync::Arc;

use self::found::Found;
use self::node::First;
pub use self::node::{Kind, Node};
use super::conditions::{self, Who};
use super::pass::{Pass, Step, Stop};
use super::relations::Trace;
use super::{Key, Outcome, Query, SubjectState, World};
use crate::decision::policies::PolicyOutcome;
use crate::domain::assignment::{Assignment, Effect, Principal};
use crate::domain::object::ObjectRef;
use crate::domain::time::Instant;

/// So many ways to a permit or denial are told.
const WAYS_MAX: usize = 20;
/// So many nearest misses of one kind.
const MISSES_MAX: usize = 5;

/// Why a query is answered as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// What [`decide`](super::decide) answers.
    pub allowed: bool,
    /// The next moment at which an interval begins or ends that was looked at.
    pub valid_until: Option<Instant>,
    pub tree: Node,
}

impl Explanation {
    /// A subject that nobody here is, called as it was asked for.
    #[must_use]
    pub fn unknown_subject(who: &str, what: &str) -> Self {
        let why = Node::new(Kind::SubjectUnknown, format!("{who} is not known here, or not registered"));
        Self { allowed: false, valid_until: None, tree: denied(who, what, vec![why]) }
    }

    /// Where a decision can be made, but not explained.
    #[must_use]
    pub fn over_budget(query: &Query, allowed: bool, valid_until: Option<Instant>) -> Self {
        let text = "to tell why would need to walk more than one decision may";
        let why = vec![Node::new(Kind::OverBudget, text)];
        let (who, what) = (query.subject.to_string(), what(query));
        let tree = if allowed { permitted(&who, &what, why) } else { denied(&who, &what, why) };
        Self { allowed, valid_until, tree }
    }
}

/// What a principal holds on one resource and all below it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Elsewhere {
    pub scope: ObjectRef,
    pub assignment: Assignment,
}

/// A world that also knows what no decision asks for.
pub trait WiderWorld: World {
    /// What a principal holds on single resources, whichever they are; of very many, some.
    fn elsewhere(&self, of: Principal) -> Option<Arc<[Elsewhere]>>;
}

/// Explains how `query` is decided at `now`.
pub fn explain(world: &impl WiderWorld, query: &Query, now: Instant) -> Outcome<Explanation> {
    let mut pass = Pass::new(now);
    Outcome::of(tree(world, query, now, &mut pass).map(|tree| Explanation {
        allowed: tree.kind == Kind::Permitted,
        valid_until: pass.valid_until,
        tree,
    }))
}

fn tree(world: &impl WiderWorld, query: &Query, now: Instant, pass: &mut Pass) -> Step<Node> {
    let (who, what) = (query.subject.to_string(), what(query));
    let principal = match world.subject(&query.subject) {
        None => return Err(Stop::Missing(vec![Key::Subject(query.subject.clone())])),
        Some(SubjectState::Unknown) => return Ok(Explanation::unknown_subject(&who, &what).tree),
        Some(SubjectState::Disabled) => {
            let why = Node::new(Kind::SubjectDisabled, format!("{who} is disabled or locked"));
            return Ok(denied(&who, &what, vec![why]));
        }
        Some(SubjectState::Active(principal)) => principal,
    };
    let principals = pass.principals(world, principal)?;
    let scopes = pass.scopes(world, query.object.as_ref())?;
    let lists = pass.assignments(world, &principals, &scopes)?;
    pass.complete()?;
    let found = Found { world, query, now, who: &who, principals: &principals, scopes: &scopes, lists: &lists };
    let asked = Who { principal, groups: &principals.groups, lists: &lists, scopes: &scopes };
    let policies = conditions::evaluate(world, query, &asked, pass)?;

    let denials = First::new(WAYS_MAX).add(found.rows(Effect::Deny, pass), |row| found.assignment(&row));
    let denials = denials.add(&policies.forbids, |id| forbid(&policies, id));
    let permits = First::new(WAYS_MAX).add(found.rows(Effect::Allow, pass), |row| found.assignment(&row));
    let permits = permits.add(&policies.permits, |id| policy(Kind::Policy, id, "permits this"));
    let trace = match related::search(&found, principal, pass) {
        // Decided without a look at relations, so that these may be too many.
        Err(Stop::OverBudget) if !(denials.is_empty() && permits.is_empty()) => Trace::cut(),
        other => other?,
    };
    let permits = permits.add(&trace.found, |end| related::way(&found, &trace, end)).told();
    let mut rest = Vec::new();
    if trace.is_cut {
        rest.push(Node::new(
            Kind::OverBudget,
            "there are more relations than one decision may walk; the rest is untold",
        ));
    }
    if !denials.is_empty() {
        if !permits.is_empty() {
            rest.insert(0, Node::new(Kind::Outweighed, "but for that, this would permit it").over(permits));
        }
        return Ok(denied(&who, &what, [denials.told(), rest].concat()));
    }
    if !permits.is_empty() {
        return Ok(permitted(&who, &what, [permits, rest].concat()));
    }
    Ok(denied(&who, &what, misses::nearest(&found, &trace, &policies, pass)?))
}

fn what(query: &Query) -> String {
    format!("{} {}:{}", query.action, query.resource_type, query.resource_id)
}

fn permitted(who: &str, what: &str, why: Vec<Node>) -> Node {
    Node::new(Kind::Permitted, format!("{who} may {what}")).over(why)
}

fn denied(who: &str, what: &str, why: Vec<Node>) -> Node {
    Node::new(Kind::Denied, format!("{who} may not {what}")).over(why)
}

fn policy(kind: Kind, id: &str, says: &str) -> Node {
    Node { policy: Some(id.to_owned()), ..Node::new(kind, format!("policy {id:?} {says}")) }
}

fn forbid(policies: &PolicyOutcome, id: &Arc<str>) -> Node {
    match policies.errors.iter().find(|(failed, _)| failed == id) {
        Some((_, problem)) => failed(id, "so it counts as forbidding this", problem),
        None => policy(Kind::ForbidPolicy, id, "forbids this"),
    }
}

fn failed(id: &str, so: &str, problem: &str) -> Node {
    let problem = problem.replace('\n', " ");
    policy(Kind::PolicyFailed, id, &format!("could not be evaluated, {so}: {problem}"))
}
