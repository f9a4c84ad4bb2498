//! Policies for the second evaluator: each put to the library alone, with values and entities of our own making. There is no
//! index and no slice, and no set in which one policy could stand for another.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use cedar_policy::{
    Authorizer, Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
    RestrictedExpression,
};
use serde_json::{Map, Value};

use super::naive;
use super::plan::{Ask, AttributePlan, ModelPlan, Place, Plan, PolicyPlan, Sort, id_of, type_of};

/// One policy.
pub struct Judge {
    plan: PolicyPlan,
    whole: PolicySet,
    /// What it speaks of, whatever its conditions.
    head: PolicySet,
}

impl Judge {
    pub fn new(plan: &PolicyPlan) -> Self {
        let head = format!("permit({});", plan.head).parse().unwrap();
        Self { plan: plan.clone(), whole: plan.text().parse().unwrap(), head }
    }
}

/// The name of a type in policies.
pub fn type_name(space: &str, model: &ModelPlan, of: &str) -> String {
    let is_known = match space {
        "Subject" => ["user", "client"].contains(&of) || model.subjects.iter().any(|subject| subject == of),
        _ => model.types.contains_key(of),
    };
    if is_known { format!("{space}::{}", of.replace('-', "_")) } else { "Nobody::Knows".to_owned() }
}

thread_local! {
    /// The library takes its time to read the name of a type.
    static READ: RefCell<HashMap<String, EntityTypeName>> = RefCell::default();
}

fn uid(of: &str, id: &str) -> EntityUid {
    let name = READ.with_borrow_mut(|read| read.entry(of.to_owned()).or_insert_with(|| of.parse().unwrap()).clone());
    EntityUid::from_type_name_and_id(name, EntityId::new(id))
}

/// A value of the declared sort; none for any other.
fn value(sort: Sort, value: &Value) -> Option<RestrictedExpression> {
    let text = |value: &Value| value.as_str().map(|text| RestrictedExpression::new_string(text.to_owned()));
    match sort {
        Sort::Integer => value.as_i64().map(RestrictedExpression::new_long),
        Sort::Flag => value.as_bool().map(RestrictedExpression::new_bool),
        Sort::Text => text(value),
        Sort::Texts => {
            value.as_array()?.iter().map(text).collect::<Option<Vec<_>>>().map(RestrictedExpression::new_set)
        }
        Sort::Address => {
            let address: std::net::IpAddr = value.as_str()?.parse().ok()?;
            Some(RestrictedExpression::new_ip(address.to_string()))
        }
        Sort::Decimal => {
            let number = value.as_str().filter(|text| text.contains('.') && text.parse::<f64>().is_ok())?;
            Some(RestrictedExpression::new_decimal(number))
        }
    }
}

fn at<'a>(values: Option<&'a Map<String, Value>>, name: &str) -> Option<&'a Value> {
    values.and_then(|values| values.get(name)).filter(|value| !value.is_null())
}

fn sent<'a>(ask: &'a Ask, attribute: &AttributePlan) -> Option<&'a Value> {
    at(ask.sent.get(&attribute.place), attribute.name)
}

/// The attributes of a place; of what is not declared there are none.
fn declared<'a>(model: &'a ModelPlan, ask: &'a Ask, place: Place) -> impl Iterator<Item = &'a AttributePlan> {
    let (of, kind) = (type_of(&ask.resource), type_of(&ask.subject));
    let of = model.types.get(of);
    let kind = if kind == "user" { model.people.as_str() } else { kind };
    let is_declared = match place {
        Place::Subject => model.subjects.iter().any(|subject| subject == kind),
        Place::Resource => of.is_some(),
        Place::Action => of.is_some_and(|of| of.actions.contains(&ask.action)),
        Place::Context => true,
    };
    model.attributes.iter().filter(move |attribute| is_declared && attribute.place == place)
}

/// Whether what is sent is of the declared types.
pub fn is_readable(model: &ModelPlan, ask: &Ask) -> bool {
    let places = [Place::Subject, Place::Action, Place::Resource, Place::Context];
    let mut attributes = places.into_iter().flat_map(|place| declared(model, ask, place));
    attributes.all(|attribute| sent(ask, attribute).is_none_or(|given| value(attribute.sort, given).is_some()))
}

/// What the policies see, and the names of what is not as the model says.
struct Seen {
    values: BTreeMap<Place, HashMap<String, RestrictedExpression>>,
    broken: BTreeSet<&'static str>,
}

fn look(plan: &Plan, model: &ModelPlan, ask: &Ask, me: &str) -> Seen {
    let (mut values, mut broken) = (BTreeMap::new(), BTreeSet::new());
    let person = plan.people.iter().find(|person| me == format!("user:{}", person.username));
    for place in [Place::Subject, Place::Action, Place::Resource, Place::Context] {
        let mut here = HashMap::new();
        for attribute in declared(model, ask, place) {
            let known = |name: &str| match (person, name) {
                (Some(person), "username") => Some(Value::from(person.username.as_str())),
                (Some(person), "email") => person.email.as_deref().map(Value::from),
                (_, name) => at(plan.registered.get(me), name).cloned(),
            };
            let stored = match place {
                Place::Subject => known(attribute.name),
                Place::Resource => at(plan.resources.get(&ask.resource), attribute.name).cloned(),
                Place::Action | Place::Context => None,
            };
            // What is known here of a person is nobody else's to say, in no request either.
            let is_known_here =
                person.is_some() && place == Place::Subject && ["username", "email"].contains(&attribute.name);
            let is_said = (attribute.by_request && !is_known_here) || matches!(place, Place::Action | Place::Context);
            let said = if is_said { sent(ask, attribute).cloned() } else { None };
            match said.or(stored).map(|given| value(attribute.sort, &given)) {
                Some(Some(given)) => drop(here.insert(attribute.name.to_owned(), given)),
                None if !attribute.required => {}
                Some(None) | None => drop(broken.insert(attribute.name)),
            }
        }
        values.insert(place, here);
    }
    Seen { values, broken }
}

/// The policies that forbid, those that could not be evaluated among them, and those that permit.
pub fn ask(
    plan: &Plan,
    judges: &[Judge],
    ask: &Ask,
    me: &str,
    groups: &BTreeMap<String, usize>,
    roles: &BTreeSet<String>,
    above: &BTreeMap<String, usize>,
) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut forbids, mut permits) = (BTreeSet::new(), BTreeSet::new());
    let Some(model) = plan.model.as_ref().filter(|_| !judges.is_empty()) else { return (forbids, permits) };
    let Seen { mut values, broken } = look(plan, model, ask, me);
    let mut take = |place| values.remove(&place).unwrap_or_default();

    let kind = if type_of(me) == "user" { model.people.as_str() } else { type_of(me) };
    let principal = uid(&type_name("Subject", model, kind), &naive::identifier(plan, me));
    let resource_uid = |name: &str| uid(&type_name("Resource", model, type_of(name)), id_of(name));
    let resource = resource_uid(&ask.resource);
    let in_groups = groups.keys().map(|group| uid("Group", id_of(group)));
    let holds: HashSet<_> = in_groups.chain(roles.iter().map(|role| uid("Role", role))).collect();
    let inside: HashSet<_> = above.keys().map(|name| resource_uid(name)).collect();
    let action = RestrictedExpression::new_record(take(Place::Action)).unwrap();
    let context = take(Place::Context).into_iter().chain([("action".to_owned(), action)]);
    let context = Context::from_pairs(context).unwrap();
    let entities = [
        Entity::new(principal.clone(), take(Place::Subject), holds).unwrap(),
        Entity::new(resource.clone(), take(Place::Resource), inside).unwrap(),
    ];
    let entities = Entities::from_entities(entities, None).unwrap();
    let request = Request::new(principal, uid("Action", &ask.action), resource, context, None).unwrap();

    let put = |policies: &PolicySet| {
        let response = Authorizer::new().is_authorized(&request, policies, &entities);
        let diagnostics = response.diagnostics();
        (diagnostics.reason().next().is_some(), diagnostics.errors().next().is_some())
    };
    for Judge { plan, whole, head } in judges {
        let is_blind = plan.names.iter().any(|name| broken.contains(name)) && put(head).0;
        let (applies, fails) = if is_blind { (false, true) } else { put(whole) };
        if plan.forbid && (applies || fails) {
            forbids.insert(plan.id.clone());
        } else if !plan.forbid && applies {
            permits.insert(plan.id.clone());
        }
    }
    (forbids, permits)
}
