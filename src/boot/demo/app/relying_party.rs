//! The OpenID Connect side of the sample application, by the `openidconnect` crate: what a product of one's own would do.

use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreTokenResponse, CoreUserInfoClaims};
use openidconnect::{
    AccessToken, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    HttpClientError, HttpRequest, HttpResponse, IssuerUrl, LogoutRequest, Nonce, OAuth2TokenResponse as _,
    PkceCodeChallenge, PkceCodeVerifier, PostLogoutRedirectUrl, ProviderMetadataWithLogout, RedirectUrl, RefreshToken,
    Scope, SubjectIdentifier, TokenResponse as _,
};
use serde_json::Value;

use crate::boot::node::BootError;

/// What `from_provider_metadata` makes.
type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

pub(super) struct RelyingParty {
    issuer: String,
    origin: String,
    secret: String,
    http: reqwest::Client,
}

/// A sign-in that has been sent on its way; it stays with the browser it was begun in.
#[derive(Clone)]
pub(super) struct Pending {
    pub(super) state: String,
    nonce: Nonce,
    verifier: String,
}

/// Somebody who is signed in.
#[derive(Clone)]
pub(super) struct SignedIn {
    pub(super) id_token: String,
    pub(super) access_token: String,
    pub(super) refresh_token: Option<String>,
    pub(super) claims: Value,
    pub(super) userinfo: Value,
}

impl RelyingParty {
    pub(super) fn new(http: reqwest::Client, issuer: &str, origin: &str, secret: &str) -> Self {
        Self { issuer: issuer.to_owned(), origin: origin.to_owned(), secret: secret.to_owned(), http }
    }

    async fn send(
        http: reqwest::Client,
        request: HttpRequest,
    ) -> Result<HttpResponse, HttpClientError<reqwest::Error>> {
        let boxed = |error: reqwest::Error| HttpClientError::Reqwest(Box::new(error));
        let response = http.execute(reqwest::Request::try_from(request).map_err(boxed)?).await.map_err(boxed)?;
        let mut builder = openidconnect::http::Response::builder().status(response.status());
        for (name, value) in response.headers() {
            builder = builder.header(name, value);
        }
        Ok(builder.body(response.bytes().await.map_err(boxed)?.to_vec())?)
    }

    fn http(
        &self,
    ) -> impl Fn(
        HttpRequest,
    ) -> futures_util::future::BoxFuture<'static, Result<HttpResponse, HttpClientError<reqwest::Error>>>
    + use<> {
        let http = self.http.clone();
        move |request| Box::pin(Self::send(http.clone(), request))
    }

    /// Read anew each time, keys included, so that a rotated key is known at once.
    async fn metadata(&self) -> Result<ProviderMetadataWithLogout, BootError> {
        let issuer = IssuerUrl::new(self.issuer.clone())?;
        Ok(ProviderMetadataWithLogout::discover_async(issuer, &self.http()).await?)
    }

    fn client(&self, metadata: ProviderMetadataWithLogout) -> Result<Client, BootError> {
        let secret = ClientSecret::new(self.secret.clone());
        let client = CoreClient::from_provider_metadata(metadata, ClientId::new("notes-web".to_owned()), Some(secret));
        Ok(client.set_redirect_uri(RedirectUrl::new(format!("{}/callback", self.origin))?))
    }

    /// Where to send the browser, and what to keep of it meanwhile.
    pub(super) async fn begin(&self) -> Result<(String, Pending), BootError> {
        let client = self.client(self.metadata().await?)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let mut request =
            client.authorize_url(flow, CsrfToken::new_random, Nonce::new_random).set_pkce_challenge(challenge);
        for scope in ["profile", "email", "address", "phone", "notes:read", "notes:write"] {
            request = request.add_scope(Scope::new(scope.to_owned()));
        }
        let (url, state, nonce) = request.url();
        let pending = Pending { state: state.secret().clone(), nonce, verifier: verifier.secret().clone() };
        Ok((url.to_string(), pending))
    }

    /// Exchanges the code, checks the ID token, asks userinfo.
    pub(super) async fn finish(&self, code: &str, pending: Pending) -> Result<SignedIn, BootError> {
        let client = self.client(self.metadata().await?)?;
        let request = client.exchange_code(AuthorizationCode::new(code.to_owned()))?;
        let request = request.set_pkce_verifier(PkceCodeVerifier::new(pending.verifier));
        let tokens = request.request_async(&self.http()).await?;
        let id_token = tokens.id_token().ok_or("there is no ID token")?.clone();
        let claims = id_token.claims(&client.id_token_verifier(), &pending.nonce)?;
        let (subject, claims) = (claims.subject().clone(), serde_json::to_value(claims)?);
        let request = client.user_info(tokens.access_token().clone(), Some(subject))?;
        let userinfo: CoreUserInfoClaims = request.request_async(&self.http()).await?;
        Ok(SignedIn {
            id_token: id_token.to_string(),
            access_token: tokens.access_token().secret().clone(),
            refresh_token: tokens.refresh_token().map(|token| token.secret().clone()),
            claims,
            userinfo: serde_json::to_value(userinfo)?,
        })
    }

    /// New tokens for the old refresh token, which is spent by it.
    pub(super) async fn refresh(&self, who: &SignedIn) -> Result<SignedIn, BootError> {
        let client = self.client(self.metadata().await?)?;
        let token = RefreshToken::new(who.refresh_token.clone().ok_or("there is no refresh token")?);
        let tokens: CoreTokenResponse = client.exchange_refresh_token(&token)?.request_async(&self.http()).await?;
        let mut after = SignedIn {
            access_token: tokens.access_token().secret().clone(),
            refresh_token: tokens
                .refresh_token()
                .map(|token| token.secret().clone())
                .or_else(|| who.refresh_token.clone()),
            ..who.clone()
        };
        if let Some(id_token) = tokens.id_token() {
            // A refreshed ID token has no nonce (OpenID Connect Core §12.2).
            let claims = id_token.claims(&client.id_token_verifier(), |_: Option<&Nonce>| Ok(()))?;
            after.claims = serde_json::to_value(claims)?;
            // Still the same person (§12.2).
            if after.claims.get("sub") != who.claims.get("sub") {
                return Err("the refreshed ID token is somebody else's".into());
            }
            after.id_token = id_token.to_string();
        }
        let subject = who.claims.get("sub").and_then(Value::as_str).map(|sub| SubjectIdentifier::new(sub.to_owned()));
        let request = client.user_info(AccessToken::new(after.access_token.clone()), subject)?;
        let userinfo: CoreUserInfoClaims = request.request_async(&self.http()).await?;
        after.userinfo = serde_json::to_value(userinfo)?;
        Ok(after)
    }

    /// Where the browser goes to sign out at Doorward too.
    pub(super) async fn logout(&self, who: &SignedIn, state: &str) -> Result<String, BootError> {
        let metadata = self.metadata().await?;
        let end = metadata.additional_metadata().end_session_endpoint.clone().ok_or("there is no logout endpoint")?;
        let id_token: CoreIdToken = who.id_token.parse()?;
        let back = PostLogoutRedirectUrl::new(format!("{}/signed-out", self.origin))?;
        let request = LogoutRequest::from(end).set_id_token_hint(&id_token).set_post_logout_redirect_uri(back);
        Ok(request.set_state(CsrfToken::new(state.to_owned())).http_get_url().to_string())
    }
}
