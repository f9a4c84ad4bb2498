//! What a node keeps of the store, by key.

use std::sync::Arc;

use equivalent::Equivalent;
use serde_json::{Map, Value};
use tokio::sync::OnceCell;

use super::cache::{History, KeyCache};
use super::engine::{Direct, Gathered, Holdings, PersonFacts, Scope, SubjectRef, SubjectState};
use super::policies::Policies;
use super::registry::Registry;
use super::snapshot::Snapshot;
use crate::domain::assignment::{Assignment, Principal};
use crate::domain::client::Client;
use crate::domain::grant::GrantState;
use crate::domain::group::Membership;
use crate::domain::id::{GrantId, PersonId, ResourceServerId};
use crate::domain::object::{Edge, EdgeSubject, ObjectRef};

/// Compiled policies kept at most: of each resource server the present version, and a few before it.
const COMPILED_MAX: u64 = 256;

/// Of what is gathered, the key as it is asked for.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Whom<'a>(pub ResourceServerId, pub &'a SubjectRef);

impl Equivalent<(ResourceServerId, SubjectRef)> for Whom<'_> {
    fn equivalent(&self, (at, subject): &(ResourceServerId, SubjectRef)) -> bool {
        self.0 == *at && self.1 == subject
    }
}

/// Policies, or what is wrong with them.
pub(super) type Compiled = Result<Arc<Policies>, String>;

pub(super) struct Caches {
    /// Put together of the three kinds after it: one look-up where most decisions would need three.
    pub gathered: KeyCache<(ResourceServerId, SubjectRef), Arc<Gathered>>,
    pub subjects: KeyCache<SubjectRef, SubjectState>,
    pub memberships: KeyCache<Principal, Arc<[Membership]>>,
    pub holdings: KeyCache<(ResourceServerId, Principal), Arc<Holdings>>,
    /// Of those who hold too much for one value.
    pub assignments: KeyCache<(ResourceServerId, Principal, Scope), Arc<[Assignment]>>,
    pub listed: KeyCache<(ResourceServerId, ObjectRef), Arc<[Edge]>>,
    pub direct: KeyCache<(ResourceServerId, ObjectRef, EdgeSubject), Arc<[Direct]>>,
    pub externals: KeyCache<(ResourceServerId, ObjectRef), SubjectState>,
    pub people: KeyCache<PersonId, Arc<PersonFacts>>,
    pub attributes: KeyCache<(ResourceServerId, Principal), Arc<Map<String, Value>>>,
    pub resources: KeyCache<(ResourceServerId, ObjectRef), Arc<Map<String, Value>>>,
    /// By the versions of model and policies, which never change within a history; each is compiled once, by the first
    /// who asks, while the others wait.
    pub compiled: moka::sync::Cache<(History, ResourceServerId, i64, i64), Arc<OnceCell<Compiled>>>,
    pub snapshots: KeyCache<ResourceServerId, Arc<Snapshot>>,
    pub clients: KeyCache<String, Option<Arc<Client>>>,
    pub grants: KeyCache<GrantId, GrantState>,
    pub registry: KeyCache<(), Arc<Registry>>,
}

impl Caches {
    pub(super) fn new(entries_max: u64) -> Self {
        Self {
            gathered: KeyCache::of_lists(entries_max, |gathered| gathered.weight()),
            subjects: KeyCache::new(entries_max),
            memberships: KeyCache::of_lists(entries_max, |list| list.len()),
            holdings: KeyCache::of_lists(entries_max, |holdings| holdings.len()),
            assignments: KeyCache::of_lists(entries_max, |list| list.len()),
            listed: KeyCache::of_lists(entries_max, |list| list.len()),
            direct: KeyCache::of_lists(entries_max, |list| list.len()),
            externals: KeyCache::new(entries_max),
            people: KeyCache::new(entries_max),
            attributes: KeyCache::new(entries_max),
            resources: KeyCache::new(entries_max),
            compiled: moka::sync::Cache::new(COMPILED_MAX),
            snapshots: KeyCache::new(entries_max),
            clients: KeyCache::new(entries_max),
            grants: KeyCache::new(entries_max),
            registry: KeyCache::new(1),
        }
    }
}
