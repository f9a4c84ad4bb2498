//! Roles: named sets of permissions of one resource server. Roles include roles, without cycles.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::id::RoleId;
use super::name::Slug;
use super::permission::Permission;

#[derive(Clone, Debug)]
pub struct Role {
    pub id: RoleId,
    pub name: Slug,
    pub permissions: Vec<Permission>,
    pub includes: Vec<RoleId>,
}

/// A role as files say it: by names, each in alphabetical order and once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NamedRole {
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub permissions: BTreeSet<Permission>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub includes: BTreeSet<Slug>,
}

/// All roles of a resource server, by name.
pub type NamedRoles = BTreeMap<Slug, NamedRole>;

/// Whether `from` would include itself if it included `to`.
#[must_use]
pub fn would_cycle(from: RoleId, to: RoleId, roles: &[Role]) -> bool {
    let includes: HashMap<_, _> = roles.iter().map(|role| (role.id, &role.includes)).collect();
    reaches(to, from, |role| includes.get(&role).map(|included| (*included).clone()).unwrap_or_default())
}

/// Depth-first search over edges given as a function; visits each node once.
pub fn reaches<T: Copy + Eq + std::hash::Hash>(start: T, goal: T, next: impl Fn(T) -> Vec<T>) -> bool {
    let mut seen = HashSet::new();
    let mut open = vec![start];
    while let Some(node) = open.pop() {
        if node == goal {
            return true;
        }
        if seen.insert(node) {
            open.extend(next(node));
        }
    }
    false
}
