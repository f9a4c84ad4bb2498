//! HTTP: routes, doors, strict parsing, wire errors, pages.
//!
//! Handlers translate: they read a request into a type that cannot be wrong, call one use case, and render. Never: SQL,
//! rules, the store.

pub mod ledger;
pub mod openapi;

mod api;
mod authzen;
mod bearer_door;
mod borrowed;
mod browser_door;
mod client_address;
mod cookies;
mod cors;
mod door;
mod errors;
mod form;
mod frame;
mod health;
mod json;
mod oidc;
mod operator_door;
mod pages;
mod places;
mod reply;
mod routes;
mod setup_door;
mod standards;
mod strict;

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::watch;
use tracing::Instrument as _;

use crate::admin::Admin;
use crate::domain::entropy::Entropy;
use crate::domain::time::Clock;
use crate::login::Login;
use crate::oidc::Provider;

pub use self::json::LargeBodies;
pub use self::places::Places;
pub use self::routes::service;

/// What handlers work with.
pub struct App {
    pub provider: Arc<Provider>,
    /// Acts for whoever holds the set-up link.
    pub setup: Admin,
    /// Acts for operators once it is told for whom.
    pub admin: Admin,
    pub login: Login,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub limits: Limits,
    pub readiness: Readiness,
    /// For those who watch.
    pub places: Arc<Places>,
    pub large_bodies: LargeBodies,
    /// The proxies whose word on the client's address is taken.
    pub trusted_proxies: Vec<IpNet>,
}

/// Runs what writes in a task of its own: a caller that goes away does so before it began or after its effects, never in
/// between. A panic goes on where the caller waits.
async fn in_own_task<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work.in_current_span()).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only a runtime that is going away cancels it, and this with it.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Bounds of requests.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub body_max_bytes: usize,
    pub request_timeout: Duration,
    /// `Cache-Control: max-age` of the key set.
    pub jwks_max_age: Duration,
    /// The body of a batch of evaluations.
    pub batch_body_max_bytes: usize,
    /// Evaluations in one batch.
    pub batch_max: usize,
}

/// Whether load balancers should send requests here.
#[derive(Debug, Default)]
pub struct Readiness(watch::Sender<bool>);

impl Readiness {
    /// From now on `/readyz` fails: the server is about to stop.
    pub fn drain(&self) {
        self.0.send_replace(true);
    }

    fn is_draining(&self) -> bool {
        *self.0.borrow()
    }

    /// For what goes on until then.
    fn watch(&self) -> watch::Receiver<bool> {
        self.0.subscribe()
    }
}
