//! Assignments: who holds which role or permission, from when to when, allowed or denied.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use uuid::Uuid;

use super::id::{AssignmentId, ClientId, ExternalSubjectId, GroupId, PersonId, RoleId};
use super::permission::Permission;
use super::time::Interval;

/// Who can hold something.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Principal {
    Person(PersonId),
    Client(ClientId),
    Group(GroupId),
    /// A subject of one resource server.
    External(ExternalSubjectId),
}

impl Principal {
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Person(_) => "user",
            Self::Client(_) => "client",
            Self::Group(_) => "group",
            Self::External(_) => "external",
        }
    }

    #[must_use]
    pub const fn uuid(self) -> Uuid {
        match self {
            Self::Person(id) => id.uuid(),
            Self::Client(id) => id.uuid(),
            Self::Group(id) => id.uuid(),
            Self::External(id) => id.uuid(),
        }
    }

    #[must_use]
    pub const fn as_group(self) -> Option<GroupId> {
        match self {
            Self::Group(id) => Some(id),
            Self::Person(_) | Self::Client(_) | Self::External(_) => None,
        }
    }

    #[must_use]
    pub fn from_parts(kind: &str, id: Uuid) -> Option<Self> {
        match kind {
            "user" => Some(Self::Person(PersonId::from_uuid(id))),
            "client" => Some(Self::Client(ClientId::from_uuid(id))),
            "group" => Some(Self::Group(GroupId::from_uuid(id))),
            "external" => Some(Self::External(ExternalSubjectId::from_uuid(id))),
            _ => None,
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind(), self.uuid())
    }
}

impl FromStr for Principal {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        text.split_once(':')
            .and_then(|(kind, id)| Self::from_parts(kind, Uuid::parse_str(id).ok()?))
            .ok_or_else(|| format!("{text:?} is not a principal"))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    Allow,
    Deny,
}

impl Effect {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// What is assigned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Held {
    Role(RoleId),
    Permission(Permission),
}

/// One assignment as a decision needs it: the principal and the resource server are the key it was read by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assignment {
    pub id: AssignmentId,
    pub held: Held,
    pub effect: Effect,
    pub interval: Interval,
}
