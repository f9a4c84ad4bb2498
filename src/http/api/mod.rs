//! The administration API. Each file is one kind of thing: what its requests hold, what is done, what is answered.

pub(super) mod answer;
mod api_keys;
mod assignments;
mod audit;
mod body;
mod call;
mod cases;
mod clients;
mod describe;
mod groups;
mod query;
mod registry;
mod roles;
mod rules;
mod servers;
pub(super) mod suppose;
mod users;

use std::sync::Arc;

use salvo::http::StatusCode;
use salvo::http::header::{HeaderName, HeaderValue, LOCATION};
use salvo::{Depot, Request, Response, handler};

use self::call::{Call, Reply};
pub(super) use self::describe::{Described, describe};
use super::errors::Problem;
use super::ledger::{Operation, Row, Verb};
use super::{App, in_own_task, reply};
use crate::domain::change::Position;

/// One operation of the ledger.
#[derive(Clone)]
pub(super) struct Operated {
    pub app: Arc<App>,
    pub row: Row,
    pub operation: Operation,
}

/// With it, readers can ask not to be answered from before their own write.
const CONSISTENCY_TOKEN: HeaderName = HeaderName::from_static("doorward-consistency-token");

#[handler]
impl Operated {
    async fn handle(&self, req: &mut Request, depot: &mut Depot, res: &mut Response) {
        match self.answer(req, depot, res).await {
            Ok(reply) => render(res, reply),
            Err(problem) => problem.render(res),
        }
    }
}

impl Operated {
    async fn answer(&self, req: &mut Request, depot: &Depot, res: &mut Response) -> Result<Reply, Problem> {
        let described = describe(self.operation);
        let call = Call::read(&self.app, &self.row, &described, req, depot).await?;
        let (operation, admin) = (self.operation, call.admin.clone());
        if self.row.verb == Verb::Get {
            return run(operation, call).await;
        }
        let reply = in_own_task(run(operation, call)).await?;
        let decisions = self.app.provider.decisions();
        if let Some(revision) = admin.written() {
            // It is written, whether this node has heard of it in time or not.
            let _ = decisions.wait_applied(revision).await;
        }
        let applied = decisions.applied();
        let revision = admin.written().unwrap_or(applied.revision);
        if let Ok(token) = HeaderValue::from_str(&Position { revision, ..applied }.token()) {
            res.headers_mut().insert(CONSISTENCY_TOKEN, token);
        }
        Ok(reply)
    }
}

async fn run(operation: Operation, call: Call) -> Result<Reply, Problem> {
    match operation {
        Operation::User(operation) => users::run(operation, &call).await,
        Operation::Client(operation) => clients::run(operation, &call).await,
        Operation::Server(operation) => servers::run(operation, &call).await,
        Operation::Role(operation) => roles::run(operation, &call).await,
        Operation::Group(operation) => groups::run(operation, &call).await,
        Operation::Assignment(operation) => assignments::run(operation, &call).await,
        Operation::Rules(operation) => rules::run(operation, &call).await,
        Operation::Registry(operation) => registry::run(operation, &call).await,
        Operation::ApiKey(operation) => api_keys::run(operation, &call).await,
        Operation::ReadAudit => audit::read(&call).await,
        Operation::ShowFact => audit::show(&call).await,
    }
}

fn render(res: &mut Response, reply: Reply) {
    match reply.body {
        Some(body) => reply::json(res, reply.status, &body),
        None => {
            res.status_code(StatusCode::NO_CONTENT);
        }
    }
    if let Some(location) = reply.location.and_then(|location| HeaderValue::from_str(&location).ok()) {
        res.headers_mut().insert(LOCATION, location);
    }
}
