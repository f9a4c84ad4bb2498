//! The follower of the change log: drops exactly what changed, then publishes how far it has come.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use super::engine::SubjectRef;
use super::service::Decisions;
use crate::domain::chain::chain;
use crate::domain::change::{Changed, Position, Revision};
use crate::domain::id::Epoch;
use crate::store::{Store, StoreError, changes, tokens};

/// So many changes are read at once: more than one revision can hold, so that each batch completes at least one.
pub(super) const BATCH: i64 = changes::CHANGES_MAX + 1;

/// How often expired denials are forgotten, and how long beyond their time they are kept.
const FORGET_EVERY: Duration = Duration::from_secs(30);
const FORGET_MARGIN: Duration = Duration::from_mins(5);

/// Follows until the service is gone, and listens to the store, where it tells of writes.
pub(super) async fn follow(service: Weak<Decisions>, store: Option<Arc<Store>>, nudge: Arc<Notify>) {
    let mut failing = false;
    let mut listening = Box::pin(listen(store, nudge.clone()));
    loop {
        let Some(service) = service.upgrade() else { return };
        let poll_every = service.options.poll_every;
        match service.catch_up().await {
            Ok(()) if failing => {
                tracing::info!("the change log can be read again");
                failing = false;
            }
            Err(error) if !failing => {
                tracing::error!(error = chain(&error), "the change log cannot be read");
                failing = true;
            }
            Ok(()) | Err(_) => {}
        }
        service.forget_expired();
        // A write of this node nudges, and where the database tells of others' writes, they do; what nobody told is found
        // by looking.
        drop(service);
        tokio::select! {
            _ = tokio::time::timeout(poll_every, nudge.notified()) => {}
            () = &mut listening => {}
        }
    }
}

/// How long until the database is listened to again. Meanwhile the log is looked at as often as ever.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// Nudges whenever the database tells of a write. Never ends.
async fn listen(store: Option<Arc<Store>>, nudge: Arc<Notify>) {
    let Some(store) = store else { return std::future::pending().await };
    loop {
        if let Err(error) = store.listen(|| nudge.notify_one()).await {
            tracing::debug!(error = chain(&error), "the database cannot be listened to");
        }
        tokio::time::sleep(LISTEN_AGAIN).await;
    }
}

/// What was read of the log after `from`, as far as it holds whole revisions, and up to which one that is: a read may end in
/// the middle of one. `to` is the latest there was.
pub(super) fn whole<C>(mut batch: Vec<(Revision, C)>, from: Revision, to: Revision) -> (Vec<(Revision, C)>, Revision) {
    let last = batch.last().map_or(from, |(revision, _)| *revision);
    if i64::try_from(batch.len()).is_ok_and(|len| len < BATCH) {
        return (batch, to.max(last));
    }
    batch.retain(|(revision, _)| *revision < last);
    (batch, Revision(last.0 - 1).max(from))
}

impl Decisions {
    async fn catch_up(self: &Arc<Self>) -> Result<(), StoreError> {
        // Freshness counts from before the read: what is written after it may be missing from the answer.
        let started = self.clock.monotonic();
        let mut conn = self.store.read_log().await?;
        let position = changes::position(&mut conn).await?;
        let applied = self.applied();
        if position.epoch != applied.epoch || position.revision < applied.revision {
            drop(conn);
            self.restart(position).await?;
        } else if position.revision.0 - applied.revision.0 > changes::BEHIND_MAX {
            drop(conn);
            tracing::warn!("this node is far behind: all caches are dropped");
            self.begin_anew(position).await?;
        } else {
            let mut at = applied.revision;
            while at < position.revision {
                let (batch, to) = whole(changes::since(&mut conn, at, BATCH).await?, at, position.revision);
                let told = self.apply(batch);
                at = to;
                let position = Position { revision: at, ..position };
                self.applied.send_replace(position);
                // After it is applied: whoever hears of it and asks again is answered from it.
                self.feed.tell(position, told);
            }
        }
        self.confirm(started);
        Ok(())
    }

    /// Applies one batch, and gives it back for those who watch; nothing where anything may have changed.
    fn apply(&self, batch: Vec<(Revision, Result<Changed, String>)>) -> Option<Vec<(Revision, Changed)>> {
        let mut known = Some(Vec::with_capacity(batch.len()));
        for (revision, changed) in batch {
            match changed {
                Ok(changed) => {
                    self.apply_one(changed.clone(), revision);
                    if let Some(known) = &mut known {
                        known.push((revision, changed));
                    }
                }
                // A newer node wrote a kind this one does not know: the safe reading is that anything may have changed.
                Err(unknown) => {
                    tracing::warn!(unknown, "an unknown change: all caches are dropped");
                    self.changes.reset(revision, || self.drop_all());
                    known = None;
                }
            }
        }
        known
    }

    fn apply_one(&self, changed: Changed, revision: Revision) {
        match &changed {
            Changed::DeniedToken { id, expires_at } => {
                self.denied.write().unwrap_or_else(PoisonError::into_inner).insert(*id, *expires_at);
                return;
            }
            Changed::SigningKeys => {
                self.keys_changed.send_replace(revision);
                return;
            }
            Changed::Grants => {
                // Nobody knows which: what was read before this does not enter the cache any more, whatever it is of.
                self.changes.reset(revision, || self.caches.grants.drop_all());
                return;
            }
            _ => {}
        }
        self.changes.mark(changed, revision, |changed| self.drop_from_caches(changed));
    }

    fn drop_from_caches(&self, changed: &Changed) {
        let caches = &self.caches;
        match changed {
            Changed::User(name) => caches.subjects.drop_key(&SubjectRef::User(name.clone())),
            Changed::Client(name) => {
                caches.subjects.drop_key(&SubjectRef::Client(name.clone()));
                caches.clients.drop_key(name.as_str());
            }
            Changed::ResourceServers => caches.registry.drop_all(),
            Changed::Roles(of) => caches.snapshots.drop_key(of),
            Changed::Memberships(of) => caches.memberships.drop_key(of),
            Changed::Assignments(at, of, scope) => {
                caches.holdings.drop_key(&(*at, *of));
                caches.assignments.drop_key(&(*at, *of, scope.clone()));
            }
            Changed::Resource(at, object) => {
                let key = (*at, object.clone());
                caches.listed.drop_key(&key);
                caches.resources.drop_key(&key);
            }
            Changed::Person(id) => caches.people.drop_key(id),
            Changed::Attributes(at, of) => caches.attributes.drop_key(&(*at, *of)),
            Changed::Relations(at, object, subject) => {
                caches.direct.drop_key(&(*at, object.clone(), subject.clone()));
            }
            Changed::ExternalSubject(at, name) => caches.externals.drop_key(&(*at, name.clone())),
            Changed::Grant(id) => caches.grants.drop_key(id),
            Changed::Grants | Changed::DeniedToken { .. } | Changed::SigningKeys => {}
        }
    }

    /// Another history (a restored backup): nothing that is known counts any more.
    async fn restart(self: &Arc<Self>, position: Position) -> Result<(), StoreError> {
        tracing::warn!("the store has another history than before: all caches are dropped");
        if position.epoch == self.applied().epoch {
            // A revision went back within one history: a backup was restored. It goes on under a name of its own, so that
            // nobody takes its revisions for those that were lost.
            let epoch = Epoch::mint(self.clock.now(), self.entropy.as_ref());
            let mut tx = self.store.begin().await?;
            changes::renew_epoch(&mut tx, position.epoch, epoch).await?;
            tx.commit().await?;
        }
        let position = changes::position(&mut self.store.read().await?).await?;
        self.begin_anew(position).await
    }

    /// Forgets everything and goes on from the present.
    async fn begin_anew(&self, position: Position) -> Result<(), StoreError> {
        let (revision, denied) = tokens::denied(&mut self.store.read().await?, self.clock.now()).await?;
        *self.denied.write().unwrap_or_else(PoisonError::into_inner) = denied.into_iter().collect();
        let position = Position { revision, ..position };
        // Within: whoever sees the new history sees the new position.
        self.changes.reset(revision, || {
            self.drop_all();
            self.applied.send_replace(position);
        });
        self.feed.tell(position, None);
        self.keys_changed.send_replace(revision);
        Ok(())
    }

    fn drop_all(&self) {
        self.caches.gathered.drop_all();
        self.caches.subjects.drop_all();
        self.caches.memberships.drop_all();
        self.caches.holdings.drop_all();
        self.caches.assignments.drop_all();
        self.caches.snapshots.drop_all();
        self.caches.clients.drop_all();
        self.caches.listed.drop_all();
        self.caches.direct.drop_all();
        self.caches.externals.drop_all();
        self.caches.people.drop_all();
        self.caches.attributes.drop_all();
        self.caches.resources.drop_all();
        self.caches.compiled.invalidate_all();
        self.caches.grants.drop_all();
        self.caches.registry.drop_all();
    }

    /// Forgets denials of tokens that expired a while ago; the margin covers a clock that is set back.
    fn forget_expired(&self) {
        let (monotonic, before) = (self.clock.monotonic(), Duration::from_micros(self.forgot.load(Ordering::Relaxed)));
        if monotonic.saturating_sub(before) < FORGET_EVERY {
            return;
        }
        self.forgot.store(u64::try_from(monotonic.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let horizon = self.clock.now().minus(FORGET_MARGIN);
        self.denied.write().unwrap_or_else(PoisonError::into_inner).retain(|_, expires_at| *expires_at > horizon);
    }
}
