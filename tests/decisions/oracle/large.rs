//! Worlds about as large as one decision may walk: on the one side of each bound it answers, on the other it says that it is
//! too much, and never the half of it.

use std::collections::BTreeMap;
use std::fmt;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::naive::{self, Verdict};
use super::plan::{
    Ask, EdgePlan, GrantPlan, MemberPlan, ModelPlan, Pattern, PersonPlan, Plan, RelationPlan, Span, To, TypePlan, What,
};
use super::real::{Answer, Real};
use super::{Tally, compare, kind};

/// The bounds, as they are written down: groups within groups, resources within resources, and all of each.
const GROUP_STEPS_MAX: usize = 16;
const OBJECT_STEPS_MAX: usize = 64;
const PRINCIPALS_MAX: usize = 1_000;
const RESOURCES_MAX: usize = 1_000;
const RELATIONS_MAX: usize = 10_000;

const NOW: i64 = 1_800_000_000_000_000;

/// What there is much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Much {
    NestedGroups,
    Groups,
    NestedFolders,
    Folders,
    NestedTeams,
    Teams,
    InheritedFolders,
}

#[derive(Clone)]
pub struct Large {
    much: Much,
    size: usize,
    /// Who is at the end of it asks, or somebody else.
    is_there: bool,
    /// Something else decides: a permit, or a deny.
    beside: Option<bool>,
}

impl fmt::Debug for Large {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { much, size, is_there, beside } = self;
        write!(f, "{much:?}: {size}, at the end of it: {is_there}, denied beside it: {beside:?}")
    }
}

pub fn cases() -> impl Strategy<Value = Large> {
    let much = prop_oneof![
        4 => Just(Much::NestedGroups),
        2 => Just(Much::Groups),
        4 => Just(Much::NestedFolders),
        2 => Just(Much::Folders),
        4 => Just(Much::NestedTeams),
        1 => Just(Much::Teams),
        4 => Just(Much::InheritedFolders),
    ];
    let beside = prop_oneof![2 => Just(None), 1 => any::<bool>().prop_map(Some)];
    (much, 0..=3_usize, any::<bool>(), beside).prop_map(|(much, more, is_there, beside)| {
        let bound = match much {
            Much::NestedGroups => GROUP_STEPS_MAX,
            Much::Groups => PRINCIPALS_MAX,
            Much::Folders => RESOURCES_MAX,
            Much::Teams => RELATIONS_MAX,
            Much::NestedFolders | Much::NestedTeams | Much::InheritedFolders => OBJECT_STEPS_MAX,
        };
        Large { much, size: bound - 1 + more, is_there, beside }
    })
}

fn model(is_inherited: bool) -> ModelPlan {
    let own = |text: &str| text.to_owned();
    let relation =
        |name: &str, subjects: Vec<Pattern>| RelationPlan { name: own(name), subjects, ..RelationPlan::default() };
    let userset = Pattern::Userset(own("team"), own("member"));
    let mut viewer = relation("viewer", vec![Pattern::One(own("user")), userset.clone()]);
    viewer.grants = vec![own("read")];
    if is_inherited {
        viewer.from = vec![(own("viewer"), own("parent"))];
    }
    let parent = relation("parent", vec![Pattern::Object(own("folder"))]);
    let member = relation("member", vec![Pattern::One(own("user")), userset]);
    let folder = TypePlan { actions: vec![own("read")], relations: vec![parent, viewer] };
    let team = TypePlan { actions: Vec::new(), relations: vec![member] };
    let types = BTreeMap::from([(own("folder"), folder), (own("team"), team)]);
    ModelPlan { people: own("user"), types, ..ModelPlan::default() }
}

fn person(name: &str) -> PersonPlan {
    PersonPlan { username: name.to_owned(), sub: format!("sub-{name}"), email: None, disabled: false }
}

fn edge(object: String, relation: &str, to: To) -> EdgePlan {
    EdgePlan { object, relation: relation.to_owned(), to, span: Span::default() }
}

fn grant(to: String, on: Option<String>, deny: bool) -> GrantPlan {
    GrantPlan { to, what: What::Permission("read:folder".to_owned()), on, deny, span: Span::default() }
}

fn member(member: String, group: String) -> MemberPlan {
    MemberPlan { member, group, span: Span::default() }
}

fn plan(large: &Large) -> Plan {
    let Large { much, size, is_there, beside } = *large;
    let me = || "user:anna".to_owned();
    let folder = |at: usize| format!("folder:{at}");
    let group = |at: usize| format!("group:g{at}");
    let team = |at: usize| format!("team:{at}");
    let parent = |from: usize, to: usize| edge(folder(from), "parent", To::Object(folder(to)));
    let userset = |at: usize| To::Userset(team(at), "member".to_owned());
    let mut plan = Plan {
        model: Some(model(much == Much::InheritedFolders)),
        people: vec![person("anna"), person("boris")],
        groups: (1..=size).map(group).collect(),
        grants: beside.map(|deny| grant(me(), None, deny)).into_iter().collect(),
        ..Plan::default()
    };
    let mut end = Vec::new();
    match much {
        Much::NestedGroups => {
            let nested = (1..size).map(|at| member(group(at), group(at + 1)));
            plan.members = nested.chain([member(me(), group(1))]).collect();
            plan.grants.extend(is_there.then(|| grant(group(size), None, false)));
        }
        Much::Groups => {
            plan.members = (1..=size).map(|at| member(me(), group(at))).collect();
            plan.grants.extend(is_there.then(|| grant(group(size), None, false)));
        }
        Much::NestedFolders => {
            plan.edges = (0..size).map(|at| parent(at, at + 1)).collect();
            plan.grants.extend(is_there.then(|| grant(me(), Some(folder(size)), false)));
        }
        Much::Folders => {
            plan.edges = (1..=size).map(|at| parent(0, at)).collect();
            plan.grants.extend(is_there.then(|| grant(me(), Some(folder(size)), false)));
        }
        Much::NestedTeams => {
            plan.edges = (1..size).map(|at| edge(team(at), "member", userset(at + 1))).collect();
            plan.edges.push(edge(folder(0), "viewer", userset(1)));
            end.push(edge(team(size), "member", To::One(me())));
        }
        Much::Teams => {
            plan.edges = (1..=size).map(|at| edge(folder(0), "viewer", userset(at))).collect();
            end.push(edge(team(size), "member", To::One(me())));
        }
        Much::InheritedFolders => {
            plan.edges = (0..size).map(|at| parent(at, at + 1)).collect();
            end.push(edge(folder(size), "viewer", To::One(me())));
        }
    }
    plan.edges.extend(end.into_iter().filter(|_| is_there));
    plan
}

pub fn agrees(large: &Large, tally: &mut Tally) -> Result<(), TestCaseError> {
    let plan = plan(large);
    let (real, _) = Real::build(&plan);
    tally.worlds += 1;
    for name in ["user:anna", "user:boris", "user:nobody"] {
        let (subject, action, resource) = (name.to_owned(), "read".to_owned(), "folder:0".to_owned());
        let ask = Ask { subject, action, resource, sent: BTreeMap::new() };
        let verdict = naive::judge(&plan, &[], &ask, NOW);
        let (must, may) = too_much(&plan, large, &ask, &verdict);
        let answers = [real.ask(&ask, NOW), real.learn(&plan, &ask, NOW)];
        for answer in answers.into_iter().flatten() {
            if matches!(answer, Answer::OverBudget) {
                prop_assert!(must || may, "{} is within what may be walked\nthe oracle: {:?}", ask, verdict);
            } else {
                prop_assert!(!must, "{} is too much, and is answered: {:?}\nthe oracle: {:?}", ask, answer, verdict);
                compare(&real, &ask, NOW, &verdict, &answer)?;
            }
        }
        tally.count(if must { "over budget" } else { kind(&verdict) });
    }
    Ok(())
}

/// Whether it must be too much, and whether it may be.
fn too_much(plan: &Plan, large: &Large, ask: &Ask, verdict: &Verdict) -> (bool, bool) {
    let extent = &verdict.extent;
    let is_wide = extent.principals > PRINCIPALS_MAX || extent.resources > RESOURCES_MAX;
    if is_wide || extent.group_steps > GROUP_STEPS_MAX || extent.parent_steps > OBJECT_STEPS_MAX {
        return (true, true);
    }
    let (relations, steps) = naive::reach(plan, ask, NOW);
    let is_far = relations > RELATIONS_MAX || steps > OBJECT_STEPS_MAX;
    let is_decided = !(verdict.denied.is_empty() && verdict.assigned.is_empty());
    if !is_far || is_decided || verdict.standing != naive::Standing::Active {
        return (false, false);
    }
    // Of many teams the right one may be found early; at the end of a row there is only one.
    (verdict.related.is_empty() || large.much != Much::Teams, true)
}
