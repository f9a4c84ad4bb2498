//! `POST /api/v1/authz/explain`: one evaluation as AuthZEN writes it (§6), and why it comes out as it does; also how it
//! would, if things were changed that are not.

use std::sync::Arc;

use salvo::{Depot, Request, Response, handler};
use serde_json::json;
use tokio::sync::Semaphore;

use super::super::api::suppose;
use super::super::borrowed::EMPTY;
use super::super::door::Asked;
use super::super::errors::Problem;
use super::super::frame::Noted;
use super::super::{App, json};
use super::evaluation::answer;
use super::request::{Answered, Evaluation};

/// So many suppose something at once: while they do, whoever writes waits.
const SUPPOSING_MAX: usize = 2;

#[derive(Clone)]
pub(in crate::http) struct Explain {
    app: Arc<App>,
    supposing: Arc<Semaphore>,
}

impl Explain {
    pub(in crate::http) fn new(app: Arc<App>) -> Self {
        Self { app, supposing: Arc::new(Semaphore::new(SUPPOSING_MAX)) }
    }
}

/// What the body may hold. Anything else is refused: whoever asks why must not be answered another question.
const MEMBERS: [&str; 5] = ["subject", "action", "resource", "context", "changes"];

#[handler]
impl Explain {
    async fn handle(&self, req: &mut Request, depot: &mut Depot, res: &mut Response) {
        let started = self.app.clock.monotonic();
        match self.explain(req, depot).await {
            Ok(answered) => {
                let body = json!({ "decision": answered.allowed, "explanation": answered.explanation });
                answer(&self.app, res, &answered, &body, started);
            }
            Err(problem) => problem.render(res),
        }
    }
}

impl Explain {
    async fn explain(&self, req: &mut Request, depot: &mut Depot) -> Result<Answered, Problem> {
        let body = json::object(req, self.app.limits.body_max_bytes).await?;
        if let Some(unknown) = body.names().find(|name| !MEMBERS.contains(name)) {
            let unknown: String = unknown.chars().take(80).collect();
            let problem = format!("{unknown:?} is no member of this request; these are: {}", MEMBERS.join(", "));
            return Err(Problem::bad_request(&problem));
        }
        let evaluation = Evaluation::parse(&body, &EMPTY)?;
        if let Some(subject) = evaluation.named_subject() {
            Noted::subject(depot, &subject);
        }
        let asked = depot.get_typed::<Asked>().map_err(|_| Problem::unauthenticated())?;
        let now = self.app.clock.now();
        let Some(changes) = body.get("changes") else { return evaluation.explain(&self.app, asked, now).await };
        let supposed = suppose::parse(&changes.to_value(), &asked.resource_server.name)?;
        let _turn = self.supposing.try_acquire().map_err(|_| Problem::too_many_suppose())?;
        evaluation.explain_if(&self.app, asked, &supposed, now).await
    }
}
