//! Which policies can apply to a request, by its action, resource type and principal type; in doubt, a policy can.
//!
//! Cedar looks at every policy it is given, so what cannot apply is left out beforehand.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use cedar_policy::{ActionConstraint, Policy, PrincipalConstraint, ResourceConstraint};
use fixedbitset::FixedBitSet;

use super::schema::Names;
use super::slice::Slice;

/// Slices kept ready, of one resource server.
const SLICES_MAX: usize = 1_024;
/// Policies in all of them together; one policy may be in many.
const SLICED_POLICIES_MAX: usize = 50_000;
/// Places looked at for one slice.
const PROBES_MAX: usize = 8;

/// What requests have in common that the same policies can apply to.
pub(super) type Key = [usize; 3];

#[derive(Debug)]
pub(super) struct Index {
    actions: Axis,
    resources: Axis,
    principals: Axis,
}

impl Index {
    pub(super) fn new(policies: &[Policy], names: &Names) -> Self {
        // No action is in another, so that a list of actions in a scope means those and no others.
        let actions = policies.iter().map(|policy| match policy.action_constraint() {
            ActionConstraint::Any => None,
            ActionConstraint::Eq(action) => Some(vec![action.id().unescaped().to_owned()]),
            ActionConstraint::In(actions) => Some(actions.iter().map(|a| a.id().unescaped().to_owned()).collect()),
        });
        let resources = policies.iter().map(|policy| match policy.resource_constraint() {
            ResourceConstraint::Any | ResourceConstraint::In(_) => None,
            ResourceConstraint::Eq(uid) => one(names.resource_type(uid.type_name())),
            ResourceConstraint::Is(of) | ResourceConstraint::IsIn(of, _) => one(names.resource_type(&of)),
        });
        let principals = policies.iter().map(|policy| match policy.principal_constraint() {
            PrincipalConstraint::Any | PrincipalConstraint::In(_) => None,
            PrincipalConstraint::Eq(uid) => one(names.subject_type(uid.type_name())),
            PrincipalConstraint::Is(of) | PrincipalConstraint::IsIn(of, _) => one(names.subject_type(&of)),
        });
        let (actions, resources) = (Axis::new(actions), Axis::new(resources));
        Self { actions, resources, principals: Axis::new(principals) }
    }

    /// The numbers of the policies that can apply, in order, and the key of all requests that have the same.
    pub(super) fn find(
        &self,
        action: &str,
        resource_type: &str,
        principal_type: &str,
    ) -> (Key, impl Iterator<Item = usize>) {
        let (key, [first, second, third]) = self.look(action, resource_type, principal_type);
        (key, first.intersection(second).filter(|policy| third.contains(*policy)))
    }

    fn look(&self, action: &str, resource_type: &str, principal_type: &str) -> (Key, [&FixedBitSet; 3]) {
        let (action, actions) = self.actions.of(action);
        let (resource, resources) = self.resources.of(resource_type);
        let (principal, principals) = self.principals.of(principal_type);
        ([action, resource, principal], [actions, resources, principals])
    }
}

fn one(name: Option<&str>) -> Option<Vec<String>> {
    name.map(|name| vec![name.to_owned()])
}

/// One side of a request. Only names that policies say are kept, so that strangers' names take no room.
#[derive(Debug)]
struct Axis {
    /// Policies that can apply whatever the name.
    any: FixedBitSet,
    /// Those and the ones that say the name.
    named: HashMap<String, (usize, FixedBitSet)>,
}

impl Axis {
    /// From the names each policy asks for; none where it does not ask.
    fn new(policies: impl ExactSizeIterator<Item = Option<Vec<String>>>) -> Self {
        let mut any = FixedBitSet::with_capacity(policies.len());
        let mut asked: HashMap<String, Vec<usize>> = HashMap::new();
        for (policy, names) in policies.enumerate() {
            match names {
                None => any.insert(policy),
                Some(names) => names.into_iter().for_each(|name| asked.entry(name).or_default().push(policy)),
            }
        }
        let named = asked.into_iter().zip(1..).map(|((name, policies), class)| {
            let mut set = any.clone();
            set.extend(policies);
            (name, (class, set))
        });
        Self { named: named.collect(), any }
    }

    /// The policies for a name, and a number for it; 0 for all that no policy says.
    fn of(&self, name: &str) -> (usize, &FixedBitSet) {
        self.named.get(name).map_or((0, &self.any), |(class, set)| (*class, set))
    }
}

type Slot = OnceLock<(Key, Arc<Slice>)>;

/// Slices, each made when it is first asked for. Read without a lock; what finds no room is made again each time.
#[derive(Debug)]
pub(super) struct Slices {
    slots: Box<[Slot]>,
    policies: AtomicUsize,
}

impl Slices {
    pub(super) fn new(index: &Index) -> Self {
        let sizes = [&index.actions, &index.resources, &index.principals].map(|axis| axis.named.len() + 1);
        let keys = sizes.into_iter().fold(1, usize::saturating_mul);
        // Twice the room, so that few keys meet.
        let slots = keys.saturating_mul(2).min(SLICES_MAX);
        Self { slots: (0..slots).map(|_| OnceLock::new()).collect(), policies: AtomicUsize::new(0) }
    }

    pub(super) fn get(&self, key: Key, make: impl FnOnce() -> Slice) -> Arc<Slice> {
        if let Some(held) = self.held(key) {
            return held;
        }
        let slice = Arc::new(make());
        self.keep(key, &slice);
        slice
    }

    fn held(&self, key: Key) -> Option<Arc<Slice>> {
        let mut held = self.places(key).map_while(OnceLock::get);
        held.find(|(other, _)| *other == key).map(|(_, slice)| slice.clone())
    }

    /// Of two who make the same slice at once, both may keep it: it takes room twice, and nothing else.
    fn keep(&self, key: Key, slice: &Arc<Slice>) {
        let size = slice.len().max(1);
        let has_room = self.policies.fetch_add(size, Ordering::Relaxed) + size <= SLICED_POLICIES_MAX;
        if !has_room || !self.places(key).any(|slot| slot.set((key, slice.clone())).is_ok()) {
            self.policies.fetch_sub(size, Ordering::Relaxed);
        }
    }

    fn places(&self, key: Key) -> impl Iterator<Item = &Slot> {
        // Multiplied by the golden ratio, so that neighbours part.
        let mixed = key.iter().fold(0, |mixed: u64, part| (mixed ^ *part as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let first = usize::try_from(mixed >> 32).unwrap_or_default() % self.slots.len().max(1);
        let (before, from) = self.slots.split_at_checked(first).unwrap_or_default();
        from.iter().chain(before).take(PROBES_MAX)
    }
}
