//! What one decision sees: values from the caches, values it loaded itself, and which keys it used.
//!
//! Never: a decision; SQL.

mod known;
mod wanted;

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use serde_json::{Map, Value};

use self::wanted::Wanted;
use crate::decision::cache::{Changes, History, KeyCache};
use crate::decision::caches::Caches;
use crate::decision::engine::{
    Direct, Elsewhere, FastMap, Gathered, Holdings, Key, PersonFacts, Scope, SubjectRef, SubjectState, WHOLE_MAX,
};
use crate::decision::error::DecisionError;
use crate::decision::service::Decisions;
use crate::decision::snapshot::Snapshot;
use crate::domain::assignment::{Assignment, Principal};
use crate::domain::change::{Changed, Revision};
use crate::domain::group::Membership;
use crate::domain::id::{PersonId, ResourceServerId};
use crate::domain::object::{Edge, EdgeSubject, ObjectRef};
use crate::domain::role::Role;
use crate::store::decisions::{self, LISTED_MAX, LISTED_ROWS_MAX, SubjectRow};
use crate::store::rules::Rules;
use crate::store::{Conn, StoreError, Tx, changes, roles, rules};

pub(super) struct View<'a> {
    service: &'a Decisions,
    /// `None` once pinned to a transaction: caches may be of another revision.
    caches: Option<&'a Caches>,
    at: ResourceServerId,
    snapshot: Arc<Snapshot>,
    history: History,
    /// What was applied before the first look at a cache: cached values are true as of then or later.
    start: Revision,
    newest: Cell<Revision>,
    /// None as long as the caches know all that is asked: so it is for nearly every decision.
    own: Option<Box<Own>>,
    /// What was gathered meanwhile.
    gathered: RefCell<Vec<(SubjectRef, Arc<Gathered>)>>,
    /// What was found gathered.
    found: RefCell<Vec<Arc<Gathered>>>,
    used: RefCell<Vec<Key>>,
}

/// Values that a view loaded itself.
#[derive(Default)]
struct Own {
    at: FastMap<Key, Revision>,
    states: FastMap<SubjectRef, SubjectState>,
    memberships: FastMap<Principal, Arc<[Membership]>>,
    holdings: FastMap<Principal, Arc<Holdings>>,
    assignments: FastMap<(Principal, Scope), Arc<[Assignment]>>,
    listed: FastMap<ObjectRef, Arc<[Edge]>>,
    direct: FastMap<(ObjectRef, EdgeSubject), Arc<[Direct]>>,
    people: FastMap<PersonId, Arc<PersonFacts>>,
    attributes: FastMap<Principal, Arc<Map<String, Value>>>,
    resources: FastMap<ObjectRef, Arc<Map<String, Value>>>,
    /// In no cache.
    elsewhere: FastMap<Principal, Arc<[Elsewhere]>>,
}

impl<'a> View<'a> {
    /// A view over the caches.
    pub(super) async fn cached(service: &'a Decisions, at: ResourceServerId) -> Result<Self, DecisionError> {
        let read = (service.changes.history(), service.applied().revision);
        let (revision, snapshot) = service.snapshot(at).await?;
        let view = Self::new(service, Some(&service.caches), at, snapshot, read);
        view.saw(revision);
        Ok(view)
    }

    /// A view that reads everything from one transaction.
    pub(super) async fn pinned(
        service: &'a Decisions,
        tx: &mut Tx,
        at: ResourceServerId,
    ) -> Result<Self, DecisionError> {
        let history = service.changes.history();
        let (revision, parts) = SnapshotParts::read(tx, at).await?;
        // Compiled before the transaction began, unless the rules have changed since.
        let snapshot = parts.build(service, at).await?;
        Ok(Self::new(service, None, at, snapshot, (history, revision)))
    }

    fn new(
        service: &'a Decisions,
        caches: Option<&'a Caches>,
        at: ResourceServerId,
        snapshot: Arc<Snapshot>,
        (history, start): (History, Revision),
    ) -> Self {
        Self {
            service,
            caches,
            at,
            snapshot,
            history,
            start,
            newest: Cell::new(start),
            own: None,
            gathered: RefCell::default(),
            found: RefCell::default(),
            used: RefCell::new(Vec::with_capacity(8)),
        }
    }

    /// Roles and model, for whoever goes on loading meanwhile.
    pub(super) fn shared_snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.clone()
    }

    pub(super) const fn history(&self) -> History {
        self.history
    }

    pub(super) const fn start(&self) -> Revision {
        self.start
    }

    /// The newest revision anything in view was read at, by this decision or by whoever filled the cache.
    pub(super) const fn newest(&self) -> Revision {
        self.newest.get()
    }

    /// How many values are in view.
    pub(super) fn loaded(&self) -> usize {
        self.own.as_ref().map_or(0, |own| own.at.len())
    }

    /// Drops every value. Only what is pinned to a transaction would read them back the same.
    pub(super) fn forget(&mut self) {
        debug_assert!(self.caches.is_none(), "a view over caches would not know any more what it used");
        self.own = None;
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
        let loaded_at = |key| self.own.as_ref().and_then(|own| own.at.get(key).copied());
        let of_key = used.iter().map(|used| (self.changed(used), loaded_at(used)));
        let roles = std::iter::once((Changed::Roles(self.at), None));
        // A snapshot that was just loaded is newer than `start`; to take it as older costs one more round at worst.
        let found = self.found.borrow().iter().all(|gathered| changes.unmarked_since(&gathered.marks, self.start));
        found && of_key.chain(roles).all(|(key, at)| changes.unchanged_since(&key, at.unwrap_or(self.start)))
    }

    /// Lets others find what was gathered here, once it is settled. It is true as of the start, unless one of its keys has
    /// changed since: a part may have been read before that, and found to be another in a later round. Then its mark says so.
    pub(super) fn put_gathered(&mut self) {
        let (Some(caches), read) = (self.caches, (self.history, self.start)) else { return };
        for (subject, gathered) in self.gathered.get_mut().drain(..) {
            caches.gathered.put_composed(&self.service.changes, read, (self.at, subject), gathered);
        }
    }

    fn changed(&self, used: &Key) -> Changed {
        match used {
            Key::Subject(subject) => self.changed_subject(subject),
            Key::Memberships(of) => Changed::Memberships(*of),
            Key::Holdings(of) | Key::Assignments(of, _) | Key::Elsewhere(of) => {
                Changed::Assignments(self.at, *of, None)
            }
            Key::Listed(object) | Key::Resource(object) => Changed::Resource(self.at, object.clone()),
            Key::Direct(object, subject) => Changed::Relations(self.at, object.clone(), subject.clone()),
            Key::Person(id) => Changed::Person(*id),
            Key::Attributes(of) => Changed::Attributes(self.at, *of),
        }
    }

    fn changed_subject(&self, subject: &SubjectRef) -> Changed {
        match subject {
            SubjectRef::User(name) => Changed::User(name.clone()),
            SubjectRef::Client(name) => Changed::Client(name.clone()),
            SubjectRef::External(name) => Changed::ExternalSubject(self.at, name.clone()),
        }
    }

    /// Loads what the engine misses: one statement for each kind, whatever the number of keys (to a bound).
    ///
    /// # Errors
    /// The store's, or [`DecisionError::OverBudget`] for a resource that leads on to more than a decision may walk.
    pub(super) async fn load(&mut self, conn: &mut Conn, keys: Vec<Key>) -> Result<(), DecisionError> {
        let Wanted {
            subjects,
            memberships,
            holdings,
            assignments,
            listed,
            direct,
            people,
            attributes,
            resources,
            elsewhere,
        } = Wanted::sort(keys);
        for some in subjects.chunks(KEYS_MAX) {
            self.load_subjects(conn, some).await?;
        }
        for some in memberships.chunks(KEYS_MAX) {
            self.load_memberships(conn, some).await?;
        }
        self.load_holdings(conn, &holdings).await?;
        for some in assignments.chunks(KEYS_MAX) {
            self.load_assignments(conn, some).await?;
        }
        self.load_listed(conn, &listed).await?;
        for some in direct.chunks(KEYS_MAX) {
            self.load_direct(conn, some).await?;
        }
        for some in people.chunks(KEYS_MAX) {
            self.load_people(conn, some).await?;
        }
        for some in attributes.chunks(KEYS_MAX) {
            self.load_attributes(conn, some).await?;
        }
        for some in resources.chunks(KEYS_MAX) {
            self.load_resources(conn, some).await?;
        }
        if !elsewhere.is_empty() {
            self.load_elsewhere(conn, elsewhere).await?;
        }
        Ok(())
    }

    async fn load_subjects(&mut self, conn: &mut Conn, of: &[SubjectRef]) -> Result<(), StoreError> {
        let [mut people, mut clients, mut externals] = [const { Vec::new() }; 3];
        for subject in of {
            match subject {
                SubjectRef::User(name) => people.push(name.clone()),
                SubjectRef::Client(name) => clients.push(name.clone()),
                SubjectRef::External(name) => externals.push(name.as_str().to_owned()),
            }
        }
        if !people.is_empty() {
            let read = decisions::people(conn, &people).await?;
            self.keep_subjects(of.iter().filter(|s| matches!(s, SubjectRef::User(_))), &read);
        }
        if !clients.is_empty() {
            let read = decisions::clients(conn, &clients).await?;
            self.keep_subjects(of.iter().filter(|s| matches!(s, SubjectRef::Client(_))), &read);
        }
        if !externals.is_empty() {
            let read = decisions::external_subjects(conn, self.at, &externals).await?;
            self.keep_subjects(of.iter().filter(|s| matches!(s, SubjectRef::External(_))), &read);
        }
        Ok(())
    }

    fn keep_subjects<'s>(
        &mut self,
        of: impl Iterator<Item = &'s SubjectRef>,
        read: &decisions::Keyed<String, SubjectRow>,
    ) {
        for subject in of {
            let name = match subject {
                SubjectRef::User(name) | SubjectRef::Client(name) => name.as_str(),
                SubjectRef::External(name) => name.as_str(),
            };
            self.keep_subject(subject, state(read.values.get(name)), read.revision);
        }
    }

    fn keep_subject(&mut self, subject: &SubjectRef, state: SubjectState, revision: Revision) {
        self.own().states.insert(subject.clone(), state);
        self.read(Key::Subject(subject.clone()), revision);
        let (Some(caches), changed, log) = (self.caches, self.changed_subject(subject), &self.service.changes) else {
            return;
        };
        let read = (self.history, revision);
        match subject {
            SubjectRef::External(name) => {
                caches.externals.put(log, &changed, read, (self.at, name.clone()), state);
            }
            named => caches.subjects.put(log, &changed, read, named.clone(), state),
        }
    }

    async fn load_memberships(&mut self, conn: &mut Conn, of: &[Principal]) -> Result<(), StoreError> {
        let mut read = decisions::memberships(conn, of).await?;
        for principal in of {
            let list: Arc<[_]> = read.values.remove(&principal.uuid()).unwrap_or_default().into();
            self.keep(Key::Memberships(*principal), read.revision, |c| &c.memberships, *principal, &list);
            self.own().memberships.insert(*principal, list);
        }
        Ok(())
    }

    /// Of each either all, or that it is too much for one value. Where more is found than all of them may hold together, it
    /// is some of them who hold too much: asked again by halves, until it is known who.
    async fn load_holdings(&mut self, conn: &mut Conn, of: &[Principal]) -> Result<(), StoreError> {
        let mut open: Vec<_> = of.chunks(HOLDERS_MAX).collect();
        while let Some(some) = open.pop() {
            let rows_max = some.len() * WHOLE_MAX + 1;
            let mut read = decisions::assignments_anywhere(conn, self.at, some, rows_max).await?;
            let rows: usize = read.values.values().map(Vec::len).sum();
            if rows == rows_max && some.len() > 1 {
                open.extend(some.chunks(some.len().div_ceil(2)));
                continue;
            }
            for principal in some {
                let holdings = Arc::new(Holdings::of(read.values.remove(&principal.uuid()).unwrap_or_default()));
                let key = (self.at, *principal);
                self.keep(Key::Holdings(*principal), read.revision, |c| &c.holdings, key, &holdings);
                self.own().holdings.insert(*principal, holdings);
            }
        }
        Ok(())
    }

    /// The principals or the scopes of what is missing are few; what lies at their crossing is read, asked for or not.
    async fn load_assignments(&mut self, conn: &mut Conn, wanted: &[(Principal, Scope)]) -> Result<(), StoreError> {
        let mut of: Vec<_> = wanted.iter().map(|(principal, _)| *principal).collect();
        let mut scopes: Vec<_> = wanted.iter().map(|(_, scope)| text(scope)).collect();
        of.sort_unstable();
        of.dedup();
        scopes.sort_unstable();
        scopes.dedup();
        let mut read = decisions::assignments(conn, self.at, &of, &scopes).await?;
        for (principal, scope) in wanted {
            let key = (principal.uuid(), text(scope).to_owned());
            let list: Arc<[_]> = read.values.remove(&key).unwrap_or_default().into();
            let used = Key::Assignments(*principal, scope.clone());
            let key = (self.at, *principal, scope.clone());
            self.keep(used, read.revision, |c| &c.assignments, key, &list);
            self.own().assignments.insert((*principal, scope.clone()), list);
        }
        Ok(())
    }

    /// Mostly these are few; of resources with very many no statement reads more than it is bound to.
    async fn load_listed(&mut self, conn: &mut Conn, objects: &[ObjectRef]) -> Result<(), DecisionError> {
        let mut open: Vec<_> = objects.chunks(KEYS_MAX).collect();
        let mut total = 0;
        while let Some(objects) = open.pop() {
            let names: Vec<_> = objects.iter().map(ObjectRef::as_str).collect();
            let mut read = decisions::listed(conn, self.at, &names).await?;
            let edges: usize = read.values.values().map(Vec::len).sum();
            if edges > LISTED_ROWS_MAX && objects.len() > 1 {
                open.extend(objects.chunks(objects.len().div_ceil(2)));
                continue;
            }
            total += edges;
            if total > LOADED_EDGES_MAX || read.values.values().any(|edges| edges.len() > LISTED_MAX) {
                return Err(DecisionError::OverBudget);
            }
            for object in objects {
                let list: Arc<[_]> = read.values.remove(object.as_str()).unwrap_or_default().into();
                let key = (self.at, object.clone());
                self.keep(Key::Listed(object.clone()), read.revision, |c| &c.listed, key, &list);
                self.own().listed.insert(object.clone(), list);
            }
        }
        Ok(())
    }

    /// Either the resources or the subjects are few, as with assignments.
    async fn load_direct(&mut self, conn: &mut Conn, wanted: &[(ObjectRef, EdgeSubject)]) -> Result<(), StoreError> {
        let mut names: Vec<_> = wanted.iter().map(|(object, _)| object.as_str()).collect();
        let mut subjects: Vec<_> = wanted.iter().map(|(_, subject)| subject).collect();
        names.sort_unstable();
        names.dedup();
        subjects.sort_unstable();
        subjects.dedup();
        let mut read = decisions::direct(conn, self.at, &names, &subjects).await?;
        for (object, subject) in wanted {
            let (kind, text, _) = subject.columns();
            let key = (object.as_str().to_owned(), kind.to_owned(), text);
            let rows = read.values.remove(&key).unwrap_or_default();
            let list: Arc<[_]> = rows.into_iter().map(|(relation, interval)| Direct { relation, interval }).collect();
            let used = Key::Direct(object.clone(), subject.clone());
            let key = (self.at, object.clone(), subject.clone());
            self.keep(used, read.revision, |c| &c.direct, key, &list);
            self.own().direct.insert((object.clone(), subject.clone()), list);
        }
        Ok(())
    }

    async fn load_people(&mut self, conn: &mut Conn, ids: &[PersonId]) -> Result<(), StoreError> {
        let mut read = decisions::known_people(conn, ids).await?;
        for id in ids {
            let known = read.values.remove(id).unwrap_or_default();
            let facts = Arc::new(PersonFacts { sub: known.sub, attributes: known.attributes });
            self.keep(Key::Person(*id), read.revision, |c| &c.people, *id, &facts);
            self.own().people.insert(*id, facts);
        }
        Ok(())
    }

    async fn load_attributes(&mut self, conn: &mut Conn, of: &[Principal]) -> Result<(), StoreError> {
        let mut read = decisions::attributes(conn, self.at, of).await?;
        for of in of {
            let map = Arc::new(read.values.remove(&of.uuid()).unwrap_or_default());
            self.keep(Key::Attributes(*of), read.revision, |c| &c.attributes, (self.at, *of), &map);
            self.own().attributes.insert(*of, map);
        }
        Ok(())
    }

    async fn load_resources(&mut self, conn: &mut Conn, objects: &[ObjectRef]) -> Result<(), StoreError> {
        let names: Vec<_> = objects.iter().map(ObjectRef::as_str).collect();
        let mut read = decisions::resources(conn, self.at, &names).await?;
        for object in objects {
            let map = Arc::new(read.values.remove(object.as_str()).unwrap_or_default());
            let key = (self.at, object.clone());
            self.keep(Key::Resource(object.clone()), read.revision, |c| &c.resources, key, &map);
            self.own().resources.insert(object.clone(), map);
        }
        Ok(())
    }

    async fn load_elsewhere(&mut self, conn: &mut Conn, of: Vec<Principal>) -> Result<(), DecisionError> {
        let mut read = decisions::scoped_assignments(conn, self.at, &of).await?;
        for principal in of {
            let held = read.values.remove(&principal.uuid()).unwrap_or_default().into_iter();
            let held = held.map(|(scope, assignment)| Elsewhere { scope, assignment });
            self.own().elsewhere.insert(principal, held.collect());
            self.read(Key::Elsewhere(principal), read.revision);
        }
        Ok(())
    }

    fn own(&mut self) -> &mut Own {
        self.own.get_or_insert_default()
    }

    /// Remembers at which revision a value was read, and offers it to a cache.
    fn keep<K, V>(
        &mut self,
        used: Key,
        revision: Revision,
        cache: impl FnOnce(&Caches) -> &KeyCache<K, Arc<V>>,
        key: K,
        value: &Arc<V>,
    ) where
        K: std::hash::Hash + Eq + Send + Sync + Clone + 'static,
        V: ?Sized + Send + Sync + 'static,
    {
        if let Some(caches) = self.caches {
            let read = (self.history, revision);
            cache(caches).put(&self.service.changes, &self.changed(&used), read, key, value.clone());
        }
        self.read(used, revision);
    }

    fn read(&mut self, used: Key, revision: Revision) {
        self.own().at.insert(used, revision);
        self.saw(revision);
    }

    fn uses(&self, used: impl FnOnce() -> Key) {
        // What comes from one transaction needs no second look.
        if self.caches.is_some() {
            self.used.borrow_mut().push(used());
        }
    }
}

/// Keys of one statement at most: SQLite takes 32,766 values, and an assignment has two.
pub(super) const KEYS_MAX: usize = 5_000;

/// Holders of assignments asked for by one statement.
const HOLDERS_MAX: usize = 256;

/// Edges that lead on, loaded at once: more than one decision may look at, since searches load for many.
const LOADED_EDGES_MAX: usize = 400_000;

fn text(scope: &Scope) -> &str {
    scope.as_ref().map_or("", ObjectRef::as_str)
}

pub(super) fn state(row: Option<&SubjectRow>) -> SubjectState {
    match row {
        None => SubjectState::Unknown,
        Some(row) if row.disabled => SubjectState::Disabled,
        Some(row) => SubjectState::Active(row.principal),
    }
}

/// What a snapshot is made of, read at one revision.
pub(super) struct SnapshotParts {
    rules: Rules,
    roles: Vec<Role>,
}

impl SnapshotParts {
    pub(super) async fn read(tx: &mut Tx, at: ResourceServerId) -> Result<(Revision, Self), StoreError> {
        let revision = changes::position(tx).await?.revision;
        Ok((revision, Self { rules: rules::active(tx, at).await?, roles: roles::all(tx, at).await? }))
    }

    pub(super) async fn build(self, service: &Decisions, at: ResourceServerId) -> Result<Arc<Snapshot>, DecisionError> {
        let policies = service.compiled(at, &self.rules).await?;
        Ok(Arc::new(Snapshot::build(&self.roles, self.rules.model.map(|(_, model)| model), policies)))
    }
}
