//! Search: who may do this, to what may they do it, what may they do. Each candidate is decided by the engine itself, and
//! a page is read from one transaction: what is found is what an evaluation answers at that revision.

use std::collections::{BTreeSet, HashSet};

use super::candidates::{self, Candidate};
use super::engine::{self, Key, Outcome, Query, SubjectState, World as _};
use super::error::DecisionError;
use super::load::View;
use super::narrow::{Narrow, Stop};
use super::service::Decisions;
use crate::domain::change::Revision;
use crate::domain::id::ResourceServerId;
use crate::domain::name::Segment;
use crate::domain::time::Instant;
use crate::store::{Tx, resources};

/// What is searched for. Of the query its identifier (for subjects also all but the kind and type) means nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    Subjects,
    Resources,
    Actions,
}

/// Which page of a search.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// Where the page before it ended.
    pub after: Option<&'a str>,
    /// Results at most.
    pub limit: usize,
}

/// One page of results.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Found {
    pub ids: Vec<String>,
    /// Where it ended; none at the end of the search.
    pub next: Option<String>,
}

/// So many candidates are decided for one page; what is left is another page's.
pub(super) const CANDIDATES_MAX: usize = 1_000;

/// Candidates that are read and decided together, at least and at most.
const CHUNK_MIN: usize = 16;
const CHUNK_MAX: usize = 200;

impl Decisions {
    /// One page of those of the target that the query is permitted for, and as of which revision.
    ///
    /// # Errors
    /// See [`DecisionError`].
    pub async fn search(
        &self,
        at: ResourceServerId,
        target: Target,
        query: &Query,
        page: Page<'_>,
        now: Instant,
    ) -> Result<(Found, Revision), DecisionError> {
        self.fresh()?;
        // Its policies are compiled before the transaction begins.
        self.snapshot(at).await?;
        let mut tx = self.store.snapshot().await?;
        let view = View::pinned(self, &mut tx, at).await?;
        let revision = view.start();
        let (reach_max, keys_max) = (self.options.search_reach_max, self.options.search_keys_max);
        let mut search = Search { view, at, target, query: query.clone(), now, reach_max, keys_max };
        let found = search.page(&mut tx, page).await;
        tx.commit().await?;
        Ok((found?, revision))
    }
}

struct Search<'a> {
    view: View<'a>,
    at: ResourceServerId,
    target: Target,
    query: Query,
    now: Instant,
    reach_max: usize,
    keys_max: usize,
}

/// Where candidates come from.
enum Source {
    /// All that is registered of the type.
    Registered,
    /// These, in order; nobody and nothing else can be permitted.
    These(std::vec::IntoIter<Candidate>),
}

impl Search<'_> {
    async fn page(&mut self, tx: &mut Tx, page: Page<'_>) -> Result<Found, DecisionError> {
        let mut found = Found::default();
        if !self.is_known(tx).await? {
            return Ok(found);
        }
        // Each page finds its own way: the order is the same in all, so the place says enough.
        let mut source = self.source(tx, page.after).await?;
        let mut after = page.after.map(str::to_owned);
        let mut left = CANDIDATES_MAX;
        while left > 0 {
            let chunk = (page.limit - found.ids.len()).clamp(CHUNK_MIN, CHUNK_MAX).min(left);
            let (candidates, is_end) = match &mut source {
                Source::Registered => {
                    let candidates = self.candidates(tx, after.as_deref(), chunk).await?;
                    let is_end = candidates.len() < chunk;
                    (candidates, is_end)
                }
                Source::These(rest) => (rest.by_ref().take(chunk).collect(), rest.as_slice().is_empty()),
            };
            left -= candidates.len();
            let last = candidates.last().map(|candidate| candidate.key.clone());
            let allowed = self.decide(tx, &candidates).await?;
            for (candidate, _) in candidates.into_iter().zip(allowed).filter(|(_, allowed)| *allowed) {
                found.ids.push(candidate.id);
                if found.ids.len() == page.limit {
                    found.next = Some(candidate.key).filter(|key| !is_end || Some(key) != last.as_ref());
                    return Ok(found);
                }
            }
            if is_end {
                return Ok(found);
            }
            after = last;
        }
        found.next = after;
        Ok(found)
    }

    /// Whether what is given is known here: nothing is found for what is not.
    async fn is_known(&mut self, tx: &mut Tx) -> Result<bool, DecisionError> {
        if self.target != Target::Subjects {
            self.view.load(tx, vec![Key::Subject(self.query.subject.clone())]).await?;
            if !matches!(self.view.subject(&self.query.subject), Some(SubjectState::Active(_))) {
                return Ok(false);
            }
        }
        // Without a model nobody says that resources are to be registered, and any identifier is one.
        if self.target == Target::Resources || self.view.snapshot().model().is_none() {
            return Ok(true);
        }
        match &self.query.object {
            Some(object) => Ok(resources::find(tx, self.at, object).await?.is_some()),
            None => Ok(false),
        }
    }

    async fn source(&mut self, tx: &mut Tx, after: Option<&str>) -> Result<Source, DecisionError> {
        let narrow = Narrow { view: &mut self.view, tx, at: self.at, now: self.now, left: self.reach_max };
        let found = match self.target {
            Target::Subjects => narrow.subjects(&self.query, after).await,
            Target::Resources => narrow.resources(&self.query, after).await,
            // Of a type there are few.
            Target::Actions => Err(Stop::Wide),
        };
        match found {
            Ok(these) => Ok(Source::These(these.into_iter())),
            Err(Stop::Wide) => Ok(Source::Registered),
            Err(Stop::Failed(fault)) => Err(fault),
        }
    }

    /// The next candidates of all that is registered; fewer than `chunk` only at the end.
    async fn candidates(
        &mut self,
        tx: &mut Tx,
        after: Option<&str>,
        chunk: usize,
    ) -> Result<Vec<Candidate>, DecisionError> {
        let limit = i64::try_from(chunk).unwrap_or(i64::MAX);
        let Query { subject, resource_type, .. } = &self.query;
        Ok(match self.target {
            Target::Subjects => candidates::subjects_like(tx, self.at, subject, after, limit).await?,
            Target::Resources => candidates::resources_of(tx, self.at, resource_type, after, limit).await?,
            Target::Actions => {
                let model = self.view.snapshot().model();
                let of_type = model.and_then(|model| model.resources.get(resource_type.as_str()));
                let of_model = of_type.into_iter().flat_map(|of| of.actions.keys()).map(Segment::to_string);
                let mut actions: BTreeSet<_> = of_model.collect();
                actions.extend(candidates::declared_actions(tx, self.at, resource_type).await?);
                let next = actions.iter().filter(|name| after.is_none_or(|after| name.as_str() > after));
                next.take(chunk).map(|name| Candidate::action(name)).collect()
            }
        })
    }

    /// Whether each candidate is permitted. What those of one chunk miss is loaded for all of them at once; where that is
    /// too much, for each half of them. All of it is of one transaction, so what is dropped in between is read back the same.
    async fn decide(&mut self, tx: &mut Tx, candidates: &[Candidate]) -> Result<Vec<bool>, DecisionError> {
        let mut allowed = Vec::with_capacity(candidates.len());
        let mut open = vec![candidates];
        while let Some(some) = open.pop() {
            if let Some(answers) = self.decide_together(tx, some).await? {
                allowed.extend(answers);
            } else {
                let (first, second) = some.split_at(some.len().div_ceil(2));
                open.extend([second, first]);
            }
            if self.view.loaded() > self.keys_max {
                self.view.forget();
            }
        }
        Ok(allowed)
    }

    /// Nothing where several of them miss more than may be loaded at once.
    async fn decide_together(
        &mut self,
        tx: &mut Tx,
        candidates: &[Candidate],
    ) -> Result<Option<Vec<bool>>, DecisionError> {
        let mut answers = vec![None; candidates.len()];
        loop {
            let mut missing = HashSet::new();
            for (candidate, answer) in candidates.iter().zip(&mut answers).filter(|(_, answer)| answer.is_none()) {
                candidate.put_into(&mut self.query);
                match engine::decide(&self.view, &self.query, self.now) {
                    Outcome::Decided(decision) => *answer = Some(decision.allowed),
                    Outcome::Missing(keys) => missing.extend(keys),
                    Outcome::OverBudget => return Err(DecisionError::OverBudget),
                }
                if missing.len() > self.keys_max && candidates.len() > 1 {
                    return Ok(None);
                }
            }
            if missing.is_empty() {
                return Ok(Some(answers.into_iter().map(|answer| answer == Some(true)).collect()));
            }
            self.view.load(tx, missing.into_iter().collect()).await?;
        }
    }
}
