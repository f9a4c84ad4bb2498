//! The introspection endpoint (RFC 7662).

use std::sync::Arc;

use salvo::http::StatusCode;
use salvo::{Depot, Response, handler};

use super::super::errors::OAuthError;
use super::super::{App, reply};
use super::entered;
use crate::oidc::client_auth::ClientAuthError;
use crate::oidc::introspect::Introspection;

#[derive(Clone)]
pub(in crate::http) struct Introspect(pub Arc<App>);

#[handler]
impl Introspect {
    async fn handle(&self, depot: &mut Depot, res: &mut Response) {
        match self.introspect(depot).await {
            Ok(introspection) => {
                reply::json(res, StatusCode::OK, &introspection);
                reply::no_store(res);
            }
            Err(error) => error.render(res),
        }
    }
}

impl Introspect {
    async fn introspect(&self, depot: &Depot) -> Result<Introspection, OAuthError> {
        let entered = entered(depot)?;
        // Whoever knows a public client's id could ask in its name (RFC 7662 §2.1).
        if entered.client.is_public() {
            return Err(OAuthError::client_auth(&ClientAuthError::Method, false));
        }
        let token = entered.form.get("token").ok_or_else(|| OAuthError::invalid_request("token is missing"))?;
        Ok(self.0.provider.introspect(&entered.client, token).await?)
    }
}
