//! What a write can have changed for those who keep answers: the change log in their words, as it is applied here.
//!
//! It names too much rather than too little: whoever drops all that is named keeps nothing that a write made wrong. What
//! time alone changes is no write; answers say until when they hold.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OnceCell, Semaphore, broadcast};

use super::error::DecisionError;
use super::follow::{self, BATCH};
use super::names::{Names, Wanted};
use super::service::Decisions;
use crate::domain::assignment::Principal;
use crate::domain::change::{Changed, Position, Revision};
use crate::domain::id::ResourceServerId;
use crate::domain::model::{CLIENT, Model, SubjectPattern, USER};
use crate::domain::name::Segment;
use crate::domain::object::ObjectRef;
use crate::store::{StoreError, changes};

/// Batches a slow watcher may be behind before it reads from the log instead.
const FEED_LEN: usize = 256;

/// So many changes of one batch the feed keeps; a larger one is read from the log by each who watches, so that what is kept
/// for the slowest has a bound.
const FEED_CHANGES_MAX: usize = 256;

/// So many read what they missed from the log at once: a part of it can be large.
const CATCHING_UP_MAX: usize = 8;

/// The subject type whose identifiers are tokens.
const ACCESS_TOKEN: &str = "access_token";

/// What the follower of the change log applied in one go.
struct Applied {
    to: Position,
    what: What,
}

enum What {
    Changes(Vec<(Revision, Changed)>, OnceCell<Names>),
    /// More than is kept: it stands in the log.
    Many,
    /// Anything may have changed.
    Anything,
}

/// The way from the follower to all who watch.
pub(super) struct Feed {
    sender: broadcast::Sender<Arc<Applied>>,
    catching_up: Semaphore,
}

impl Feed {
    pub(super) fn new() -> Self {
        Self { sender: broadcast::Sender::new(FEED_LEN), catching_up: Semaphore::new(CATCHING_UP_MAX) }
    }

    /// Tells all who watch what was applied, up to where; nothing where anything may have changed.
    pub(super) fn tell(&self, to: Position, changes: Option<Vec<(Revision, Changed)>>) {
        let what = match changes {
            Some(changes) if changes.len() <= FEED_CHANGES_MAX => What::Changes(changes, OnceCell::new()),
            Some(_) => What::Many,
            None => What::Anything,
        };
        // It fails where nobody watches.
        let _ = self.sender.send(Arc::new(Applied { to, what }));
    }
}

/// What is told to whoever watches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// Forget everything: the history is another one, or too much of it was missed.
    Reset(Position),
    /// Forget what is about any of this.
    Changed(Position, Affected),
}

impl Told {
    /// How far whoever was told this has come.
    #[must_use]
    pub const fn position(&self) -> Position {
        match self {
            Self::Reset(position) | Self::Changed(position, _) => *position,
        }
    }
}

/// What answers may be about that have become wrong.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Affected {
    /// Any answer of this resource server.
    pub everything: bool,
    /// Answers about these subjects; without an identifier about all of a type.
    pub subjects: BTreeSet<Subject>,
    /// Answers about these resources.
    pub resources: BTreeSet<Resource>,
    /// Answers about any resource of these types: they can follow from the resources above.
    pub resource_types: BTreeSet<String>,
}

impl Affected {
    /// Whether no answer of this resource server can have changed.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Subject {
    #[serde(rename = "type")]
    pub of: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Resource {
    #[serde(rename = "type")]
    pub of: String,
    pub id: String,
}

/// One who watches what happens to one resource server.
pub struct Watch {
    service: Arc<Decisions>,
    at: ResourceServerId,
    feed: broadcast::Receiver<Arc<Applied>>,
    /// Up to here everything is told. It moves after the last wait, so that whoever goes away before finds it where it was.
    cursor: Position,
    /// Came by the feed and is not told yet.
    pending: Option<Arc<Applied>>,
    /// Up to here the log is read; what comes after, the feed brings.
    behind_until: Revision,
    is_lost: bool,
}

impl Decisions {
    /// Watches a resource server, from a position on or from now. It tells only what this node has applied, so that
    /// whoever asks this node again is not answered from before.
    #[must_use]
    pub fn watch(self: &Arc<Self>, at: ResourceServerId, after: Option<Position>) -> Watch {
        // The feed first: what is applied from here on comes by it.
        let feed = self.feed.sender.subscribe();
        let applied = self.applied();
        let (cursor, is_lost) = (after.unwrap_or(applied), after.is_some_and(|after| is_lost(after, applied)));
        Watch { service: self.clone(), at, feed, cursor, pending: None, behind_until: applied.revision, is_lost }
    }
}

/// Whether the log does not lead from here to there, or by too long a way.
fn is_lost(cursor: Position, applied: Position) -> bool {
    // So far behind a watcher is told everything it missed; beyond, that it missed too much.
    let gap = applied.revision.0.saturating_sub(cursor.revision.0);
    cursor.epoch != applied.epoch || !(0..=changes::BEHIND_MAX).contains(&gap)
}

impl Watch {
    /// How far it has come.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.cursor
    }

    /// Waits for what happens next. Dropped while it waits, it loses nothing.
    ///
    /// # Errors
    /// The log or a name could not be read; or [`DecisionError::Stale`] when this node stops.
    pub async fn next(&mut self) -> Result<Told, DecisionError> {
        loop {
            if self.is_lost {
                return Ok(self.reset(self.service.applied()));
            }
            if self.cursor.revision < self.behind_until {
                if let Some(told) = self.catch_up().await? {
                    return Ok(told);
                }
                continue;
            }
            let applied = match &self.pending {
                Some(applied) => applied.clone(),
                None => match self.feed.recv().await {
                    // Kept before anything else is waited for: the feed brings it once.
                    Ok(applied) => self.pending.insert(applied).clone(),
                    Err(RecvError::Lagged(_)) => {
                        let applied = self.service.applied();
                        self.is_lost = is_lost(self.cursor, applied);
                        self.behind_until = applied.revision;
                        continue;
                    }
                    Err(RecvError::Closed) => return Err(DecisionError::Stale),
                },
            };
            let told = self.tell(&applied).await?;
            self.pending = None;
            if let Some(told) = told {
                return Ok(told);
            }
        }
    }

    fn reset(&mut self, to: Position) -> Told {
        self.is_lost = false;
        self.pending = None;
        (self.cursor, self.behind_until) = (to, to.revision);
        Told::Reset(to)
    }

    async fn tell(&mut self, applied: &Applied) -> Result<Option<Told>, DecisionError> {
        let (changes, names) = match &applied.what {
            What::Anything => return Ok(Some(self.reset(applied.to))),
            _ if applied.to.revision <= self.cursor.revision => return Ok(None),
            What::Many => {
                self.behind_until = applied.to.revision;
                return Ok(None);
            }
            What::Changes(changes, names) => (changes, names),
        };
        let names = names.get_or_try_init(|| self.names(changes)).await?;
        let new = changes.iter().filter(|(revision, _)| *revision > self.cursor.revision);
        let affected = self.affected(new.map(|(_, changed)| changed), names).await?;
        self.cursor = applied.to;
        Ok((!affected.is_nothing()).then_some(Told::Changed(self.cursor, affected)))
    }

    /// The next part of the log that the feed does not bring.
    async fn catch_up(&mut self) -> Result<Option<Told>, DecisionError> {
        let from = self.cursor.revision;
        let service = self.service.clone();
        let _turn = service.feed.catching_up.acquire().await.map_err(|_| DecisionError::Stale)?;
        let mut conn = self.service.store.read().await?;
        if changes::position(&mut conn).await?.epoch != self.cursor.epoch {
            return Ok(Some(self.reset(self.service.applied())));
        }
        let read = changes::since(&mut conn, from, BATCH).await?;
        drop(conn);
        let (mut batch, to) = follow::whole(read, from, self.behind_until);
        // What is newer has its own turn, when it is applied here.
        batch.retain(|(revision, _)| *revision <= self.behind_until);
        let to = Position { revision: to.min(self.behind_until), ..self.cursor };
        let Ok(batch) = batch.into_iter().map(|(_, changed)| changed).collect::<Result<Vec<_>, _>>() else {
            // A kind that a newer node wrote.
            self.cursor = to;
            return Ok(Some(Told::Reset(to)));
        };
        let names = Names::load(&mut self.service.store.read().await?, batch.iter()).await?;
        let affected = self.affected(batch.iter(), &names).await?;
        self.cursor = to;
        Ok((!affected.is_nothing()).then_some(Told::Changed(to, affected)))
    }

    async fn names(&self, changes: &[(Revision, Changed)]) -> Result<Names, StoreError> {
        let changes = changes.iter().map(|(_, changed)| changed);
        // Most writes name nothing that has to be looked up.
        if changes.clone().all(|changed| Wanted::of(changed).is_none()) {
            return Ok(Names::default());
        }
        Names::load(&mut self.service.store.read().await?, changes).await
    }

    async fn affected(
        &self,
        changes: impl Iterator<Item = &Changed>,
        names: &Names,
    ) -> Result<Affected, DecisionError> {
        let (_, snapshot) = self.service.snapshot(self.at).await?;
        let mut affected = Affected::default();
        for changed in changes {
            affected.add(self.at, changed, names, snapshot.model());
        }
        if affected.everything {
            affected = Affected { everything: true, ..Affected::default() };
        }
        Ok(affected)
    }
}

impl Affected {
    fn add(&mut self, at: ResourceServerId, changed: &Changed, names: &Names, model: Option<&Model>) {
        match changed {
            Changed::User(name) => self.user(names, name),
            Changed::Person(id) => self.principal(names, Principal::Person(*id)),
            Changed::Client(name) => self.subject(CLIENT, Some(name)),
            Changed::Memberships(of) => self.principal(names, *of),
            Changed::Roles(of) => self.everything |= *of == at,
            Changed::Assignments(of, principal, scope) if *of == at => match (principal, scope) {
                // Its members are many, but what they hold is held there.
                (Principal::Group(_), Some(scope)) => self.resource(scope, model),
                (principal, _) => self.principal(names, *principal),
            },
            Changed::Attributes(of, principal) if *of == at => self.principal(names, *principal),
            Changed::Resource(of, object) | Changed::Relations(of, object, _) if *of == at => {
                self.resource(object, model);
            }
            Changed::ExternalSubject(of, name) if *of == at => self.subject(name.object_type(), Some(name.id())),
            // Which tokens are meant is not for everybody to know.
            Changed::Grant(_) | Changed::Grants | Changed::DeniedToken { .. } => self.subject(ACCESS_TOKEN, None),
            Changed::Assignments(..)
            | Changed::Attributes(..)
            | Changed::Resource(..)
            | Changed::Relations(..)
            | Changed::ExternalSubject(..)
            | Changed::ResourceServers
            | Changed::SigningKeys => {}
        }
    }

    fn subject(&mut self, of: &str, id: Option<&str>) {
        self.subjects.insert(Subject { of: of.to_owned(), id: id.map(str::to_owned) });
        // They may have been named by a token they bear.
        if matches!(of, USER | CLIENT) {
            self.subjects.insert(Subject { of: ACCESS_TOKEN.to_owned(), id: None });
        }
    }

    /// A person by one of their names. What single sectors know them by is told to nobody: all people stand in for it.
    fn user(&mut self, names: &Names, name: &str) {
        match names.people.values().flatten().find(|known| known.name == name) {
            Some(known) if known.is_pairwise() => self.subject(USER, None),
            Some(_) | None => self.subject(USER, Some(name)),
        }
    }

    fn principal(&mut self, names: &Names, principal: Principal) {
        let id = principal.uuid();
        match principal {
            Principal::Person(_) => {
                for known in names.people.get(&id).into_iter().flatten() {
                    self.user(names, &known.name);
                }
            }
            Principal::Client(_) => {
                if let Some(client_id) = names.clients.get(&id) {
                    self.subject(CLIENT, Some(client_id));
                }
            }
            Principal::External(_) => {
                if let Some(name) = names.externals.get(&id) {
                    self.subject(name.object_type(), Some(name.id()));
                }
            }
            // Nobody else knows who its members are.
            Principal::Group(_) => self.everything = true,
        }
    }

    fn resource(&mut self, object: &ObjectRef, model: Option<&Model>) {
        self.resources.insert(Resource { of: object.object_type().to_owned(), id: object.id().to_owned() });
        self.resource_types.extend(model.into_iter().flat_map(|model| led_to(model, object.object_type())));
    }
}

/// The types of resources whose relations can lead to a resource of this type, over any number of steps.
fn led_to(model: &Model, to: &str) -> BTreeSet<String> {
    let names = |of: &str, to: &str| {
        let relations = model.resources.get(of).into_iter().flat_map(|of| of.relations.values());
        relations.flat_map(|relation| &relation.subjects).any(|pattern| match pattern {
            SubjectPattern::One(named) | SubjectPattern::Userset(named, _) => named.as_str() == to,
            SubjectPattern::Everyone(_) => false,
        })
    };
    let mut found = BTreeSet::new();
    let mut open = vec![to.to_owned()];
    while let Some(to) = open.pop() {
        for of in model.resources.keys().map(Segment::as_str).filter(|of| names(of, &to)) {
            if found.insert(of.to_owned()) {
                open.push(of.to_owned());
            }
        }
    }
    found
}
