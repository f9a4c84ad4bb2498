//! Roles and model of one resource server, compiled once for each change: who includes whom is flattened, and for each
//! permission the set of roles that hold it is a bit set.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use fixedbitset::FixedBitSet;

use super::engine::FastMap;
use super::policies::Policies;
use crate::domain::assignment::Held;
use crate::domain::id::RoleId;
use crate::domain::model::Model;
use crate::domain::name::Segment;
use crate::domain::permission::Permission;
use crate::domain::role::Role;

/// One immutable state of the roles and the model of a resource server; swapped whole.
#[derive(Debug, Default)]
pub struct Snapshot {
    index: FastMap<RoleId, usize>,
    names: Vec<String>,
    /// Every role that a role is, itself included.
    closure: Vec<FixedBitSet>,
    held: Vec<Vec<Permission>>,
    /// The roles that each role includes itself.
    includes: Vec<Vec<usize>>,
    /// By resource type, the roles that hold its actions, directly or by inclusion.
    holders: FastMap<String, Holders>,
    /// Of roles that hold them on every type.
    holders_of_any: Holders,
    model: Option<Model>,
    policies: Option<Arc<Policies>>,
}

/// Sets of roles, by the action that they hold. Every action is kept apart: it is asked for each time, and has no name.
#[derive(Debug, Default)]
struct Holders {
    by_action: FastMap<String, FixedBitSet>,
    of_any: Option<FixedBitSet>,
}

impl Holders {
    fn of(&mut self, action: &str) -> &mut FixedBitSet {
        match action {
            ANY => self.of_any.get_or_insert_default(),
            named => self.by_action.entry(named.to_owned()).or_default(),
        }
    }

    fn is_wild(&self) -> bool {
        self.of_any.is_some()
    }
}

/// How a permission says "every".
const ANY: &str = "*";

/// What of a resource server's roles and permissions covers one action on one type.
pub(super) struct Covering<'a> {
    snapshot: &'a Snapshot,
    holders: [Option<&'a FixedBitSet>; 4],
    action: &'a str,
    resource_type: &'a str,
}

impl Covering<'_> {
    pub(super) fn covers(&self, held: &Held) -> bool {
        match held {
            Held::Role(role) => self.snapshot.holds(*role, &self.holders),
            Held::Permission(p) => p.matches(self.action, self.resource_type),
        }
    }

    /// Every role that covers it.
    pub(super) fn roles(&self) -> Vec<RoleId> {
        let all = self.snapshot.index.iter().filter(|(role, _)| self.snapshot.holds(**role, &self.holders));
        all.map(|(role, _)| *role).collect()
    }
}

impl Snapshot {
    #[must_use]
    pub fn build(roles: &[Role], model: Option<Model>, policies: Option<Arc<Policies>>) -> Self {
        let index: FastMap<_, _> = roles.iter().enumerate().map(|(i, role)| (role.id, i)).collect();
        let closure: Vec<_> = (0..roles.len()).map(|start| close(start, roles, &index)).collect();
        let (mut holders, mut holders_of_any) = (FastMap::<String, Holders>::default(), Holders::default());
        for (role, includes) in closure.iter().enumerate() {
            for permission in includes.ones().filter_map(|i| roles.get(i)).flat_map(|r| &r.permissions) {
                let of_type = match permission.resource_type.as_str() {
                    ANY => &mut holders_of_any,
                    named => holders.entry(named.to_owned()).or_default(),
                };
                let set = of_type.of(permission.action.as_str());
                set.grow_and_insert(role);
            }
        }
        let names = roles.iter().map(|r| r.name.as_str().to_owned()).collect();
        let held = roles.iter().map(|r| r.permissions.clone()).collect();
        let numbers = |role: &Role| role.includes.iter().filter_map(|id| index.get(id).copied()).collect();
        let includes = roles.iter().map(numbers).collect();
        Self { index, names, closure, held, includes, holders, holders_of_any, model, policies }
    }

    /// The model of the resource server, if it has one.
    pub(super) const fn model(&self) -> Option<&Model> {
        self.model.as_ref()
    }

    /// The policies that count, compiled.
    pub(super) const fn policies(&self) -> Option<&Arc<Policies>> {
        self.policies.as_ref()
    }

    pub(super) fn covering<'a>(&'a self, action: &'a str, resource_type: &'a str) -> Covering<'a> {
        Covering { snapshot: self, holders: self.holders(action, resource_type), action, resource_type }
    }

    /// The sets of roles that hold this action on this type; at most four, one for each way to write it.
    fn holders(&self, action: &str, resource_type: &str) -> [Option<&FixedBitSet>; 4] {
        let (exact, any) = (self.holders.get(resource_type), &self.holders_of_any);
        let named = exact.and_then(|of_type| of_type.by_action.get(action));
        // What has a name that fits is found by it; only what stands for every name must be kept from one that does not.
        let is_wild = exact.is_some_and(Holders::is_wild) || any.is_wild() || !any.by_action.is_empty();
        if is_wild && Segment::fits(action) && Segment::fits(resource_type) {
            return [named, exact.and_then(|of| of.of_any.as_ref()), any.by_action.get(action), any.of_any.as_ref()];
        }
        [named, None, None, None]
    }

    /// The dense number of a role; `None` for a role this snapshot does not know.
    pub(super) fn index_of(&self, role: RoleId) -> Option<usize> {
        self.index.get(&role).copied()
    }

    /// Whether this role holds the action, given the sets of [`Self::holders`].
    fn holds(&self, role: RoleId, holders: &[Option<&FixedBitSet>; 4]) -> bool {
        self.index_of(role).is_some_and(|i| holders.iter().flatten().any(|set| set.contains(i)))
    }

    /// The names of all roles that a role is, itself included.
    pub(super) fn names_of(&self, role: RoleId) -> impl Iterator<Item = &str> {
        self.included(role).filter_map(|i| self.names.get(i)).map(String::as_str)
    }

    /// The permissions of a role and of all it includes.
    pub(super) fn permissions_of(&self, role: RoleId) -> BTreeSet<&Permission> {
        self.included(role).filter_map(|i| self.held.get(i)).flatten().collect()
    }

    /// The shortest way from a role to one whose own permissions cover the action: their names, and that permission.
    pub(super) fn way_to(&self, role: RoleId, action: &str, resource_type: &str) -> Option<(Vec<&str>, &Permission)> {
        let start = self.index_of(role)?;
        let mut seen = FixedBitSet::with_capacity(self.names.len());
        seen.insert(start);
        let mut open = VecDeque::from([vec![start]]);
        while let Some(way) = open.pop_front() {
            let last = *way.last()?;
            if let Some(found) = self.held.get(last)?.iter().find(|p| p.matches(action, resource_type)) {
                return Some((way.iter().filter_map(|i| self.names.get(*i)).map(String::as_str).collect(), found));
            }
            for next in self.includes.get(last)? {
                if !seen.put(*next) {
                    open.push_back([way.as_slice(), &[*next]].concat());
                }
            }
        }
        None
    }

    /// The names of the roles that hold the action, directly or by inclusion.
    pub(super) fn roles_with(&self, action: &str, resource_type: &str) -> BTreeSet<&str> {
        let sets = self.holders(action, resource_type).into_iter().flatten();
        sets.flat_map(FixedBitSet::ones).filter_map(|i| self.names.get(i)).map(String::as_str).collect()
    }

    /// What a role is called.
    pub(super) fn name_of(&self, role: RoleId) -> Option<&str> {
        self.index_of(role).and_then(|i| self.names.get(i)).map(String::as_str)
    }

    fn included(&self, role: RoleId) -> impl Iterator<Item = usize> {
        self.index_of(role).and_then(|i| self.closure.get(i)).into_iter().flat_map(FixedBitSet::ones)
    }
}

fn close(start: usize, roles: &[Role], index: &FastMap<RoleId, usize>) -> FixedBitSet {
    let mut seen = FixedBitSet::with_capacity(roles.len());
    let mut open = vec![start];
    while let Some(i) = open.pop() {
        if !seen.put(i) {
            open.extend(roles.get(i).into_iter().flat_map(|r| &r.includes).filter_map(|id| index.get(id)));
        }
    }
    seen
}
