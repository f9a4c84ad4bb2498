//! What came nearest to a permit where nothing permits.

use std::collections::{BTreeSet, HashSet};

use super::super::pass::{Pass, Step};
use super::super::relations::Trace;
use super::super::{Key, conditions, granting};
use super::found::Found;
use super::node::{First, Kind, Node};
use super::{MISSES_MAX, WiderWorld, failed, policy, related};
use crate::decision::policies::PolicyOutcome;
use crate::domain::assignment::{Assignment, Effect, Held, Principal};
use crate::domain::object::EdgeSubject;
use crate::domain::time::Interval;

/// The nearest misses, at most five of each kind.
pub(super) fn nearest<W: WiderWorld>(
    found: &Found<'_, W>,
    trace: &Trace,
    policies: &PolicyOutcome,
    pass: &mut Pass,
) -> Step<Vec<Node>> {
    let (elsewhere, mut roles) = elsewhere(found, pass)?;
    let wrong_time = assignments_out_of_time(found, &mut roles);
    let of_kinds = [
        unknown_to_the_model(found),
        wrong_time.told(),
        elsewhere.told(),
        memberships_out_of_time(found).told(),
        edges_out_of_time(found, trace).told(),
        relations_lacked(found).told(),
        roles_lacked(found, &roles).told(),
        policies_that_did_not(found, policies).told(),
    ];
    let nodes: Vec<_> = of_kinds.into_iter().flatten().collect();
    if nodes.is_empty() {
        return Ok(vec![Node::new(Kind::NothingGrants, "no role, relation or policy here could permit it")]);
    }
    Ok(nodes)
}

fn unknown_to_the_model<W: WiderWorld>(found: &Found<'_, W>) -> Vec<Node> {
    let (query, snapshot) = (found.query, found.world.snapshot());
    let (action, resource_type) = (&query.action, &query.resource_type);
    // What roles hold means something without a model, too.
    let Some(model) = snapshot.model().filter(|_| snapshot.roles_with(action, resource_type).is_empty()) else {
        return Vec::new();
    };
    match model.resources.get(resource_type.as_str()) {
        None => vec![Node::new(Kind::UnknownType, format!("the model has no resource type {resource_type:?}"))],
        Some(of) if !of.actions.contains_key(action.as_str()) => {
            vec![Node::new(Kind::UnknownAction, format!("the model has no action {action:?} on {resource_type}"))]
        }
        Some(_) => Vec::new(),
    }
}

/// When something began or ends, where that is not now.
fn out_of_time<W>(found: &Found<'_, W>, interval: &Interval, kinds: [Kind; 2]) -> Option<(Kind, String)> {
    let [not_begun, expired] = kinds;
    let begins = interval.not_before.filter(|from| found.now < *from);
    let ended = interval.expires_at.filter(|until| *until <= found.now);
    let begins = begins.map(|from| (not_begun, format!(", but only from {from}")));
    begins.or_else(|| ended.map(|until| (expired, format!(", but only until {until}"))))
}

fn assignments_out_of_time<'a, W: WiderWorld>(found: &Found<'a, W>, roles: &mut BTreeSet<&'a str>) -> First {
    let allowed = found.all_rows().filter(|row| row.assignment.effect == Effect::Allow);
    let kinds = [Kind::AssignmentNotBegun, Kind::AssignmentExpired];
    let timed = allowed.filter_map(|row| {
        let (kind, when) = out_of_time(found, &row.assignment.interval, kinds)?;
        roles.extend(role(found, row.assignment));
        Some((row, kind, when))
    });
    First::new(MISSES_MAX).add(timed, |(row, kind, when)| found.row(kind, &row, &when))
}

/// What would permit on another resource, and the roles among it.
fn elsewhere<'a, W: WiderWorld>(found: &Found<'a, W>, pass: &mut Pass) -> Step<(First, BTreeSet<&'a str>)> {
    let all = &found.principals.all;
    let lists = all.iter().map(|of| pass.need(found.world.elsewhere(*of), || Key::Elsewhere(*of)));
    let lists: Vec<_> = lists.collect();
    pass.complete()?;
    let covering = found.world.snapshot().covering(&found.query.action, &found.query.resource_type);
    let here: HashSet<_> = found.scopes.iter().flatten().collect();
    let mut roles = BTreeSet::new();
    let held = lists
        .iter()
        .enumerate()
        .flat_map(|(holder, list)| list.iter().flat_map(|list| list.iter()).map(move |held| (holder, held)));
    let counting = held.filter(|(_, held)| {
        let Assignment { effect, interval, .. } = &held.assignment;
        let counts = *effect == Effect::Allow && interval.contains(found.now);
        let is_miss = counts && !here.contains(&held.scope) && covering.covers(&held.assignment.held);
        roles.extend(role(found, &held.assignment).filter(|_| is_miss));
        is_miss
    });
    let nodes = First::new(MISSES_MAX).add(counting, |(holder, held)| {
        let (holder, rest) = (found.holder(holder), ", which this is not in");
        found.held(Kind::AssignmentElsewhere, &held.assignment, &holder, Some(&held.scope), rest)
    });
    Ok((nodes, roles))
}

fn role<'a, W: WiderWorld>(found: &Found<'a, W>, assignment: &Assignment) -> Option<&'a str> {
    match assignment.held {
        Held::Role(role) => found.world.snapshot().name_of(role),
        Held::Permission(_) => None,
    }
}

fn memberships_out_of_time<W: WiderWorld>(found: &Found<'_, W>) -> First {
    let mut nodes = First::new(MISSES_MAX);
    let kinds = [Kind::MembershipNotBegun, Kind::MembershipExpired];
    for (holder, principal) in found.principals.all.iter().enumerate() {
        let memberships = found.world.memberships(*principal);
        let memberships = memberships.iter().flat_map(|list| list.iter());
        let lacked = memberships.filter(|of| !found.principals.contains(&Principal::Group(of.group)));
        let timed = lacked.filter_map(|of| Some((of, out_of_time(found, &of.interval, kinds)?)));
        nodes = nodes.add(timed, |(membership, (kind, when))| {
            let text = format!("{} is in group:{}{when}", found.holder(holder), membership.name);
            Node { group: Some(membership.name.to_string()), ..Node::new(kind, text) }
        });
    }
    nodes
}

fn edges_out_of_time<W: WiderWorld>(found: &Found<'_, W>, trace: &Trace) -> First {
    // Of groups that the subject is not in nothing would follow.
    let concerns = |subject: &EdgeSubject| match subject {
        EdgeSubject::Principal(group @ Principal::Group(_)) => found.principals.contains(group),
        _ => true,
    };
    // An edge may be met once for each relation that follows from it.
    let mut met = HashSet::new();
    let edges = trace.inactive.iter().filter(|end| concerns(&end.subject));
    let edges = edges.filter(|end| met.insert((&end.at, &end.subject)));
    let kinds = [Kind::EdgeNotBegun, Kind::EdgeExpired];
    let timed = edges.filter_map(|end| Some((end, out_of_time(found, &end.interval, kinds)?)));
    First::new(MISSES_MAX).add(timed, |(end, (kind, when))| related::edge(found, kind, end, &when))
}

fn relations_lacked<W: WiderWorld>(found: &Found<'_, W>) -> First {
    let (query, model) = (found.query, found.world.snapshot().model());
    let nodes = First::new(MISSES_MAX);
    let (Some(model), Some(object)) = (model, &query.object) else { return nodes };
    nodes.add(granting(model, &query.action, object.object_type()), |relation| {
        let text = format!("{} is not {relation} of {object}, which would permit {}", found.who, query.action);
        let (resource, relation) = (Some(object.to_string()), Some(relation.to_string()));
        Node { relation, resource, ..Node::new(Kind::RelationLacked, text) }
    })
}

fn roles_lacked<W: WiderWorld>(found: &Found<'_, W>, told: &BTreeSet<&str>) -> First {
    let query = found.query;
    let holding = found.world.snapshot().roles_with(&query.action, &query.resource_type);
    First::new(MISSES_MAX).add(holding.into_iter().filter(|role| !told.contains(role)), |role| {
        let text = format!("{} does not have role {role:?}, which would permit it", found.who);
        Node { role: Some(role.to_owned()), ..Node::new(Kind::RoleLacked, text) }
    })
}

fn policies_that_did_not<W: WiderWorld>(found: &Found<'_, W>, policies: &PolicyOutcome) -> First {
    let applicable = conditions::applicable(found.world.snapshot(), found.query);
    let permits = applicable.into_iter().filter(|(_, is_forbid)| !is_forbid);
    First::new(MISSES_MAX).add(permits, |(id, _)| match policies.errors.iter().find(|(failed, _)| failed == id) {
        Some((_, problem)) => failed(id, "so it permits nothing", problem),
        None => policy(Kind::PolicyNotApplied, id, "could permit this, but what it asks for does not hold"),
    })
}
