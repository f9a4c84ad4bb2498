//! Telling clients that a session has ended: from the outbox, retried until they have heard it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

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
/// Longer than a round can take where clients answer; a node that died in the middle of one is followed by another after it.
const LEASE: Duration = Duration::from_mins(1);
const AT_ONCE_MAX: i64 = 64;
/// How long to wait when the database could not be asked.
const PAUSE: Duration = Duration::from_secs(1);
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
    let deliverer = Arc::new(deliverer);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if let Err(error) = round(&deliverer).await {
            tracing::error!(error = chain(&error), "the outbox could not be worked on");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Claims what is due and settles it, one task for each client: who does not answer keeps nobody else waiting for longer
/// than one attempt takes.
async fn round(deliverer: &Arc<Deliverer>) -> Result<(), StoreError> {
    let now = deliverer.clock.now();
    // Most of the time there is nothing to do, and nothing is written to find that out.
    if !outbox::is_due(&mut deliverer.store.read().await?, now).await? {
        return Ok(());
    }
    let mut tx = deliverer.store.begin().await?;
    let items = outbox::claim(&mut tx, now, LEASE, AT_ONCE_MAX).await?;
    tx.commit().await?;
    let mut by_client: HashMap<String, Vec<Item>> = HashMap::new();
    for item in items {
        let client = item.payload.get("client_id").and_then(|id| id.as_str()).unwrap_or_default().to_owned();
        by_client.entry(client).or_default().push(item);
    }
    let mut settling = JoinSet::new();
    for items in by_client.into_values() {
        let deliverer = deliverer.clone();
        settling.spawn(async move { deliverer.settle_all(&items).await });
    }
    while let Some(settled) = settling.join_next().await {
        match settled {
            Ok(settled) => settled?,
            Err(error) => tracing::error!(error = chain(&error), "a delivery broke off"),
        }
    }
    Ok(())
}

impl Deliverer {
    /// The notices of one client, one after the other; once one of them failed, the others wait with it.
    async fn settle_all(&self, items: &[Item]) -> Result<(), StoreError> {
        let mut failed = None;
        for item in items {
            // What there is no time for is claimed again once the lease is over.
            if self.clock.now().plus(LEASE / 2) > item.claimed_until {
                break;
            }
            let told = match &failed {
                None => self.tell(item).await,
                Some(problem) => Err(String::clone(problem)),
            };
            failed = told.as_ref().err().cloned();
            self.settle(item, told).await?;
        }
        Ok(())
    }

    async fn settle(&self, item: &Item, told: Result<(), String>) -> Result<(), StoreError> {
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
