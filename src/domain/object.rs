//! Resources and what relates to them: `document:7`, `document:7#viewer@group:staff#member`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::assignment::Principal;
use super::model::MEMBER;
use super::name::{NameError, Segment};
use super::time::Interval;

/// Longer identifiers of resources and external subjects are refused.
pub const OBJECT_ID_LEN_MAX: usize = 512;

/// A resource, or an external subject: a type and an identifier.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ObjectRef {
    /// `type:id`; a type holds no colon, so the first one parts them.
    text: Arc<str>,
    type_len: u32,
}

fn expected(got: &str) -> NameError {
    NameError::new("a resource", "type:id, the id 1 to 512 bytes, without control characters, not *", got)
}

impl ObjectRef {
    /// An identifier is 1 to 512 bytes without control characters, and not `*`, which means everybody.
    ///
    /// # Errors
    /// What was expected.
    pub fn new(object_type: &Segment, id: &str) -> Result<Self, NameError> {
        Self::of(object_type.as_str(), id).ok_or_else(|| expected(&format!("{object_type}:{id}")))
    }

    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (object_type, id) = text.split_once(':').ok_or_else(|| expected(text))?;
        Segment::parse(object_type)?;
        Self::of(object_type, id).ok_or_else(|| expected(text))
    }

    /// None for what cannot be a resource.
    #[must_use]
    pub fn of(object_type: &str, id: &str) -> Option<Self> {
        let fits = !id.is_empty() && id.len() <= OBJECT_ID_LEN_MAX && id != "*" && !id.chars().any(char::is_control);
        if !(fits && Segment::fits(object_type)) {
            return None;
        }
        let mut text = String::with_capacity(object_type.len() + 1 + id.len());
        text.push_str(object_type);
        text.push(':');
        text.push_str(id);
        Some(Self { text: text.into(), type_len: u32::try_from(object_type.len()).ok()? })
    }

    #[must_use]
    pub fn object_type(&self) -> &str {
        self.parts().0
    }

    #[must_use]
    pub fn id(&self) -> &str {
        self.parts().1
    }

    /// `type:id`, as stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn parts(&self) -> (&str, &str) {
        let (object_type, rest) = self.text.split_at(self.type_len as usize);
        (object_type, rest.strip_prefix(':').unwrap_or(rest))
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for ObjectRef {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl Serialize for ObjectRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> serde::Deserialize<'de> for ObjectRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Whom a relation edge points to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum EdgeSubject {
    /// A person or client known here.
    Principal(Principal),
    /// A subject registered with the resource server.
    External(ObjectRef),
    /// Everybody of a subject type: `user:*`.
    Everyone(Segment),
    /// Another resource, for relations that lead from one to the other: `parent`.
    Object(ObjectRef),
    /// Whoever has a relation to another resource: `team:1#member`. The members of a group are a [`Principal::Group`].
    Userset(ObjectRef, Segment),
}

/// One relation edge of an object, as a decision needs it: the object is the key it was read by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edge {
    pub relation: Segment,
    pub subject: EdgeSubject,
    pub interval: Interval,
}

impl EdgeSubject {
    /// Its kind, itself and its relation, as stored.
    #[must_use]
    pub fn columns(&self) -> (&'static str, String, &str) {
        match self {
            Self::Principal(principal @ Principal::Group(id)) => (principal.kind(), id.to_string(), MEMBER),
            Self::Principal(principal) => (principal.kind(), principal.uuid().to_string(), ""),
            Self::External(subject) => ("external", subject.to_string(), ""),
            Self::Everyone(of) => ("everyone", of.to_string(), ""),
            Self::Object(object) => ("object", object.to_string(), ""),
            Self::Userset(object, relation) => ("userset", object.to_string(), relation.as_str()),
        }
    }

    /// Reads back what [`Self::columns`] gave.
    #[must_use]
    pub fn from_columns(kind: &str, text: &str, relation: &str) -> Option<Self> {
        Some(match kind {
            "user" | "client" | "group" => Self::Principal(Principal::from_parts(kind, text.parse().ok()?)?),
            "external" => Self::External(ObjectRef::parse(text).ok()?),
            "everyone" => Self::Everyone(Segment::parse(text).ok()?),
            "object" => Self::Object(ObjectRef::parse(text).ok()?),
            "userset" => Self::Userset(ObjectRef::parse(text).ok()?, Segment::parse(relation).ok()?),
            _ => return None,
        })
    }

    /// How it is written, unless somebody else must look up its name.
    #[must_use]
    pub fn label(&self) -> Option<String> {
        match self {
            Self::Principal(_) => None,
            Self::External(object) | Self::Object(object) => Some(object.to_string()),
            Self::Everyone(of) => Some(format!("{of}:*")),
            Self::Userset(object, relation) => Some(format!("{object}#{relation}")),
        }
    }

    /// Whether this is one subject, of which there may be any number: found by point look-up and never listed.
    #[must_use]
    pub const fn is_one(&self) -> bool {
        matches!(self, Self::Principal(Principal::Person(_) | Principal::Client(_)) | Self::External(_))
    }
}
