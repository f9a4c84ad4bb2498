//! `POST /access/v1/evaluation` (AuthZEN §6). A denial is 200 `{"decision":false}`.

use std::sync::Arc;
use std::time::Duration;

use salvo::http::StatusCode;
use salvo::http::header::{HeaderName, HeaderValue};
use salvo::{Depot, Request, Response, handler};
use serde::Serialize;

use super::super::borrowed::EMPTY;
use super::super::door::Asked;
use super::super::errors::Problem;
use super::super::frame::{DECISION_ID, Noted};
use super::super::{App, json, reply};
use super::request::{self, Answered};
use crate::domain::change::Revision;
use crate::domain::id::FactId;
use crate::domain::time::Instant;

#[derive(Clone)]
pub(in crate::http) struct Evaluation(pub Arc<App>);

#[handler]
impl Evaluation {
    async fn handle(&self, req: &mut Request, depot: &mut Depot, res: &mut Response) {
        let started = self.0.clock.monotonic();
        match self.evaluate(req, depot).await {
            Ok(answered) => answer(&self.0, res, &answered, &answered.as_item(), started),
            Err(problem) => problem.render(res),
        }
    }
}

impl Evaluation {
    async fn evaluate(&self, req: &mut Request, depot: &mut Depot) -> Result<Answered, Problem> {
        let body = json::object(req, self.0.limits.body_max_bytes).await?;
        let evaluation = request::Evaluation::parse(&body, &EMPTY)?;
        if let Some(subject) = evaluation.named_subject() {
            Noted::subject(depot, &subject);
        }
        let asked = depot.get_typed::<Asked>().map_err(|_| Problem::unauthenticated())?;
        evaluation.decide(&self.0, asked, self.0.clock.now()).await
    }
}

/// The decision in the body; what concerns it in headers, so that the same request has the same body.
pub(super) fn answer(app: &App, res: &mut Response, answered: &Answered, body: &impl Serialize, started: Duration) {
    reply::json(res, StatusCode::OK, body);
    about(app, res, answered.revision, started);
    valid_until(res, answered.valid_until);
}

/// The moment from which the answer may be another one, with no write in between.
pub(super) fn valid_until(res: &mut Response, edge: Option<Instant>) {
    if let Some(edge) = edge {
        header(res, HeaderName::from_static("doorward-valid-until"), &edge.to_string());
    }
}

/// The headers of any answer: what it is called, as of which revision it is, how long it took.
pub(super) fn about(app: &App, res: &mut Response, revision: Revision, started: Duration) {
    let took = app.clock.monotonic().saturating_sub(started);
    let id = FactId::mint(app.clock.now(), app.entropy.as_ref());
    header(res, DECISION_ID, &id.to_string());
    header(res, HeaderName::from_static("doorward-revision"), &revision.0.to_string());
    let millis = took.as_secs_f64() * 1_000.0;
    header(res, HeaderName::from_static("server-timing"), &format!("decide;dur={millis:.3}"));
}

fn header(res: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        res.headers_mut().insert(name, value);
    }
}
