//! Naming a principal: `user:alice`, `client:notes-bot`, `group:editors`.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use super::AdminError;
use super::people::find;
use crate::domain::assignment::Principal;
use crate::store::{Conn, clients, groups, people};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrincipalRef {
    User(String),
    Client(String),
    Group(String),
}

impl FromStr for PrincipalRef {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("user", name)) if !name.is_empty() => Ok(Self::User(name.to_owned())),
            Some(("client", name)) if !name.is_empty() => Ok(Self::Client(name.to_owned())),
            Some(("group", name)) if !name.is_empty() => Ok(Self::Group(name.to_owned())),
            _ => Err(format!("{text:?} is not user:NAME, client:CLIENT_ID or group:NAME")),
        }
    }
}

impl fmt::Display for PrincipalRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user:{name}"),
            Self::Client(name) => write!(f, "client:{name}"),
            Self::Group(name) => write!(f, "group:{name}"),
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
        }
    }
}

impl Named {
    fn plain(principal: Principal, name: &str) -> Self {
        let label = format!("{}:{name}", principal.kind());
        Self { principal, subject: label.clone(), label }
    }
}

/// The names of many principals, in three reads whatever their number. One that is gone keeps its identifier.
pub(super) async fn names(conn: &mut Conn, of: &[Principal]) -> Result<HashMap<Principal, Named>, AdminError> {
    let ids = |wanted: &str| of.iter().filter(|p| p.kind() == wanted).map(|p| p.uuid()).collect::<Vec<_>>();
    let people = people::names(conn, &ids("user")).await?;
    let clients = clients::names(conn, &ids("client")).await?;
    let groups = groups::names(conn, &ids("group")).await?;
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
        };
        (principal, found.unwrap_or_else(|| Named::plain(principal, &id.to_string())))
    };
    Ok(of.iter().copied().map(named).collect())
}
