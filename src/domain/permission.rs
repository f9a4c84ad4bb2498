//! Permissions: an action on a resource type, either of them possibly `*`.

use std::fmt;

use super::name::{NameError, Segment};

/// One side of a permission. A wildcard matches a whole segment, never a prefix of one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Part {
    Any,
    Exactly(Segment),
}

impl Part {
    fn parse(text: &str) -> Result<Self, NameError> {
        if text == "*" { Ok(Self::Any) } else { Segment::parse(text).map(Self::Exactly) }
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            // What nothing is called is covered by nothing: no deny of one action would reach it.
            Self::Any => Segment::fits(text),
            Self::Exactly(segment) => segment.as_str() == text,
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Any => "*",
            Self::Exactly(segment) => segment.as_str(),
        }
    }
}

/// `create:user`, `read:*`, `*:user` or `*:*`, always of one resource server.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Permission {
    pub action: Part,
    pub resource_type: Part,
}

impl Permission {
    /// Everything on everything of its resource server.
    pub const ALL: Self = Self { action: Part::Any, resource_type: Part::Any };

    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (action, resource_type) = text
            .split_once(':')
            .ok_or_else(|| NameError::new("a permission", "action:type, such as read:note or read:*", text))?;
        Ok(Self { action: Part::parse(action)?, resource_type: Part::parse(resource_type)? })
    }

    #[must_use]
    pub fn matches(&self, action: &str, resource_type: &str) -> bool {
        self.action.matches(action) && self.resource_type.matches(resource_type)
    }

    /// Whether some action on some type is matched by both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let side = |a: &Part, b: &Part| a == &Part::Any || b == &Part::Any || a == b;
        side(&self.action, &other.action) && side(&self.resource_type, &other.resource_type)
    }

    /// Whether everything the other matches is matched by this, too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let side = |a: &Part, b: &Part| a == &Part::Any || a == b;
        side(&self.action, &other.action) && side(&self.resource_type, &other.resource_type)
    }

    /// Names one action on one type, so it can be declared.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.action != Part::Any && self.resource_type != Part::Any
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.action.as_str(), self.resource_type.as_str())
    }
}

impl std::str::FromStr for Permission {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl serde::Serialize for Permission {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Permission {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
