//! The error model of the wire: one type for each shape, each refusal mapped to it by an exhaustive match. Public text is
//! fixed and apart from the cause; a fault is logged here, once, where it leaves.

mod oauth;
mod page;
mod problem;

use salvo::http::header::ACCEPT;
use salvo::http::{StatusCode, StatusError};
use salvo::{Depot, Request, Response, handler};

pub(super) use self::oauth::OAuthError;
pub(super) use self::page::ErrorPage;
pub(super) use self::problem::Problem;
use crate::domain::chain::chain;

/// Bodies for the errors the framework itself makes: 404, 405, 413, timeouts, panics.
#[handler]
pub(super) async fn error_bodies(req: &mut Request, _depot: &mut Depot, res: &mut Response) {
    let status = res.status_code.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let accepted = req.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // A browser names HTML; clients that take anything get what they can parse.
    if accepted.contains("text/html") {
        ErrorPage::of_status(status).render(req, res);
    } else {
        Problem::of_status(status).render(res);
    }
}

pub(super) fn timed_out() -> StatusError {
    StatusError::service_unavailable()
}

/// Faults are logged with their whole chain of causes; callers are told nothing of them.
fn log_fault(fault: &(dyn std::error::Error + 'static), what: &str) {
    tracing::error!(error = chain(fault), "{what}");
}
