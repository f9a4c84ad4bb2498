//! What a model is called in policies, and the schema they are checked against.
//!
//! Principals are `Subject::user::"…"`, resources `Resource::document::"…"`, apart because one of the same type and
//! identifier on both sides would have to have the same attributes. A principal is in `Role::"…"` and `Group::"…"`; a
//! resource is in what its `parent` edges lead to. An action is `Action::"…"`, whatever it is done to; its properties are
//! `context.action`, beside what else a request says.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cedar_policy::{EntityId, EntityTypeName, EntityUid, Schema, SchemaFragment};
use serde_json::{Map, Value, json};

use crate::domain::model::{AttributeType, Attributes, CLIENT, Model, ModelError, PARENT, ResourceType};
use crate::domain::name::Segment;

/// Words that are no names of types in the policy language, and our own types beside those of a model.
const TAKEN: [&str; 12] = ["true", "false", "if", "then", "else", "in", "is", "like", "has", "Role", "Group", "Action"];
/// The member of the context that holds the properties of the action.
pub(super) const ACTION: &str = "action";

/// The entity types and actions of a model.
#[derive(Debug)]
pub(super) struct Names {
    subjects: HashMap<String, EntityTypeName>,
    resources: HashMap<String, EntityTypeName>,
    /// What strangers ask about that no model declares: no policy can name these types, a policy for all means them too.
    undeclared_subject: EntityTypeName,
    undeclared_resource: EntityTypeName,
    pub(super) role: EntityTypeName,
    pub(super) group: EntityTypeName,
    action: EntityTypeName,
}

impl Names {
    /// # Errors
    /// Two types of a model that would be called the same in policies.
    pub(super) fn new(model: &Model) -> Result<Self, ModelError> {
        Ok(Self {
            subjects: types("Subject", "subjects", subject_types(model))?,
            resources: types("Resource", "resources", model.resources.keys().map(Segment::as_str))?,
            undeclared_subject: type_name("Undeclared::Subject")?,
            undeclared_resource: type_name("Undeclared::Resource")?,
            role: type_name("Role")?,
            group: type_name("Group")?,
            action: type_name("Action")?,
        })
    }

    pub(super) fn subject(&self, subject_type: &str) -> &EntityTypeName {
        self.subjects.get(subject_type).unwrap_or(&self.undeclared_subject)
    }

    pub(super) fn resource(&self, resource_type: &str) -> &EntityTypeName {
        self.resources.get(resource_type).unwrap_or(&self.undeclared_resource)
    }

    /// The resource type of a model, back from its name in policies.
    pub(super) fn resource_type(&self, name: &EntityTypeName) -> Option<&str> {
        back(&self.resources, name)
    }

    pub(super) fn subject_type(&self, name: &EntityTypeName) -> Option<&str> {
        back(&self.subjects, name)
    }

    pub(super) fn action(&self, action: &str) -> EntityUid {
        uid(&self.action, action)
    }
}

/// An entity, its identifier taken as it is: never parsed.
pub(super) fn uid(of: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(of.clone(), EntityId::new(id))
}

fn back<'a>(names: &'a HashMap<String, EntityTypeName>, wanted: &EntityTypeName) -> Option<&'a str> {
    names.iter().find(|(_, name)| *name == wanted).map(|(of, _)| of.as_str())
}

/// Only what a request's subject can be: of a type by another name a `forbid` would never apply, and nobody would notice.
fn subject_types(model: &Model) -> impl Iterator<Item = &str> {
    [model.people_type(), CLIENT]
        .into_iter()
        .chain(model.subjects.keys().map(Segment::as_str))
        .collect::<BTreeSet<_>>()
        .into_iter()
}

fn types<'a>(
    namespace: &str,
    member: &str,
    of: impl Iterator<Item = &'a str>,
) -> Result<HashMap<String, EntityTypeName>, ModelError> {
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    let mut names = HashMap::new();
    for original in of {
        let name = format!("{namespace}::{}", identifier(original));
        if let Some(other) = taken.insert(name.clone(), original) {
            let problem = format!("in policies this type and {other:?} would both be {name}: rename one of them");
            return Err(ModelError { at: format!("{member}.{original}"), problem });
        }
        names.insert(original.to_owned(), type_name(&name)?);
    }
    Ok(names)
}

/// A type in the policy language, where names are letters, digits and `_`, and do not begin with a digit.
fn identifier(of: &str) -> String {
    let plain = of.replace(['-', '.'], "_");
    let needs_prefix =
        TAKEN.contains(&plain.as_str()) || plain == "__cedar" || plain.starts_with(|c: char| c.is_ascii_digit());
    if needs_prefix { format!("_{plain}") } else { plain }
}

fn type_name(name: &str) -> Result<EntityTypeName, ModelError> {
    name.parse().map_err(|_| ModelError { at: name.to_owned(), problem: "this cannot be named in policies".to_owned() })
}

/// The schema of a model.
///
/// # Errors
/// What of the model policies could not name or tell apart, with the path of its member.
pub fn schema(model: &Model) -> Result<Schema, ModelError> {
    Schema::from_json_value(document(model)?).map_err(|error| impossible(&error))
}

/// The schema of a model in the schema language of Cedar, for those who write policies and their editors.
///
/// # Errors
/// See [`schema`].
pub fn schema_text(model: &Model) -> Result<String, ModelError> {
    let fragment = SchemaFragment::from_json_value(document(model)?).map_err(|error| impossible(&error))?;
    fragment.to_cedarschema().map_err(|error| impossible(&error))
}

fn impossible(error: &dyn std::error::Error) -> ModelError {
    ModelError { at: "model".to_owned(), problem: format!("no schema for policies can be made: {error}") }
}

fn document(model: &Model) -> Result<Value, ModelError> {
    let names = Names::new(model)?;
    if model.context.contains_key(ACTION) {
        let problem = "in policies context.action holds the properties of the action".to_owned();
        return Err(ModelError { at: format!("context.{ACTION}"), problem });
    }
    let subjects: Map<_, _> = names
        .subjects
        .iter()
        .map(|(of, name)| {
            let attributes = model.subjects.get(of.as_str()).map(|of| record(&of.attributes));
            let shape = attributes.unwrap_or_else(|| record(&Attributes::new()));
            (name.basename().to_owned(), json!({"memberOfTypes": ["Role", "Group"], "shape": shape}))
        })
        .collect();
    let resources: Map<_, _> = model
        .resources
        .iter()
        .map(|(of, resource)| {
            let name = names.resource(of.as_str()).basename().to_owned();
            (name, json!({"memberOfTypes": parents(model, &names, resource), "shape": record(&resource.attributes)}))
        })
        .collect();
    Ok(json!({
        "": {"entityTypes": {"Role": {}, "Group": {}}, "actions": actions(model, &names)?},
        "Subject": {"entityTypes": subjects, "actions": {}},
        "Resource": {"entityTypes": resources, "actions": {}},
    }))
}

fn parents(model: &Model, names: &Names, of: &ResourceType) -> BTreeSet<String> {
    let parent = of.relations.get(PARENT);
    let above = parent.into_iter().flat_map(|parent| model.objects_of(parent));
    above.filter(|to| model.resources.contains_key(*to)).map(|to| names.resource(to.as_str()).to_string()).collect()
}

fn actions(model: &Model, names: &Names) -> Result<Map<String, Value>, ModelError> {
    let subjects: BTreeSet<_> = names.subjects.values().map(ToString::to_string).collect();
    let mut actions = Map::new();
    for (name, on) in declared_actions(model) {
        let resources: Vec<_> = on.iter().map(|of| names.resource(of.as_str()).to_string()).collect();
        let mut context = attributes(&model.context);
        context.insert(ACTION.to_owned(), record(&properties(model, name, &on)?));
        let applies = json!({"principalTypes": subjects, "resourceTypes": resources,
            "context": {"type": "Record", "attributes": context}});
        actions.insert(name.to_string(), json!({"appliesTo": applies}));
    }
    Ok(actions)
}

/// Each action, and the types that declare it.
fn declared_actions(model: &Model) -> BTreeMap<&Segment, Vec<&Segment>> {
    let mut declared: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (of, resource) in &model.resources {
        for action in resource.actions.keys() {
            declared.entry(action).or_default().push(of);
        }
    }
    declared
}

/// The properties of an action on any of these types: one has to be given where all of them require it.
fn properties(model: &Model, action: &Segment, on: &[&Segment]) -> Result<Attributes, ModelError> {
    let mut merged = Attributes::new();
    let of = |of: &Segment| model.resources.get(of)?.actions.get(action).map(|action| &action.properties);
    for (resource_type, declared) in on.iter().filter_map(|resource_type| Some((resource_type, of(resource_type)?))) {
        for (name, property) in declared {
            let known = merged.entry(name.clone()).or_insert_with(|| property.clone());
            if known.of != property.of {
                let at = format!("resources.{resource_type}.actions.{action}.properties.{name}");
                let problem = "another type declares this action with another type of this property".to_owned();
                return Err(ModelError { at, problem });
            }
        }
    }
    for (name, property) in &mut merged {
        property.required = on.iter().all(|on| of(on).and_then(|p| p.get(name)).is_some_and(|p| p.required));
    }
    Ok(merged)
}

fn record(of: &Attributes) -> Value {
    json!({"type": "Record", "attributes": attributes(of)})
}

fn attributes(of: &Attributes) -> Map<String, Value> {
    let typed = of.iter().map(|(name, attribute)| {
        let mut typed = match attribute.of {
            AttributeType::String => json!({"type": "String"}),
            AttributeType::Integer => json!({"type": "Long"}),
            AttributeType::Boolean => json!({"type": "Boolean"}),
            AttributeType::Strings => json!({"type": "Set", "element": {"type": "String"}}),
            AttributeType::Decimal => json!({"type": "Extension", "name": "decimal"}),
            AttributeType::Datetime => json!({"type": "Extension", "name": "datetime"}),
            AttributeType::Ip => json!({"type": "Extension", "name": "ipaddr"}),
        };
        if let Some(typed) = typed.as_object_mut() {
            typed.insert("required".to_owned(), attribute.required.into());
        }
        (name.to_string(), typed)
    });
    typed.collect()
}
