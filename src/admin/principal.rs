//! Naming a principal: `user:alice`, `client:notes-bot`, `group:editors`.

use std::fmt;
use std::str::FromStr;

use super::AdminError;
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

impl PrincipalRef {
    pub(super) async fn resolve(&self, conn: &mut Conn) -> Result<Principal, AdminError> {
        let (what, name, found) = match self {
            Self::User(name) => ("person", name, people::by_name(conn, name).await?.map(|p| Principal::Person(p.id))),
            Self::Client(name) => {
                ("client", name, clients::by_client_id(conn, name).await?.map(|c| Principal::Client(c.id)))
            }
            Self::Group(name) => ("group", name, groups::by_name(conn, name).await?.map(|g| Principal::Group(g.id))),
        };
        found.ok_or_else(|| AdminError::not_found(what, name))
    }
}
