//! What one decision sees: values from the caches, values it loaded itself, and which keys it used.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use super::cache::Changes;
use super::engine::{Key, SubjectRef, SubjectState, World};
use super::service::{Caches, Decisions};
use super::snapshot::Snapshot;
use crate::domain::assignment::{Assignment, Principal};
use crate::domain::change::{Changed, Revision};
use crate::domain::group::Membership;
use crate::domain::id::ResourceServerId;
use crate::store::decisions::{self, SubjectRow};
use crate::store::{Conn, StoreError, Tx, changes, roles};

/// A key the engine used: there is one subject and one resource server in a view, so they need not be repeated.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Used {
    Subject,
    Memberships(Principal),
    Assignments(Principal),
}

pub(super) struct View<'a> {
    service: &'a Decisions,
    /// `None` once pinned to a transaction: caches may be of another revision.
    caches: Option<&'a Caches>,
    at: ResourceServerId,
    subject: &'a SubjectRef,
    snapshot: Arc<Snapshot>,
    /// What was applied before the first look at a cache: cached values are true as of then or later.
    start: Revision,
    newest: Cell<Revision>,
    loaded_at: HashMap<Used, Revision>,
    state: Option<SubjectState>,
    memberships: HashMap<Principal, Arc<[Membership]>>,
    assignments: HashMap<Principal, Arc<[Assignment]>>,
    used: RefCell<Vec<Used>>,
}

impl<'a> View<'a> {
    /// A view over the caches.
    pub(super) async fn cached(
        service: &'a Decisions,
        at: ResourceServerId,
        subject: &'a SubjectRef,
    ) -> Result<Self, StoreError> {
        let start = service.applied().revision;
        if let Some((revision, snapshot)) = service.caches.snapshots.get(&at) {
            let view = Self::new(service, Some(&service.caches), at, subject, snapshot, start);
            view.saw(revision);
            return Ok(view);
        }
        let mut tx = service.store.snapshot().await?;
        let (revision, snapshot) = load_snapshot(&mut tx, at).await?;
        tx.commit().await?;
        service.caches.snapshots.put(&service.changes, &Changed::Roles(at), revision, at, snapshot.clone());
        let view = Self::new(service, Some(&service.caches), at, subject, snapshot, start);
        view.saw(revision);
        Ok(view)
    }

    /// A view that reads everything from one transaction.
    pub(super) async fn pinned(
        service: &'a Decisions,
        tx: &mut Tx,
        at: ResourceServerId,
        subject: &'a SubjectRef,
    ) -> Result<Self, StoreError> {
        let (revision, snapshot) = load_snapshot(tx, at).await?;
        Ok(Self::new(service, None, at, subject, snapshot, revision))
    }

    fn new(
        service: &'a Decisions,
        caches: Option<&'a Caches>,
        at: ResourceServerId,
        subject: &'a SubjectRef,
        snapshot: Arc<Snapshot>,
        start: Revision,
    ) -> Self {
        Self {
            service,
            caches,
            at,
            subject,
            snapshot,
            start,
            newest: Cell::new(start),
            loaded_at: HashMap::new(),
            state: None,
            memberships: HashMap::new(),
            assignments: HashMap::new(),
            used: RefCell::new(Vec::with_capacity(8)),
        }
    }

    pub(super) const fn start(&self) -> Revision {
        self.start
    }

    /// The newest revision anything in view was read at, by this decision or by whoever filled the cache.
    pub(super) const fn newest(&self) -> Revision {
        self.newest.get()
    }

    fn saw(&self, revision: Revision) {
        self.newest.set(self.newest.get().max(revision));
    }

    fn hit<V>(&self, hit: Option<(Revision, V)>) -> Option<V> {
        let (revision, value) = hit?;
        self.saw(revision);
        Some(value)
    }

    /// Whether no key this view used has changed since its value was read.
    pub(super) fn unchanged(&self, changes: &Changes) -> bool {
        let used = self.used.borrow();
        let of_key = used.iter().map(|used| (self.changed(*used), self.loaded_at.get(used).copied()));
        let roles = std::iter::once((Changed::Roles(self.at), None));
        // A snapshot that was just loaded is newer than `start`; to take it as older costs one more round at worst.
        of_key.chain(roles).all(|(key, at)| changes.unchanged_since(&key, at.unwrap_or(self.start)))
    }

    fn changed(&self, used: Used) -> Changed {
        match used {
            Used::Subject => changed_subject(self.subject),
            Used::Memberships(of) => Changed::Memberships(of),
            Used::Assignments(of) => Changed::Assignments(self.at, of),
        }
    }

    /// Loads what the engine misses: one statement for each kind, whatever the number of keys.
    pub(super) async fn load(&mut self, conn: &mut Conn, keys: Vec<Key>) -> Result<(), StoreError> {
        let (mut memberships, mut assignments) = (Vec::new(), Vec::new());
        for key in keys {
            match key {
                Key::Subject(_) => self.load_subject(conn).await?,
                Key::Memberships(of) => memberships.push(of),
                Key::Assignments(of) => assignments.push(of),
            }
        }
        if !memberships.is_empty() {
            self.load_memberships(conn, memberships).await?;
        }
        if !assignments.is_empty() {
            self.load_assignments(conn, assignments).await?;
        }
        Ok(())
    }

    async fn load_subject(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let (name, read) = match self.subject {
            SubjectRef::User(name) => (name, decisions::people(conn, std::slice::from_ref(name)).await?),
            SubjectRef::Client(name) => (name, decisions::clients(conn, std::slice::from_ref(name)).await?),
        };
        let state = state(read.values.get(name));
        self.state = Some(state);
        self.read(Used::Subject, read.revision);
        if let Some(caches) = self.caches {
            let changed = changed_subject(self.subject);
            caches.subjects.put(&self.service.changes, &changed, read.revision, self.subject.clone(), state);
        }
        Ok(())
    }

    async fn load_memberships(&mut self, conn: &mut Conn, of: Vec<Principal>) -> Result<(), StoreError> {
        let mut read = decisions::memberships(conn, &of).await?;
        for principal in of {
            let list: Arc<[_]> = read.values.remove(&principal.uuid()).unwrap_or_default().into();
            self.read(Used::Memberships(principal), read.revision);
            if let Some(caches) = self.caches {
                let changed = Changed::Memberships(principal);
                caches.memberships.put(&self.service.changes, &changed, read.revision, principal, list.clone());
            }
            self.memberships.insert(principal, list);
        }
        Ok(())
    }

    async fn load_assignments(&mut self, conn: &mut Conn, of: Vec<Principal>) -> Result<(), StoreError> {
        let mut read = decisions::assignments(conn, self.at, &of).await?;
        for principal in of {
            let list: Arc<[_]> = read.values.remove(&principal.uuid()).unwrap_or_default().into();
            self.read(Used::Assignments(principal), read.revision);
            if let Some(caches) = self.caches {
                let changed = Changed::Assignments(self.at, principal);
                let key = (self.at, principal);
                caches.assignments.put(&self.service.changes, &changed, read.revision, key, list.clone());
            }
            self.assignments.insert(principal, list);
        }
        Ok(())
    }

    fn read(&mut self, used: Used, revision: Revision) {
        self.loaded_at.insert(used, revision);
        self.saw(revision);
    }
}

impl World for View<'_> {
    fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn subject(&self, subject: &SubjectRef) -> Option<SubjectState> {
        self.used.borrow_mut().push(Used::Subject);
        self.state.or_else(|| self.hit(self.caches?.subjects.get(subject)))
    }

    fn memberships(&self, of: Principal) -> Option<Arc<[Membership]>> {
        self.used.borrow_mut().push(Used::Memberships(of));
        self.memberships.get(&of).cloned().or_else(|| self.hit(self.caches?.memberships.get(&of)))
    }

    fn assignments(&self, of: Principal) -> Option<Arc<[Assignment]>> {
        self.used.borrow_mut().push(Used::Assignments(of));
        self.assignments.get(&of).cloned().or_else(|| self.hit(self.caches?.assignments.get(&(self.at, of))))
    }
}

fn changed_subject(subject: &SubjectRef) -> Changed {
    match subject {
        SubjectRef::User(name) => Changed::User(name.clone()),
        SubjectRef::Client(name) => Changed::Client(name.clone()),
    }
}

pub(super) fn state(row: Option<&SubjectRow>) -> SubjectState {
    match row {
        None => SubjectState::Unknown,
        Some(row) if row.disabled => SubjectState::Disabled,
        Some(row) => SubjectState::Active(row.principal),
    }
}

async fn load_snapshot(tx: &mut Tx, at: ResourceServerId) -> Result<(Revision, Arc<Snapshot>), StoreError> {
    let revision = changes::position(tx).await?.revision;
    Ok((revision, Arc::new(Snapshot::build(&roles::all(tx, at).await?))))
}
