//! The one door of the administration API: who asks, and whether they hold what the row needs.

use std::sync::Arc;

use salvo::{Depot, FlowCtrl, Handler, Request, Response, async_trait};
use uuid::Uuid;

use super::App;
use super::door::{basic, bearer, is_api_key, key_bearer};
use super::errors::Problem;
use super::frame::Noted;
use super::ledger::Need;
use crate::admin::{AdminError, Needed, Operator};
use crate::decision::SubjectRef;
use crate::domain::resource_server::DOORWARD;
use crate::oidc::client_auth::Presented;

/// Lets in operators; leaves who it is and what the path is about in the depot.
#[derive(Clone)]
pub(super) struct OperatorDoor {
    pub app: Arc<App>,
    pub need: Need,
}

/// What the door let in.
pub(super) struct Operating {
    pub operator: Operator,
    /// What the path is about, under the one name by which permissions know it: of a person the `sub`.
    pub target: Option<String>,
    pub needed: Needed,
}

#[async_trait]
impl Handler for OperatorDoor {
    async fn handle(&self, req: &mut Request, depot: &mut Depot, res: &mut Response, ctrl: &mut FlowCtrl) {
        match self.enter(req, depot).await {
            Ok(operating) => {
                depot.insert_typed(operating);
                ctrl.call_next(req, depot, res).await;
            }
            Err(problem) => {
                problem.render(res);
                ctrl.skip_rest();
            }
        }
    }
}

impl OperatorDoor {
    async fn enter(&self, req: &Request, depot: &mut Depot) -> Result<Operating, Problem> {
        let operator = self.operator(req).await?;
        match &operator.subject {
            SubjectRef::User(sub) => Noted::subject(depot, &format!("user:{sub}")),
            SubjectRef::Client(client_id) => Noted::client(depot, client_id),
            // Nobody who can authenticate here.
            SubjectRef::External(_) => return Err(Problem::unauthenticated()),
        }
        let target = self.target(req).await?;
        let Need { action, resource_type, .. } = self.need;
        let needed = Needed { action, resource_type, id: target.clone().unwrap_or_else(|| "*".to_owned()) };
        if self.is_permitted(&operator, &needed).await? {
            return Ok(Operating { operator, target, needed });
        }
        Err(Problem::administration(&AdminError::NotPermitted { needed }, false))
    }

    /// A bearer token for this API, an API key, or a client's Basic credentials.
    async fn operator(&self, req: &Request) -> Result<Operator, Problem> {
        let provider = &self.app.provider;
        if let Some(token) = bearer(req.headers())? {
            if is_api_key(token) {
                return key_bearer(&self.app, token).await;
            }
            let verified = provider.accept(token, &provider.settings().issuer.management_api()).await?;
            let subject = match verified.subject() {
                SubjectRef::User(name) => SubjectRef::User(self.sub(&name).await?.unwrap_or(name)),
                other => other,
            };
            return Ok(Operator { subject, key: None });
        }
        let (client_id, secret) =
            basic(req.headers()).map_err(|_| Problem::unauthenticated())?.ok_or_else(Problem::unauthenticated)?;
        let client = provider.authenticate(&Presented::Basic { client_id, secret }).await?;
        Ok(Operator { subject: SubjectRef::Client(client.client_id.as_str().to_owned()), key: None })
    }

    async fn target(&self, req: &Request) -> Result<Option<String>, Problem> {
        let Some(parameter) = self.need.target else { return Ok(None) };
        let sent = req.param::<String>(parameter).unwrap_or_default();
        // A permission or deny on one thing must not depend on which of its names was sent, or how it was spelt. What cannot
        // be a name stays as it was sent: nothing is given on it alone, and it is not found.
        Ok(Some(match parameter {
            "user" => self.sub(&sent).await?.unwrap_or(sent),
            "assignment" | "key" | "fact" => Uuid::parse_str(&sent).map_or(sent, |id| id.to_string()),
            _ => sent,
        }))
    }

    /// The `sub` of whoever has this name.
    async fn sub(&self, name: &str) -> Result<Option<String>, Problem> {
        match self.app.admin.person(name).await {
            Ok(person) => Ok(Some(person.sub.as_str().to_owned())),
            Err(AdminError::NotFound { .. }) => Ok(None),
            Err(error) => Err(Problem::administration(&error, false)),
        }
    }

    /// The decision is the service's own; a key carries no more than was written on it.
    async fn is_permitted(&self, operator: &Operator, needed: &Needed) -> Result<bool, Problem> {
        if operator.key.as_ref().is_some_and(|key| !key.carries(needed.action, needed.resource_type)) {
            return Ok(false);
        }
        let decisions = self.app.provider.decisions();
        let registry = decisions.registry().await?;
        let Some(doorward) = registry.by_name(DOORWARD) else { return Ok(false) };
        let query = needed.query(operator.subject.clone());
        let (decision, _) = decisions.decide(doorward.id, &query, self.app.clock.now()).await?;
        Ok(decision.allowed)
    }
}
