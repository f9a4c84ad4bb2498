//! Resource servers and the permissions they declare.

use serde_json::json;

use super::{Admin, AdminError, Edit};
use crate::domain::change::{Changed, Revision};
use crate::domain::fact::FactKind;
use crate::domain::id::ResourceServerId;
use crate::domain::name::Slug;
use crate::domain::permission::Permission;
use crate::domain::resource_server::{DOORWARD, ResourceServer, TokenClaims, parse_identifier};
use crate::domain::scope::Scopes;
use crate::store::changes::States;
use crate::store::{Conn, resource_servers};

#[derive(Debug)]
pub struct NewResourceServer {
    pub name: Slug,
    pub identifier: String,
    pub scopes: Scopes,
    pub permissions: Vec<Permission>,
    pub claims: TokenClaims,
}

impl Admin {
    /// # Errors
    /// [`AdminError::Taken`] when the name or identifier is, or what is wrong with a member.
    pub async fn create_resource_server(&self, new: NewResourceServer) -> Result<ResourceServer, AdminError> {
        let identifier = parse_identifier(&new.identifier).map_err(|e| AdminError::invalid("identifier", e))?;
        let now = self.now();
        let server = ResourceServer {
            id: ResourceServerId::mint(now, self.entropy.as_ref()),
            name: new.name,
            identifier,
            scopes: new.scopes,
            claims: new.claims,
        };
        let mut edit = self.edit().await?;
        self.insert_resource_server(&mut edit, &server, &new.permissions).await?;
        let subject = format!("resource-server:{}", server.name);
        self.conclude(edit, FactKind::ResourceServerCreated, subject, json!(server)).await?;
        Ok(server)
    }

    pub(super) async fn insert_resource_server(
        &self,
        edit: &mut Edit,
        server: &ResourceServer,
        permissions: &[Permission],
    ) -> Result<(), AdminError> {
        let now = self.now();
        let named = format!("{} or its identifier {}", server.name, server.identifier);
        let taken = AdminError::taken("resource server", &named);
        resource_servers::insert(edit, server, now).await.map_err(taken)?;
        for permission in permissions {
            declare(edit, server.id, permission).await?;
        }
        let after = json!({ "resource_server": server, "permissions": permissions });
        Ok(edit.log(&Changed::ResourceServers, &self.actor, now, States::created(after)).await?)
    }

    /// Declares permissions, so that roles and assignments may name them.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], or a wildcard among them.
    pub async fn declare_permissions(&self, server: &Slug, new: &[Permission]) -> Result<Revision, AdminError> {
        let mut edit = self.edit().await?;
        let server = find(&mut edit, server).await?;
        if server.name.as_str() == DOORWARD {
            return Err(AdminError::invalid("resource_server", "the permissions of doorward are built in"));
        }
        for permission in new {
            declare(&mut edit, server.id, permission).await?;
        }
        let after = json!({ "permissions": new });
        edit.log(&Changed::Roles(server.id), &self.actor, self.now(), States::created(after.clone())).await?;
        self.conclude(edit, FactKind::PermissionDeclared, format!("resource-server:{}", server.name), after).await
    }

    /// A resource server and the permissions it declares.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn resource_server(&self, name: &Slug) -> Result<(ResourceServer, Vec<Permission>), AdminError> {
        let mut conn = self.read().await?;
        let server = find(&mut conn, name).await?;
        let permissions = resource_servers::permissions(&mut conn, server.id).await?;
        Ok((server, permissions))
    }

    /// All of them, in order of name.
    ///
    /// # Errors
    /// The store's.
    pub async fn resource_servers(&self) -> Result<Vec<ResourceServer>, AdminError> {
        Ok(resource_servers::all(&mut self.read().await?).await?)
    }
}

async fn declare(edit: &mut Edit, of: ResourceServerId, permission: &Permission) -> Result<(), AdminError> {
    if !permission.is_exact() {
        let problem = format!("{permission} is a wildcard; only an action on a type can be declared");
        return Err(AdminError::invalid("permission", problem));
    }
    resource_servers::declare(edit, of, permission).await?;
    Ok(())
}

pub(super) async fn find(conn: &mut Conn, name: &Slug) -> Result<ResourceServer, AdminError> {
    let all = resource_servers::all(conn).await?;
    all.into_iter().find(|rs| rs.name == *name).ok_or_else(|| AdminError::not_found("resource server", name.as_str()))
}

/// Refuses permissions that name what was never declared: a typing error would grant nothing, silently.
pub(super) async fn check_declared(
    conn: &mut Conn,
    server: &ResourceServer,
    wanted: &[Permission],
) -> Result<(), AdminError> {
    let declared = resource_servers::permissions(conn, server.id).await?;
    let known = |p: &Permission| p == &Permission::ALL || declared.iter().any(|d| p.overlaps(d));
    match wanted.iter().find(|p| !known(p)) {
        None => Ok(()),
        Some(unknown) => {
            let problem = format!("{unknown} matches no permission that {} declares", server.name);
            Err(AdminError::invalid("permission", problem))
        }
    }
}
