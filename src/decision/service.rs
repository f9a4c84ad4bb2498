//! The decision service of a node: asks the engine, loads what it misses, and answers only from one revision.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::asked;
use super::cache::Changes;
use super::caches::Caches;
use super::engine::{self, Decision, Explanation, Held, Outcome, Query, Sent, SubjectRef};
use super::error::DecisionError;
use super::load::{SnapshotParts, View};
use super::policies::{Policies, PolicyError};
use super::snapshot::Snapshot;
use super::watch::Feed;
use crate::domain::change::{Changed, Position, Revision};
use crate::domain::entropy::Entropy;
use crate::domain::id::{ResourceServerId, TokenId};
use crate::domain::time::{Clock, Instant};
use crate::store::rules::Rules;
use crate::store::{Store, StoreError, Tx, changes, tokens};

/// Bounds of the service.
#[derive(Clone, Copy, Debug)]
pub struct DecisionOptions {
    /// How long a node answers without having confirmed with the database that it knows the latest revision.
    pub freshness_bound: Duration,
    /// How often the change log is looked at.
    pub poll_every: Duration,
    /// Values kept in each cache at most.
    pub cache_entries_max: u64,
    /// Grants, relations and memberships followed for one page of a search at most, to know where it must look.
    pub search_reach_max: usize,
    /// Values loaded for candidates of a search together, and kept in view until the next ones, at most: principals times
    /// resources may be very many.
    pub search_keys_max: usize,
}

/// The decision service. One per node, shared behind an `Arc`.
pub struct Decisions {
    pub(super) store: Arc<Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) options: DecisionOptions,
    pub(super) caches: Caches,
    pub(super) changes: Changes,
    pub(super) applied: watch::Sender<Position>,
    /// Monotonic microseconds at the start of the last successful look at the log.
    pub(super) confirmed: AtomicU64,
    /// Every access token that is denied and has not expired: whole, so that no eviction can forget one.
    pub(super) denied: RwLock<HashMap<TokenId, Instant>>,
    /// Monotonic microseconds of the last time expired denials were forgotten.
    pub(super) forgot: AtomicU64,
    pub(super) nudge: Arc<Notify>,
    pub(super) keys_changed: watch::Sender<Revision>,
    /// What was applied, for those who watch.
    pub(super) feed: Feed,
}

/// How long an answer waits for the log to catch up with what it has read.
const APPLY_WAIT: Duration = Duration::from_secs(2);

impl Decisions {
    /// Reads where the history stands and starts to follow it.
    ///
    /// # Errors
    /// The store's.
    pub async fn start(
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        options: DecisionOptions,
    ) -> Result<Arc<Self>, StoreError> {
        let started = clock.monotonic();
        let mut conn = store.read().await?;
        let position = changes::position(&mut conn).await?;
        let (revision, denied) = tokens::denied(&mut conn, clock.now()).await?;
        drop(conn);
        let service = Arc::new(Self {
            store,
            clock,
            entropy,
            options,
            caches: Caches::new(options.cache_entries_max),
            changes: Changes::default(),
            applied: watch::Sender::new(Position { revision, ..position }),
            confirmed: AtomicU64::new(0),
            denied: RwLock::new(denied.into_iter().collect()),
            forgot: AtomicU64::new(0),
            nudge: Arc::new(Notify::new()),
            keys_changed: watch::Sender::new(revision),
            feed: Feed::new(),
        });
        service.confirm(started);
        // A store that tells nothing must not outlive the service for it: its file is locked as long.
        let told_by = service.store.tells().then(|| service.store.clone());
        let following = super::follow::follow(Arc::downgrade(&service), told_by, service.nudge.clone());
        tokio::spawn(following);
        Ok(service)
    }

    /// Whether the subject may do this at the resource server at `now`, and as of which revision.
    ///
    /// # Errors
    /// See [`DecisionError`].
    pub async fn decide(
        &self,
        at: ResourceServerId,
        query: &Query,
        now: Instant,
    ) -> Result<(Decision, Revision), DecisionError> {
        self.consistently(at, |view| engine::decide(view, query, now)).await
    }

    /// The same for many queries, all of one revision; none for those that need more than one decision may walk. What they
    /// miss is loaded for all of them at once.
    ///
    /// # Errors
    /// See [`DecisionError`].
    pub async fn decide_all<'a>(
        &self,
        at: ResourceServerId,
        queries: impl Iterator<Item = &'a Query> + Clone,
        now: Instant,
    ) -> Result<(Vec<Option<Decision>>, Revision), DecisionError> {
        match self.consistently(at, |view| engine::decide_all(view, queries.clone(), now)).await {
            // One of them leads on to more than may be loaded: one after the other says which.
            Err(DecisionError::OverBudget) => {}
            other => return other,
        }
        let mut tx = self.store.snapshot().await?;
        let decided = self.each_within(&mut tx, at, queries, now).await;
        tx.commit().await?;
        decided
    }

    /// Decides one after the other inside one transaction.
    async fn each_within<'a>(
        &self,
        tx: &mut Tx,
        at: ResourceServerId,
        queries: impl Iterator<Item = &'a Query>,
        now: Instant,
    ) -> Result<(Vec<Option<Decision>>, Revision), DecisionError> {
        let mut view = View::pinned(self, tx, at).await?;
        let mut decided = Vec::new();
        for query in queries {
            match Self::ask_within(&mut view, tx, |view| engine::decide(view, query, now)).await {
                Ok(decision) => decided.push(Some(decision)),
                Err(DecisionError::OverBudget) => decided.push(None),
                Err(fault) => return Err(fault),
            }
            // What many of them have in view together has no bound.
            view.forget();
        }
        Ok((decided, view.start()))
    }

    /// Why a query is answered as it is; never another answer than that of [`Self::decide`].
    ///
    /// # Errors
    /// See [`DecisionError`].
    pub async fn explain(
        &self,
        at: ResourceServerId,
        query: &Query,
        now: Instant,
    ) -> Result<(Explanation, Revision), DecisionError> {
        match self.consistently(at, |view| engine::explain(view, query, now)).await {
            // To explain looks at more than to decide does.
            Err(DecisionError::OverBudget) => {
                let (decision, revision) = self.decide(at, query, now).await?;
                Ok((Explanation::over_budget(query, decision.allowed, decision.valid_until), revision))
            }
            explained => explained,
        }
    }

    /// What the subject holds at the resource server at `now`, for the claims of a token.
    ///
    /// # Errors
    /// See [`DecisionError`].
    pub async fn held(&self, at: ResourceServerId, subject: &SubjectRef, now: Instant) -> Result<Held, DecisionError> {
        Ok(self.consistently(at, |view| engine::held(view, subject, now)).await?.0)
    }

    /// Whom a subject type and identifier of a request mean; `None` for a type that means nobody.
    ///
    /// # Errors
    /// See [`DecisionError`].
    pub async fn named(
        &self,
        at: ResourceServerId,
        subject_type: &str,
        id: &str,
    ) -> Result<Option<SubjectRef>, DecisionError> {
        let space = match asked::space(subject_type) {
            Some(known) => Some(known),
            None => self.snapshot(at).await?.1.model().and_then(|model| model.subject_space(subject_type)),
        };
        Ok(space.and_then(|space| asked::named(space, subject_type, id)))
    }

    /// Roles and model of a resource server, and the revision they were read at.
    pub(super) async fn snapshot(&self, at: ResourceServerId) -> Result<(Revision, Arc<Snapshot>), DecisionError> {
        if let Some(hit) = self.caches.snapshots.get(&at) {
            return Ok(hit);
        }
        let history = self.changes.history();
        let mut tx = self.store.snapshot().await?;
        let (revision, parts) = SnapshotParts::read(&mut tx, at).await?;
        // No connection waits while policies are compiled.
        tx.commit().await?;
        let snapshot = parts.build(self, at).await?;
        self.caches.snapshots.put(&self.changes, &Changed::Roles(at), (history, revision), at, snapshot.clone());
        Ok((revision, snapshot))
    }

    /// Has roles, model and compiled policies of a resource server at hand, for a question whose transaction must be short.
    ///
    /// # Errors
    /// See [`DecisionError`].
    pub async fn warm(&self, at: ResourceServerId) -> Result<(), DecisionError> {
        self.snapshot(at).await.map(drop)
    }

    /// The policies that count, compiled once for each version, away from the threads that others wait for.
    pub(super) async fn compiled(
        &self,
        at: ResourceServerId,
        rules: &Rules,
    ) -> Result<Option<Arc<Policies>>, DecisionError> {
        let (Some((model_version, model)), Some((policy_version, text))) = (&rules.model, &rules.policies) else {
            return Ok(None);
        };
        let key = (self.changes.history(), at, *model_version, *policy_version);
        let known = self.caches.compiled.get_with(key, Arc::default);
        let compiled = known.get_or_try_init(async || {
            let (model, text) = (model.clone(), text.clone());
            let compiled = tokio::task::spawn_blocking(move || Policies::compile(&model, &text)).await;
            let describe = |errors: Vec<PolicyError>| errors.first().map_or_else(String::new, ToString::to_string);
            let compiled = compiled.map_err(|_| DecisionError::Policies("the compiler was stopped".to_owned()))?;
            // Of a version that does not compile nothing else is to be expected the next time.
            Ok::<_, DecisionError>(compiled.map(Arc::new).map_err(describe))
        });
        compiled.await?.clone().map(Some).map_err(DecisionError::Policies)
    }

    /// Refuses properties and context that are not of the types the model declares; what it does not declare is nobody's.
    ///
    /// # Errors
    /// [`DecisionError::Sent`] for the first that is wrong.
    pub async fn check_sent(&self, at: ResourceServerId, query: &Query) -> Result<(), DecisionError> {
        let Sent { subject, action, resource, context } = &query.sent;
        if subject.is_empty() && action.is_empty() && resource.is_empty() && context.is_empty() {
            return Ok(());
        }
        let (_, snapshot) = self.snapshot(at).await?;
        snapshot.model().map_or(Ok(()), |model| Ok(asked::check_sent(model, query)?))
    }

    /// Asks until all that the answer was made of belongs to one revision: from the caches twice, then inside one
    /// repeatable-read transaction.
    async fn consistently<T>(
        &self,
        at: ResourceServerId,
        ask: impl Fn(&View<'_>) -> Outcome<T>,
    ) -> Result<(T, Revision), DecisionError> {
        self.fresh()?;
        for _ in 0..2 {
            let mut view = View::cached(self, at).await?;
            let answer = self.answer(&mut view, &ask).await?;
            if let Some(revision) = self.settle(&mut view).await? {
                return Ok((answer, revision));
            }
        }
        let mut tx = self.store.snapshot().await?;
        let answer = self.within(&mut tx, at, ask).await;
        tx.commit().await?;
        answer
    }

    /// Asks inside one transaction.
    async fn within<T>(
        &self,
        tx: &mut Tx,
        at: ResourceServerId,
        ask: impl Fn(&View<'_>) -> Outcome<T>,
    ) -> Result<(T, Revision), DecisionError> {
        let mut view = View::pinned(self, tx, at).await?;
        Ok((Self::ask_within(&mut view, tx, ask).await?, view.start()))
    }

    async fn ask_within<T>(
        view: &mut View<'_>,
        tx: &mut Tx,
        ask: impl Fn(&View<'_>) -> Outcome<T>,
    ) -> Result<T, DecisionError> {
        loop {
            match ask(view) {
                Outcome::Decided(answer) => return Ok(answer),
                Outcome::OverBudget => return Err(DecisionError::OverBudget),
                Outcome::Missing(keys) => view.load(tx, keys).await?,
            }
        }
    }

    /// Why a query would be answered as it would be by what an open transaction holds, whether it is committed or not.
    ///
    /// # Errors
    /// See [`DecisionError`].
    pub async fn explain_within(
        &self,
        tx: &mut Tx,
        at: ResourceServerId,
        query: &Query,
        now: Instant,
    ) -> Result<Explanation, DecisionError> {
        match self.within(tx, at, |view| engine::explain(view, query, now)).await {
            Err(DecisionError::OverBudget) => {
                let decided = self.within(tx, at, |view| engine::decide(view, query, now)).await?;
                Ok(Explanation::over_budget(query, decided.0.allowed, decided.0.valid_until))
            }
            explained => Ok(explained?.0),
        }
    }

    async fn answer<T>(&self, view: &mut View<'_>, ask: impl Fn(&View<'_>) -> Outcome<T>) -> Result<T, DecisionError> {
        loop {
            // Each round loads at least one level of groups, and the engine walks a bounded number of levels.
            match ask(view) {
                Outcome::Decided(answer) => return Ok(answer),
                Outcome::OverBudget => return Err(DecisionError::OverBudget),
                Outcome::Missing(keys) => {
                    let mut conn = self.store.read().await?;
                    view.load(&mut conn, keys).await?;
                }
            }
        }
    }

    /// The revision the view as a whole belongs to; `None` when some of it changed while it was put together.
    async fn settle(&self, view: &mut View<'_>) -> Result<Option<Revision>, DecisionError> {
        self.wait_applied(view.newest()).await?;
        let applied = self.applied().revision;
        let settled = applied == view.start() || view.unchanged(&self.changes);
        // Looked at last: until then nothing of the view was of another history.
        let settled = settled && self.changes.history() == view.history();
        if settled {
            view.put_gathered();
        }
        Ok(settled.then_some(applied))
    }

    /// The revision up to which this node knows every change.
    #[must_use]
    pub fn applied(&self) -> Position {
        *self.applied.borrow()
    }

    /// Waits until this node knows every change up to `revision`; after a write of its own, a node answers only then.
    ///
    /// # Errors
    /// [`DecisionError::Stale`] when the log does not catch up within two seconds.
    pub async fn wait_applied(&self, revision: Revision) -> Result<(), DecisionError> {
        if self.applied().revision >= revision {
            return Ok(());
        }
        let mut applied = self.applied.subscribe();
        self.nudge.notify_one();
        let caught_up = applied.wait_for(|position| position.revision >= revision);
        match tokio::time::timeout(APPLY_WAIT, caught_up).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(DecisionError::Stale),
        }
    }

    /// # Errors
    /// [`DecisionError::Stale`] when the log was not confirmed within the freshness bound.
    pub fn fresh(&self) -> Result<(), DecisionError> {
        if self.confirmed_within(self.options.freshness_bound) { Ok(()) } else { Err(DecisionError::Stale) }
    }

    /// Whether the log was read successfully within this time.
    #[must_use]
    pub fn confirmed_within(&self, bound: Duration) -> bool {
        let confirmed = Duration::from_micros(self.confirmed.load(Ordering::Relaxed));
        self.clock.monotonic().saturating_sub(confirmed) <= bound
    }

    pub(super) fn confirm(&self, started: Duration) {
        let micros = u64::try_from(started.as_micros()).unwrap_or(u64::MAX);
        self.confirmed.fetch_max(micros, Ordering::Release);
        // Whoever waits for a look that began after its question.
        self.applied.send_modify(|_| ());
    }
}
