//! What operators do: people, clients, resource servers, roles, groups, assignments, API keys. Each act is one transaction
//! that takes a revision, checks that the operator may reach so far, appends to the change log and records a fact.
//!
//! Never: HTTP, printing, SQL.

pub mod accounts;
pub mod api_keys;
pub mod assignments;
pub mod audit;
pub mod authorization;
pub mod builtin;
mod chains;
mod checked_rules;
pub mod clients;
pub mod converge;
mod delegation;
pub mod difference;
mod edit;
mod error;
pub mod groups;
mod known_subjects;
mod last_admin;
mod lineage;
pub mod load;
mod load_writes;
mod measure;
mod nesting;
mod operator;
mod pending;
pub mod people;
mod principal;
pub mod relations;
pub mod required;
pub mod resource_servers;
pub mod resources;
pub mod roles;
pub mod rules;
pub mod setup;
pub mod subjects;
pub mod suppose;
pub mod trial;
mod unregister;
pub mod versions;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};

use self::edit::Edit;
pub use self::error::AdminError;
pub use self::operator::{Authority, Needed, Operator};
pub use self::principal::PrincipalRef;
use crate::domain::change::{Actor, Revision};
use crate::domain::entropy::Entropy;
use crate::domain::fact::{Fact, FactKind};
use crate::domain::time::{Clock, Instant};
use crate::events;
use crate::store::{Conn, Store, trail};

/// Administration on behalf of one actor.
#[derive(Clone)]
pub struct Admin {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    actor: Actor,
    authority: Authority,
    /// The request that asked, for its facts.
    request_id: Option<String>,
    /// The revision of the last write; zero before the first.
    written: Arc<AtomicI64>,
}

/// Lists give so many items at most; the last item's name asks for the next ones.
pub const PAGE_MAX: i64 = 1_000;

/// How facts name a resource server as what they are about.
const OF_SERVER: &str = "resource-server:";

impl Admin {
    /// Administration by whoever nobody stands above: the command line, the service itself, the set-up link.
    #[must_use]
    pub fn new(store: Arc<Store>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>, actor: Actor) -> Self {
        let (authority, written) = (Authority::Unrestricted, Arc::default());
        Self { store, clock, entropy, actor, authority, request_id: None, written }
    }

    /// Administration on behalf of one request of an operator, who gives no more than they hold; what they need for it is
    /// asked again inside each write.
    #[must_use]
    pub fn on_behalf_of(&self, operator: &Operator, needed: Needed, request_id: Option<&str>) -> Self {
        Self {
            actor: operator.actor(),
            authority: Authority::Operator(operator.clone(), needed),
            request_id: request_id.map(str::to_owned),
            written: Arc::default(),
            ..self.clone()
        }
    }

    /// The revision of the last write by this administration; none when nothing had to be written.
    #[must_use]
    pub fn written(&self) -> Option<Revision> {
        let revision = self.written.load(Ordering::Relaxed);
        (revision > 0).then_some(Revision(revision))
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
        mut detail: Value,
    ) -> Result<Revision, AdminError> {
        if let (Some(key), Some(members)) = (self.authority.key(), detail.as_object_mut()) {
            members.insert("api_key".into(), json!(key.id));
        }
        let mut concerns = edit.concerns();
        if let Some(name) = subject.strip_prefix(OF_SERVER).filter(|_| concerns.is_empty()) {
            concerns.extend(trail::server_of(&mut edit, name).await?.map(|id| (id, None)));
        }
        let fact = Fact::new(self.now(), self.entropy.as_ref(), kind, self.actor.clone(), subject)
            .concerning(concerns)
            .at_revision(edit.revision())
            .for_request(self.request_id.as_deref())
            .with(detail);
        events::record(&mut edit, fact).await?;
        let revision = edit.commit().await?;
        self.written.fetch_max(revision.0, Ordering::Relaxed);
        Ok(revision)
    }
}
