//! Assignments: give, take, list.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use super::delegation::held_permissions;
use super::last_admin::Administered;
use super::principal::{Named, names};
use super::resource_servers::{check_declared, find};
use super::roles::by_name;
use super::{Admin, AdminError, Edit, PAGE_MAX, PrincipalRef, people};
use crate::domain::assignment::{Assignment, Effect, Held};
use crate::domain::change::{Changed, Revision};
use crate::domain::fact::FactKind;
use crate::domain::id::{AssignmentId, RoleId};
use crate::domain::name::{Reason, Slug};
use crate::domain::object::ObjectRef;
use crate::domain::permission::Permission;
use crate::domain::resource_server::{DOORWARD, OWN_PERMISSIONS, ResourceServer};
use crate::domain::role::Role;
use crate::domain::time::Interval;
use crate::store::assignments::{self, Recorded, Which};
use crate::store::changes::{CHANGES_MAX, States};
use crate::store::{Conn, decisions, resource_servers, roles};

/// A role or a permission, by name.
#[derive(Clone, Debug)]
pub enum HeldRef {
    Role(Slug),
    Permission(Permission),
}

#[derive(Clone, Debug)]
pub struct NewAssignment {
    pub principal: PrincipalRef,
    pub resource_server: Slug,
    pub held: HeldRef,
    /// One resource and all below it; else the whole resource server.
    pub scope: Option<ObjectRef>,
    pub effect: Effect,
    pub interval: Interval,
    pub reason: Option<Reason>,
}

/// Which assignments to list: those of which all of it holds; what is left out does not matter.
#[derive(Clone, Debug, Default)]
pub struct AssignmentFilter {
    pub resource_server: Option<Slug>,
    pub principal: Option<PrincipalRef>,
    pub role: Option<Slug>,
    /// On this resource alone.
    pub on: Option<ObjectRef>,
}

impl Admin {
    /// # Errors
    /// [`AdminError::NotFound`], an undeclared permission, [`AdminError::Taken`] for the same thing given twice, or
    /// [`AdminError::LastAdmin`] for a deny.
    pub async fn add_assignment(&self, new: &NewAssignment) -> Result<(Recorded, Value), AdminError> {
        let mut edit = self.edit().await?;
        let server = find(&mut edit, &new.resource_server).await?;
        let roles = roles::all(&mut edit, server.id).await?;
        let (recorded, after, subject) = self.give(&mut edit, &server, &roles, new).await?;
        self.conclude(edit, FactKind::AssignmentAdded, subject, after.clone()).await?;
        Ok((recorded, after))
    }

    /// Many at one resource server; all of it, or nothing.
    ///
    /// # Errors
    /// [`AdminError::Item`], as for one; more than 10,000 items.
    pub async fn add_assignments(&self, server: &Slug, new: &[NewAssignment]) -> Result<Revision, AdminError> {
        if i64::try_from(new.len()).unwrap_or(i64::MAX) > CHANGES_MAX {
            return Err(AdminError::invalid(
                "assignments",
                format!("{} items; at most {CHANGES_MAX} at once", new.len()),
            ));
        }
        let mut edit = self.edit().await?;
        let server = find(&mut edit, server).await?;
        let roles = roles::all(&mut edit, server.id).await?;
        for (index, new) in new.iter().enumerate() {
            let given = self.give(&mut edit, &server, &roles, new).await;
            given.map_err(|error| error.at("assignments", index))?;
        }
        let subject = format!("resource-server:{}", server.name);
        self.conclude(edit, FactKind::AssignmentAdded, subject, json!({ "added": new.len() })).await
    }

    /// Writes one: what is recorded, how it is shown, and whom the audit trail finds it under.
    pub(super) async fn give(
        &self,
        edit: &mut Edit,
        server: &ResourceServer,
        roles: &[Role],
        new: &NewAssignment,
    ) -> Result<(Recorded, Value, String), AdminError> {
        let (recorded, named) = self.recorded(edit, server, roles, new).await?;
        let Assignment { held, effect, interval, .. } = &recorded.assignment;
        self.check_held(edit, server, held, roles, recorded.scope.as_ref(), interval.expires_at).await?;
        if server.name.as_str() == DOORWARD && *effect == Effect::Deny {
            self.check_denied(edit, named.principal).await?;
        }
        let administered = self.administered_at(edit, &server.name).await?;
        // The same thing given twice would have to be taken away twice.
        if is_given(edit, &recorded).await? {
            return Err(AdminError::Taken { what: "assignment", name: format!("of this to {}", named.label) });
        }
        assignments::insert(edit, &recorded).await?;
        self.check_still(edit, administered).await?;
        let after = describe(&recorded, &named.label, &server.name, roles);
        let changed = Changed::Assignments(server.id, named.principal, recorded.scope.clone());
        edit.log(&changed, &self.actor, self.now(), States::created(after.clone())).await?;
        Ok((recorded, after, named.subject))
    }

    /// What would be written, and to whom it is given.
    pub(super) async fn recorded(
        &self,
        conn: &mut Conn,
        server: &ResourceServer,
        roles: &[Role],
        new: &NewAssignment,
    ) -> Result<(Recorded, Named), AdminError> {
        let now = self.now();
        let named = new.principal.resolve_at(conn, server).await?;
        let held = match &new.held {
            HeldRef::Role(name) => Held::Role(by_name(roles, name)?.id),
            HeldRef::Permission(permission) => {
                check_declared(conn, server, std::slice::from_ref(permission)).await?;
                Held::Permission(permission.clone())
            }
        };
        let scope = match &new.scope {
            Some(scope) if server.name.as_str() == DOORWARD => {
                check_scope(scope, &held_permissions(&held, roles))?;
                Some(own_scope(conn, scope).await?)
            }
            other => other.clone(),
        };
        let id = AssignmentId::mint(now, self.entropy.as_ref());
        let recorded = Recorded {
            assignment: Assignment { id, held, effect: new.effect, interval: new.interval },
            resource_server: server.id,
            principal: named.principal,
            scope,
            reason: new.reason.as_ref().map(|r| r.as_str().to_owned()),
            given_by: self.actor.to_string(),
            created_at: now,
        };
        Ok((recorded, named))
    }

    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn remove_assignment(&self, id: AssignmentId) -> Result<Revision, AdminError> {
        let mut edit = self.edit().await?;
        let (subject, before) = self.take(&mut edit, id).await?;
        self.conclude(edit, FactKind::AssignmentRemoved, subject, before).await
    }

    /// The same within an edit; gives what the audit trail is told.
    pub(super) async fn take(&self, edit: &mut Edit, id: AssignmentId) -> Result<(String, Value), AdminError> {
        let not_found = || AdminError::not_found("assignment", &id.to_string());
        let recorded = assignments::find(edit, id).await?.ok_or_else(not_found)?;
        let administered = self.check_removal(edit, &recorded).await?;
        let before = self.describe_all(edit, std::slice::from_ref(&recorded)).await?.pop().unwrap_or_default();
        let named = names(edit, &[recorded.principal]).await?.remove(&recorded.principal);
        if !assignments::delete(edit, id).await? {
            return Err(not_found());
        }
        self.check_still(edit, administered).await?;
        let changed = Changed::Assignments(recorded.resource_server, recorded.principal, recorded.scope.clone());
        edit.log(&changed, &self.actor, self.now(), States::removed(before.clone())).await?;
        let subject = named.map_or_else(|| recorded.principal.to_string(), |named| named.subject);
        Ok((subject, before))
    }

    async fn administered_at(&self, edit: &mut Edit, server: &Slug) -> Result<Administered, AdminError> {
        if server.as_str() == DOORWARD { self.administered(edit).await } else { Ok(Administered::ByNobody) }
    }

    /// Taking away a deny gives what was denied, for as long as it was.
    async fn check_removal(&self, edit: &mut Edit, gone: &Recorded) -> Result<Administered, AdminError> {
        let servers = resource_servers::all(edit).await?;
        let server = servers.iter().find(|rs| rs.id == gone.resource_server);
        let Some(server) = server else { return Ok(Administered::ByNobody) };
        let roles = roles::all(edit, server.id).await?;
        let Assignment { held, effect, interval, .. } = &gone.assignment;
        let until = match effect {
            Effect::Allow => Some(self.now()),
            Effect::Deny => interval.expires_at,
        };
        self.check_held(edit, server, held, &roles, gone.scope.as_ref(), until).await?;
        self.administered_at(edit, &server.name).await
    }

    /// One assignment as operators read it.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn assignment(&self, id: AssignmentId) -> Result<Value, AdminError> {
        let mut conn = self.read().await?;
        let recorded = assignments::find(&mut conn, id).await?;
        let recorded = recorded.ok_or_else(|| AdminError::not_found("assignment", &id.to_string()))?;
        Ok(self.describe_all(&mut conn, std::slice::from_ref(&recorded)).await?.pop().unwrap_or_default())
    }

    /// Assignments as operators read them, in the order they were made after one of them.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn assignments(
        &self,
        filter: &AssignmentFilter,
        after: uuid::Uuid,
        limit: i64,
    ) -> Result<Vec<Value>, AdminError> {
        let mut conn = self.read().await?;
        let which = filter.resolve(&mut conn).await?;
        let all = assignments::list(&mut conn, &which, after, limit.min(PAGE_MAX)).await?;
        self.describe_all(&mut conn, &all).await
    }

    pub(super) async fn describe_all(&self, conn: &mut Conn, all: &[Recorded]) -> Result<Vec<Value>, AdminError> {
        let principals: Vec<_> = all.iter().map(|recorded| recorded.principal).collect();
        let names = names(conn, &principals).await?;
        let servers = resource_servers::all(conn).await?;
        let mut roles_of: HashMap<_, Vec<Role>> = HashMap::new();
        for server in servers.iter().filter(|rs| all.iter().any(|recorded| recorded.resource_server == rs.id)) {
            roles_of.insert(server.id, roles::all(conn, server.id).await?);
        }
        let view = |recorded: &Recorded| {
            let server = servers.iter().find(|rs| rs.id == recorded.resource_server)?;
            let label = &names.get(&recorded.principal)?.label;
            Some(describe(recorded, label, &server.name, roles_of.get(&server.id)?))
        };
        Ok(all.iter().filter_map(view).collect())
    }
}

impl AssignmentFilter {
    async fn resolve(&self, conn: &mut Conn) -> Result<Which, AdminError> {
        let server = match &self.resource_server {
            None => None,
            Some(name) => Some(find(conn, name).await?),
        };
        let of = match (&self.principal, &server) {
            (None, _) => None,
            (Some(named), Some(server)) => Some(named.resolve_at(conn, server).await?.principal),
            (Some(named), None) => Some(named.resolve(conn).await?.principal),
        };
        let roles = match &self.role {
            None => None,
            Some(name) => Some(roles_named(conn, server.as_ref(), name).await?),
        };
        let scopes = match &self.on {
            None => None,
            Some(on) => Some(scopes_named(conn, server.as_ref(), on).await?),
        };
        Ok(Which { at: server.map(|server| server.id), of, roles, scopes })
    }
}

/// The roles of this name, of one resource server or of all.
async fn roles_named(conn: &mut Conn, server: Option<&ResourceServer>, name: &Slug) -> Result<Vec<RoleId>, AdminError> {
    let servers = match server {
        Some(server) => vec![server.id],
        None => resource_servers::all(conn).await?.iter().map(|server| server.id).collect(),
    };
    let mut found = Vec::new();
    for server in servers {
        found.extend(roles::all(conn, server).await?.iter().filter(|role| role.name == *name).map(|role| role.id));
    }
    if found.is_empty() { Err(AdminError::not_found("role", name.as_str())) } else { Ok(found) }
}

/// What assignments on one thing are stored under: at Doorward's own resource server by its one name.
async fn scopes_named(
    conn: &mut Conn,
    server: Option<&ResourceServer>,
    on: &ObjectRef,
) -> Result<Vec<String>, AdminError> {
    let mut scopes = vec![on.to_string()];
    if server.is_none_or(|server| server.name.as_str() == DOORWARD) {
        match own_scope(conn, on).await {
            Ok(own) => scopes.push(own.to_string()),
            // Nothing there can be on it, though something elsewhere may be.
            Err(AdminError::Invalid { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(scopes)
}

/// At Doorward's own resource server nothing is below anything else: on one thing of another type than that of what is held,
/// an assignment would count for nothing, and a deny would deny nothing.
fn check_scope(scope: &ObjectRef, held: &[Permission]) -> Result<(), AdminError> {
    let is_held = |action: &str, of: &str| held.iter().any(|permission| permission.matches(action, of));
    let own = OWN_PERMISSIONS.iter().filter(|(action, of)| is_held(action, of));
    let types: BTreeSet<&str> = own.map(|(_, of)| *of).collect();
    if types.contains(scope.object_type()) {
        return Ok(());
    }
    let expected = match Vec::from_iter(types).join(", ") {
        none if none.is_empty() => "nothing, for it holds no permission".to_owned(),
        types => format!("one thing of type {types}"),
    };
    let problem = format!("what is held counts on {expected}; {scope} is of type {}", scope.object_type());
    Err(AdminError::invalid("on", problem))
}

/// One thing at Doorward's own resource server, under the one name by which its doors know it: under another a deny would
/// deny nothing.
async fn own_scope(conn: &mut Conn, scope: &ObjectRef) -> Result<ObjectRef, AdminError> {
    let wrong = |problem: String| AdminError::invalid("on", problem);
    let id = match scope.object_type() {
        "user" | "session" | "consent" => match people::find(conn, scope.id()).await {
            Ok(person) => person.sub.to_string(),
            Err(error @ AdminError::NotFound { .. }) => return Err(wrong(error.to_string())),
            Err(error) => return Err(error),
        },
        "assignment" | "api-key" | "audit" => {
            let id = uuid::Uuid::parse_str(scope.id());
            id.map_err(|_| wrong(format!("{:?} is not a UUID", scope.id())))?.to_string()
        }
        _ => return Ok(scope.clone()),
    };
    ObjectRef::parse(&format!("{}:{id}", scope.object_type())).map_err(|error| wrong(error.to_string()))
}

/// Whether the same thing is given already, for the same time.
pub(super) async fn is_given(conn: &mut Conn, new: &Recorded) -> Result<bool, AdminError> {
    let scope = new.scope.as_ref().map_or("", ObjectRef::as_str);
    let held = decisions::assignments(conn, new.resource_server, &[new.principal], &[scope]).await?;
    let same = |a: &Assignment| {
        let (a, b) = (a, &new.assignment);
        a.held == b.held && a.effect == b.effect && a.interval == b.interval
    };
    Ok(held.values.values().flatten().any(same))
}

/// What the audit trail and operators see of an assignment.
pub(super) fn describe(recorded: &Recorded, label: &str, server: &Slug, roles: &[Role]) -> Value {
    let assignment = &recorded.assignment;
    let mut view = json!({
        "id": assignment.id, "principal": label, "resource_server": server, "effect": assignment.effect,
        "scope": recorded.scope, "interval": assignment.interval, "reason": recorded.reason,
        "given_by": recorded.given_by, "created_at": recorded.created_at,
    });
    let (name, held) = match &assignment.held {
        Held::Role(id) => ("role", json!(roles.iter().find(|role| role.id == *id).map(|role| &role.name))),
        Held::Permission(permission) => ("permission", json!(permission)),
    };
    if let Some(members) = view.as_object_mut() {
        members.insert(name.into(), held);
    }
    view
}
