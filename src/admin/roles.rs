//! Roles: create, change, delete, show.

use serde_json::{Value, json};

use super::delegation::{Reach, What, comes_to};
use super::last_admin::Administered;
use super::resource_servers::{check_declared, find};
use super::{Admin, AdminError, Edit};
use crate::domain::change::{Changed, Revision};
use crate::domain::fact::FactKind;
use crate::domain::id::RoleId;
use crate::domain::name::Slug;
use crate::domain::permission::Permission;
use crate::domain::resource_server::{DOORWARD, ResourceServer, is_builtin_role};
use crate::domain::role::{Role, would_cycle};
use crate::store::changes::States;
use crate::store::{StoreError, assignments, roles};

/// What is added to and taken from a role.
#[derive(Debug, Default)]
pub struct RoleChange {
    pub add_permissions: Vec<Permission>,
    pub remove_permissions: Vec<Permission>,
    pub add_includes: Vec<Slug>,
    pub remove_includes: Vec<Slug>,
}

impl Admin {
    /// # Errors
    /// [`AdminError::Taken`], [`AdminError::NotFound`] for an included role, or an undeclared permission.
    pub async fn create_role(
        &self,
        server: &Slug,
        name: Slug,
        permissions: Vec<Permission>,
        includes: &[Slug],
    ) -> Result<Role, AdminError> {
        let now = self.now();
        let mut edit = self.edit().await?;
        let server = editable(find(&mut edit, server).await?, &name)?;
        check_declared(&mut edit, &server, &permissions).await?;
        let all = roles::all(&mut edit, server.id).await?;
        let includes = ids(&all, includes)?;
        let role = Role { id: RoleId::mint(now, self.entropy.as_ref()), name, permissions, includes };
        self.check_role(&mut edit, &server, &role, &[all.as_slice(), std::slice::from_ref(&role)].concat()).await?;
        let taken = AdminError::taken("role", role.name.as_str());
        roles::insert(&mut edit, server.id, &role, now).await.map_err(taken)?;
        let after = view(&role, &all);
        self.log_role(&mut edit, &server, States::created(after.clone())).await?;
        self.conclude(edit, FactKind::RoleCreated, subject(&server, &role), after).await?;
        Ok(role)
    }

    /// Adds to and takes from a role; everybody who holds it holds what it then is, from the same moment on.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Cycle`], or an undeclared permission.
    pub async fn change_role(&self, server: &Slug, name: &Slug, change: &RoleChange) -> Result<Revision, AdminError> {
        let mut edit = self.edit().await?;
        let server = editable(find(&mut edit, server).await?, name)?;
        check_declared(&mut edit, &server, &change.add_permissions).await?;
        let all = roles::all(&mut edit, server.id).await?;
        let role = by_name(&all, name)?;
        self.check_role(&mut edit, &server, role, &all).await?;
        let own = server.name.as_str() == DOORWARD;
        let administered = if own { self.administered(&mut edit).await? } else { Administered::ByNobody };
        let (add, remove) = (ids(&all, &change.add_includes)?, ids(&all, &change.remove_includes)?);
        if add.iter().any(|included| would_cycle(role.id, *included, &all)) {
            return Err(AdminError::Cycle { what: "role", name: name.as_str().to_owned() });
        }
        if own && !(change.add_permissions.is_empty() && add.is_empty()) {
            self.check_denied_role(&mut edit, &server, role.id, &all).await?;
        }
        roles::remove(&mut edit, role.id, &change.remove_permissions, &remove).await?;
        roles::add(&mut edit, role.id, &change.add_permissions, &add).await?;
        let now_all = roles::all(&mut edit, server.id).await?;
        let changed = by_name(&now_all, name)?;
        // What it was and what it is now: whoever holds it, or is denied it, loses or gains the difference.
        self.check_role(&mut edit, &server, changed, &now_all).await?;
        self.check_still(&mut edit, administered).await?;
        let after = view(changed, &now_all);
        self.log_role(&mut edit, &server, States::changed(view(role, &all), after.clone())).await?;
        self.conclude(edit, FactKind::RoleChanged, subject(&server, role), after).await
    }

    /// # Errors
    /// [`AdminError::NotFound`], or [`AdminError::InUse`] while it is assigned or included.
    pub async fn delete_role(&self, server: &Slug, name: &Slug) -> Result<Revision, AdminError> {
        let mut edit = self.edit().await?;
        let server = editable(find(&mut edit, server).await?, name)?;
        let all = roles::all(&mut edit, server.id).await?;
        let role = by_name(&all, name)?;
        self.check_role(&mut edit, &server, role, &all).await?;
        roles::delete(&mut edit, role.id).await.map_err(|error| match error {
            StoreError::Conflict(_) => AdminError::InUse {
                what: "role",
                name: name.as_str().to_owned(),
                because: "it is assigned to somebody, or included in another role",
            },
            other => AdminError::Store(other),
        })?;
        let before = view(role, &all);
        self.log_role(&mut edit, &server, States::removed(before.clone())).await?;
        self.conclude(edit, FactKind::RoleDeleted, subject(&server, role), before).await
    }

    /// Whoever holds the role has its name whatever it comes to: that is measured where it is given.
    async fn check_role(
        &self,
        edit: &mut Edit,
        server: &ResourceServer,
        role: &Role,
        all: &[Role],
    ) -> Result<(), AdminError> {
        let is_itself = |what: &What| matches!(what, What::Role(name) if name == role.name.as_str());
        let what = comes_to(role, all).into_iter().filter(|what| !is_itself(what)).collect();
        self.check_reach(edit, Reach::At { server, what, scope: None, until: None }).await
    }

    /// What is added to a role is denied to whoever is denied the role, by another that includes it perhaps: that is for
    /// those who hold everything, as with other denies whose victims need not be looked for.
    async fn check_denied_role(
        &self,
        edit: &mut Edit,
        server: &ResourceServer,
        role: RoleId,
        all: &[Role],
    ) -> Result<(), AdminError> {
        let with_it: Vec<_> = all.iter().map(|of| of.id).filter(|of| would_cycle(role, *of, all)).collect();
        if !assignments::is_any_denied(edit, server.id, &with_it).await? {
            return Ok(());
        }
        self.check_reach(edit, Reach::Permissions(vec![Permission::ALL], Some(self.now()))).await
    }

    async fn log_role(&self, edit: &mut Edit, server: &ResourceServer, states: States) -> Result<(), AdminError> {
        Ok(edit.log(&Changed::Roles(server.id), &self.actor, self.now(), states).await?)
    }

    /// One role, as operators read it.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn role(&self, server: &Slug, name: &Slug) -> Result<Value, AdminError> {
        let mut conn = self.read().await?;
        let server = find(&mut conn, server).await?;
        let all = roles::all(&mut conn, server.id).await?;
        Ok(view(by_name(&all, name)?, &all))
    }

    /// The roles of a resource server, in order of name, as operators read them.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn roles(&self, server: &Slug) -> Result<Vec<Value>, AdminError> {
        let mut conn = self.read().await?;
        let server = find(&mut conn, server).await?;
        let all = roles::all(&mut conn, server.id).await?;
        Ok(all.iter().map(|role| view(role, &all)).collect())
    }
}

/// The built-in roles are what the code says: changing them could lock every operator out. Beside them doorward has roles
/// like any other resource server.
fn editable(server: ResourceServer, role: &Slug) -> Result<ResourceServer, AdminError> {
    if server.name.as_str() == DOORWARD && is_builtin_role(role.as_str()) {
        return Err(AdminError::invalid("role", format!("{role} of doorward is built in")));
    }
    Ok(server)
}

fn subject(server: &ResourceServer, role: &Role) -> String {
    format!("role:{}/{}", server.name, role.name)
}

pub(super) fn by_name<'a>(all: &'a [Role], name: &Slug) -> Result<&'a Role, AdminError> {
    all.iter().find(|role| role.name == *name).ok_or_else(|| AdminError::not_found("role", name.as_str()))
}

fn ids(all: &[Role], names: &[Slug]) -> Result<Vec<RoleId>, AdminError> {
    names.iter().map(|name| by_name(all, name).map(|role| role.id)).collect()
}

fn view(role: &Role, all: &[Role]) -> Value {
    let name = |id: &RoleId| all.iter().find(|r| r.id == *id).map(|r| r.name.as_str().to_owned());
    let includes: Vec<_> = role.includes.iter().filter_map(name).collect();
    json!({ "name": role.name, "permissions": role.permissions, "includes": includes })
}
