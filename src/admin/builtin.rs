//! What every store holds from its first start: Doorward's own resource server and its built-in roles.

use serde_json::json;

use super::resource_servers::find;
use super::{Admin, AdminError};
use crate::domain::change::Changed;
use crate::domain::fact::FactKind;
use crate::domain::id::{ResourceServerId, RoleId};
use crate::domain::name::Slug;
use crate::domain::permission::Permission;
use crate::domain::resource_server::{
    ADMIN_ROLE, DECISION_CALLER_ROLE, DOORWARD, EVALUATE, OWN_PERMISSIONS, ResourceServer, TokenClaims,
};
use crate::domain::role::Role;
use crate::domain::scope::Scopes;
use crate::store::changes::States;
use crate::store::{resource_servers, roles};

/// The stored identifier; on the wire the APIs are addressed by URLs below the issuer.
const IDENTIFIER: &str = "urn:doorward:api";

impl Admin {
    /// Makes what is built in, unless it is there; many nodes may do this at once, and one will.
    ///
    /// # Errors
    /// The store's.
    pub async fn ensure_builtin(&self) -> Result<(), AdminError> {
        let name = Slug::parse(DOORWARD)?;
        let found = find(&mut self.read().await?, &name).await;
        match found {
            Err(AdminError::NotFound { .. }) => {}
            Ok(server) => return self.declare_own(&server).await,
            Err(error) => return Err(error),
        }
        match self.create_builtin(name).await {
            // Another node was faster.
            Err(AdminError::Taken { .. }) => Ok(()),
            result => result,
        }
    }

    /// What an older version had not declared yet.
    async fn declare_own(&self, server: &ResourceServer) -> Result<(), AdminError> {
        let own = own_permissions()?;
        let missing = |declared: &[Permission]| -> Vec<Permission> {
            own.iter().filter(|permission| !declared.contains(permission)).cloned().collect()
        };
        let declared = resource_servers::permissions(&mut self.read().await?, server.id).await?;
        if missing(&declared).is_empty() {
            return Ok(());
        }
        let mut edit = self.edit().await?;
        // Another node may have been faster.
        let missing = missing(&resource_servers::permissions(&mut edit, server.id).await?);
        for permission in &missing {
            resource_servers::declare(&mut edit, server.id, permission).await?;
        }
        let after = json!({ "permissions": missing });
        edit.log(&Changed::Roles(server.id), &self.actor, self.now(), States::created(after.clone())).await?;
        let subject = format!("resource-server:{}", server.name);
        self.conclude(edit, FactKind::PermissionDeclared, subject, after).await?;
        Ok(())
    }

    async fn create_builtin(&self, name: Slug) -> Result<(), AdminError> {
        let now = self.now();
        let (action, resource_type) = EVALUATE;
        let evaluate = Permission::parse(&format!("{action}:{resource_type}"))?;
        let server = ResourceServer {
            id: ResourceServerId::mint(now, self.entropy.as_ref()),
            name,
            identifier: IDENTIFIER.to_owned(),
            scopes: Scopes::default(),
            claims: TokenClaims::default(),
        };
        let mut edit = self.edit().await?;
        self.insert_resource_server(&mut edit, &server, &own_permissions()?).await?;
        for (role, permission) in [(ADMIN_ROLE, Permission::ALL), (DECISION_CALLER_ROLE, evaluate)] {
            let id = RoleId::mint(now, self.entropy.as_ref());
            let role = Role { id, name: Slug::parse(role)?, permissions: vec![permission], includes: Vec::new() };
            roles::insert(&mut edit, server.id, &role, now).await?;
        }
        edit.log(&Changed::Roles(server.id), &self.actor, now, States::default()).await?;
        let subject = format!("resource-server:{}", server.name);
        self.conclude(edit, FactKind::ResourceServerCreated, subject, json!(server)).await?;
        Ok(())
    }
}

fn own_permissions() -> Result<Vec<Permission>, AdminError> {
    let parse = |(action, resource_type): &(&str, &str)| Permission::parse(&format!("{action}:{resource_type}"));
    Ok(OWN_PERMISSIONS.iter().map(parse).collect::<Result<_, _>>()?)
}
