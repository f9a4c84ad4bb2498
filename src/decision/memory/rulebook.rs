//! What a resource server's files say of roles, model and policies, checked as a server checks it, and compiled.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use crate::decision::policies::Policies;
use crate::decision::snapshot::Snapshot;
use crate::domain::id::RoleId;
use crate::domain::model::Model;
use crate::domain::name::Slug;
use crate::domain::permission::{Part, Permission};
use crate::domain::role::{NamedRoles, Role, reaches};

/// Roles, model and policies of one resource server, compiled.
#[derive(Clone, Debug)]
pub struct Rulebook {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) roles: HashMap<Slug, RoleId>,
    declared: BTreeSet<Permission>,
}

impl Rulebook {
    /// # Errors
    /// Each thing that is wrong, with the path of its member.
    pub fn compile(
        declared: &BTreeSet<Permission>,
        roles: &NamedRoles,
        model: Option<&Model>,
        policies: &str,
    ) -> Result<Self, Vec<String>> {
        let declared = declared.iter().cloned().chain(model.into_iter().flat_map(actions)).collect();
        let wrong = wrong_roles(roles, &declared);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let policies = match (policies.trim(), model) {
            ("", _) => None,
            (_, None) => return Err(vec!["policies: there is no model they could be checked against".to_owned()]),
            (text, Some(model)) => {
                let problems =
                    |errors: Vec<_>| errors.iter().map(|error| format!("policies: {error}")).collect::<Vec<_>>();
                Some(Arc::new(Policies::compile(model, text).map_err(problems)?))
            }
        };
        let numbered = roles.keys().cloned().zip(1..);
        let ids: HashMap<_, _> = numbered.map(|(name, n)| (name, RoleId::from_uuid(Uuid::from_u128(n)))).collect();
        let built: Vec<_> = roles
            .iter()
            .filter_map(|(name, role)| {
                let includes = role.includes.iter().filter_map(|name| ids.get(name).copied()).collect();
                let permissions = role.permissions.iter().cloned().collect();
                Some(Role { id: *ids.get(name)?, name: name.clone(), permissions, includes })
            })
            .collect();
        Ok(Self { snapshot: Arc::new(Snapshot::build(&built, model.cloned(), policies)), roles: ids, declared })
    }

    /// Refuses a permission that names what was never declared: a typing error would grant nothing, silently.
    pub(super) fn check_declared(&self, permission: &Permission) -> Result<(), String> {
        check_declared(permission, &self.declared)
    }
}

/// The permissions that a model's actions are.
pub fn actions(model: &Model) -> impl Iterator<Item = Permission> {
    model.resources.iter().flat_map(|(of, declared)| {
        declared.actions.keys().map(|action| Permission {
            action: Part::Exactly(action.clone()),
            resource_type: Part::Exactly(of.clone()),
        })
    })
}

fn check_declared(permission: &Permission, declared: &BTreeSet<Permission>) -> Result<(), String> {
    let is_known = *permission == Permission::ALL || declared.iter().any(|known| permission.overlaps(known));
    if is_known { Ok(()) } else { Err(format!("{permission} matches no permission that is declared")) }
}

fn wrong_roles(roles: &NamedRoles, declared: &BTreeSet<Permission>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, role) in roles {
        let undeclared = role.permissions.iter().filter_map(|permission| check_declared(permission, declared).err());
        wrong.extend(undeclared.map(|problem| format!("roles.{name}.permissions: {problem}")));
        let unknown = role.includes.iter().filter(|included| !roles.contains_key(*included));
        wrong.extend(unknown.map(|of| format!("roles.{name}.includes: there is no role {:?}", of.as_str())));
        if role.includes.iter().any(|included| reaches(included, name, |role| includes(roles, role))) {
            wrong.push(format!("roles.{name}.includes: {name} includes itself"));
        }
    }
    wrong
}

fn includes<'a>(roles: &'a NamedRoles, role: &Slug) -> Vec<&'a Slug> {
    roles.get(role).map(|role| role.includes.iter().collect()).unwrap_or_default()
}
