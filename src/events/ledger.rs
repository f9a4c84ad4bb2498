//! Facts that are the only thing a request writes (an issued client-credentials token) are committed in groups: each
//! caller waits for the commit of its own fact, and one commit serves all who came meanwhile.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::domain::fact::Fact;
use crate::store::{Store, StoreError, facts};

/// A commit takes so many facts at most.
const GROUP_MAX: usize = 256;
/// So many may wait; what comes then is told to come back.
const QUEUE_MAX: usize = 4096;

#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("too many facts are waiting to be written")]
    Full,
    #[error("the fact could not be written")]
    Failed(#[source] Arc<StoreError>),
}

impl LedgerError {
    /// Whether the same call may work in a moment.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        match self {
            Self::Full => true,
            Self::Failed(fault) => fault.is_busy(),
        }
    }
}

struct Entry {
    fact: Fact,
    done: oneshot::Sender<Result<(), Arc<StoreError>>>,
}

/// The way in.
#[derive(Clone)]
pub struct Ledger {
    queue: mpsc::Sender<Entry>,
}

impl Ledger {
    /// Starts the task that writes; it ends by itself once every [`Ledger`] is dropped and everything is written.
    #[must_use]
    pub fn start(store: Arc<Store>) -> (Self, JoinHandle<()>) {
        let (queue, entries) = mpsc::channel(QUEUE_MAX);
        let writer = tokio::spawn(write(store, entries));
        (Self { queue }, writer)
    }

    /// Returns once the fact is durable.
    ///
    /// # Errors
    /// [`LedgerError::Full`] at once under overload; [`LedgerError::Failed`] when the group could not be written.
    pub async fn append(&self, fact: Fact) -> Result<(), LedgerError> {
        let (done, written) = oneshot::channel();
        self.queue.try_send(Entry { fact, done }).map_err(|_| LedgerError::Full)?;
        written.await.map_err(|_| LedgerError::Full)?.map_err(LedgerError::Failed)
    }
}

async fn write(store: Arc<Store>, mut entries: mpsc::Receiver<Entry>) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    while entries.recv_many(&mut group, GROUP_MAX).await > 0 {
        let (facts, waiting): (Vec<_>, Vec<_>) = group.drain(..).map(|entry| (entry.fact, entry.done)).unzip();
        let result = store.in_one_piece(commit(&store, &facts)).await.map_err(Arc::new);
        for done in waiting {
            // A caller that went away needs no answer; its fact is written all the same.
            let _ = done.send(result.clone());
        }
    }
}

async fn commit(store: &Store, group: &[Fact]) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    facts::append(&mut tx, group).await?;
    tx.commit().await
}
