//! The authorization request (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1): checked, then kept as an interaction bound
//! to the browser. Everything after this names the interaction; nothing is read from a URL again.

use std::sync::Arc;

use serde_json::Value;

use super::Provider;
use super::claims::IdClaims;
use super::userinfo;
use crate::decision::DecisionError;
use crate::domain::authorization::{AuthorizationRequest, Prompt, ResponseMode};
use crate::domain::client::Client;
use crate::domain::id::InteractionId;
use crate::domain::pkce;
use crate::domain::scope::{Scope, Scopes};
use crate::domain::secret::{Secret, SecretKind};
use crate::keys::TokenKind;
use crate::store::{StoreError, interactions};

/// The parameters as they came, in order.
#[derive(Debug, Default)]
pub struct Parameters(pub Vec<(String, String)>);

impl Parameters {
    /// An empty value counts as absent (RFC 6749 §3.1).
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str())
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str())
    }

    fn repeats(&self, name: &str) -> bool {
        self.0.iter().filter(|(n, _)| n == name).count() > 1
    }
}

/// What goes back to the client by the redirect (RFC 6749 §4.1.2, RFC 9207 §2).
#[derive(Clone, Debug)]
pub struct Answer {
    pub redirect_uri: String,
    pub mode: ResponseMode,
    pub parameters: Vec<(&'static str, String)>,
}

/// A known parameter must stand once (RFC 6749 §3.1); `resource` may repeat (RFC 8707 §2).
const SINGLE: [&str; 18] = [
    "response_type",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "max_age",
    "login_hint",
    "id_token_hint",
    "acr_values",
    "ui_locales",
    "claims",
    "claims_locales",
    "request",
    "request_uri",
    "display",
];
/// Longer than any `state` or `nonce` seen; and the row that keeps it has a bound.
const TEXT_LEN_MAX: usize = 8 * 1024;
/// More claims than there are standard ones.
const CLAIMS_MAX: usize = 100;

/// Why a request is answered by a page of our own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Untrusted {
    #[error("client_id or redirect_uri is repeated")]
    Repeated,
    #[error("no such client, or it is disabled")]
    Client,
    #[error("redirect_uri is missing")]
    RedirectMissing,
    #[error("redirect_uri is not registered")]
    RedirectUnknown,
}

#[derive(Debug, thiserror::Error)]
pub enum AuthorizeError {
    /// The client or its redirect cannot be trusted: a page, never a redirect.
    #[error(transparent)]
    Page(#[from] Untrusted),
    /// Any other refusal goes back to the client.
    #[error("{}", .0.description())]
    Redirect(Box<Answer>),
    #[error(transparent)]
    Decision(#[from] DecisionError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Answer {
    fn description(&self) -> &str {
        self.parameters.iter().find(|(name, _)| *name == "error_description").map_or("", |(_, text)| text)
    }
}

/// An interaction that has begun.
#[derive(Debug)]
pub struct Begun {
    pub interaction: InteractionId,
    /// The cookie that binds it to this browser; the one that was sent, or a new one.
    pub browser: Secret,
}

impl Provider {
    /// Checks an authorization request and keeps it.
    ///
    /// # Errors
    /// See [`AuthorizeError`].
    pub async fn authorize(&self, parameters: &Parameters, browser: Option<Secret>) -> Result<Begun, AuthorizeError> {
        let client = self.requesting_client(parameters).await?;
        let redirect_uri = redirect_of(&client, parameters)?;
        let refusal = Refusal { parameters, redirect_uri: &redirect_uri, provider: self };
        let request = self.check(&client, &redirect_uri, parameters, &refusal).await?;
        let now = self.clock.now();
        let id = InteractionId::mint(now, self.entropy.as_ref());
        let browser = browser.unwrap_or_else(|| Secret::mint(SecretKind::Browser, self.entropy.as_ref()));
        let stored = serde_json::to_value(&request).unwrap_or(Value::Null);
        let expires_at = now.plus(self.settings.interaction_lifetime);
        let kept = async {
            let mut tx = self.store.begin().await?;
            interactions::insert(&mut tx, id, &browser.digest(), stored, now, expires_at).await?;
            tx.commit().await
        };
        self.store.in_one_piece(kept).await?;
        Ok(Begun { interaction: id, browser })
    }

    async fn requesting_client(&self, parameters: &Parameters) -> Result<Arc<Client>, AuthorizeError> {
        if parameters.repeats("client_id") || parameters.repeats("redirect_uri") {
            return Err(Untrusted::Repeated.into());
        }
        let Some(id) = parameters.get("client_id") else { return Err(Untrusted::Client.into()) };
        let client = self.decisions.client(id).await?.filter(|client| !client.disabled);
        client.ok_or(Untrusted::Client.into())
    }

    async fn check(
        &self,
        client: &Client,
        redirect_uri: &str,
        parameters: &Parameters,
        refusal: &Refusal<'_>,
    ) -> Result<AuthorizationRequest, AuthorizeError> {
        refusal.unsupported()?;
        if !client.grant_types.authorization_code {
            return Err(refusal.because("unauthorized_client", "this client may not use the authorization code grant"));
        }
        for name in ["state", "nonce", "login_hint", "claims", "ui_locales", "acr_values"] {
            if parameters.get(name).is_some_and(|text| text.len() > TEXT_LEN_MAX) {
                return Err(refusal.because("invalid_request", &format!("{name} is longer than {TEXT_LEN_MAX} bytes")));
            }
        }
        let prompt = refusal.prompt()?;
        let scope = refusal.scope(client)?;
        let resources = self.resources(client, parameters, &scope, refusal).await?;
        let max_age = parameters.get("max_age").map(|text| {
            text.parse::<u64>().map_err(|_| refusal.because("invalid_request", "max_age must be a number of seconds"))
        });
        let max_age = max_age.transpose()?.or(client.default_max_age.map(|age| age.as_secs()));
        let claims = refusal.claims()?.map(|claims| permitted(claims, client));
        let claim_scopes = claims.as_ref().map(scopes_of_claims).unwrap_or_default();
        let (claimed_subs, essential_acr) = claims.as_ref().map(demands).unwrap_or_default();
        Ok(AuthorizationRequest {
            client_id: client.client_id.to_string(),
            redirect_uri: redirect_uri.to_owned(),
            response_mode: refusal.mode(),
            scope: scope.to_string(),
            claim_scopes,
            state: parameters.get("state").map(str::to_owned),
            nonce: parameters.get("nonce").map(str::to_owned),
            challenge: refusal.challenge(client)?,
            prompt,
            max_age_seconds: max_age,
            login_hint: parameters.get("login_hint").map(str::to_owned),
            hinted_sub: self.hinted_sub(client, parameters, refusal)?,
            claimed_subs,
            essential_acr,
            resources,
            ui_locales: parameters.get("ui_locales").map(str::to_owned),
            claims,
        })
    }

    /// The resource servers asked for; without `openid` there must be one.
    async fn resources(
        &self,
        client: &Client,
        parameters: &Parameters,
        scope: &Scopes,
        refusal: &Refusal<'_>,
    ) -> Result<Vec<String>, AuthorizeError> {
        let asked: Vec<String> = parameters.all("resource").map(str::to_owned).collect();
        if asked.len() > 8 || asked.iter().any(|resource| resource.len() > 512 || resource.contains(' ')) {
            return Err(refusal.because("invalid_target", "resource: not known here"));
        }
        let registry = self.decisions.registry().await?;
        match self.targets(client, &asked, &registry) {
            Ok(targets) => Ok(targets.into_iter().map(|target| target.audience).collect()),
            Err(_) if asked.is_empty() && scope.iter().any(|s| s.as_str() == "openid") => Ok(Vec::new()),
            Err(error) => Err(refusal.because("invalid_target", &error.to_string())),
        }
    }

    /// The subject of a hint we signed, also an expired one (OpenID Connect Core §3.1.2.1).
    fn hinted_sub(
        &self,
        client: &Client,
        parameters: &Parameters,
        refusal: &Refusal<'_>,
    ) -> Result<Option<String>, AuthorizeError> {
        let Some(hint) = parameters.get("id_token_hint") else { return Ok(None) };
        match self.keys.ring().verify::<IdClaims>(TokenKind::Id, hint) {
            Ok(claims)
                if claims.iss == self.settings.issuer.as_str() && claims.aud.contains(client.client_id.as_str()) =>
            {
                Ok(Some(claims.sub))
            }
            _ => Err(refusal.because("invalid_request", "id_token_hint is no ID token of this issuer for this client")),
        }
    }
}

/// The redirect URI, which must match a registered one exactly.
fn redirect_of(client: &Client, parameters: &Parameters) -> Result<String, AuthorizeError> {
    let sent = parameters.get("redirect_uri");
    let sent = sent.ok_or(Untrusted::RedirectMissing)?;
    let known = client.redirect_uris.iter().any(|registered| registered.matches(sent));
    if known { Ok(sent.to_owned()) } else { Err(Untrusted::RedirectUnknown.into()) }
}

/// Only claims of scopes the client may ask for can be asked for by name; others are ignored like unknown ones.
fn permitted(mut claims: Value, client: &Client) -> Value {
    let scopes: Vec<&str> = client.scopes.iter().map(Scope::as_str).collect();
    for target in ["userinfo", "id_token"] {
        if let Some(named) = claims.get_mut(target).and_then(Value::as_object_mut) {
            named.retain(|name, _| userinfo::scope_of(name).is_none_or(|scope| scopes.contains(&scope)));
        }
    }
    claims
}

/// The scopes of the claims named, for the person to agree to.
fn scopes_of_claims(claims: &Value) -> String {
    let named = ["userinfo", "id_token"].into_iter().filter_map(|target| claims.get(target)?.as_object());
    let mut scopes: Vec<&str> =
        named.flat_map(|named| named.keys()).filter_map(|name| userinfo::scope_of(name)).collect();
    scopes.sort_unstable();
    scopes.dedup();
    scopes.join(" ")
}

/// What the `claims` parameter demands of whoever signs in: their `sub`, and an essential `acr` (§5.5.1, §5.5.1.1).
fn demands(claims: &Value) -> (Vec<String>, Vec<String>) {
    let named = |target: &str, name: &str| claims.get(target).and_then(|named| named.get(name)).cloned();
    let values = |request: &Value| -> Vec<String> {
        let one = request.get("value").into_iter();
        let many = request.get("values").and_then(Value::as_array).into_iter().flatten();
        one.chain(many).filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let subs = ["id_token", "userinfo"].map(|target| named(target, "sub").as_ref().map(values).unwrap_or_default());
    let subs = match subs {
        [one, other] if one.is_empty() || other.is_empty() => [one, other].concat(),
        // Both must be met. Where no subject is in both lists, nobody is named who could.
        [one, other] => {
            let both: Vec<String> = one.into_iter().filter(|sub| other.contains(sub)).collect();
            if both.is_empty() { vec![String::new()] } else { both }
        }
    };
    let acr = named("id_token", "acr").filter(|request| request.get("essential") == Some(&Value::Bool(true)));
    (subs, acr.as_ref().map(values).unwrap_or_default())
}

/// Checks whose refusal goes back to the client.
struct Refusal<'a> {
    parameters: &'a Parameters,
    redirect_uri: &'a str,
    provider: &'a Provider,
}

impl Refusal<'_> {
    fn mode(&self) -> ResponseMode {
        if self.parameters.get("response_mode") == Some("form_post") {
            ResponseMode::FormPost
        } else {
            ResponseMode::Query
        }
    }

    fn because(&self, error: &'static str, description: &str) -> AuthorizeError {
        let state = self.parameters.get("state").filter(|state| state.len() <= TEXT_LEN_MAX);
        AuthorizeError::Redirect(Box::new(self.provider.refuse(
            self.redirect_uri,
            self.mode(),
            state,
            error,
            description,
        )))
    }

    fn unsupported(&self) -> Result<(), AuthorizeError> {
        let get = |name| self.parameters.get(name);
        if let Some(name) = SINGLE.iter().find(|name| self.parameters.repeats(name)) {
            return Err(self.because("invalid_request", &format!("{name} must not be repeated")));
        }
        match get("response_mode") {
            None | Some("query" | "form_post") => {}
            Some(_) => return Err(self.because("invalid_request", "response_mode must be query or form_post")),
        }
        match get("response_type") {
            Some("code") => {}
            None => return Err(self.because("invalid_request", "response_type is missing")),
            Some(_) => return Err(self.because("unsupported_response_type", "response_type must be code")),
        }
        if get("request").is_some() {
            return Err(self.because("request_not_supported", "request objects are not supported"));
        }
        if get("request_uri").is_some() {
            return Err(self.because("request_uri_not_supported", "request_uri is not supported"));
        }
        Ok(())
    }

    fn prompt(&self) -> Result<Prompt, AuthorizeError> {
        let mut prompt = Prompt::default();
        let words: Vec<&str> =
            self.parameters.get("prompt").unwrap_or_default().split(' ').filter(|w| !w.is_empty()).collect();
        for word in &words {
            match *word {
                "none" => prompt.none = true,
                "login" => prompt.login = true,
                "consent" => prompt.consent = true,
                "select_account" => prompt.select_account = true,
                _ => {
                    return Err(
                        self.because("invalid_request", "prompt must be of none, login, consent, select_account")
                    );
                }
            }
        }
        if prompt.none && words.len() > 1 {
            return Err(self.because("invalid_request", "prompt=none must stand alone"));
        }
        Ok(prompt)
    }

    /// What the client may ask for of what it asked for; unknown scopes are ignored (OpenID Connect Core §3.1.2.1).
    fn scope(&self, client: &Client) -> Result<Scopes, AuthorizeError> {
        let asked = Scopes::parse(self.parameters.get("scope").unwrap_or_default());
        let asked = asked.map_err(|_| self.because("invalid_scope", "scope is malformed"))?;
        let mut granted = asked.intersection(&client.scopes);
        // Without refresh tokens there is nothing to be offline with (OpenID Connect Core §11).
        if !client.grant_types.refresh_token {
            granted = granted.minus(&Scopes::parse("offline_access").unwrap_or_default());
        }
        if granted.is_empty() {
            return Err(self.because("invalid_scope", "scope holds nothing this client may ask for"));
        }
        Ok(granted)
    }

    fn challenge(&self, client: &Client) -> Result<Option<String>, AuthorizeError> {
        let get = |name| self.parameters.get(name);
        match (get("code_challenge"), get("code_challenge_method")) {
            (None, None) if !client.needs_pkce() => Ok(None),
            (None, None) => Err(self.because("invalid_request", "code_challenge is missing (RFC 7636)")),
            (None, Some(_)) => Err(self.because("invalid_request", "code_challenge_method without code_challenge")),
            (Some(challenge), Some("S256")) if pkce::is_challenge(challenge) => Ok(Some(challenge.to_owned())),
            (Some(_), Some("S256")) => Err(self.because("invalid_request", "code_challenge is no S256 challenge")),
            // A missing method means plain (RFC 7636 §4.3).
            (Some(_), _) => Err(self.because("invalid_request", "code_challenge_method must be S256")),
        }
    }

    fn claims(&self) -> Result<Option<Value>, AuthorizeError> {
        let Some(text) = self.parameters.get("claims") else { return Ok(None) };
        let claims: Option<Value> = serde_json::from_str(text).ok();
        let shaped = claims.filter(|claims| {
            let request = |value: &Value| value.is_null() || value.is_object();
            let member = |name: &str| match claims.get(name) {
                None | Some(Value::Null) => true,
                Some(Value::Object(named)) => named.len() <= CLAIMS_MAX && named.values().all(request),
                Some(_) => false,
            };
            claims.is_object() && member("userinfo") && member("id_token")
        });
        shaped.map(Some).ok_or_else(|| self.because("invalid_request", "claims must be a JSON object of objects"))
    }
}

impl Provider {
    /// An error for the client, with only what belongs there.
    pub(super) fn refuse(
        &self,
        redirect_uri: &str,
        mode: ResponseMode,
        state: Option<&str>,
        error: &'static str,
        description: &str,
    ) -> Answer {
        let plain = |c: char| if (' '..='~').contains(&c) && c != '"' && c != '\\' { c } else { '\'' };
        let mut parameters =
            vec![("error", error.to_owned()), ("error_description", description.chars().map(plain).collect())];
        parameters.extend(state.map(|state| ("state", state.to_owned())));
        parameters.push(("iss", self.settings.issuer.as_str().to_owned()));
        Answer { redirect_uri: redirect_uri.to_owned(), mode, parameters }
    }
}
