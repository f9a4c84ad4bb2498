//! Cross-origin reads without credentials, for the endpoints that single-page applications call themselves.

use salvo::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderValue,
};
use salvo::http::{Response, StatusCode};
use salvo::{Depot, FlowCtrl, Handler, Request, async_trait, handler};

use super::ledger::LEDGER;

/// Marks every answer at the addresses the ledger opens to scripts as readable from any origin. It stands around the whole
/// service: what no route answers, such as a wrong method, is an answer at that address, too.
pub(super) struct AnyOrigin;

fn is_open(path: &str) -> bool {
    LEDGER.iter().any(|row| row.cors && row.path == path)
}

#[async_trait]
impl Handler for AnyOrigin {
    async fn handle(&self, req: &mut Request, depot: &mut Depot, res: &mut Response, ctrl: &mut FlowCtrl) {
        ctrl.call_next(req, depot, res).await;
        if !is_open(req.uri().path()) {
            return;
        }
        let headers = res.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("www-authenticate, x-request-id"));
    }
}

/// Answers what a browser asks before it sends a request with headers of its own.
#[handler]
pub(super) async fn preflight(res: &mut Response) {
    let headers = res.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type, x-request-id"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    res.status_code(StatusCode::NO_CONTENT);
}
