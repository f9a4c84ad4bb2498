//! HTTP: routes, doors, strict parsing, wire errors, pages.
//!
//! Handlers translate: they read a request into a type that cannot be wrong, call one use case, and render. Never: SQL,
//! rules, the store.

pub mod ledger;

mod authzen;
mod browser_door;
mod cookies;
mod cors;
mod door;
mod errors;
mod form;
mod frame;
mod health;
mod json;
mod oidc;
mod pages;
mod reply;
mod routes;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::admin::Admin;
use crate::domain::entropy::Entropy;
use crate::domain::time::Clock;
use crate::login::Login;
use crate::oidc::Provider;

pub use self::routes::service;

/// What handlers work with.
pub struct App {
    pub provider: Arc<Provider>,
    /// Acts for whoever holds the set-up link.
    pub setup: Admin,
    pub login: Login,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub limits: Limits,
    pub readiness: Readiness,
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
pub struct Readiness(AtomicBool);

impl Readiness {
    /// From now on `/readyz` fails: the server is about to stop.
    pub fn drain(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_draining(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
