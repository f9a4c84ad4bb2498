//! Values by key, bounded, true as of the change log's applied revision.
//!
//! Two rules keep them true. A loaded value enters only if its key has not changed since the revision it was read at,
//! checked under the same lock under which the follower of the change log marks a key as changed and drops it; so a load
//! that races an invalidation cannot stay; nor can one from a history that another has taken the place of. And whoever used values checks at the end that none of their keys has changed
//! since they were read; so no answer mixes revisions. What is put together from many values asks a table of marks instead,
//! in which keys share places: it may hear of a change that was another key's, and never misses one.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, Hash};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{PoisonError, RwLock};

use crate::domain::change::{Changed, Revision};

/// So many recent changes are remembered for loads and decisions that are under way.
const RECENT_MAX: usize = 65_536;

/// What changed lately.
#[derive(Default)]
pub(super) struct Recent {
    at: HashMap<Changed, Revision>,
    order: VecDeque<(Revision, Changed)>,
    /// Changes up to here may have been forgotten.
    floor: Revision,
    /// Which history this is about: the revisions of another one say nothing here, be they lower or higher.
    history: History,
}

/// Counts the histories a node has followed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct History(u64);

/// What is remembered of a change: of assignments no scope, since one value may hold those of all scopes.
fn remembered(changed: Changed) -> Changed {
    match changed {
        Changed::Assignments(at, of, Some(_)) => Changed::Assignments(at, of, None),
        other => other,
    }
}

impl Recent {
    fn mark(&mut self, changed: Changed, revision: Revision) {
        self.at.insert(changed.clone(), revision);
        self.order.push_back((revision, changed));
        if self.order.len() > RECENT_MAX
            && let Some((revision, oldest)) = self.order.pop_front()
        {
            self.floor = revision;
            if self.at.get(&oldest) == Some(&revision) {
                self.at.remove(&oldest);
            }
        }
    }

    /// Whether the key is known not to have changed after `revision`. Of assignments it is to be asked without a scope.
    fn unchanged_since(&self, changed: &Changed, revision: Revision) -> bool {
        revision >= self.floor && self.at.get(changed).is_none_or(|at| *at <= revision)
    }
}

/// So many places for marks, a power of two: 512 KiB.
const MARKS: usize = 65_536;

/// What is shared by all caches of a node.
pub(super) struct Changes {
    recent: RwLock<Recent>,
    /// For each place the last revision at which a key that has it changed.
    marks: Box<[AtomicI64]>,
    hashing: Hashing,
}

impl Default for Changes {
    fn default() -> Self {
        let marks = std::iter::repeat_with(AtomicI64::default).take(MARKS).collect();
        Self { recent: RwLock::default(), marks, hashing: Hashing::default() }
    }
}

impl Changes {
    /// Marks a key as changed and runs `drop_from_caches` before any load can put an older value back.
    pub(super) fn mark(&self, changed: Changed, revision: Revision, drop_from_caches: impl FnOnce(&Changed)) {
        let mut recent = self.recent.write().unwrap_or_else(PoisonError::into_inner);
        drop_from_caches(&changed);
        let changed = remembered(changed);
        if let Some(mark) = self.marks.get(self.place(&changed)) {
            mark.fetch_max(revision.0, Ordering::Relaxed);
        }
        recent.mark(changed, revision);
    }

    fn place(&self, changed: &Changed) -> usize {
        let hash = self.hashing.hash_one(changed);
        usize::try_from(hash % MARKS as u64).unwrap_or_default()
    }

    /// The place of a key's mark. Of assignments it is to be asked without a scope.
    pub(super) fn mark_of(&self, changed: &Changed) -> u32 {
        u32::try_from(self.place(changed)).unwrap_or_default()
    }

    /// Whether certainly none of the keys with these places has changed after `revision`, as far as the log was applied when
    /// this was last looked at: of the history that goes on.
    pub(super) fn unmarked_since(&self, places: &[u32], revision: Revision) -> bool {
        let last = |place: &u32| self.marks.get(*place as usize).map(|mark| mark.load(Ordering::Relaxed));
        places.iter().all(|place| last(place).is_some_and(|at| at <= revision.0))
    }

    /// Forgets everything: another history begins, of which values up to `floor` are not to be trusted.
    pub(super) fn reset(&self, floor: Revision, drop_all: impl FnOnce()) {
        let mut recent = self.recent.write().unwrap_or_else(PoisonError::into_inner);
        drop_all();
        self.marks.iter().for_each(|mark| mark.store(floor.0, Ordering::Relaxed));
        *recent = Recent { floor, history: History(recent.history.0 + 1), ..Recent::default() };
    }

    /// To be asked before anything is read: what was read before a reset is of another history.
    pub(super) fn history(&self) -> History {
        self.recent.read().unwrap_or_else(PoisonError::into_inner).history
    }

    pub(super) fn unchanged_since(&self, changed: &Changed, revision: Revision) -> bool {
        self.recent.read().unwrap_or_else(PoisonError::into_inner).unchanged_since(changed, revision)
    }
}

/// One cache of one kind of value, each with the revision it was read at.
pub(super) struct KeyCache<K, V>(moka::sync::Cache<K, (Revision, V), Hashing>);

type Hashing = foldhash::fast::RandomState;

impl<K: Hash + Eq + Send + Sync + Clone + 'static, V: Clone + Send + Sync + 'static> KeyCache<K, V> {
    /// At most `entries_max` values; the least used go first.
    pub(super) fn new(entries_max: u64) -> Self {
        Self(moka::sync::Cache::builder().max_capacity(entries_max).build_with_hasher(Hashing::default()))
    }

    /// For lists: each counts as one value and one more for each of its entries, or a few long ones would take the room
    /// of all.
    pub(super) fn of_lists(entries_max: u64, length: fn(&V) -> usize) -> Self {
        let weigh = move |_: &K, (_, list): &(Revision, V)| u32::try_from(length(list) + 1).unwrap_or(u32::MAX);
        Self(
            moka::sync::Cache::builder().max_capacity(entries_max).weigher(weigh).build_with_hasher(Hashing::default()),
        )
    }

    pub(super) fn get<Q>(&self, key: &Q) -> Option<(Revision, V)>
    where
        Q: Hash + equivalent::Equivalent<K> + ?Sized,
    {
        self.0.get(key)
    }

    /// Puts a value that was put together of others and is true as of this revision of this history. Whether they have
    /// changed since is asked whenever it is used.
    pub(super) fn put_composed(&self, log: &Changes, (history, revision): (History, Revision), key: K, value: V) {
        let recent = log.recent.read().unwrap_or_else(PoisonError::into_inner);
        if recent.history == history {
            self.0.insert(key, (revision, value));
        }
    }

    /// Puts a value that was read at this revision of this history, unless its key has changed since.
    pub(super) fn put(&self, log: &Changes, changed: &Changed, read: (History, Revision), key: K, value: V) {
        let recent = log.recent.read().unwrap_or_else(PoisonError::into_inner);
        let (history, revision) = read;
        if recent.history == history && recent.unchanged_since(changed, revision) {
            self.0.insert(key, (revision, value));
        }
    }

    pub(super) fn drop_key<Q>(&self, key: &Q)
    where
        Q: Hash + equivalent::Equivalent<K> + ?Sized,
    {
        self.0.invalidate(key);
    }

    pub(super) fn drop_all(&self) {
        self.0.invalidate_all();
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::assignment::Principal;
    use crate::domain::id::{PersonId, ResourceServerId};
    use crate::domain::object::ObjectRef;

    #[test]
    fn a_change_on_one_resource_keeps_out_what_was_read_before_of_all_that_somebody_holds() {
        let (log, cache) = (Changes::default(), KeyCache::new(10));
        let (at, of) = (ResourceServerId::from_uuid(Uuid::nil()), Principal::Person(PersonId::from_uuid(Uuid::nil())));
        let on = Some(ObjectRef::parse("document:7").unwrap());
        let whole = Changed::Assignments(at, of, None);
        log.mark(Changed::Assignments(at, of, on), Revision(7), |_| cache.drop_key(&of));
        let put = |revision: i64| {
            cache.put(&log, &whole, (log.history(), Revision(revision)), of, revision);
            cache.get(&of).map(|(_, value)| value)
        };
        assert_eq!(put(6), None);
        assert!(!log.unchanged_since(&whole, Revision(6)));
        assert_eq!(put(7), Some(7));
    }

    #[test]
    fn what_was_put_together_before_a_change_of_one_of_its_keys_counts_no_more() {
        let log = Changes::default();
        let (alice, bob) = (Changed::User("alice".into()), Changed::User("bob".into()));
        let of = |all: &[&Changed]| all.iter().map(|changed| log.mark_of(changed)).collect::<Vec<_>>();
        log.mark(alice.clone(), Revision(7), |_| {});
        assert!(!log.unmarked_since(&of(&[&bob, &alice]), Revision(6)));
        assert!(log.unmarked_since(&of(&[&bob, &alice]), Revision(7)));
        assert!(log.mark_of(&alice) == log.mark_of(&bob) || log.unmarked_since(&of(&[&bob]), Revision(6)));
        // Another history: of what was known before it nothing counts, and of what is known since everything.
        log.reset(Revision(5), || {});
        assert!(!log.unmarked_since(&of(&[&bob]), Revision(4)));
        assert!(log.unmarked_since(&of(&[&bob, &alice]), Revision(5)));
    }

    #[test]
    fn what_was_read_of_another_history_stays_out_however_high_its_revision() {
        let (log, cache) = (Changes::default(), KeyCache::new(10));
        let put = |history, revision, value: &str| {
            cache.put(&log, &Changed::ResourceServers, (history, Revision(revision)), (), value.to_owned());
            cache.get(&())
        };
        let before = log.history();
        assert_eq!(put(before, 100, "lost"), Some((Revision(100), "lost".to_owned())));
        // A backup of revision 50 is restored while somebody still reads.
        log.reset(Revision(50), || cache.drop_all());
        assert_eq!(put(before, 100, "lost"), None);
        assert_eq!(put(log.history(), 51, "new"), Some((Revision(51), "new".to_owned())));
    }
}
