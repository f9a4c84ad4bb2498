//! The audit trail: what happened, by whom, to whom.

use super::{Admin, AdminError, PAGE_MAX};
use crate::domain::change::Revision;
use crate::domain::id::FactId;
use crate::store::changes::{self, Logged};
use crate::store::facts;
pub use crate::store::facts::{Filter as AuditFilter, Newest, Recorded as AuditRecord};

impl Admin {
    /// Facts, newest or oldest first; only those after one of them in this order.
    ///
    /// # Errors
    /// The store's.
    pub async fn audit(
        &self,
        filter: &AuditFilter,
        after: Option<FactId>,
        limit: i64,
    ) -> Result<Vec<AuditRecord>, AdminError> {
        Ok(facts::search(&mut self.read().await?, filter, after, limit.min(PAGE_MAX)).await?)
    }

    /// One fact, and what its write changed: before and after.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn fact(&self, id: FactId) -> Result<(AuditRecord, Vec<Logged>), AdminError> {
        let mut conn = self.read().await?;
        let fact = facts::find(&mut conn, id).await?;
        let fact = fact.ok_or_else(|| AdminError::not_found("fact", &id.to_string()))?;
        let changed = match fact.revision {
            Some(revision) => changes::of(&mut conn, Revision(revision)).await?,
            None => Vec::new(),
        };
        Ok((fact, changed))
    }
}
