//! The authorization of one resource server as one value, by names.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::groups::named_groups;
use super::resource_servers::find;
use super::{Admin, AdminError};
use crate::decision::memory::actions;
use crate::domain::group::NamedGroups;
use crate::domain::id::RoleId;
use crate::domain::model::Model;
use crate::domain::name::Slug;
use crate::domain::permission::Permission;
use crate::domain::resource_server::{ResourceServer, TokenClaims};
use crate::domain::role::{NamedRole, NamedRoles};
use crate::domain::scope::Scope;
use crate::store::{Conn, resource_servers, roles, rules};

/// What is decided by at a resource server, apart from data: by names, so that it can be written down and compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Authorization {
    pub server: ServerText,
    pub model: Option<Model>,
    /// Without blanks around it; empty for none.
    pub policies: String,
    pub roles: NamedRoles,
    pub groups: NamedGroups,
}

/// A resource server by names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerText {
    pub name: Slug,
    /// The audience of its tokens.
    pub identifier: String,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub scopes: BTreeSet<Scope>,
    /// Permissions beside the actions of the model.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub permissions: BTreeSet<Permission>,
    #[serde(default)]
    pub claims: TokenClaims,
}

impl Admin {
    /// The authorization of a resource server; `None` when there is no such one.
    ///
    /// # Errors
    /// The store's.
    pub async fn authorization(&self, name: &Slug) -> Result<Option<Authorization>, AdminError> {
        let mut tx = self.store.snapshot().await?;
        let found = match find(&mut tx, name).await {
            Ok(server) => Some(describe(&mut tx, &server).await?),
            Err(AdminError::NotFound { .. }) => None,
            Err(error) => return Err(error),
        };
        tx.commit().await?;
        Ok(found)
    }
}

impl Authorization {
    /// All that is declared: the actions of the model, and what is declared beside them.
    pub(super) fn declared(&self) -> impl Iterator<Item = Permission> {
        self.server.permissions.iter().cloned().chain(self.model.iter().flat_map(actions))
    }

    /// Without the groups that the other does not speak of: they belong to the whole house.
    pub(super) fn limited_to(mut self, wanted: &Self) -> Self {
        self.groups.retain(|name, _| wanted.groups.contains_key(name));
        self
    }
}

pub(super) async fn describe(conn: &mut Conn, server: &ResourceServer) -> Result<Authorization, AdminError> {
    let found = rules::active(conn, server.id).await?;
    let model = found.model.map(|(_, model)| model);
    let of_model: BTreeSet<_> = model.iter().flat_map(actions).collect();
    let declared = resource_servers::permissions(conn, server.id).await?.into_iter();
    let roles = roles::all(conn, server.id).await?;
    let name = |id: &RoleId| roles.iter().find(|role| role.id == *id).map(|role| role.name.clone());
    let named = roles.iter().map(|role| {
        let includes = role.includes.iter().filter_map(name).collect();
        (role.name.clone(), NamedRole { permissions: role.permissions.iter().cloned().collect(), includes })
    });
    Ok(Authorization {
        server: ServerText {
            name: server.name.clone(),
            identifier: server.identifier.clone(),
            scopes: server.scopes.iter().cloned().collect(),
            permissions: declared.filter(|permission| !of_model.contains(permission)).collect(),
            claims: server.claims,
        },
        model,
        policies: found.policies.map(|(_, text)| text).unwrap_or_default(),
        roles: named.collect(),
        groups: named_groups(conn).await?,
    })
}
