//! What came nearest to a permit where nothing permits.

use std::collections::{BTreeSet, HashSet};

use super::super::pass::{Pass, Step, Stop};
use super::super::relations::Trace;
use super::super::{Key, PRINCIPALS_MAX, conditions, granting};
use super::found::Found;
use super::node::{First, Kind, Node};
use super::{MISSES_MAX, WiderWorld, failed, policy, related};
use crate::decision::policies::PolicyOutcome;
use crate::domain::assignment::{Assignment, Effect, Held, Principal};
use crate::domain::group::Membership;
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
        memberships_out_of_time(found, trace)?.told(),
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

/// Only in groups through which it could be permitted here: of any other group this resource server need not know.
fn memberships_out_of_time<W: WiderWorld>(found: &Found<'_, W>, trace: &Trace) -> Step<First> {
    let kinds = [Kind::MembershipNotBegun, Kind::MembershipExpired];
    let mut timed = Vec::new();
    for (holder, principal) in found.principals.all.iter().enumerate() {
        let memberships = found.world.memberships(*principal);
        for of in memberships.iter().flat_map(|list| list.iter()) {
            if let Some((kind, when)) = out_of_time(found, &of.interval, kinds)
                && !found.principals.contains(&Principal::Group(of.group))
            {
                timed.push((of.clone(), holder, kind, when));
            }
        }
    }
    let concern = concern(found, trace, timed.iter().map(|(of, ..)| of))?;
    let timed = timed.into_iter().zip(concern).filter_map(|(timed, concerns)| concerns.then_some(timed));
    Ok(First::new(MISSES_MAX).add(timed, |(of, holder, kind, when)| {
        let text = format!("{} is in group:{}{when}", found.holder(holder), of.name);
        Node { group: Some(of.name.to_string()), ..Node::new(kind, text) }
    }))
}

/// For each of these groups whether it could permit what is asked: by what it, or a group that it is in, is assigned here,
/// whatever the time of that, by an edge that was met, or by a policy that asks for it. Those beyond what one decision may
/// walk are left out.
fn concern<'a, W: WiderWorld>(
    found: &Found<'_, W>,
    trace: &Trace,
    lacked: impl Iterator<Item = &'a Membership>,
) -> Step<Vec<bool>> {
    let (query, snapshot) = (found.query, found.world.snapshot());
    let covering = snapshot.covering(&query.action, &query.resource_type);
    // One of its own: no interval that is looked at here bounds the answer.
    let mut pass = Pass::new(found.now);
    let (mut concern, mut walked) = (Vec::new(), 0);
    for of in lacked {
        let within = match pass.principals(found.world, Principal::Group(of.group)) {
            Err(Stop::OverBudget) => break,
            within => within?,
        };
        let lists = match pass.assignments(found.world, &within, found.scopes) {
            Err(Stop::OverBudget) => break,
            lists => lists?,
        };
        walked += within.all.len();
        if walked > PRINCIPALS_MAX {
            break;
        }
        let held = || lists.iter().flat_map(|list| list.iter()).filter(|held| held.effect == Effect::Allow);
        let names = std::iter::once(&of.name).chain(&within.groups).map(AsRef::as_ref);
        concern.push(
            held().any(|held| covering.covers(&held.held))
                || within.all.iter().any(|group| trace.groups.contains(group))
                || conditions::ask_for(snapshot, query, names, held().map(|held| &held.held)),
        );
    }
    pass.complete()?;
    Ok(concern)
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
