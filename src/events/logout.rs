//! Clients are told when a session ends (OpenID Connect Back-Channel Logout 1.0): enqueued with its end, sent after it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::entropy::Entropy;
use crate::domain::id::{OutboxId, SessionId};
use crate::domain::time::Instant;
use crate::store::{StoreError, Tx, grants, outbox};

/// The topic of the outbox.
pub const TOPIC: &str = "backchannel_logout";

/// One client to tell of one session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Notice {
    pub client_id: String,
    pub sid: String,
    pub sub: String,
}

/// Enqueues a notice for each client that was granted something in the session and asked to be told.
///
/// # Errors
/// The store's.
pub async fn session_ended(
    tx: &mut Tx,
    entropy: &dyn Entropy,
    session: SessionId,
    sub: &str,
    now: Instant,
) -> Result<(), StoreError> {
    for (client_id, known_as) in grants::clients_to_tell(tx, session).await? {
        let sub = known_as.unwrap_or_else(|| sub.to_owned());
        let notice = Notice { client_id, sid: session.to_string(), sub };
        let payload: Value = json!(notice);
        outbox::enqueue(tx, OutboxId::mint(now, entropy), TOPIC, payload, now).await?;
    }
    Ok(())
}
