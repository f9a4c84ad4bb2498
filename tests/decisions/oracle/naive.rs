//! The second evaluator, written from the text that says how a decision is made, and slow on purpose.
//!
//! It shares nothing with the engine. It reads plain texts ([`Plan`]) and not the types of the product. The engine searches
//! from the resource towards the subject, through keyed look-ups, with what it has seen, a depth, and an end at the first way
//! found; here every list is looked at whole, again and again, until nothing new follows, and what the subject has is
//! computed for all resources at once, from the subject outwards. Nothing is indexed, compiled, cached or cut short: every
//! reason that holds is kept, so that the engine's one reason can be looked up among them, and a wrong reason cannot hide
//! behind another one that happens to permit.

use std::collections::{BTreeMap, BTreeSet};

use super::cedar::{self, Judge};
use super::plan::{Ask, EdgePlan, ModelPlan, Pattern, Plan, Span, Time, To, What, id_of, type_of};

/// Everything that holds of one question at one moment.
#[derive(Debug, Default, PartialEq)]
pub struct Verdict {
    pub standing: Standing,
    /// Assignments that deny, and that permit, as they are written.
    pub denied: BTreeSet<String>,
    pub assigned: BTreeSet<String>,
    /// Policies.
    pub forbids: BTreeSet<String>,
    pub permits: BTreeSet<String>,
    /// Relations of the resource that permit the action, and that the subject has.
    pub related: BTreeSet<String>,
    pub extent: Extent,
}

#[derive(Debug, Default, PartialEq, Clone, Copy)]
pub enum Standing {
    #[default]
    Active,
    Unknown,
    Disabled,
    /// Something sent is not of the declared type.
    Unreadable,
}

/// How much there is to walk.
#[derive(Debug, Default, PartialEq, Clone, Copy)]
pub struct Extent {
    /// The subject and its groups, and the most steps to one of them.
    pub principals: usize,
    pub group_steps: usize,
    /// The resource and what it is in, and the most steps to one of them.
    pub resources: usize,
    pub parent_steps: usize,
}

impl Verdict {
    /// Any deny, else any permit, else deny.
    pub fn allowed(&self) -> bool {
        self.standing == Standing::Active
            && self.denied.is_empty()
            && self.forbids.is_empty()
            && !(self.assigned.is_empty() && self.permits.is_empty() && self.related.is_empty())
    }
}

/// `[from, until)`.
pub fn holds(span: Span, now: Time) -> bool {
    span.from.is_none_or(|from| now >= from) && span.until.is_none_or(|until| now < until)
}

/// Whoever a question names, by the one name everything else uses: `user:USERNAME`, `client:ID`, `employee:ID`.
pub fn resolve(plan: &Plan, name: &str) -> Option<String> {
    let (of, id) = name.split_once(':')?;
    let is_people = of == "user" || plan.model.as_ref().is_some_and(|model| model.people == of);
    if is_people {
        let person = plan.people.iter().find(|person| person.username == id || person.sub == id)?;
        return Some(format!("user:{}", person.username));
    }
    if of == "client" {
        return plan.clients.iter().any(|client| client == id).then(|| name.to_owned());
    }
    let is_declared = plan.model.as_ref().is_some_and(|model| model.subjects.iter().any(|subject| subject == of));
    (is_declared && plan.employees.iter().any(|(employee, _)| employee == name)).then(|| name.to_owned())
}

fn is_disabled(plan: &Plan, me: &str) -> bool {
    plan.people.iter().any(|person| person.disabled && me == format!("user:{}", person.username))
        || plan.employees.iter().any(|(employee, disabled)| *disabled && employee == me)
}

pub fn judge(plan: &Plan, judges: &[Judge], ask: &Ask, now: Time) -> Verdict {
    if let Some(model) = &plan.model
        && is_somebody(model, &ask.subject)
        && !cedar::is_readable(model, ask)
    {
        return Verdict { standing: Standing::Unreadable, ..Verdict::default() };
    }
    let Some(me) = resolve(plan, &ask.subject) else {
        return Verdict { standing: Standing::Unknown, ..Verdict::default() };
    };
    if is_disabled(plan, &me) {
        return Verdict { standing: Standing::Disabled, ..Verdict::default() };
    }
    let groups = groups(plan, &me, now);
    let above = above(plan, &ask.resource, now);
    let (mut denied, mut assigned, mut roles) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for grant in plan.grants.iter().filter(|grant| holds(grant.span, now)) {
        let is_mine = grant.to == me || groups.contains_key(&grant.to);
        let is_here = grant.on.as_ref().is_none_or(|on| *on == ask.resource || above.contains_key(on));
        if !is_mine || !is_here {
            continue;
        }
        let permissions = match &grant.what {
            What::Permission(permission) => BTreeSet::from([permission.clone()]),
            What::Role(role) => permissions(plan, role),
        };
        if permissions.iter().any(|permission| covers(permission, &ask.action, type_of(&ask.resource))) {
            if grant.deny { &mut denied } else { &mut assigned }.insert(grant.label());
        }
        if let (What::Role(role), false) = (&grant.what, grant.deny) {
            roles.extend(closure(plan, role));
        }
    }
    let (forbids, permits) = cedar::ask(plan, judges, ask, &me, &groups, &roles, &above);
    let extent = Extent {
        principals: 1 + groups.len(),
        group_steps: groups.values().copied().max().unwrap_or(0),
        resources: 1 + above.len(),
        parent_steps: above.values().copied().max().unwrap_or(0),
    };
    let related = related(plan, ask, &me, &groups, now);
    Verdict { standing: Standing::Active, denied, assigned, forbids, permits, related, extent }
}

/// Of what cannot be anybody's name nothing is read.
fn is_somebody(model: &ModelPlan, name: &str) -> bool {
    let of = type_of(name);
    let is_known = of == "user" || of == "client" || model.subjects.iter().any(|subject| subject == of);
    is_known && id_of(name) != "*"
}

/// All groups, each with its steps from the subject.
fn groups(plan: &Plan, me: &str, now: Time) -> BTreeMap<String, usize> {
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for steps in 1.. {
        let is_mine = |member: &String| member == me || found.contains_key(member);
        let new = plan.members.iter().filter(|member| holds(member.span, now) && is_mine(&member.member));
        let new: BTreeSet<_> = new.map(|member| member.group.clone()).filter(|g| !found.contains_key(g)).collect();
        if new.is_empty() {
            break;
        }
        found.extend(new.into_iter().map(|group| (group, steps)));
    }
    found
}

/// All that the resource is in, each with its steps from it.
fn above(plan: &Plan, resource: &str, now: Time) -> BTreeMap<String, usize> {
    let Some(model) = &plan.model else { return BTreeMap::new() };
    let parents: Vec<_> = plan
        .edges
        .iter()
        .filter(|edge| edge.relation == "parent" && holds(edge.span, now) && allows(model, edge))
        .filter_map(|edge| match &edge.to {
            To::Object(parent) => Some((&edge.object, parent)),
            To::One(_) | To::Group(_) | To::Everyone(_) | To::Userset(..) => None,
        })
        .collect();
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for steps in 1.. {
        let is_below = |object: &String| object == resource || found.contains_key(object);
        let new = parents.iter().filter(|(object, _)| is_below(object)).map(|(_, parent)| (*parent).clone());
        let new: BTreeSet<_> = new.filter(|parent| parent != resource && !found.contains_key(parent)).collect();
        if new.is_empty() {
            break;
        }
        found.extend(new.into_iter().map(|parent| (parent, steps)));
    }
    found
}

/// A role and all it includes.
fn closure(plan: &Plan, role: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::from([role.to_owned()]);
    loop {
        let included = plan.roles.iter().filter(|role| found.contains(&role.name)).flat_map(|role| &role.includes);
        let included: Vec<_> = included.filter(|name| !found.contains(*name)).cloned().collect();
        if included.is_empty() {
            return found;
        }
        found.extend(included);
    }
}

fn permissions(plan: &Plan, role: &str) -> BTreeSet<String> {
    let names = closure(plan, role);
    plan.roles.iter().filter(|role| names.contains(&role.name)).flat_map(|role| role.permissions.clone()).collect()
}

/// By whole segments. Nothing is called `*`, so whoever asks about that asks about nothing that could be held.
fn covers(permission: &str, action: &str, of: &str) -> bool {
    let (left, right) = permission.split_once(':').unwrap();
    action != "*" && of != "*" && (left == "*" || left == action) && (right == "*" || right == of)
}

/// Whether the model allows the edge, as it is now.
fn allows(model: &ModelPlan, edge: &EdgePlan) -> bool {
    let Some(relation) = model.relation(type_of(&edge.object), &edge.relation) else { return false };
    relation.subjects.iter().any(|pattern| match (pattern, &edge.to) {
        (Pattern::One(of), To::One(name)) => is_of(model, name, of),
        (Pattern::Group, To::Group(_)) => true,
        (Pattern::Everyone(of), To::Everyone(everyone)) => of == everyone,
        (Pattern::Object(of), To::Object(object)) => type_of(object) == of,
        (Pattern::Userset(of, name), To::Userset(object, relation)) => type_of(object) == of && relation == name,
        _ => false,
    })
}

/// Whether a subject is of a type; people may have another name in the model.
fn is_of(model: &ModelPlan, name: &str, of: &str) -> bool {
    type_of(name) == of || (type_of(name) == "user" && of == model.people)
}

fn related(plan: &Plan, ask: &Ask, me: &str, groups: &BTreeMap<String, usize>, now: Time) -> BTreeSet<String> {
    let of = type_of(&ask.resource);
    let Some(model) = &plan.model else { return BTreeSet::new() };
    let Some(declared) = model.types.get(of).filter(|declared| declared.actions.contains(&ask.action)) else {
        return BTreeSet::new();
    };
    let has = everything(plan, model, me, groups, now);
    let granting = declared.relations.iter().filter(|relation| {
        relation.grants.iter().any(|granted| granted == "*" || *granted == ask.action)
            && has.contains(&(ask.resource.as_str(), relation.name.as_str()))
    });
    granting.map(|relation| relation.name.clone()).collect()
}

/// Every relation to every resource that the subject has.
fn everything<'a>(
    plan: &'a Plan,
    model: &'a ModelPlan,
    me: &str,
    groups: &BTreeMap<String, usize>,
    now: Time,
) -> BTreeSet<(&'a str, &'a str)> {
    let edges: Vec<_> = plan.edges.iter().filter(|edge| holds(edge.span, now) && allows(model, edge)).collect();
    let objects: BTreeSet<_> = edges.iter().map(|edge| edge.object.as_str()).collect();
    let mut has: BTreeSet<(&str, &str)> = BTreeSet::new();
    loop {
        let before = has.len();
        for edge in &edges {
            let is_mine = match &edge.to {
                To::One(name) => name == me,
                To::Group(name) => groups.contains_key(name),
                To::Everyone(of) => is_of(model, me, of),
                To::Userset(object, relation) => has.contains(&(object.as_str(), relation.as_str())),
                To::Object(_) => false,
            };
            if is_mine {
                has.insert((&edge.object, &edge.relation));
            }
        }
        for object in &objects {
            for relation in &model.types[type_of(object)].relations {
                let is_included = relation.includes.iter().any(|name| has.contains(&(object, name.as_str())));
                let is_taken = relation.from.iter().any(|(name, via)| {
                    edges.iter().any(|edge| match &edge.to {
                        To::Object(other) if edge.object == *object && edge.relation == *via => {
                            has.contains(&(other.as_str(), name.as_str()))
                        }
                        _ => false,
                    })
                });
                if is_included || is_taken {
                    has.insert((object, &relation.name));
                }
            }
        }
        if has.len() == before {
            return has;
        }
    }
}

/// How far the relations lead that would permit the question: how many there are, and the most steps to one of them.
pub fn reach(plan: &Plan, ask: &Ask, now: Time) -> (usize, usize) {
    let of = type_of(&ask.resource);
    let Some(model) = &plan.model else { return (0, 0) };
    let Some(declared) = model.types.get(of).filter(|declared| declared.actions.contains(&ask.action)) else {
        return (0, 0);
    };
    let permits = |granted: &String| granted == "*" || *granted == ask.action;
    let granting = declared.relations.iter().filter(|relation| relation.grants.iter().any(permits));
    let mut steps: BTreeMap<(&str, &str), usize> =
        granting.map(|relation| ((ask.resource.as_str(), relation.name.as_str()), 0)).collect();
    let edges: Vec<_> = plan.edges.iter().filter(|edge| holds(edge.span, now) && allows(model, edge)).collect();
    loop {
        let mut shorter = Vec::new();
        for ((object, name), so_far) in &steps {
            let Some(relation) = model.relation(type_of(object), name) else { continue };
            shorter.extend(relation.includes.iter().map(|name| ((*object, name.as_str()), *so_far)));
            for edge in edges.iter().filter(|edge| edge.object == *object) {
                match &edge.to {
                    To::Userset(other, wanted) if edge.relation == *name => {
                        shorter.push(((other.as_str(), wanted.as_str()), so_far + 1));
                    }
                    To::Object(other) => {
                        let from = relation.from.iter().filter(|(_, via)| edge.relation == *via);
                        shorter.extend(from.map(|(wanted, _)| ((other.as_str(), wanted.as_str()), so_far + 1)));
                    }
                    To::Userset(..) | To::One(_) | To::Group(_) | To::Everyone(_) => {}
                }
            }
        }
        shorter.retain(|(at, new)| steps.get(at).is_none_or(|old| new < old));
        if shorter.is_empty() {
            return (steps.len(), steps.values().copied().max().unwrap_or(0));
        }
        for (at, new) in shorter {
            let known = steps.entry(at).or_insert(new);
            *known = new.min(*known);
        }
    }
}

/// The stored name of a resource's or subject's identifier, for policies.
pub fn identifier(plan: &Plan, me: &str) -> String {
    let person = plan.people.iter().find(|person| me == format!("user:{}", person.username));
    person.map_or_else(|| id_of(me).to_owned(), |person| person.sub.clone())
}
