//! The door of what a person's access token is shown to.

use std::sync::Arc;

use salvo::http::header::CONTENT_TYPE;
use salvo::{Depot, FlowCtrl, Handler, Request, Response, async_trait};

use super::App;
use super::door::bearer;
use super::errors::Problem;
use super::form::Form;
use crate::domain::secret::Secret;

/// Lets in requests that carry an access token, in the header or, for a POST, in the form (RFC 6750 §2.1, §2.2); leaves the
/// token in the depot. What it is good for is the endpoint's to check.
#[derive(Clone)]
pub(super) struct BearerDoor(pub Arc<App>);

/// The one token of a request.
pub(super) struct BearerToken(pub Secret);

#[async_trait]
impl Handler for BearerDoor {
    async fn handle(&self, req: &mut Request, depot: &mut Depot, res: &mut Response, ctrl: &mut FlowCtrl) {
        match self.enter(req).await {
            Ok(token) => {
                depot.insert_typed(token);
                ctrl.call_next(req, depot, res).await;
            }
            Err(problem) => {
                problem.render(res);
                ctrl.skip_rest();
            }
        }
    }
}

impl BearerDoor {
    async fn enter(&self, req: &mut Request) -> Result<BearerToken, Problem> {
        let in_header =
            bearer(req.headers()).map_err(|_| Problem::bearer_request("there must be one Authorization header"))?;
        let in_header = in_header.map(|token| Secret::new(token.to_owned()));
        let is_form = req.headers().get(CONTENT_TYPE).is_some_and(|v| {
            v.to_str().is_ok_and(|v| v.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded"))
        });
        let posted = if req.method() == salvo::http::Method::POST && is_form {
            let form = Form::read(req, self.0.limits.body_max_bytes).await;
            let form = form.map_err(|error| Problem::bearer_request(&error.to_string()))?;
            form.get("access_token").map(|token| Secret::new(token.to_owned()))
        } else {
            None
        };
        match (in_header, posted) {
            (Some(token), None) | (None, Some(token)) => Ok(BearerToken(token)),
            (Some(_), Some(_)) => Err(Problem::bearer_request("the token must be sent in one way only")),
            (None, None) => Err(Problem::unauthenticated_bearer()),
        }
    }
}
