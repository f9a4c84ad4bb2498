//! The model of a resource server: its resource types with their actions, relations and attributes, the subject types it
//! knows, and what requests may say beside. Checked when it is written; what has passed [`Model::parse`] makes sense.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::assignment::Principal;
use super::name::{NameError, Segment};
use super::object::{Edge, EdgeSubject};

/// Types, and members of a type, in one model at most: two thousand actions, over as many types as one likes, and as much
/// again of relations and attributes.
pub const MODEL_ENTRIES_MAX: usize = 5_000;

/// Subject types that are known without being declared: people and clients of this service.
pub const USER: &str = "user";
pub const CLIENT: &str = "client";
/// Groups of this service, as usersets: `group:staff#member`.
pub const GROUP: &str = "group";
pub const MEMBER: &str = "member";
/// The relation that leads to what a resource is in: a grant on a resource holds for all below it.
pub const PARENT: &str = "parent";
/// An action of a relation, or a whole relation: all actions of the type.
const ALL: &str = "*";

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub subjects: BTreeMap<Segment, SubjectType>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resources: BTreeMap<Segment, ResourceType>,
    /// What the `context` of a request may hold.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub context: Attributes,
}

pub type Attributes = BTreeMap<Segment, Attribute>;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectType {
    pub kind: SubjectKind,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: Attributes,
}

/// Where subjects of a type are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// Here: people (or clients, for the type `client`), by `sub` or username (by `client_id`).
    Directory,
    /// With the resource server, which registers them.
    External,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceType {
    #[serde(default)]
    pub actions: BTreeMap<Segment, Action>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub relations: BTreeMap<Segment, Relation>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: Attributes,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: Attributes,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relation {
    /// Whom edges of this relation may point to; none for a relation that only follows from others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<SubjectPattern>,
    /// Relations of the same object that are this one too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub includes: Vec<Segment>,
    /// Relations of other objects that are this one too: `viewer from parent`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<From>,
    /// Actions it permits; `*` for all of the type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Granted>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    #[serde(rename = "type")]
    pub of: AttributeType,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    #[serde(default, skip_serializing_if = "Source::is_stored")]
    pub source: Source,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributeType {
    String,
    /// A whole number of 64 bits.
    Integer,
    Boolean,
    /// A list of strings, as a set.
    Strings,
    /// A number with up to four decimals, written as a string.
    Decimal,
    /// RFC 3339, written as a string.
    Datetime,
    /// An IPv4 or IPv6 address or range.
    Ip,
}

/// Whose word counts for an attribute of a resource or subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Only what is registered.
    #[default]
    Stored,
    /// What the request sends, else what is registered.
    Request,
}

impl Source {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a function of a reference")]
    fn is_stored(&self) -> bool {
        *self == Self::Stored
    }
}

macro_rules! written_as_text {
    ($($name:ty),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
written_as_text!(SubjectPattern, From, Granted);

/// `user`, `user:*`, `team#member`, or for a relation between resources `folder`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectPattern {
    One(Segment),
    Everyone(Segment),
    Userset(Segment, Segment),
}

impl fmt::Display for SubjectPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(of) => of.fmt(f),
            Self::Everyone(of) => write!(f, "{of}:*"),
            Self::Userset(of, relation) => write!(f, "{of}#{relation}"),
        }
    }
}

impl FromStr for SubjectPattern {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        if let Some(of) = text.strip_suffix(":*") {
            return Ok(Self::Everyone(Segment::parse(of)?));
        }
        match text.split_once('#') {
            Some((of, relation)) => Ok(Self::Userset(Segment::parse(of)?, Segment::parse(relation)?)),
            None => Ok(Self::One(Segment::parse(text)?)),
        }
    }
}

/// `viewer from parent`: whoever is viewer of what `parent` leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct From {
    pub relation: Segment,
    pub via: Segment,
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {}", self.relation, self.via)
    }
}

impl FromStr for From {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError::new("a relation from another", "something like viewer from parent", text);
        let (relation, via) = text.split_once(" from ").ok_or_else(wrong)?;
        Ok(Self { relation: Segment::parse(relation.trim())?, via: Segment::parse(via.trim())? })
    }
}

/// What a relation permits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Granted {
    All,
    Action(Segment),
}

impl fmt::Display for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str(ALL),
            Self::Action(action) => action.fmt(f),
        }
    }
}

impl FromStr for Granted {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        if text == ALL { Ok(Self::All) } else { Segment::parse(text).map(Self::Action) }
    }
}

impl Relation {
    /// Whether having it permits an action of its type.
    #[must_use]
    pub fn permits(&self, action: &str) -> bool {
        self.grants.iter().any(|granted| match granted {
            Granted::All => true,
            Granted::Action(name) => name.as_str() == action,
        })
    }
}

/// What is wrong with a model, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {problem}")]
pub struct ModelError {
    /// The path of the member: `resources.document.relations.viewer`.
    pub at: String,
    pub problem: String,
}

/// What a subject type of a request or edge means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectSpace {
    People,
    Clients,
    External,
}

impl Model {
    /// Reads and checks a model.
    ///
    /// # Errors
    /// The first thing that is wrong, with the path of its member.
    pub fn parse(document: &serde_json::Value) -> Result<Self, ModelError> {
        let model: Self = serde_path_to_error::deserialize(document)
            .map_err(|error| ModelError { at: error.path().to_string(), problem: error.inner().to_string() })?;
        model.check()?;
        Ok(model)
    }

    /// Where subjects of this type are known; `None` for a type that is not declared.
    #[must_use]
    pub fn subject_space(&self, subject_type: &str) -> Option<SubjectSpace> {
        match (self.subjects.get(subject_type).map(|of| of.kind), subject_type) {
            (Some(SubjectKind::External), _) => Some(SubjectSpace::External),
            (_, CLIENT) => Some(SubjectSpace::Clients),
            (Some(SubjectKind::Directory), _) | (None, USER) => Some(SubjectSpace::People),
            (None, _) => None,
        }
    }

    #[must_use]
    pub fn relation(&self, object_type: &str, relation: &str) -> Option<&Relation> {
        self.resources.get(object_type)?.relations.get(relation)
    }

    /// What people are called as subjects, whatever name they were asked for by.
    #[must_use]
    pub fn people_type(&self) -> &str {
        self.people_types().next().map_or(USER, Segment::as_str)
    }

    fn people_types(&self) -> impl Iterator<Item = &Segment> {
        let people =
            |(name, of): &(&Segment, &SubjectType)| of.kind == SubjectKind::Directory && name.as_str() != CLIENT;
        self.subjects.iter().filter(people).map(|(name, _)| name)
    }

    /// Whether a relation may have an edge to such a subject.
    #[must_use]
    pub fn accepts(&self, relation: &Relation, subject: &EdgeSubject) -> bool {
        relation.subjects.iter().any(|pattern| self.fits(pattern, subject))
    }

    /// Whether an edge from a resource of this type counts: one of an earlier model only as far as this one has it, too.
    #[must_use]
    pub fn counts(&self, object_type: &str, edge: &Edge) -> bool {
        let relation = self.relation(object_type, edge.relation.as_str());
        relation.is_some_and(|relation| self.accepts(relation, &edge.subject))
    }

    fn fits(&self, pattern: &SubjectPattern, subject: &EdgeSubject) -> bool {
        match (pattern, subject) {
            (SubjectPattern::One(of), EdgeSubject::Principal(Principal::Person(_))) => {
                self.subject_space(of.as_str()) == Some(SubjectSpace::People)
            }
            (SubjectPattern::One(of), EdgeSubject::Principal(Principal::Client(_))) => {
                self.subject_space(of.as_str()) == Some(SubjectSpace::Clients)
            }
            (SubjectPattern::One(of), EdgeSubject::External(subject)) => {
                of.as_str() == subject.object_type() && self.subject_space(of.as_str()) == Some(SubjectSpace::External)
            }
            (SubjectPattern::One(of), EdgeSubject::Object(object)) => {
                of.as_str() == object.object_type() && self.subject_space(of.as_str()).is_none()
            }
            (SubjectPattern::Everyone(of), EdgeSubject::Everyone(subjects)) => of == subjects,
            (SubjectPattern::Userset(of, _), EdgeSubject::Principal(Principal::Group(_))) => of.as_str() == GROUP,
            (SubjectPattern::Userset(of, name), EdgeSubject::Userset(object, relation)) => {
                of.as_str() == object.object_type() && name == relation
            }
            _ => false,
        }
    }

    /// Whether an action on a type is declared.
    #[must_use]
    pub fn declares(&self, action: &str, resource_type: &str) -> bool {
        self.resources.get(resource_type).is_some_and(|of| of.actions.contains_key(action))
    }

    fn check(&self) -> Result<(), ModelError> {
        let entries = self.resources.values().map(|of| 1 + of.actions.len() + of.relations.len() + of.attributes.len());
        if entries.sum::<usize>() + self.subjects.len() > MODEL_ENTRIES_MAX {
            return Err(wrong(
                "resources",
                format!("more than {MODEL_ENTRIES_MAX} types, actions, relations and attributes"),
            ));
        }
        for (name, of) in &self.subjects {
            if [GROUP, "access_token"].contains(&name.as_str()) {
                return Err(wrong(format!("subjects.{name}"), "this name has a meaning of its own".to_owned()));
            }
            if [USER, CLIENT].contains(&name.as_str()) && of.kind == SubjectKind::External {
                return Err(wrong(
                    format!("subjects.{name}.kind"),
                    "people and clients are known here: directory".to_owned(),
                ));
            }
        }
        // A policy about one name would be walked around by asking for the other.
        if let Some(second) = self.people_types().nth(1) {
            let problem = format!("people are {:?} already: give them one type", self.people_type());
            return Err(wrong(format!("subjects.{second}"), problem));
        }
        let used = self.used_relations();
        for (type_name, of) in &self.resources {
            for (name, relation) in &of.relations {
                let at = format!("resources.{type_name}.relations.{name}");
                self.check_relation(&at, of, relation)?;
                let is_of_use = !relation.grants.is_empty() || name.as_str() == PARENT;
                if !is_of_use && !used.contains(&(type_name.as_str(), name.as_str())) {
                    return Err(wrong(at, "this relation permits nothing, and nothing follows from it".to_owned()));
                }
                refuse_cycle(&at, of, name)?;
            }
        }
        Ok(())
    }

    fn check_relation(&self, at: &str, of: &ResourceType, relation: &Relation) -> Result<(), ModelError> {
        for pattern in &relation.subjects {
            self.check_pattern(pattern).map_err(|problem| wrong(format!("{at}.subjects"), problem))?;
        }
        for included in &relation.includes {
            if !of.relations.contains_key(included) {
                return Err(wrong(
                    format!("{at}.includes"),
                    format!("there is no relation {:?} on this type", included.as_str()),
                ));
            }
        }
        for granted in &relation.grants {
            if let Granted::Action(action) = granted
                && !of.actions.contains_key(action)
            {
                return Err(wrong(
                    format!("{at}.grants"),
                    format!("there is no action {:?} on this type", action.as_str()),
                ));
            }
        }
        for from in &relation.from {
            self.check_from(of, from).map_err(|problem| wrong(format!("{at}.from"), problem))?;
        }
        if relation.subjects.is_empty() && relation.includes.is_empty() && relation.from.is_empty() {
            return Err(wrong(
                at.to_owned(),
                "nobody can have this relation: it needs subjects, includes or from".to_owned(),
            ));
        }
        Ok(())
    }

    fn check_pattern(&self, pattern: &SubjectPattern) -> Result<(), String> {
        match pattern {
            SubjectPattern::One(of) if self.subject_space(of.as_str()).is_some() => Ok(()),
            SubjectPattern::One(of) if self.resources.contains_key(of) => Ok(()),
            SubjectPattern::One(of) => Err(format!("{:?} is neither a subject type nor a resource type", of.as_str())),
            SubjectPattern::Everyone(of) if self.subject_space(of.as_str()).is_some() => Ok(()),
            SubjectPattern::Everyone(of) => Err(format!("{:?} is not a subject type", of.as_str())),
            SubjectPattern::Userset(of, relation) if of.as_str() == GROUP => {
                if relation.as_str() == MEMBER {
                    Ok(())
                } else {
                    Err("of a group there is only group#member".to_owned())
                }
            }
            SubjectPattern::Userset(of, relation) => match self.relation(of.as_str(), relation.as_str()) {
                Some(_) => Ok(()),
                None => Err(format!("there is no relation {:?} on a type {:?}", relation.as_str(), of.as_str())),
            },
        }
    }

    fn check_from(&self, of: &ResourceType, from: &From) -> Result<(), String> {
        let via = of.relations.get(&from.via);
        let via = via.ok_or_else(|| format!("there is no relation {:?} on this type", from.via.as_str()))?;
        let leads_to: Vec<_> = self.objects_of(via).collect();
        if leads_to.is_empty() {
            return Err(format!("{:?} leads to no resource type", from.via.as_str()));
        }
        let known = leads_to.iter().any(|to| self.relation(to.as_str(), from.relation.as_str()).is_some());
        if known {
            Ok(())
        } else {
            Err(format!("nothing that {:?} leads to has a relation {:?}", from.via.as_str(), from.relation.as_str()))
        }
    }

    /// The resource types that edges of a relation may point to.
    pub fn objects_of<'a>(&'a self, relation: &'a Relation) -> impl Iterator<Item = &'a Segment> {
        relation.subjects.iter().filter_map(|pattern| match pattern {
            SubjectPattern::One(of) if self.subject_space(of.as_str()).is_none() => Some(of),
            SubjectPattern::One(_) | SubjectPattern::Everyone(_) | SubjectPattern::Userset(..) => None,
        })
    }

    /// Relations that something follows from, or that lead to what it follows from.
    fn used_relations(&self) -> BTreeSet<(&str, &str)> {
        let mut used = BTreeSet::new();
        for (type_name, of) in &self.resources {
            for relation in of.relations.values() {
                used.extend(relation.includes.iter().map(|name| (type_name.as_str(), name.as_str())));
                for from in &relation.from {
                    used.insert((type_name.as_str(), from.via.as_str()));
                    let via = of.relations.get(&from.via);
                    let leads_to = via.into_iter().flat_map(|via| self.objects_of(via));
                    used.extend(leads_to.map(|to| (to.as_str(), from.relation.as_str())));
                }
                for pattern in &relation.subjects {
                    if let SubjectPattern::Userset(to, name) = pattern {
                        used.insert((to.as_str(), name.as_str()));
                    }
                }
            }
        }
        used
    }
}

fn wrong(at: impl Into<String>, problem: String) -> ModelError {
    ModelError { at: at.into(), problem }
}

/// Over objects a relation may come back to itself: what is stored ends. Over `includes` of one object it never would.
fn refuse_cycle(at: &str, of: &ResourceType, start: &Segment) -> Result<(), ModelError> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&Segment> = of.relations.get(start).into_iter().flat_map(|r| &r.includes).collect();
    while let Some(name) = open.pop() {
        if name == start {
            return Err(wrong(format!("{at}.includes"), format!("{:?} includes itself", start.as_str())));
        }
        if seen.insert(name) {
            open.extend(of.relations.get(name).into_iter().flat_map(|r| &r.includes));
        }
    }
    Ok(())
}
