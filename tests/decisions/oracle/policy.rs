//! Random policies: a head, and up to two conditions on attributes, groups, roles and what the resource is in. Some can fail
//! when they are evaluated.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::cedar::type_name;
use super::plan::{ModelPlan, PolicyPlan};
use super::plan::{id_of, type_of};
use super::random::{GROUPS, OBJECTS, ROLES, pick};

pub type Raw = (bool, (u8, u8, u8), Vec<(u8, u8, bool)>);

pub fn raw() -> impl Strategy<Value = Raw> {
    (
        prop::bool::weighted(0.35),
        any::<(u8, u8, u8)>(),
        vec((any::<u8>(), any::<u8>(), prop::bool::weighted(0.2)), 0..=2),
    )
}

/// An attribute as a condition asks for it: with `has` where it may be missing.
fn asks(model: &ModelPlan, names: &mut BTreeSet<&'static str>, of: &str, name: &'static str, test: &str) -> String {
    names.insert(name);
    let is_required = model.attributes.iter().any(|attribute| attribute.name == name && attribute.required);
    if is_required { format!("{of}.{test}") } else { format!("({of} has {name} && {of}.{test})") }
}

pub fn make(model: &ModelPlan, at: usize, (forbid, head, conditions): &Raw) -> PolicyPlan {
    let mut names = BTreeSet::new();
    let mut text = String::new();
    for (kind, number, unless) in conditions {
        let condition = condition(model, &mut names, *kind, *number);
        let word = if *unless { "unless" } else { "when" };
        text.extend([word, " { ", &condition, " } "]);
    }
    let head = format!("{}, {}, {}", principal(model, head.0), action(head.1), resource(model, head.2));
    PolicyPlan { id: format!("p{at}"), forbid: *forbid, head, conditions: text, names }
}

fn entity(model: &ModelPlan, object: &str) -> String {
    format!("{}::\"{}\"", type_name("Resource", model, type_of(object)), id_of(object))
}

fn group(number: u8) -> String {
    format!("Group::\"{}\"", id_of(pick(&GROUPS, number).unwrap()))
}

fn principal(model: &ModelPlan, number: u8) -> String {
    let people = type_name("Subject", model, &model.people);
    let (kind, number) = (number % 8, number / 8);
    match kind {
        0..=2 => "principal".to_owned(),
        3 => format!("principal is {people}"),
        4 => format!("principal == {people}::\"sub-anna\""),
        5 => format!("principal in {}", group(number)),
        6 => format!("principal in Role::\"{}\"", pick(&ROLES, number).unwrap()),
        _ => format!("principal is {people} in {}", group(number)),
    }
}

fn action(number: u8) -> String {
    let heads = [
        "action",
        "action == Action::\"read\"",
        "action == Action::\"write\"",
        "action in [Action::\"read\", Action::\"share\"]",
    ];
    (*pick(&heads, number).unwrap()).to_owned()
}

fn resource(model: &ModelPlan, number: u8) -> String {
    let (kind, object) = (number % 6, pick(&OBJECTS, number / 6).unwrap());
    let of = type_name("Resource", model, type_of(object));
    match kind {
        0 | 1 => "resource".to_owned(),
        2 => format!("resource is {of}"),
        3 => format!("resource == {}", entity(model, object)),
        4 => format!("resource in {}", entity(model, object)),
        _ => format!("resource is {of} in {}", entity(model, object)),
    }
}

fn condition(model: &ModelPlan, names: &mut BTreeSet<&'static str>, kind: u8, number: u8) -> String {
    let about_people = |model: &ModelPlan, test: String| {
        let of = if model.subjects.contains(&model.people) { model.people.as_str() } else { "employee" };
        format!("principal is {} && {test}", type_name("Subject", model, of))
    };
    match kind % 13 {
        0 => asks(model, names, "resource", "level", "level > 3"),
        1 => asks(model, names, "resource", "status", "status == \"open\""),
        2 => asks(model, names, "resource", "tags", "tags.contains(\"x\")"),
        // More than 64 bits hold, for every level above zero.
        3 => asks(model, names, "resource", "level", "level + 9223372036854775807 > 0"),
        4 => {
            let test = asks(model, names, "principal", "clearance", "clearance >= 3");
            about_people(model, test)
        }
        5 => {
            let test = asks(model, names, "principal", "email", "email like \"*@example.com\"");
            about_people(model, test)
        }
        6 => {
            let test = asks(model, names, "principal", "clearance", "clearance * 4611686018427387904 > 0");
            format!("principal is Subject::employee && {test}")
        }
        7 => asks(model, names, "context.action", "soft", "soft"),
        8 => asks(model, names, "context", "device", "device.isInRange(ip(\"10.0.0.0/8\"))"),
        9 => asks(model, names, "context", "amount", "amount.lessThan(decimal(\"10.5\"))"),
        10 => format!("principal in {}", group(number)),
        11 => format!("principal in Role::\"{}\"", pick(&ROLES, number).unwrap()),
        _ => format!("resource in {}", entity(model, pick(&OBJECTS, number).unwrap())),
    }
}
