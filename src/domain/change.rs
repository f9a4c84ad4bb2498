//! The change log: what changed at which revision, so that every node drops exactly that from its caches.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::assignment::Principal;
use super::id::{Epoch, GrantId, PersonId, ResourceServerId, TokenId};
use super::object::{EdgeSubject, ObjectRef};
use super::time::Instant;

/// The number of the last write of authorization data: commit order, one history ([`Epoch`]).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Revision(pub i64);

/// Where a history of revisions stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    pub epoch: Epoch,
    pub revision: Revision,
}

impl Position {
    /// The consistency token of the wire: whoever sends it back asks to be answered no earlier than this. It says nothing
    /// that would have to be kept secret, and one that was made up asks for a revision that may not be there.
    #[must_use]
    pub fn token(&self) -> String {
        let mut bytes = [0; TOKEN_BYTES];
        let (epoch, revision) = bytes.split_at_mut(EPOCH_BYTES);
        epoch.copy_from_slice(self.epoch.uuid().as_bytes());
        revision.copy_from_slice(&self.revision.0.to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads back what [`Self::token`] wrote.
    #[must_use]
    pub fn from_token(text: &str) -> Option<Self> {
        let bytes: [u8; TOKEN_BYTES] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (epoch, revision) = bytes.split_at(EPOCH_BYTES);
        let epoch = Epoch::from_uuid(Uuid::from_slice(epoch).ok()?);
        let revision = i64::from_be_bytes(revision.try_into().ok()?);
        (revision >= 0).then_some(Self { epoch, revision: Revision(revision) })
    }
}

const EPOCH_BYTES: usize = 16;
const TOKEN_BYTES: usize = EPOCH_BYTES + size_of::<i64>();

/// What changed: the key of a cached value.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Changed {
    /// A person, by one of the names (`sub` or username) they are asked for.
    User(String),
    /// What is known of a person.
    Person(PersonId),
    /// A client, by its `client_id`.
    Client(String),
    /// The registry of resource servers.
    ResourceServers,
    /// Roles, permissions, model or policies of one resource server.
    Roles(ResourceServerId),
    /// The groups a principal is in.
    Memberships(Principal),
    /// What a principal holds at one resource server, or at one resource of it.
    Assignments(ResourceServerId, Principal, Option<ObjectRef>),
    /// A resource: its attributes, or what leads on from it.
    Resource(ResourceServerId, ObjectRef),
    /// The relations that one subject has to a resource by edges of its own.
    Relations(ResourceServerId, ObjectRef, EdgeSubject),
    /// A subject that a resource server registered.
    ExternalSubject(ResourceServerId, ObjectRef),
    /// What a resource server registered of a subject.
    Attributes(ResourceServerId, Principal),
    /// A grant ended.
    Grant(GrantId),
    /// More grants ended than are named one by one.
    Grants,
    /// An access token is denied until it expires.
    DeniedToken { id: TokenId, expires_at: Instant },
    /// The signing keys.
    SigningKeys,
}

impl Changed {
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Person(_) => "person",
            Self::Client(_) => "client",
            Self::ResourceServers => "resource_servers",
            Self::Roles(_) => "roles",
            Self::Memberships(_) => "memberships",
            Self::Assignments(..) => "assignments",
            Self::Resource(..) => "resource",
            Self::Relations(..) => "relations",
            Self::ExternalSubject(..) => "external_subject",
            Self::Attributes(..) => "attributes",
            Self::Grant(_) => "grant",
            Self::Grants => "grants",
            Self::DeniedToken { .. } => "denied_token",
            Self::SigningKeys => "signing_keys",
        }
    }

    /// The rest of the key, as stored beside [`Self::kind`].
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::User(name) | Self::Client(name) => name.clone(),
            Self::ResourceServers | Self::Grants | Self::SigningKeys => String::new(),
            Self::Person(id) => id.to_string(),
            Self::Roles(rs) => rs.to_string(),
            Self::Memberships(principal) => principal.to_string(),
            Self::Assignments(rs, principal, None) | Self::Attributes(rs, principal) => format!("{rs}/{principal}"),
            Self::Assignments(rs, principal, Some(scope)) => format!("{rs}/{principal}/{scope}"),
            Self::Resource(rs, object) | Self::ExternalSubject(rs, object) => format!("{rs}/{object}"),
            // The parts may hold any character: JSON keeps them apart.
            Self::Relations(rs, object, subject) => {
                let (kind, text, relation) = subject.columns();
                format!("{rs}/{}", json!([object, kind, text, relation]))
            }
            Self::Grant(id) => id.to_string(),
            Self::DeniedToken { id, expires_at } => format!("{id}/{}", expires_at.as_micros()),
        }
    }

    /// The resource server it is a change at, and the one resource or subject of it.
    #[must_use]
    pub fn concern(&self) -> Option<(ResourceServerId, Option<&ObjectRef>)> {
        match self {
            Self::Roles(at) | Self::Attributes(at, _) => Some((*at, None)),
            Self::Assignments(at, _, scope) => Some((*at, scope.as_ref())),
            Self::Resource(at, of) | Self::Relations(at, of, _) | Self::ExternalSubject(at, of) => {
                Some((*at, Some(of)))
            }
            Self::User(_)
            | Self::Person(_)
            | Self::Client(_)
            | Self::ResourceServers
            | Self::Memberships(_)
            | Self::Grant(_)
            | Self::Grants
            | Self::DeniedToken { .. }
            | Self::SigningKeys => None,
        }
    }

    /// Reads back what [`Self::kind`] and [`Self::key`] wrote.
    ///
    /// # Errors
    /// A sentence: a newer node may have written a kind this one does not know.
    pub fn parse(kind: &str, key: &str) -> Result<Self, String> {
        let unknown = || format!("change {kind:?} {key:?} is not known here");
        Ok(match kind {
            "user" => Self::User(key.to_owned()),
            "person" => Self::Person(key.parse()?),
            "client" => Self::Client(key.to_owned()),
            "resource_servers" => Self::ResourceServers,
            "roles" => Self::Roles(key.parse()?),
            "memberships" => Self::Memberships(key.parse()?),
            "assignments" => {
                let (rs, rest) = of_server(key).ok_or_else(unknown)?;
                match rest.split_once('/') {
                    None => Self::Assignments(rs, rest.parse()?, None),
                    Some((principal, scope)) => Self::Assignments(rs, principal.parse()?, Some(object(scope)?)),
                }
            }
            "resource" | "external_subject" => {
                let (rs, rest) = of_server(key).ok_or_else(unknown)?;
                let object = object(rest)?;
                if kind == "resource" { Self::Resource(rs, object) } else { Self::ExternalSubject(rs, object) }
            }
            "attributes" => {
                let (rs, principal) = of_server(key).ok_or_else(unknown)?;
                Self::Attributes(rs, principal.parse()?)
            }
            "relations" => {
                let (rs, rest) = of_server(key).ok_or_else(unknown)?;
                let parts = serde_json::from_str::<[String; 4]>(rest).map_err(|_| unknown())?;
                let [of, kind, text, relation] = parts.each_ref().map(String::as_str);
                let subject = EdgeSubject::from_columns(kind, text, relation).ok_or_else(unknown)?;
                Self::Relations(rs, object(of)?, subject)
            }
            "grant" => Self::Grant(key.parse()?),
            "grants" => Self::Grants,
            "denied_token" => {
                let (id, micros) = key.split_once('/').ok_or_else(unknown)?;
                let micros = i64::from_str(micros).map_err(|_| unknown())?;
                Self::DeniedToken { id: id.parse()?, expires_at: Instant::from_micros(micros) }
            }
            "signing_keys" => Self::SigningKeys,
            _ => return Err(unknown()),
        })
    }
}

fn of_server(key: &str) -> Option<(ResourceServerId, &str)> {
    let (rs, rest) = key.split_once('/')?;
    Some((rs.parse().ok()?, rest))
}

fn object(text: &str) -> Result<ObjectRef, String> {
    ObjectRef::parse(text).map_err(|error| error.to_string())
}

/// Who did it, for the change log and the audit trail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Actor {
    /// Whoever may run the command line on the server's machine.
    CommandLine,
    /// The service itself: rotation, sweeps.
    System,
    Client(String),
    User(String),
    /// Whoever holds the one-time set-up link.
    SetupLink,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => f.write_str("command-line"),
            Self::System => f.write_str("system"),
            Self::Client(id) => write!(f, "client:{id}"),
            Self::User(sub) => write!(f, "user:{sub}"),
            Self::SetupLink => f.write_str("setup-link"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consistency_token_reads_back_and_nothing_else_is_one() {
        let epoch = Epoch::from_uuid(Uuid::from_u128(7));
        let position = Position { epoch, revision: Revision(4_711) };
        assert_eq!(Position::from_token(&position.token()), Some(position));
        let negative = Position { revision: Revision(-1), ..position };
        for text in ["", "x", "4711", &position.token()[1..], &format!("{}AA", position.token()), &negative.token()] {
            assert_eq!(Position::from_token(text), None, "{text}");
        }
    }
}
