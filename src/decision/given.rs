//! A world as somebody writes it down, by names: people, clients, memberships, assignments, relations, resources.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::Sent;
use crate::domain::assignment::Effect;
use crate::domain::name::{ClientName, DisplayName, Email, Segment, Slug, Sub, Username};
use crate::domain::object::ObjectRef;
use crate::domain::permission::Permission;
use crate::domain::time::{Instant, Interval};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Given {
    /// What time it is.
    pub now: Option<Instant>,
    #[serde(deserialize_with = "lines")]
    pub people: Vec<GivenPerson>,
    pub clients: Vec<ClientName>,
    #[serde(deserialize_with = "lines")]
    pub members: Vec<GivenMember>,
    pub subjects: Vec<GivenSubject>,
    pub resources: Vec<GivenResource>,
    pub assignments: Vec<GivenAssignment>,
    #[serde(deserialize_with = "lines")]
    pub relations: Vec<GivenRelation>,
}

/// `alice`, or a table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenPerson {
    pub username: Username,
    /// Generated where it is left out: a policy cannot name it then.
    pub sub: Option<Sub>,
    pub name: Option<DisplayName>,
    /// Verified.
    pub email: Option<Email>,
    #[serde(default)]
    pub disabled: bool,
}

/// `user:alice in staff`, or a table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenMember {
    /// `user:NAME`, `client:CLIENT_ID` or `group:NAME`.
    pub member: String,
    pub group: Slug,
    pub not_before: Option<Instant>,
    pub expires_at: Option<Instant>,
}

/// What the resource server registered of a subject: one that only it knows, or attributes of any.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenSubject {
    /// `employee:42`, `user:alice`.
    pub subject: String,
    pub attributes: Option<Map<String, Value>>,
    pub disabled: Option<bool>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenResource {
    pub resource: ObjectRef,
    #[serde(default)]
    pub attributes: Map<String, Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenAssignment {
    /// `user:NAME`, `client:CLIENT_ID`, `group:NAME`, or the `type:id` of a registered subject.
    pub to: String,
    pub role: Option<Slug>,
    pub permission: Option<Permission>,
    /// One resource and all below it.
    pub on: Option<ObjectRef>,
    #[serde(default)]
    pub deny: bool,
    pub not_before: Option<Instant>,
    pub expires_at: Option<Instant>,
}

/// What an assignment gives.
#[derive(Clone, Debug)]
pub enum GivenHeld {
    Role(Slug),
    Permission(Permission),
}

/// `document:7#viewer@user:alice`, or a table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenRelation {
    pub object: ObjectRef,
    pub relation: Segment,
    pub subject: String,
    pub not_before: Option<Instant>,
    pub expires_at: Option<Instant>,
}

impl GivenAssignment {
    /// # Errors
    /// Neither a role nor a permission, or both.
    pub fn held(&self) -> Result<GivenHeld, String> {
        match (&self.role, &self.permission) {
            (Some(role), None) => Ok(GivenHeld::Role(role.clone())),
            (None, Some(permission)) => Ok(GivenHeld::Permission(permission.clone())),
            _ => Err("give it one of role and permission".to_owned()),
        }
    }

    #[must_use]
    pub const fn effect(&self) -> Effect {
        if self.deny { Effect::Deny } else { Effect::Allow }
    }
}

macro_rules! interval_of {
    ($($name:ty),*) => {$(
        impl $name {
            /// # Errors
            /// A sentence when the end is not after the start.
            pub fn interval(&self) -> Result<Interval, String> {
                Interval::new(self.not_before, self.expires_at)
            }
        }
    )*};
}
interval_of!(GivenMember, GivenAssignment, GivenRelation);

impl FromStr for GivenPerson {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let username = Username::parse(text).map_err(|error| error.to_string())?;
        Ok(Self { username, sub: None, name: None, email: None, disabled: false })
    }
}

impl FromStr for GivenMember {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (member, group) =
            text.split_once(" in ").ok_or_else(|| format!("{text:?} is not like user:alice in staff"))?;
        let group = Slug::parse(group.trim()).map_err(|error| error.to_string())?;
        Ok(Self { member: member.trim().to_owned(), group, not_before: None, expires_at: None })
    }
}

impl FromStr for GivenRelation {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not like document:7#viewer@user:alice");
        let (object, rest) = text.split_once('#').ok_or_else(wrong)?;
        let (relation, subject) = rest.split_once('@').ok_or_else(wrong)?;
        Ok(Self {
            object: ObjectRef::parse(object).map_err(|error| error.to_string())?,
            relation: Segment::parse(relation).map_err(|error| error.to_string())?,
            subject: subject.to_owned(),
            not_before: None,
            expires_at: None,
        })
    }
}

/// `document:7`: without attributes.
impl FromStr for GivenResource {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let resource = ObjectRef::parse(text).map_err(|error| error.to_string())?;
        Ok(Self { resource, attributes: Map::new() })
    }
}

/// `employee:42`: as it is, if it is there.
impl FromStr for GivenSubject {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self { subject: text.to_owned(), attributes: None, disabled: None })
    }
}

/// A list whose items are lines of text or tables.
///
/// # Errors
/// What does not read as either.
pub fn lines<'de, D: Deserializer<'de>, T: Deserialize<'de> + FromStr<Err = String>>(
    from: D,
) -> Result<Vec<T>, D::Error> {
    Ok(Vec::<Line<T>>::deserialize(from)?.into_iter().map(|line| line.0).collect())
}

/// One item of such a list.
#[derive(Clone, Debug)]
pub struct Line<T>(pub T);

impl<'de, T: Deserialize<'de> + FromStr<Err = String>> Deserialize<'de> for Line<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(LineOrTable(PhantomData)).map(Self)
    }
}

struct LineOrTable<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + FromStr<Err = String>> Visitor<'de> for LineOrTable<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a line of text or a table")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map_err(A::Error::custom)
    }
}

/// What is loaded in bulk.
#[derive(Clone, Debug, Default)]
pub struct Data {
    pub subjects: Vec<GivenSubject>,
    pub resources: Vec<GivenResource>,
    pub relations: Vec<GivenRelation>,
    pub assignments: Vec<GivenAssignment>,
}

/// What must come out of a world.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DecisionTests {
    pub given: Given,
    pub decide: Vec<Case>,
}

/// One question and its answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows, for whoever reads that it failed.
    pub name: Option<String>,
    pub subject: String,
    pub action: String,
    pub resource: String,
    pub decision: bool,
    #[serde(default)]
    pub properties: Properties,
    #[serde(default)]
    pub context: Map<String, Value>,
    /// Another time than that of the world.
    pub now: Option<Instant>,
}

/// What a request says of its parts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Properties {
    pub subject: Map<String, Value>,
    pub action: Map<String, Value>,
    pub resource: Map<String, Value>,
}

impl Case {
    #[must_use]
    pub fn sent(&self) -> Sent {
        let Properties { subject, action, resource } = self.properties.clone();
        Sent { subject, action, resource, context: self.context.clone() }
    }

    /// The case for whoever reads that it failed.
    #[must_use]
    pub fn label(&self) -> String {
        let asked = format!("{} {} {}", self.subject, self.action, self.resource);
        self.name.as_ref().map_or_else(|| asked.clone(), |name| format!("{asked} ({name})"))
    }
}
