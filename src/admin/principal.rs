//! Naming a principal: `user:alice`, `client:notes-bot`, `group:editors`, and `employee:42` for a subject that a resource
//! server registered.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use super::AdminError;
use super::people::find;
use crate::domain::assignment::Principal;
use crate::domain::object::ObjectRef;
use crate::domain::resource_server::ResourceServer;
use crate::store::{Conn, clients, groups, people, subjects};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalRef {
    User(String),
    Client(String),
    Group(String),
    /// Known only to the resource server it is named at.
    External(ObjectRef),
}

impl FromStr for PrincipalRef {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("user", name)) if !name.is_empty() => Ok(Self::User(name.to_owned())),
            Some(("client", name)) if !name.is_empty() => Ok(Self::Client(name.to_owned())),
            Some(("group", name)) if !name.is_empty() => Ok(Self::Group(name.to_owned())),
            Some(("user" | "client" | "group", _)) | None => Err(unreadable(text)),
            Some(_) => ObjectRef::parse(text).map(Self::External).map_err(|_| unreadable(text)),
        }
    }
}

fn unreadable(text: &str) -> String {
    format!("{text:?} is not user:NAME, client:CLIENT_ID, group:NAME or the type:id of a registered subject")
}

impl fmt::Display for PrincipalRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user:{name}"),
            Self::Client(name) => write!(f, "client:{name}"),
            Self::Group(name) => write!(f, "group:{name}"),
            Self::External(name) => name.fmt(f),
        }
    }
}

/// A principal and its two names: the one operators know it by, and the one the audit trail keeps.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub principal: Principal,
    /// `user:alice`.
    pub label: String,
    /// `user:` and the `sub`, which never changes.
    pub subject: String,
}

impl PrincipalRef {
    pub(super) async fn resolve(&self, conn: &mut Conn) -> Result<Named, AdminError> {
        match self {
            Self::User(name) => {
                let person = find(conn, name).await?;
                let (label, subject) = (format!("user:{}", person.username), format!("user:{}", person.sub));
                Ok(Named { principal: Principal::Person(person.id), label, subject })
            }
            Self::Client(name) => {
                let client = clients::by_client_id(conn, name).await?;
                let client = client.ok_or_else(|| AdminError::not_found("client", name))?;
                Ok(Named::plain(Principal::Client(client.id), name))
            }
            Self::Group(name) => {
                let group = groups::by_name(conn, name).await?.ok_or_else(|| AdminError::not_found("group", name))?;
                Ok(Named::plain(Principal::Group(group.id), name))
            }
            Self::External(name) => {
                let problem = format!("{name} is no user, client or group; only a resource server knows it");
                Err(AdminError::invalid("principal", problem))
            }
        }
    }

    /// The same, and subjects that this resource server registered.
    pub(super) async fn resolve_at(&self, conn: &mut Conn, server: &ResourceServer) -> Result<Named, AdminError> {
        let Self::External(name) = self else { return self.resolve(conn).await };
        let found = subjects::find(conn, server.id, name).await?;
        let found = found.ok_or_else(|| AdminError::not_found("registered subject", name.as_str()))?;
        let label = name.to_string();
        Ok(Named { principal: Principal::External(found.id), subject: label.clone(), label })
    }
}

impl Named {
    fn plain(principal: Principal, name: &str) -> Self {
        let label = format!("{}:{name}", principal.kind());
        Self { principal, subject: label.clone(), label }
    }
}

/// The names of many principals, in four reads whatever their number. One that is gone keeps its identifier.
pub(super) async fn names(conn: &mut Conn, of: &[Principal]) -> Result<HashMap<Principal, Named>, AdminError> {
    let ids = |wanted: &str| of.iter().filter(|p| p.kind() == wanted).map(|p| p.uuid()).collect::<Vec<_>>();
    let people = people::names(conn, &ids("user")).await?;
    let clients = clients::names(conn, &ids("client")).await?;
    let groups = groups::names(conn, &ids("group")).await?;
    let externals = subjects::names(conn, &ids("external")).await?;
    let named = |principal: Principal| {
        let id = principal.uuid();
        let plain = |names: &HashMap<_, String>| names.get(&id).map(|name| Named::plain(principal, name));
        let found = match principal {
            Principal::Person(_) => people.get(&id).map(|(sub, username)| Named {
                principal,
                label: format!("user:{username}"),
                subject: format!("user:{sub}"),
            }),
            Principal::Client(_) => plain(&clients),
            Principal::Group(_) => plain(&groups),
            Principal::External(_) => {
                externals.get(&id).map(|name| Named { principal, label: name.clone(), subject: name.clone() })
            }
        };
        (principal, found.unwrap_or_else(|| Named::plain(principal, &id.to_string())))
    };
    Ok(of.iter().copied().map(named).collect())
}
