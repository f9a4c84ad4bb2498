//! What the doors ask of a node beside decisions: clients, people, grants, resource servers, denied tokens; from the same
//! caches, under the same rules.

use std::sync::{Arc, PoisonError};

use tokio::sync::watch;

use super::engine::{SubjectRef, SubjectState};
use super::error::DecisionError;
use super::registry::Registry;
use super::service::Decisions;
use crate::domain::change::{Changed, Revision};
use crate::domain::client::Client;
use crate::domain::grant::GrantState;
use crate::domain::id::{GrantId, TokenId};
use crate::domain::name::ClientName;
use crate::store::{changes, clients, decisions, resource_servers};

impl Decisions {
    /// Changes whenever the signing keys do.
    #[must_use]
    pub fn signing_keys_changed(&self) -> watch::Receiver<Revision> {
        self.keys_changed.subscribe()
    }

    /// Whether this access token was revoked.
    #[must_use]
    pub fn is_denied(&self, token: TokenId) -> bool {
        self.denied.read().unwrap_or_else(PoisonError::into_inner).contains_key(&token)
    }

    /// The client of this `client_id`, disabled or not.
    ///
    /// # Errors
    /// See [`DecisionError`].
    pub async fn client(&self, client_id: &str) -> Result<Option<Arc<Client>>, DecisionError> {
        self.fresh()?;
        if let Some((_, client)) = self.caches.clients.get(client_id) {
            return Ok(client);
        }
        // What is no name is nobody's: strangers must not fill the cache with texts of any length.
        if ClientName::parse(client_id).is_err() {
            return Ok(None);
        }
        let history = self.changes.history();
        let mut tx = self.store.snapshot().await?;
        let revision = changes::position(&mut tx).await?.revision;
        let client = clients::by_client_id(&mut tx, client_id).await?.map(Arc::new);
        tx.commit().await?;
        let key = client_id.to_owned();
        let read = (history, revision);
        self.caches.clients.put(&self.changes, &Changed::Client(key.clone()), read, key, client.clone());
        Ok(client)
    }

    /// Whether a person, known by `sub` or username, may act.
    ///
    /// # Errors
    /// See [`DecisionError`].
    pub async fn person(&self, name: &str) -> Result<SubjectState, DecisionError> {
        self.fresh()?;
        let subject = SubjectRef::User(name.to_owned());
        if let Some((_, state)) = self.caches.subjects.get(&subject) {
            return Ok(state);
        }
        let history = self.changes.history();
        let read = decisions::people(&mut self.store.read().await?, std::slice::from_ref(&name.to_owned())).await?;
        let state = super::load::state(read.values.get(name));
        let changed = Changed::User(name.to_owned());
        self.caches.subjects.put(&self.changes, &changed, (history, read.revision), subject, state);
        Ok(state)
    }

    /// Whether a grant lives.
    ///
    /// # Errors
    /// See [`DecisionError`].
    pub async fn grant(&self, id: GrantId) -> Result<GrantState, DecisionError> {
        self.fresh()?;
        if let Some((_, state)) = self.caches.grants.get(&id) {
            return Ok(state);
        }
        let history = self.changes.history();
        let read = decisions::grants(&mut self.store.read().await?, &[id]).await?;
        let state = read.values.get(&id).copied().unwrap_or(GrantState::Unknown);
        self.caches.grants.put(&self.changes, &Changed::Grant(id), (history, read.revision), id, state);
        Ok(state)
    }

    /// All resource servers.
    ///
    /// # Errors
    /// See [`DecisionError`].
    pub async fn registry(&self) -> Result<Arc<Registry>, DecisionError> {
        self.fresh()?;
        if let Some((_, registry)) = self.caches.registry.get(&()) {
            return Ok(registry);
        }
        let history = self.changes.history();
        let mut tx = self.store.snapshot().await?;
        let revision = changes::position(&mut tx).await?.revision;
        let registry = Arc::new(Registry::build(resource_servers::all(&mut tx).await?));
        tx.commit().await?;
        let read = (history, revision);
        self.caches.registry.put(&self.changes, &Changed::ResourceServers, read, (), registry.clone());
        Ok(registry)
    }
}
