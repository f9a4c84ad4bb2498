//! The audit trail: what happened, by whom, to whom.

use std::str::FromStr;

use super::{Admin, AdminError, PAGE_MAX};
use crate::domain::change::Revision;
use crate::domain::id::FactId;
use crate::domain::name::Slug;
use crate::domain::object::ObjectRef;
use crate::store::changes::{self, Logged};
pub use crate::store::facts::Recorded as AuditRecord;
pub use crate::store::trail::{Filter as AuditFilter, Newest};
use crate::store::{facts, trail};

/// What facts are looked for by, as one name: `resource-server:NAME`, or `type:id` of a resource.
#[derive(Clone, Debug)]
pub enum Concerned {
    Server(Slug),
    Resource(ObjectRef),
}

impl FromStr for Concerned {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("resource-server:") {
            Some(name) => Slug::parse(name).map(Self::Server).map_err(|error| error.to_string()),
            None => ObjectRef::parse(text).map(Self::Resource).map_err(|error| error.to_string()),
        }
    }
}

/// Narrows a search to what concerns a thing.
pub fn narrow(filter: &mut AuditFilter, to: Option<Concerned>) {
    match to {
        None => {}
        Some(Concerned::Server(name)) => filter.resource_server = Some(name),
        Some(Concerned::Resource(resource)) => filter.resource = Some(resource),
    }
}

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
        Ok(trail::search(&mut self.read().await?, filter, after, limit.min(PAGE_MAX)).await?)
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
