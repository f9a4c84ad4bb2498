//! Telling clients that a session has ended: from the outbox, retried until they have heard it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::domain::chain::chain;
use crate::domain::change::Actor;
use crate::domain::entropy::Entropy;
use crate::domain::fact::{Fact, FactKind};
use crate::domain::time::Clock;
use crate::events;
use crate::events::logout::{Notice, TOPIC};
use crate::oidc::Provider;
use crate::store::outbox::{self, Item};
use crate::store::{Store, StoreError};
use crate::world::Outbound;

/// How often the outbox is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Longer than a delivery can take; a node that died in the middle of one is followed by another after it.
const LEASE: Duration = Duration::from_mins(1);
const AT_ONCE_MAX: i64 = 16;
/// How long to wait after each failure; after the last one the client is not told.
const RETRY_AFTER: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_hours(1),
    Duration::from_hours(4),
    Duration::from_hours(12),
];

/// What deliveries need.
pub struct Deliverer {
    pub store: Arc<Store>,
    pub provider: Arc<Provider>,
    pub outbound: Outbound,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

/// Delivers what is due; ends with the task that is aborted at shutdown.
pub async fn deliver(deliverer: Deliverer) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if let Err(error) = deliverer.round().await {
            tracing::error!(error = chain(&error), "the outbox could not be worked on");
            tokio::time::sleep(LEASE).await;
        }
    }
}

impl Deliverer {
    async fn round(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        // Most of the time there is nothing to do, and nothing is written to find that out.
        if !outbox::is_due(&mut self.store.read().await?, now).await? {
            return Ok(());
        }
        let mut tx = self.store.begin().await?;
        let items = outbox::claim(&mut tx, now, LEASE, AT_ONCE_MAX).await?;
        tx.commit().await?;
        for settled in join_all(items.iter().map(|item| self.settle(item))).await {
            settled?;
        }
        Ok(())
    }

    async fn settle(&self, item: &Item) -> Result<(), StoreError> {
        let told = self.tell(item).await;
        let now = self.clock.now();
        let retry = usize::try_from(item.attempts).ok().and_then(|attempt| RETRY_AFTER.get(attempt));
        let mut tx = self.store.begin().await?;
        match (told, retry) {
            (Ok(()), _) => {
                outbox::finish(&mut tx, item).await?;
            }
            (Err(problem), Some(wait)) => {
                tracing::warn!(problem, attempt = item.attempts, "a client could not be told that a session has ended");
                outbox::postpone(&mut tx, item, now.plus(*wait)).await?;
            }
            (Err(problem), None) => {
                if outbox::finish(&mut tx, item).await? {
                    let client = item.payload.get("client_id").and_then(|id| id.as_str()).unwrap_or_default();
                    let subject = format!("client:{client}");
                    let fact =
                        Fact::new(now, self.entropy.as_ref(), FactKind::LogoutUndelivered, Actor::System, subject);
                    events::record(&mut tx, fact.with(json!({ "problem": problem }))).await?;
                }
            }
        }
        tx.commit().await
    }

    /// What went wrong, in words that hold no secret.
    async fn tell(&self, item: &Item) -> Result<(), String> {
        if item.topic != TOPIC {
            return Err(format!("{} is no topic", item.topic));
        }
        let notice: Notice = serde_json::from_value(item.payload.clone()).map_err(|error| error.to_string())?;
        let token = self.provider.logout_token(&notice.client_id, &notice.sid, &notice.sub).await;
        let Some((uri, token)) = token.map_err(|error| chain(&error))? else { return Ok(()) };
        match self.outbound.post_form(&uri, &[("logout_token", &token)]).await {
            Ok(200 | 204) => Ok(()),
            Ok(status) => Err(format!("it answered {status}")),
            Err(error) => Err(chain(&error)),
        }
    }
}
