//! Random worlds. Numbers are drawn first, and then made into a world in which every name is there and the model allows what
//! is written, by taking each number modulo what there is to choose from. So nothing is thrown away, and what fails shrinks
//! by leaving out members of lists and by smaller numbers.

use std::collections::BTreeMap;
use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::plan::{
    Ask, AttributePlan, EdgePlan, GrantPlan, MemberPlan, ModelPlan, Pattern, PersonPlan, Place, Plan, RelationPlan,
    RolePlan, Sort, Span, Time, To, TypePlan, What, type_of,
};
use super::policy;

/// The moments at which intervals begin and end.
const MOMENTS: [Time; 3] = [1_800_000_000_000_000, 1_800_000_000_000_001, 1_800_003_600_000_000];
/// The moments that are asked about: on each of those, and a microsecond before.
pub const NOWS: [Time; 5] = [MOMENTS[0] - 1, MOMENTS[0], MOMENTS[1], MOMENTS[2] - 1, MOMENTS[2]];

const TYPES: [&str; 3] = ["folder", "case-file", "team"];
const RELATIONS: [&str; 5] = ["parent", "link", "owner", "editor", "viewer"];
const ACTIONS: [&str; 3] = ["read", "write", "share"];
pub const OBJECTS: [&str; 7] =
    ["folder:f0", "folder:f1", "folder:f2", "case-file:c0", "case-file:c1", "team:t0", "team:t1"];
pub const GROUPS: [&str; 4] = ["group:g0", "group:g1", "group:g2", "group:g3"];
pub const ROLES: [&str; 4] = ["r0", "r1", "r2", "r3"];
/// Some more often than others, as they are asked about.
const ONES: [&str; 7] =
    ["user:anna", "client:cron", "employee:1", "user:boris", "user:anna", "employee:2", "employee:1"];
const PERMISSIONS: [&str; 12] = [
    "read:folder",
    "write:folder",
    "share:team",
    "read:case-file",
    "write:case-file",
    "read:team",
    "read:*",
    "*:case-file",
    "*:folder",
    "write:*",
    "*:*",
    "export:report",
];
const SUBJECTS: [&str; 12] = [
    "user:anna",
    "client:cron",
    "employee:1",
    "user:boris",
    "employee:2",
    "user:sub-anna",
    "person:anna",
    "user:dora",
    "employee:3",
    "user:nobody",
    "group:g0",
    "employee:*",
];
const ASKED_ACTIONS: [&str; 8] = ["read", "write", "read", "write", "share", "export", "rea", "*"];
const ASKED_OBJECTS: [&str; 12] = [
    "folder:f0",
    "case-file:c0",
    "folder:f1",
    "case-file:c1",
    "team:t0",
    "folder:f2",
    "team:t1",
    "folder:f9",
    "report:1",
    "case-file:*",
    "case:c0",
    "folder:",
];

type Numbers = (u8, u8, u8, u8);
type RawRelation = Option<(Vec<u8>, Vec<u8>, Vec<(u8, u8)>, Vec<u8>)>;
type RawModel = (Vec<Vec<RawRelation>>, Vec<(bool, bool)>, u8, bool);
type RawGrant = (u8, u8, u8, bool, Span);

/// What is tried together.
#[derive(Clone)]
pub struct Case {
    pub plan: Plan,
    pub asks: Vec<Ask>,
}

/// What a failure shows.
impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}", self.plan)?;
        self.asks.iter().try_for_each(|ask| writeln!(f, "asked: {ask}"))
    }
}

/// One of a list, by any number.
pub fn pick<T>(list: &[T], number: u8) -> Option<&T> {
    list.get(usize::from(number).checked_rem(list.len())?)
}

fn numbers() -> impl Strategy<Value = Numbers> {
    any::<Numbers>()
}

fn spans() -> impl Strategy<Value = Span> {
    let [a, b, c] = MOMENTS.map(Some);
    let span = |from, until| Span { from, until };
    prop_oneof![
        4 => Just(Span::default()),
        3 => select(vec![span(None, a), span(None, b), span(None, c), span(a, None), span(b, None), span(c, None)]),
        1 => select(vec![span(a, b), span(b, c), span(a, c)]),
    ]
}

fn models() -> impl Strategy<Value = Option<RawModel>> {
    let relation =
        (vec(any::<u8>(), 0..=3), vec(any::<u8>(), 0..=2), vec(any::<(u8, u8)>(), 0..=2), vec(any::<u8>(), 0..=2));
    let relations = vec(prop::option::weighted(0.75, relation), RELATIONS.len());
    let attributes = vec((prop::bool::weighted(0.3), any::<bool>()), attributes().len());
    prop::option::weighted(0.95, (vec(relations, TYPES.len()), attributes, any::<u8>(), any::<bool>()))
}

/// A model, roles, policies, and how the model was narrowed.
type RawRules = (Option<RawModel>, Vec<(Vec<u8>, Vec<u8>)>, Vec<policy::Raw>, Vec<Numbers>);

fn rules() -> impl Strategy<Value = RawRules> {
    let role = (vec(any::<u8>(), 0..=3), vec(any::<u8>(), 0..=2));
    let narrowed = prop_oneof![3 => Just(Vec::new()), 1 => vec(numbers(), 1..=4)];
    (models(), vec(role, ROLES.len()), vec(policy::raw(), 0..=4), narrowed)
}

pub fn cases() -> impl Strategy<Value = Case> {
    let grant = (any::<u8>(), any::<u8>(), any::<u8>(), prop::bool::weighted(0.15), spans());
    let written = (
        vec((any::<u8>(), any::<u8>(), spans()), 0..=12),
        vec(grant, 0..=10),
        vec((numbers(), spans()), 0..=40),
        vec((any::<u8>(), any::<u8>()), 0..=8),
    );
    let ask = (any::<u8>(), any::<u8>(), any::<u8>(), vec(any::<u8>(), 0..=2));
    (rules(), written, vec(ask, 1..=40)).prop_map(|((model, roles, policies, narrowed), written, asks)| {
        let model = model.map(|raw| mend(&make_model(&raw)));
        let mut plan = Plan { roles: make_roles(model.as_ref(), &roles), ..directory(model.as_ref()) };
        fill(&mut plan, model.as_ref(), &written);
        let now = model.as_ref().map(|model| narrow(model, &narrowed));
        plan.earlier = model.filter(|_| !narrowed.is_empty());
        plan.model = now;
        if let Some(model) = &plan.model {
            plan.policies = policies.iter().enumerate().map(|(at, raw)| policy::make(model, at, raw)).collect();
        }
        Case { plan, asks: asks.iter().map(make_ask).collect() }
    })
}

/// Who and what there is.
fn directory(model: Option<&ModelPlan>) -> Plan {
    let person = |name: &str, email: Option<&str>, disabled| PersonPlan {
        username: name.to_owned(),
        sub: format!("sub-{name}"),
        email: email.map(str::to_owned),
        disabled,
    };
    let has_employees = model.is_some_and(|model| model.subjects.iter().any(|of| of == "employee"));
    let employees = [("employee:1", false), ("employee:2", false), ("employee:3", true)];
    let employees = employees.into_iter().filter(|_| has_employees).map(|(name, out)| (name.to_owned(), out));
    Plan {
        people: vec![
            person("anna", Some("anna@example.com"), false),
            person("boris", None, false),
            person("dora", None, true),
        ],
        clients: vec!["cron".to_owned()],
        employees: employees.collect(),
        groups: GROUPS.iter().map(|name| (*name).to_owned()).collect(),
        ..Plan::default()
    }
}

fn attributes() -> Vec<AttributePlan> {
    let at = |place, name, sort| AttributePlan { place, name, sort, required: false, by_request: false };
    vec![
        at(Place::Resource, "level", Sort::Integer),
        at(Place::Resource, "status", Sort::Text),
        at(Place::Resource, "tags", Sort::Texts),
        at(Place::Subject, "clearance", Sort::Integer),
        at(Place::Subject, "email", Sort::Text),
        at(Place::Action, "soft", Sort::Flag),
        at(Place::Context, "device", Sort::Address),
        at(Place::Context, "amount", Sort::Decimal),
    ]
}

fn make_model((types, flags, people, has_client): &RawModel) -> ModelPlan {
    let attributes = attributes().into_iter().zip(flags).map(|(attribute, (required, by_request))| {
        // Source is for what can be stored at all.
        let is_stored = matches!(attribute.place, Place::Subject | Place::Resource);
        AttributePlan { required: *required, by_request: *by_request && is_stored, ..attribute }
    });
    let (people, is_declared) = [("user", true), ("person", true), ("user", false)][usize::from(*people) % 3];
    let subjects = [("employee", true), (people, is_declared), ("client", *has_client)];
    let subjects = subjects.into_iter().filter(|(_, is_declared)| *is_declared).map(|(name, _)| name.to_owned());
    let mut model = ModelPlan {
        people: people.to_owned(),
        subjects: subjects.collect(),
        types: BTreeMap::new(),
        attributes: attributes.collect(),
    };
    for (name, raw) in TYPES.iter().zip(types) {
        let actions = if *name == "team" { &ACTIONS[..] } else { &ACTIONS[..2] };
        let names = RELATIONS.iter().zip(raw).filter(|(_, raw)| raw.is_some());
        let relations = names.map(|(name, _)| RelationPlan { name: (*name).to_owned(), ..RelationPlan::default() });
        let actions = actions.iter().map(|action| (*action).to_owned()).collect();
        model.types.insert((*name).to_owned(), TypePlan { actions, relations: relations.collect() });
    }
    // First what edges may point to, then what follows from where they lead.
    for step in [connect, derive] {
        for (name, raw) in TYPES.iter().zip(types) {
            for (at, raw) in raw.iter().flatten().enumerate() {
                let relation = step(&model, name, at, raw);
                model.types.get_mut(*name).unwrap().relations[at] = relation;
            }
        }
    }
    model
}

type RawRelationRef<'a> = &'a (Vec<u8>, Vec<u8>, Vec<(u8, u8)>, Vec<u8>);

fn leads_on(relation: &RelationPlan) -> bool {
    ["parent", "link"].contains(&relation.name.as_str())
}

fn connect(model: &ModelPlan, of: &str, at: usize, (subjects, _, _, grants): RawRelationRef<'_>) -> RelationPlan {
    let mut relation = model.types[of].relations[at].clone();
    let patterns = if leads_on(&relation) { to_objects() } else { to_subjects(model) };
    for number in subjects {
        let pattern = pick(&patterns, *number).unwrap().clone();
        if !relation.subjects.contains(&pattern) {
            relation.subjects.push(pattern);
        }
    }
    if relation.subjects.is_empty() {
        relation.subjects.push(patterns[0].clone());
    }
    if !leads_on(&relation) {
        let actions: Vec<_> = model.types[of].actions.iter().cloned().chain(["*".to_owned()]).collect();
        relation.grants = grants.iter().filter_map(|number| pick(&actions, *number).cloned()).collect();
    }
    relation
}

fn to_objects() -> Vec<Pattern> {
    TYPES.iter().map(|of| Pattern::Object((*of).to_owned())).collect()
}

fn to_subjects(model: &ModelPlan) -> Vec<Pattern> {
    let own = |of: &str| of.to_owned();
    let mut patterns = vec![Pattern::One(own("user")), Pattern::Group, Pattern::One(own("employee"))];
    patterns.extend([Pattern::One(own("client")), Pattern::One(model.people.clone())]);
    patterns.extend(["user", "employee", "client"].map(|of| Pattern::Everyone(own(of))));
    for (of, declared) in &model.types {
        let relations = declared.relations.iter().filter(|relation| !leads_on(relation));
        patterns.extend(relations.map(|relation| Pattern::Userset(of.clone(), relation.name.clone())));
    }
    patterns
}

fn derive(model: &ModelPlan, of: &str, at: usize, (_, includes, from, _): RawRelationRef<'_>) -> RelationPlan {
    let mut relation = model.types[of].relations[at].clone();
    if leads_on(&relation) {
        return relation;
    }
    // Only what stands before it, so that none includes itself.
    let before: Vec<_> = model.types[of].relations[..at].iter().filter(|other| !leads_on(other)).collect();
    relation.includes = includes.iter().filter_map(|number| Some(pick(&before, *number)?.name.clone())).collect();
    let vias: Vec<_> = model.types[of].relations.iter().filter(|other| leads_on(other)).collect();
    for (via, name) in from {
        let Some(via) = pick(&vias, *via) else { continue };
        let targets = via.subjects.iter().filter_map(|pattern| match pattern {
            Pattern::Object(of) => model.types.get(of),
            _ => None,
        });
        let names: Vec<_> = targets.flat_map(|of| &of.relations).filter(|other| !leads_on(other)).collect();
        relation.from.extend(pick(&names, *name).map(|other| (other.name.clone(), via.name.clone())));
    }
    relation
}

/// What permits nothing, and from which nothing follows, is no relation: it is given something to permit.
fn mend(model: &ModelPlan) -> ModelPlan {
    let mut mended = model.clone();
    loop {
        let Err(error) = doorward::domain::model::Model::parse(&mended.document()) else { return mended };
        let useless = mended.types.iter_mut().flat_map(|(of, declared)| {
            declared
                .relations
                .iter_mut()
                .map(move |relation| (format!("resources.{of}.relations.{}", relation.name), relation))
        });
        let useless = useless.filter(|(at, relation)| *at == error.at && relation.grants.is_empty());
        let found = useless.map(|(_, relation)| relation.grants.push("*".to_owned())).count();
        assert_eq!(found, 1, "{error}\n{}", model.document());
    }
}

/// The model after its relations were narrowed: edges that were allowed are no more.
fn narrow(model: &ModelPlan, picks: &[Numbers]) -> ModelPlan {
    let mut now = model.clone();
    for (of, relation, pattern, _) in picks {
        let before = now.clone();
        let of = pick(&TYPES, *of).unwrap();
        let relations = &mut now.types.get_mut(*of).unwrap().relations;
        let at = usize::from(*relation).checked_rem(relations.len());
        let Some(relation) = at.map(|at| &mut relations[at]) else { continue };
        let at = usize::from(*pattern).checked_rem(relation.subjects.len());
        at.map(|at| relation.subjects.remove(at));
        if doorward::domain::model::Model::parse(&now.document()).is_err() {
            now = before;
        }
    }
    now
}

fn make_roles(model: Option<&ModelPlan>, raw: &[(Vec<u8>, Vec<u8>)]) -> Vec<RolePlan> {
    let known = permissions(model);
    let role = |(at, (permissions, includes)): (usize, &(Vec<u8>, Vec<u8>))| RolePlan {
        name: ROLES[at].to_owned(),
        permissions: permissions.iter().map(|number| (*pick(&known, *number).unwrap()).to_owned()).collect(),
        includes: includes.iter().filter_map(|number| pick(&ROLES[..at], *number)).map(|r| (*r).to_owned()).collect(),
    };
    raw.iter().enumerate().map(role).collect()
}

/// Without a model all of the server's permissions are declared one by one, with it what is beside the model.
pub fn declared(model: Option<&ModelPlan>) -> &'static [&'static str] {
    if model.is_some() { &["export:report"] } else { &["export:report", "read:folder", "write:folder", "read:team"] }
}

/// Those that mean something where this is declared.
fn permissions(model: Option<&ModelPlan>) -> Vec<&'static str> {
    let has_model = model.is_some();
    let undeclared = ["share:team", "read:case-file", "write:case-file", "*:case-file"];
    PERMISSIONS.into_iter().filter(|name| has_model || !undeclared.contains(name)).collect()
}

type Written = (Vec<(u8, u8, Span)>, Vec<RawGrant>, Vec<(Numbers, Span)>, Vec<(u8, u8)>);

fn fill(plan: &mut Plan, model: Option<&ModelPlan>, (members, grants, edges, stored): &Written) {
    let ones: Vec<_> = ONES.into_iter().filter(|one| model.is_some() || type_of(one) != "employee").collect();
    let joiners: Vec<_> = ones.iter().filter(|one| type_of(one) != "employee").chain(&GROUPS).copied().collect();
    let holders: Vec<_> = ones.iter().chain(&GROUPS).copied().collect();
    for (member, group, span) in members {
        let (member, group) = (pick(&joiners, *member).unwrap(), pick(&GROUPS, *group).unwrap());
        plan.members.push(MemberPlan { member: (*member).to_owned(), group: (*group).to_owned(), span: *span });
    }
    let mut held: Vec<_> = ROLES.iter().map(|role| What::Role((*role).to_owned())).collect();
    held.extend(permissions(model).into_iter().map(|name| What::Permission(name.to_owned())));
    for (to, what, on, deny, span) in grants {
        let to = (*pick(&holders, *to).unwrap()).to_owned();
        let what = pick(&held, *what).unwrap().clone();
        // The whole resource server half of the time.
        let on = if on % 2 == 0 { None } else { pick(&OBJECTS, on / 2).map(|on| (*on).to_owned()) };
        plan.grants.push(GrantPlan { to, what, on, deny: *deny, span: *span });
    }
    let Some(model) = model else { return };
    plan.edges.extend(edges.iter().filter_map(|(numbers, span)| make_edge(model, &ones, *numbers, *span)));
    for (what, how) in stored {
        let known: Vec<_> = ones.iter().chain(&OBJECTS).copied().collect();
        let name = *pick(&known, *what).unwrap();
        let is_resource = OBJECTS.contains(&name);
        let place = if is_resource { Place::Resource } else { Place::Subject };
        let list = if is_resource { &mut plan.resources } else { &mut plan.registered };
        list.entry(name.to_owned()).or_default().extend(values(place, *how));
    }
}

fn make_edge(model: &ModelPlan, ones: &[&str], (of, to, object, subject): Numbers, span: Span) -> Option<EdgePlan> {
    // What leads on is often what the rest hangs on.
    let all = model.types.iter().flat_map(|(of, declared)| declared.relations.iter().map(move |r| (of, r)));
    let all: Vec<_> = all.flat_map(|(of, r)| std::iter::repeat_n((of, r), if leads_on(r) { 2 } else { 1 })).collect();
    let (of, relation) = pick(&all, of)?;
    let objects_of = |of: &str| OBJECTS.iter().filter(|object| type_of(object) == of).copied().collect::<Vec<_>>();
    let chosen = |list: Vec<&str>| pick(&list, subject).map(|one| (*one).to_owned());
    let to = match pick(&relation.subjects, to)? {
        Pattern::One(of) => {
            let fits = |one: &&str| type_of(one) == of || (type_of(one) == "user" && *of == model.people);
            To::One(chosen(ones.iter().copied().filter(fits).collect())?)
        }
        Pattern::Group => To::Group(chosen(GROUPS.to_vec())?),
        Pattern::Everyone(of) => To::Everyone(of.clone()),
        Pattern::Object(of) => To::Object(chosen(objects_of(of))?),
        Pattern::Userset(of, name) => To::Userset(chosen(objects_of(of))?, name.clone()),
    };
    let object = (*pick(&objects_of(of), object)?).to_owned();
    Some(EdgePlan { object, relation: relation.name.clone(), to, span })
}

/// Values for what is of a place; some are not what the model says.
fn values(place: Place, number: u8) -> Map<String, Value> {
    let list = match place {
        Place::Resource => vec![
            json!({ "level": 5 }),
            json!({ "level": 1 }),
            json!({ "status": "open" }),
            json!({ "level": 0, "status": "closed", "tags": ["x", "y"] }),
            json!({ "tags": [] }),
            json!({ "level": 7, "status": "open", "tags": ["x"] }),
            json!({ "level": null, "other": 1 }),
            json!({ "level": "high" }),
            json!({ "status": 7, "tags": "x" }),
        ],
        Place::Subject => vec![
            json!({ "clearance": 3 }),
            json!({ "clearance": 9 }),
            json!({ "email": "anyone@example.com" }),
            json!({ "clearance": 0, "email": "anyone@example.org" }),
            json!({ "clearance": "top" }),
        ],
        Place::Action => {
            vec![json!({ "soft": true }), json!({ "soft": false }), json!({ "soft": null }), json!({ "soft": 1 })]
        }
        Place::Context => vec![
            json!({ "device": "10.1.2.3", "amount": "12.5" }),
            json!({ "device": "192.0.2.1", "amount": "3.0", "unknown": {} }),
            json!({ "amount": "99.99" }),
            json!({ "device": "10.0.0.9" }),
            json!({ "device": "nowhere" }),
        ],
    };
    pick(&list, number).and_then(Value::as_object).cloned().unwrap_or_default()
}

fn make_ask((subject, action, object, said): &(u8, u8, u8, Vec<u8>)) -> Ask {
    // The first of each list are asked for most often.
    let often = |length: usize, number: u8| {
        let number = usize::from(number);
        if number < 200 { number % (length / 2).max(1) } else { number % length }
    };
    let places = [Place::Resource, Place::Context, Place::Action, Place::Subject];
    let sent = said.iter().map(|number| {
        let place = places[usize::from(number % 4)];
        // What cannot be read at all is rare.
        let last = match place {
            Place::Resource => 7,
            Place::Subject | Place::Context => 4,
            Place::Action => 3,
        };
        (place, values(place, if *number < 225 { number / 4 % last } else { number / 4 }))
    });
    Ask {
        subject: SUBJECTS[often(SUBJECTS.len(), *subject)].to_owned(),
        action: ASKED_ACTIONS[often(ASKED_ACTIONS.len(), *action)].to_owned(),
        resource: ASKED_OBJECTS[often(ASKED_OBJECTS.len(), *object)].to_owned(),
        sent: sent.collect(),
    }
}
