//! The revocation endpoint (RFC 7009).

use std::sync::Arc;

use salvo::http::StatusCode;
use salvo::{Depot, Response, handler};

use super::super::errors::OAuthError;
use super::super::frame::RequestId;
use super::super::{App, in_own_task, reply};
use super::entered;

#[derive(Clone)]
pub(in crate::http) struct Revoke(pub Arc<App>);

#[handler]
impl Revoke {
    async fn handle(&self, depot: &mut Depot, res: &mut Response) {
        match self.revoke(depot).await {
            Ok(()) => {
                reply::json(res, StatusCode::OK, &serde_json::json!({}));
                reply::no_store(res);
            }
            Err(error) => error.render(res),
        }
    }
}

impl Revoke {
    async fn revoke(&self, depot: &Depot) -> Result<(), OAuthError> {
        let entered = entered(depot)?;
        let token = entered.form.get("token").ok_or_else(|| OAuthError::invalid_request("token is missing"))?;
        let (provider, client, token) = (self.0.provider.clone(), entered.client.clone(), token.to_owned());
        let request_id = RequestId::of(depot).map(str::to_owned);
        Ok(in_own_task(async move { provider.revoke(&client, &token, request_id.as_deref()).await }).await?)
    }
}
