//! `POST /access/v1/evaluations` (AuthZEN §7): many decisions in one request, with defaults and three semantics.

use std::sync::Arc;

use salvo::http::StatusCode;
use salvo::{Depot, Request, Response, handler};
use serde::Serialize;

use super::super::borrowed::{EMPTY, Json, Object};
use super::super::door::Asked;
use super::super::errors::Problem;
use super::super::{App, json, reply};
use super::evaluation::{about, answer, valid_until};
use super::request::{Answered, Evaluation, Item, Prepared};
use crate::decision::DecisionError;
use crate::domain::change::Revision;
use crate::domain::time::Instant;

#[derive(Clone)]
pub(in crate::http) struct Evaluations(pub Arc<App>);

/// When a batch stops (AuthZEN §7.1.2).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Semantic {
    ExecuteAll,
    DenyOnFirstDeny,
    PermitOnFirstPermit,
}

impl Semantic {
    fn parse(body: &Object<'_>) -> Result<Self, Problem> {
        let options = match body.get("options") {
            None => return Ok(Self::ExecuteAll),
            Some(Json::Object(options)) => options,
            Some(_) => return Err(Problem::bad_request("options must be an object")),
        };
        match options.get("evaluations_semantic").map(Json::as_str) {
            None | Some(Some("execute_all")) => Ok(Self::ExecuteAll),
            Some(Some("deny_on_first_deny")) => Ok(Self::DenyOnFirstDeny),
            Some(Some("permit_on_first_permit")) => Ok(Self::PermitOnFirstPermit),
            Some(_) => Err(Problem::bad_request(
                "options.evaluations_semantic must be execute_all, deny_on_first_deny or permit_on_first_permit",
            )),
        }
    }

    fn stops_after(self, allowed: bool) -> bool {
        match self {
            Self::ExecuteAll => false,
            Self::DenyOnFirstDeny => !allowed,
            Self::PermitOnFirstPermit => allowed,
        }
    }
}

/// The answers of a batch, and what holds for all of them: the oldest revision, the first moment that could change one.
struct Batch {
    items: Vec<Item>,
    /// None where no item could be decided.
    revision: Option<Revision>,
    valid_until: Option<Instant>,
}

#[derive(Serialize)]
struct Answers {
    evaluations: Vec<Item>,
}

/// So many items are decided together, and others then get their turn.
const TOGETHER: usize = 100;

/// Defaults are read anew for each item that they stand in for: so many bytes in all.
const DEFAULTS_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The members that stand in for those of items.
const DEFAULTS: [&str; 4] = ["subject", "action", "resource", "context"];

#[handler]
impl Evaluations {
    async fn handle(&self, req: &mut Request, depot: &mut Depot, res: &mut Response) {
        if let Err(problem) = self.evaluate(req, depot, res).await {
            problem.render(res);
        }
    }
}

impl Evaluations {
    async fn evaluate(&self, req: &mut Request, depot: &Depot, res: &mut Response) -> Result<(), Problem> {
        let started = self.0.clock.monotonic();
        let asked = depot.get_typed::<Asked>().map_err(|_| Problem::unauthenticated())?;
        // One moment for all of them.
        let now = self.0.clock.now();
        let (mut body, _turn) = json::large_object(req, &self.0, self.0.limits.batch_max).await?;
        let semantic = Semantic::parse(&body)?;
        // Alone, since each item looks for them.
        let defaults = body.take(&DEFAULTS);
        let items = match body.get("evaluations") {
            None => &[][..],
            Some(Json::Array(items)) => items,
            Some(_) => return Err(Problem::bad_request("evaluations must be an array")),
        };
        if items.is_empty() {
            // Without items the request is a single one (AuthZEN §7.1).
            let answered = Evaluation::parse(&defaults, &EMPTY)?.decide(&self.0, asked, now).await?;
            answer(&self.0, res, &answered, &answered.as_item(), started);
            return Ok(());
        }
        if items.len() > self.0.limits.batch_max {
            let problem = format!("evaluations must not hold more than {} items", self.0.limits.batch_max);
            return Err(Problem::bad_request(&problem));
        }
        if defaults.size().saturating_mul(items.len()) > DEFAULTS_BYTES_MAX {
            let problem = "the members at the top are too large to stand in for so many items: send fewer at once";
            return Err(Problem::bad_request(problem));
        }
        let batch = self.all(items, &defaults, asked, semantic, now).await?;
        reply::json(res, StatusCode::OK, &Answers { evaluations: batch.items });
        let revision = batch.revision.unwrap_or_else(|| self.0.provider.decisions().applied().revision);
        about(&self.0, res, revision, started);
        valid_until(res, batch.valid_until);
        Ok(())
    }

    async fn all(
        &self,
        items: &[Json<'_>],
        defaults: &Object<'_>,
        asked: &Asked,
        semantic: Semantic,
        now: Instant,
    ) -> Result<Batch, Problem> {
        let mut batch = Batch { items: Vec::with_capacity(items.len()), revision: None, valid_until: None };
        for (nth, items) in items.chunks(TOGETHER).enumerate() {
            let mut prepared = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                prepared.push(self.prepare(nth * TOGETHER + index, item, defaults, asked).await);
            }
            for answered in self.decide(prepared, asked, now).await? {
                let item = match answered {
                    Ok(answered) => {
                        let oldest = batch.revision.map_or(answered.revision, |oldest| oldest.min(answered.revision));
                        batch.revision = Some(oldest);
                        batch.valid_until = [batch.valid_until, answered.valid_until].into_iter().flatten().min();
                        answered.as_item()
                    }
                    // Not knowing is not denying: a fault fails the whole batch. That one item asks too much is its own.
                    Err(problem) if problem.is_fault() => return Err(problem),
                    Err(problem) => Item::failed(&problem),
                };
                let is_last = semantic.stops_after(item.decision);
                batch.items.push(item);
                if is_last {
                    return Ok(batch);
                }
            }
            // What is cached waits for nothing: others get their turn all the same.
            tokio::task::consume_budget().await;
        }
        Ok(batch)
    }

    async fn prepare<'a>(
        &self,
        index: usize,
        item: &'a Json<'a>,
        defaults: &'a Object<'a>,
        asked: &Asked,
    ) -> Result<Prepared<'a>, Problem> {
        let item = item.as_object();
        let item = item.ok_or_else(|| Problem::bad_request(&format!("evaluations[{index}] must be an object")))?;
        Evaluation::parse(item, defaults)?.prepare(&self.0, asked).await
    }

    /// The answers in order: all that are plain decisions are of one revision.
    async fn decide(
        &self,
        prepared: Vec<Result<Prepared<'_>, Problem>>,
        asked: &Asked,
        now: Instant,
    ) -> Result<Vec<Result<Answered, Problem>>, Problem> {
        let queries = prepared.iter().filter_map(|item| match item {
            Ok(Prepared::Query(query)) => Some(query),
            Ok(Prepared::Alone(_) | Prepared::Nobody) | Err(_) => None,
        });
        let decided = self.0.provider.decisions().decide_all(asked.resource_server.id, queries, now).await?;
        let (mut decided, revision) = (decided.0.into_iter(), decided.1);
        let mut answers = Vec::with_capacity(prepared.len());
        for item in prepared {
            answers.push(match item {
                Ok(Prepared::Query(_)) => match decided.next().flatten() {
                    Some(decision) => Ok(Answered::decided(&decision, revision)),
                    None => Err(DecisionError::OverBudget.into()),
                },
                Ok(Prepared::Alone(evaluation)) => evaluation.decide(&self.0, asked, now).await,
                Ok(Prepared::Nobody) => Ok(Answered::nobody(revision)),
                Err(problem) => Err(problem),
            });
        }
        Ok(answers)
    }
}
