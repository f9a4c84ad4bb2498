//! Whether this node lives and whether requests should come here.

use std::sync::Arc;
use std::time::Duration;

use salvo::http::StatusCode;
use salvo::{Response, handler};
use serde_json::json;

use super::{App, reply};

/// Lives: answers as long as the process can answer anything.
#[derive(Clone)]
pub(super) struct Health;

#[handler]
impl Health {
    fn handle(res: &mut Response) {
        reply::json(res, StatusCode::OK, &json!({ "status": "ok" }));
    }
}

/// A node that has not reached the database for so long should get no new requests, though it may still answer some.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(2);

/// Ready: knows the state of the database within the freshness bound and is not about to stop.
#[derive(Clone)]
pub(super) struct Ready(pub Arc<App>);

#[handler]
impl Ready {
    fn handle(&self, res: &mut Response) {
        let (status, text) = if self.0.readiness.is_draining() {
            (StatusCode::SERVICE_UNAVAILABLE, "stopping")
        } else if !self.0.provider.decisions().confirmed_within(CONFIRMED_WITHIN) {
            (StatusCode::SERVICE_UNAVAILABLE, "the database cannot be reached")
        } else if !self.0.provider.keys().ring().can_sign() {
            (StatusCode::SERVICE_UNAVAILABLE, "no signing key can be used")
        } else {
            (StatusCode::OK, "ready")
        };
        reply::json(res, status, &json!({ "status": text }));
    }
}
