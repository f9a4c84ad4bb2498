//! Makes a resource server's authorization what is wanted, in one transaction.

use std::collections::{BTreeSet, HashMap};

use serde_json::json;

use super::authorization::{Authorization, describe};
use super::delegation::doorward;
use super::difference::Difference;
use super::principal::names;
use super::resource_servers::find;
use super::rules::RuleChange;
use super::rules::of_applications;
use super::{Admin, AdminError, Edit, PAGE_MAX};
use crate::decision::memory::Rulebook;
use crate::decision::standing::{Lasting, When, standing};
use crate::domain::assignment::{Held, Principal};
use crate::domain::change::Changed;
use crate::domain::fact::FactKind;
use crate::domain::group::{Group, NamedGroup};
use crate::domain::id::{GroupId, ResourceServerId, RoleId};
use crate::domain::name::Slug;
use crate::domain::permission::Permission;
use crate::domain::resource_server::{ResourceServer, parse_identifier};
use crate::domain::role::{NamedRole, Role};
use crate::domain::scope::Scopes;
use crate::store::assignments::Which;
use crate::store::changes::States;
use crate::store::{Conn, assignments, groups, resource_servers, roles, rules};

impl Admin {
    /// What [`Self::converge`] would change.
    ///
    /// # Errors
    /// What must not be removed because somebody holds it.
    pub async fn difference(&self, wanted: &Authorization) -> Result<Difference, AdminError> {
        let found = self.authorization(&wanted.server.name).await?;
        let found = found.map(|found| found.limited_to(wanted));
        let mut conn = self.read().await?;
        if let Some(found) = &found {
            let server = find(&mut conn, &wanted.server.name).await?;
            check_fixed(found, wanted)?;
            check_removals(&mut conn, &server, found, wanted).await?;
        }
        let power = self.power(&mut conn, found.as_ref(), wanted).await?;
        Ok(Difference::between(found.as_ref(), wanted).and("at doorward", power))
    }

    /// Groups belong to the whole house: what one of them holds at Doorward itself is gained or lost by what joins or leaves
    /// it here.
    async fn power(
        &self,
        conn: &mut Conn,
        found: Option<&Authorization>,
        wanted: &Authorization,
    ) -> Result<Vec<String>, AdminError> {
        let (doorward, nothing, mut lines) = (doorward(conn).await?, NamedGroup::default(), Vec::new());
        for (name, group) in &wanted.groups {
            let before = found.and_then(|found| found.groups.get(name)).unwrap_or(&nothing);
            if before == group {
                continue;
            }
            // A new group holds nothing yet.
            let Some(outer) = groups::by_name(conn, name.as_str()).await? else { continue };
            let worth = standing(conn, doorward, Principal::Group(outer.id), self.now(), When::Ever).await?;
            let part = |what: &str, all: &[Lasting]| {
                let all: BTreeSet<_> = all.iter().map(|held| held.permission.to_string()).collect();
                (!all.is_empty()).then(|| format!("{what} {}", all.into_iter().collect::<Vec<_>>().join(", ")))
            };
            let parts = [part("is allowed", &worth.allowed), part("is denied", &worth.denied)];
            let worth = parts.into_iter().flatten().collect::<Vec<_>>().join(" and ");
            if !worth.is_empty() {
                let line = |sign, verb, inner: &Slug| format!("{sign} group {inner} {verb} {name}, which {worth}");
                lines.extend(before.groups.difference(&group.groups).map(|inner| line("-", "leaves", inner)));
                lines.extend(group.groups.difference(&before.groups).map(|inner| line("+", "joins", inner)));
            }
        }
        Ok(lines)
    }

    /// Makes a resource server's authorization what is wanted, all of it in one transaction, so that no decision sees half
    /// of it: model and policies as new versions, roles and permissions as they are named, groups with the groups in them.
    ///
    /// # Errors
    /// What does not compile; what must not be removed because somebody holds it; [`AdminError::LastAdmin`].
    pub async fn converge(&self, wanted: &Authorization) -> Result<Difference, AdminError> {
        let difference = self.difference(wanted).await?;
        if difference.is_empty() {
            return Ok(difference);
        }
        compile(wanted.clone()).await?;
        let mut edit = self.edit().await?;
        let administered = self.administered(&mut edit).await?;
        let (server, found) = self.open_server(&mut edit, wanted).await?;
        let before = rules::active(&mut edit, server.id).await?;
        // Again: others may have written between the look and now.
        check_removals(&mut edit, &server, &found, wanted).await?;
        let change = RuleChange { model: wanted.model.clone(), policies: Some(wanted.policies.clone()) };
        let mut after = self.write_rules(&mut edit, &server, &before, &change).await?;
        if wanted.model.is_none() {
            after.model = 0;
        }
        declare(&mut edit, &server, &found, wanted).await?;
        self.converge_roles(&mut edit, &server, wanted).await?;
        self.converge_groups(&mut edit, &found, wanted).await?;
        self.check_still(&mut edit, administered).await?;
        rules::activate(&mut edit, server.id, after).await?;
        let states = States::changed(
            json!({ "versions": before.versions(), "roles": found.roles }),
            json!({ "versions": after, "roles": wanted.roles }),
        );
        edit.log(&Changed::Roles(server.id), &self.actor, self.now(), states).await?;
        let detail = json!({ "before": before.versions(), "after": after, "difference": difference });
        let subject = format!("resource-server:{}", server.name);
        self.conclude(edit, FactKind::AuthorizationApplied, subject, detail).await?;
        Ok(difference)
    }

    /// The resource server, made or changed to what is wanted, and what was there before.
    async fn open_server(
        &self,
        edit: &mut Edit,
        wanted: &Authorization,
    ) -> Result<(ResourceServer, Authorization), AdminError> {
        let text = &wanted.server;
        let scopes: Scopes = text.scopes.iter().cloned().collect();
        match find(edit, &text.name).await {
            Ok(server) => {
                let server = of_applications(server)?;
                let found = describe(edit, &server).await?.limited_to(wanted);
                check_fixed(&found, wanted)?;
                let changed = ResourceServer { scopes, claims: text.claims, ..server.clone() };
                if found.server.scopes != text.scopes || found.server.claims != text.claims {
                    resource_servers::update(edit, &changed).await?;
                    let states = States::changed(json!(server), json!(changed));
                    edit.log(&Changed::ResourceServers, &self.actor, self.now(), states).await?;
                }
                Ok((changed, found))
            }
            Err(AdminError::NotFound { .. }) => {
                let identifier =
                    parse_identifier(&text.identifier).map_err(|e| AdminError::invalid("identifier", e))?;
                let id = ResourceServerId::mint(self.now(), self.entropy.as_ref());
                let server = ResourceServer { id, name: text.name.clone(), identifier, scopes, claims: text.claims };
                self.insert_resource_server(edit, &server, &[]).await?;
                let found = describe(edit, &server).await?.limited_to(wanted);
                Ok((server, found))
            }
            Err(error) => Err(error),
        }
    }

    async fn converge_roles(
        &self,
        edit: &mut Edit,
        server: &ResourceServer,
        wanted: &Authorization,
    ) -> Result<(), AdminError> {
        let now = self.now();
        for name in wanted.roles.keys() {
            if !roles::all(edit, server.id).await?.iter().any(|role| role.name == *name) {
                let id = RoleId::mint(now, self.entropy.as_ref());
                let role = Role { id, name: name.clone(), permissions: Vec::new(), includes: Vec::new() };
                roles::insert(edit, server.id, &role, now).await?;
            }
        }
        let all = roles::all(edit, server.id).await?;
        let ids: HashMap<_, _> = all.iter().map(|role| (&role.name, role.id)).collect();
        for role in &all {
            let nothing = NamedRole::default();
            let text = wanted.roles.get(&role.name).unwrap_or(&nothing);
            let includes: Vec<_> = text.includes.iter().filter_map(|name| ids.get(name).copied()).collect();
            let is_gone = |held: &&Permission| !text.permissions.contains(*held);
            let gone: Vec<_> = role.permissions.iter().filter(is_gone).cloned().collect();
            let left: Vec<_> = role.includes.iter().copied().filter(|id| !includes.contains(id)).collect();
            roles::remove(edit, role.id, &gone, &left).await?;
            roles::add(edit, role.id, &text.permissions.iter().cloned().collect::<Vec<_>>(), &includes).await?;
        }
        // Last: a role that another includes cannot go.
        for role in all.iter().filter(|role| !wanted.roles.contains_key(&role.name)) {
            roles::delete(edit, role.id).await?;
        }
        Ok(())
    }

    async fn converge_groups(
        &self,
        edit: &mut Edit,
        found: &Authorization,
        wanted: &Authorization,
    ) -> Result<(), AdminError> {
        let now = self.now();
        for name in wanted.groups.keys().filter(|name| !found.groups.contains_key(*name)) {
            let group = Group { id: GroupId::mint(now, self.entropy.as_ref()), name: name.clone() };
            let taken = AdminError::taken("group", name.as_str());
            groups::insert(edit, &group, now).await.map_err(taken)?;
        }
        let nothing = NamedGroup::default();
        for (name, group) in &wanted.groups {
            let before = found.groups.get(name).unwrap_or(&nothing);
            for inner in before.groups.difference(&group.groups) {
                self.unnest(edit, name, inner).await?;
            }
            for inner in group.groups.difference(&before.groups) {
                self.nest(edit, name, inner).await?;
            }
        }
        Ok(())
    }
}

/// Declares what is wanted and takes back the rest.
async fn declare(
    edit: &mut Edit,
    server: &ResourceServer,
    found: &Authorization,
    wanted: &Authorization,
) -> Result<(), AdminError> {
    let kept: BTreeSet<_> = wanted.declared().collect();
    for permission in &kept {
        resource_servers::declare(edit, server.id, permission).await?;
    }
    for permission in found.declared().filter(|permission| !kept.contains(permission)) {
        resource_servers::undeclare(edit, server.id, &permission).await?;
    }
    Ok(())
}

/// Compiled away from the threads that others wait for, and before any transaction.
async fn compile(wanted: Authorization) -> Result<(), AdminError> {
    let compile = move || {
        Rulebook::compile(&wanted.server.permissions, &wanted.roles, wanted.model.as_ref(), &wanted.policies).map(drop)
    };
    let compiled = tokio::task::spawn_blocking(compile).await;
    let compiled = compiled.map_err(|_| AdminError::invalid("policies", "they could not be compiled"))?;
    compiled.map_err(|problems| AdminError::invalid("authorization", problems.join("\n")))
}

/// An audience that changed would leave every token and every client behind.
fn check_fixed(found: &Authorization, wanted: &Authorization) -> Result<(), AdminError> {
    if found.server.identifier == wanted.server.identifier {
        return Ok(());
    }
    let problem = format!("it is {} and cannot be changed", found.server.identifier);
    Err(AdminError::invalid("identifier", problem))
}

/// Refuses to take away what somebody holds, and says who.
async fn check_removals(
    conn: &mut Conn,
    server: &ResourceServer,
    found: &Authorization,
    wanted: &Authorization,
) -> Result<(), AdminError> {
    let kept: Vec<_> = wanted.declared().collect();
    let is_kept = |permission: &Permission| {
        *permission == Permission::ALL || kept.iter().any(|declared| permission.overlaps(declared))
    };
    let all = roles::all(conn, server.id).await?;
    let gone: HashMap<_, _> =
        all.iter().filter(|role| !wanted.roles.contains_key(&role.name)).map(|r| (r.id, r)).collect();
    let fewer = found.declared().any(|permission| !kept.contains(&permission));
    if gone.is_empty() && !fewer {
        return Ok(());
    }
    let which = Which { at: Some(server.id), ..Which::default() };
    let mut after = uuid::Uuid::nil();
    loop {
        let page = assignments::list(conn, &which, after, PAGE_MAX).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.assignment.id.uuid();
        for recorded in &page {
            let (what, name) = match &recorded.assignment.held {
                Held::Role(id) => ("role", gone.get(id).map(|role| role.name.to_string())),
                Held::Permission(held) => ("permission", (!is_kept(held)).then(|| held.to_string())),
            };
            if let Some(name) = name {
                let holder = names(conn, &[recorded.principal]).await?.remove(&recorded.principal);
                let holder = holder.map_or_else(|| recorded.principal.to_string(), |named| named.label);
                return Err(AdminError::Held { what, name, holder });
            }
        }
    }
}
