//! The token endpoint (RFC 6749 §3.2).

use std::sync::Arc;

use salvo::http::StatusCode;
use salvo::{Depot, Response, handler};
use serde::Serialize;

use super::super::errors::OAuthError;
use super::super::frame::RequestId;
use super::super::{App, reply};
use super::entered;
use crate::oidc::token::{ClientCredentialsRequest, Issued};

#[derive(Clone)]
pub(in crate::http) struct Token(pub Arc<App>);

/// RFC 6749 §5.1.
#[derive(Serialize)]
struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

/// One resource indicator names one API; a token for more than this is a mistake.
const RESOURCES_MAX: usize = 8;

#[handler]
impl Token {
    async fn handle(&self, depot: &mut Depot, res: &mut Response) {
        match self.issue(depot).await {
            Ok(issued) => {
                let response = TokenResponse {
                    access_token: issued.access_token,
                    token_type: "Bearer",
                    expires_in: issued.expires_in_seconds,
                    scope: issued.scope.map(|scopes| scopes.to_string()),
                };
                reply::json(res, StatusCode::OK, &response);
                reply::no_store(res);
            }
            Err(error) => error.render(res),
        }
    }
}

impl Token {
    async fn issue(&self, depot: &Depot) -> Result<Issued, OAuthError> {
        let entered = entered(depot)?;
        match entered.form.get("grant_type") {
            Some("client_credentials") => {}
            Some(_) => return Err(OAuthError::unsupported_grant_type()),
            None => return Err(OAuthError::invalid_request("grant_type is missing")),
        }
        let resources: Vec<_> = entered.form.all("resource").map(str::to_owned).collect();
        if resources.len() > RESOURCES_MAX {
            return Err(OAuthError::invalid_request("resource stands more than 8 times"));
        }
        let scope = entered.form.get("scope").map(str::to_owned);
        let request_id = RequestId::of(depot).map(str::to_owned);
        let request = ClientCredentialsRequest { scope, resources, request_id };
        Ok(self.0.provider.client_credentials(&entered.client, &request).await?)
    }
}
