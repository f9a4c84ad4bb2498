//! What operators do: people, clients, resource servers, roles, groups, assignments. Each act is one transaction that
//! takes a revision, appends to the change log and records a fact.
//!
//! Never: HTTP, printing, SQL.

pub mod accounts;
pub mod assignments;
pub mod authorization;
pub mod builtin;
pub mod clients;
pub mod converge;
pub mod difference;
mod error;
pub mod groups;
pub mod load;
mod pending;
pub mod people;
mod principal;
pub mod relations;
pub mod resource_servers;
pub mod resources;
pub mod roles;
pub mod rules;
pub mod setup;
pub mod subjects;

use std::sync::Arc;

use serde_json::Value;

pub use self::error::AdminError;
pub use self::principal::PrincipalRef;
use crate::domain::change::{Actor, Revision};
use crate::domain::entropy::Entropy;
use crate::domain::fact::{Fact, FactKind};
use crate::domain::time::{Clock, Instant};
use crate::events;
use crate::store::{Conn, Edit, Store};

/// Administration on behalf of one actor.
#[derive(Clone)]
pub struct Admin {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    actor: Actor,
}

/// Lists give so many items at most; the last item's name asks for the next ones.
pub const PAGE_MAX: i64 = 1_000;

impl Admin {
    #[must_use]
    pub fn new(store: Arc<Store>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>, actor: Actor) -> Self {
        Self { store, clock, entropy, actor }
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    async fn read(&self) -> Result<Conn, AdminError> {
        Ok(self.store.read().await?)
    }

    /// Records the act and commits.
    async fn conclude(
        &self,
        mut edit: Edit,
        kind: FactKind,
        subject: String,
        detail: Value,
    ) -> Result<Revision, AdminError> {
        let fact = Fact::new(self.now(), self.entropy.as_ref(), kind, self.actor.clone(), subject)
            .at_revision(edit.revision())
            .with(detail);
        events::record(&mut edit, fact).await?;
        Ok(edit.commit().await?)
    }
}
