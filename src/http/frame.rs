//! The frame around every request: its id, security headers, one line in the log.

use std::sync::Arc;

use salvo::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use salvo::{Depot, FlowCtrl, Handler, Request, Response, async_trait};

use tracing::Instrument as _;

use super::App;
use super::errors::Problem;
use crate::domain::id::FactId;

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID_LEN_MAX: usize = 128;

pub(super) struct Frame {
    app: Arc<App>,
    is_https: bool,
}

impl Frame {
    pub(super) fn new(app: &Arc<App>) -> Self {
        Self { is_https: app.provider.settings().issuer.is_https(), app: app.clone() }
    }

    /// The caller's id where it is one, else a new one.
    fn request_id(&self, req: &Request) -> HeaderValue {
        let usable = |v: &&HeaderValue| {
            !v.is_empty() && v.len() <= REQUEST_ID_LEN_MAX && v.as_bytes().iter().all(u8::is_ascii_graphic)
        };
        let sent = req.headers().get(&X_REQUEST_ID).filter(usable).cloned();
        sent.unwrap_or_else(|| {
            let id = FactId::mint(self.app.clock.now(), self.app.entropy.as_ref()).to_string();
            HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("unknown"))
        })
    }

    fn secure(&self, res: &mut Response) {
        let headers = res.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.entry(REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
        let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        headers.entry(CONTENT_SECURITY_POLICY).or_insert(nothing);
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        if self.is_https {
            let year = HeaderValue::from_static("max-age=31536000; includeSubDomains");
            headers.insert(STRICT_TRANSPORT_SECURITY, year);
        }
    }
}

/// The request id, for facts and errors.
#[derive(Clone)]
pub(super) struct RequestId(pub String);

impl RequestId {
    pub(super) fn of(depot: &Depot) -> Option<&str> {
        depot.get_typed::<Self>().ok().map(|id| id.0.as_str())
    }
}

/// What the doors and handlers note for the log line.
#[derive(Default)]
pub(super) struct Noted {
    client: Option<String>,
    subject: Option<String>,
}

impl Noted {
    fn with(depot: &mut Depot, note: impl FnOnce(&mut Self)) {
        if let Ok(noted) = depot.get_typed_mut::<Self>() {
            note(noted);
        }
    }

    pub(super) fn client(depot: &mut Depot, client_id: &str) {
        Self::with(depot, |noted| noted.client = Some(client_id.to_owned()));
    }

    pub(super) fn subject(depot: &mut Depot, subject: &str) {
        Self::with(depot, |noted| noted.subject = Some(subject.to_owned()));
    }
}

#[async_trait]
impl Handler for Frame {
    async fn handle(&self, req: &mut Request, depot: &mut Depot, res: &mut Response, ctrl: &mut FlowCtrl) {
        let started = self.app.clock.monotonic();
        let id = self.request_id(req);
        let text = id.to_str().unwrap_or_default().to_owned();
        depot.insert_typed(RequestId(text.clone()));
        depot.insert_typed(Noted::default());

        // Whatever is logged on the way carries the request's id.
        let span = tracing::error_span!("request", request_id = %text);
        if is_plain(req.uri().path()) {
            ctrl.call_next(req, depot, res).instrument(span).await;
        } else {
            ctrl.skip_rest();
            Problem::not_found().render(res);
        }

        res.headers_mut().insert(X_REQUEST_ID, id);
        self.secure(res);
        let took = self.app.clock.monotonic().saturating_sub(started);
        log(req, depot, res, &text, took);
    }
}

/// Every address here has one spelling; others would pass a proxy's rules and reach the same endpoint.
fn is_plain(path: &str) -> bool {
    !path.contains("//") && !path.contains('%') && (path == "/" || !path.ends_with('/'))
}

/// What a decision is called in its answer, and so here.
pub(super) const DECISION_ID: HeaderName = HeaderName::from_static("doorward-decision-id");

/// One line for each request, with the route and never the path as sent: paths and queries can hold secrets.
fn log(req: &Request, depot: &Depot, res: &Response, request_id: &str, took: std::time::Duration) {
    let status = res.status_code.map_or(200, |s| s.as_u16());
    let noted = depot.get_typed::<Noted>().ok();
    let duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    tracing::info!(
        target: "doorward::request",
        method = %req.method(),
        route = %format_args!("/{}", req.matched_path()),
        status,
        duration_us,
        request_id,
        client = noted.and_then(|n| n.client.as_deref()),
        subject = noted.and_then(|n| n.subject.as_deref()),
        decision_id = res.headers().get(DECISION_ID).and_then(|id| id.to_str().ok()),
        "request"
    );
}
