//! The token endpoint (RFC 6749 §3.2).

use std::sync::Arc;

use salvo::http::StatusCode;
use salvo::{Depot, Response, handler};
use serde::Serialize;

use super::super::errors::OAuthError;
use super::super::form::Form;
use super::super::frame::RequestId;
use super::super::{App, in_own_task, reply};
use super::entered;
use crate::domain::secret::Secret;
use crate::oidc::exchange::{CodeRequest, Tokens};
use crate::oidc::refresh::RefreshRequest;
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
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

/// One resource indicator names one API; a token for more than this is a mistake.
const RESOURCES_MAX: usize = 8;

#[handler]
impl Token {
    async fn handle(&self, depot: &mut Depot, res: &mut Response) {
        match self.issue(depot).await {
            Ok(response) => {
                reply::json(res, StatusCode::OK, &response);
                reply::no_store(res);
            }
            Err(error) => error.render(res),
        }
    }
}

impl Token {
    async fn issue(&self, depot: &Depot) -> Result<TokenResponse, OAuthError> {
        let entered = entered(depot)?;
        let request_id = RequestId::of(depot).map(str::to_owned);
        let (client, form) = (entered.client.clone(), &entered.form);
        let provider = self.0.provider.clone();
        let secret = |name: &str| form.get(name).map(|text| Secret::new(text.to_owned()));
        match form.get("grant_type") {
            Some("client_credentials") => {
                let (scope, resources) = (form.get("scope").map(str::to_owned), resources(form)?);
                let request = ClientCredentialsRequest { scope, resources, request_id };
                Ok(self.0.provider.client_credentials(&client, &request).await?.into())
            }
            Some("authorization_code") => {
                let code = secret("code").ok_or_else(|| OAuthError::invalid_request("code is missing"))?;
                let (redirect_uri, verifier) = (form.get("redirect_uri").map(str::to_owned), secret("code_verifier"));
                let resources = resources(form)?;
                let request = CodeRequest { code, redirect_uri, verifier, resources, request_id };
                Ok(in_own_task(async move { provider.exchange_code(&client, request).await }).await?.into())
            }
            Some("refresh_token") => {
                let token = secret("refresh_token");
                let token = token.ok_or_else(|| OAuthError::invalid_request("refresh_token is missing"))?;
                let (scope, resources) = (form.get("scope").map(str::to_owned), resources(form)?);
                let request = RefreshRequest { token, scope, resources, request_id };
                Ok(in_own_task(async move { provider.refresh(&client, request).await }).await?.into())
            }
            Some(_) => Err(OAuthError::unsupported_grant_type()),
            None => Err(OAuthError::invalid_request("grant_type is missing")),
        }
    }
}

fn resources(form: &Form) -> Result<Vec<String>, OAuthError> {
    let resources: Vec<_> = form.all("resource").map(str::to_owned).collect();
    if resources.len() > RESOURCES_MAX {
        return Err(OAuthError::invalid_request("resource stands more than 8 times"));
    }
    Ok(resources)
}

impl From<Issued> for TokenResponse {
    fn from(issued: Issued) -> Self {
        Self {
            access_token: issued.access_token,
            token_type: "Bearer",
            expires_in: issued.expires_in_seconds,
            scope: issued.scope.map(|scopes| scopes.to_string()),
            refresh_token: None,
            id_token: None,
        }
    }
}

impl From<Tokens> for TokenResponse {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access_token,
            token_type: "Bearer",
            expires_in: tokens.expires_in_seconds,
            scope: Some(tokens.scope.to_string()),
            refresh_token: tokens.refresh_token.map(|token| token.reveal().to_owned()),
            id_token: tokens.id_token,
        }
    }
}
