//! Where a search need not look at everything that is registered: grants, groups and relations are followed from the subject
//! to what it may reach, or from the resource to who may reach it.
//!
//! What is found holds everybody and everything that is permitted, and perhaps others: the engine decides each. Where a
//! grant or a policy speaks of all there is, or more had to be followed than may be, nothing is found this way and
//! the search looks at everything. Never: deciding, cutting.

mod backwards;
mod forwards;
mod ways;

use super::engine::{self, AtLarge, Outcome, Query, Scope};
use super::error::DecisionError;
use super::load::View;
use super::snapshot::Snapshot;
use crate::domain::assignment::Principal;
use crate::domain::id::ResourceServerId;
use crate::domain::object::ObjectRef;
use crate::domain::time::Instant;
use crate::store::{StoreError, Tx};

/// Why there is no narrow way.
#[derive(Debug)]
pub(super) enum Stop {
    /// The search must look at everything.
    Wide,
    Failed(DecisionError),
}

type Step<T> = Result<T, Stop>;

impl From<StoreError> for Stop {
    fn from(fault: StoreError) -> Self {
        Self::Failed(fault.into())
    }
}

impl From<DecisionError> for Stop {
    fn from(fault: DecisionError) -> Self {
        Self::Failed(fault)
    }
}

/// One attempt, within the transaction of the page.
pub(super) struct Narrow<'s, 'a> {
    pub view: &'s mut View<'a>,
    pub tx: &'s mut Tx,
    pub at: ResourceServerId,
    pub now: Instant,
    /// Rows that may still be read.
    pub left: usize,
}

impl Narrow<'_, '_> {
    /// One row more than may be read, so that too many shows.
    fn limit(&self) -> i64 {
        i64::try_from(self.left.saturating_add(1)).unwrap_or(i64::MAX)
    }

    /// # Errors
    /// [`Stop::Wide`] for more rows than may be read.
    fn spend(&mut self, rows: usize) -> Step<()> {
        self.left = self.left.checked_sub(rows).ok_or(Stop::Wide)?;
        Ok(())
    }

    async fn at_large(&mut self, subject: Principal) -> Step<AtLarge> {
        loop {
            match engine::at_large(&*self.view, subject, self.now) {
                Outcome::Decided(found) => return Ok(found),
                Outcome::Missing(keys) => self.view.load(self.tx, keys).await?,
                // Every decision will say so.
                Outcome::OverBudget => return Err(Stop::Wide),
            }
        }
    }

    async fn scopes(&mut self, object: Option<&ObjectRef>) -> Step<Vec<Scope>> {
        loop {
            match engine::scopes(&*self.view, object, self.now) {
                Outcome::Decided(found) => return Ok(found),
                Outcome::Missing(keys) => self.view.load(self.tx, keys).await?,
                Outcome::OverBudget => return Err(Stop::Wide),
            }
        }
    }
}

/// What a policy permits is known only by asking it, for each that is registered.
///
/// # Errors
/// [`Stop::Wide`] where a policy may permit what is searched for.
fn refuse_permits(snapshot: &Snapshot, query: &Query) -> Step<()> {
    let permits = engine::applicable(snapshot, query).iter().any(|(_, is_forbid)| !is_forbid);
    if permits { Err(Stop::Wide) } else { Ok(()) }
}
