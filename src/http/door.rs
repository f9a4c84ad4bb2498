//! The doors: one for each kind of caller, put before a route by its row in the ledger. What a door let in stands in the
//! depot; a handler that asks for it behind another door is a programming error and answers 500.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use salvo::http::HeaderMap;
use salvo::http::header::{AUTHORIZATION, HeaderName};
use salvo::{Depot, FlowCtrl, Handler, Request, Response, async_trait};

use super::App;
use super::errors::{OAuthError, Problem};
use super::form::{Form, decode};
use super::frame::Noted;
use crate::admin::Operator;
use crate::decision::{Consistency, Query, SubjectRef};
use crate::domain::api_key::ApiKey;
use crate::domain::change::Position;
use crate::domain::client::Client;
use crate::domain::resource_server::{DOORWARD, EVALUATE, EXPLAIN, ResourceServer};
use crate::domain::secret::{Secret, SecretKind};
use crate::oidc::client_auth::{ClientAuthError, Presented};

/// `client_assertion_type` of a JWT (RFC 7523 §2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Lets in clients that authenticate as registered; leaves the form and the client in the depot.
#[derive(Clone)]
pub(super) struct ClientDoor(pub Arc<App>);

/// What the client door let in.
pub(super) struct Entered {
    pub client: Arc<Client>,
    pub form: Form,
}

#[async_trait]
impl Handler for ClientDoor {
    async fn handle(&self, req: &mut Request, depot: &mut Depot, res: &mut Response, ctrl: &mut FlowCtrl) {
        match self.enter(req, depot).await {
            Ok(entered) => {
                depot.insert_typed(entered);
                ctrl.call_next(req, depot, res).await;
            }
            Err(error) => {
                error.render(res);
                ctrl.skip_rest();
            }
        }
    }
}

impl ClientDoor {
    async fn enter(&self, req: &mut Request, depot: &mut Depot) -> Result<Entered, OAuthError> {
        let form = Form::read(req, self.0.limits.body_max_bytes).await?;
        let presented = presented(req, &form)?;
        let tried_basic = matches!(presented, Presented::Basic { .. });
        let client = self.0.provider.authenticate(&presented).await;
        let client = client.map_err(|error| OAuthError::client_auth(&error, tried_basic))?;
        Noted::client(depot, client.client_id.as_str());
        Ok(Entered { client, form })
    }
}

/// The one way in which this request proves its client; two ways are refused (RFC 6749 §2.3).
fn presented(req: &Request, form: &Form) -> Result<Presented, OAuthError> {
    let basic = basic(req.headers())?;
    let client_id = form.get("client_id").map(str::to_owned);
    let secret = form.get("client_secret");
    let assertion = match (form.get("client_assertion_type"), form.get("client_assertion")) {
        (None, None) => None,
        (Some(JWT_BEARER), Some(jwt)) => Some(jwt),
        (Some(JWT_BEARER), None) => return Err(OAuthError::invalid_request("client_assertion is missing")),
        (_, Some(_)) => {
            return Err(OAuthError::invalid_request(&format!("client_assertion_type must be {JWT_BEARER}")));
        }
        (Some(_), None) => return Err(OAuthError::invalid_request("client_assertion_type is not known")),
    };
    match (basic, secret, assertion) {
        (Some((id, secret)), None, None) => match client_id {
            // The same client_id beside Basic is one method; another one is a contradiction.
            Some(other) if other != id => {
                Err(OAuthError::invalid_request("client_id is not that of the Authorization header"))
            }
            _ => Ok(Presented::Basic { client_id: id, secret }),
        },
        (None, Some(secret), None) => match client_id {
            Some(client_id) => Ok(Presented::Post { client_id, secret: Secret::new(secret.to_owned()) }),
            None => Err(OAuthError::invalid_request("client_id is missing")),
        },
        (None, None, Some(jwt)) => Ok(Presented::Assertion { client_id, jwt: Secret::new(jwt.to_owned()) }),
        (None, None, None) => match client_id {
            Some(client_id) => Ok(Presented::Nothing { client_id }),
            None => Err(OAuthError::no_client()),
        },
        _ => Err(OAuthError::invalid_request("the client must authenticate in one way only")),
    }
}

/// `Authorization: Basic` (RFC 7617), its two halves form-decoded (RFC 6749 §2.3.1); `None` without the header.
pub(super) fn basic(headers: &HeaderMap) -> Result<Option<(String, Secret)>, OAuthError> {
    let mut headers = headers.get_all(AUTHORIZATION).iter();
    let Some(header) = headers.next() else { return Ok(None) };
    if headers.next().is_some() {
        return Err(OAuthError::invalid_request("the Authorization header must not be repeated"));
    }
    let malformed = || OAuthError::client_auth(&ClientAuthError::Unknown, true);
    let text = header.to_str().map_err(|_| malformed())?;
    let (scheme, credentials) = text.split_once(' ').ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed());
    }
    let pair = STANDARD.decode(credentials.trim()).ok().and_then(|raw| String::from_utf8(raw).ok());
    let pair = Secret::new(pair.ok_or_else(malformed)?);
    let (id, secret) = pair.reveal().split_once(':').ok_or_else(malformed)?;
    let (id, secret) = (decode(id).ok_or_else(malformed)?, decode(secret).ok_or_else(malformed)?);
    Ok(Some((id, Secret::new(secret))))
}

/// Lets in clients that may ask for decisions; leaves the resource server they ask about in the depot.
#[derive(Clone)]
pub(super) struct DecisionDoor(pub Arc<App>);

/// Whoever asks for decisions.
struct Caller {
    client: Arc<Client>,
    subject: SubjectRef,
    /// The key it showed: it may do no more than that carries.
    key: Option<Arc<ApiKey>>,
}

/// The resource server that is asked about, where every name in the request means something only there; and who asks.
pub(super) struct Asked {
    pub resource_server: Arc<ResourceServer>,
    /// The client that asks.
    pub client: Arc<Client>,
    /// The client itself, or for whom it does.
    pub caller: SubjectRef,
    key: Option<Arc<ApiKey>>,
}

impl Asked {
    /// Whether the caller may be told why.
    pub(super) async fn may_explain(&self, app: &App) -> Result<bool, Problem> {
        self.may(app, EXPLAIN).await
    }

    /// Whether the caller holds a permission of ours that concerns decisions, and its key carries it.
    async fn may(&self, app: &App, (action, resource_type): (&str, &str)) -> Result<bool, Problem> {
        if self.key.as_ref().is_some_and(|key| !key.carries(action, resource_type)) {
            return Ok(false);
        }
        let decisions = app.provider.decisions();
        let registry = decisions.registry().await?;
        let Some(doorward) = registry.by_name(DOORWARD) else { return Ok(false) };
        let query = Query::new(self.caller.clone(), action, resource_type, self.resource_server.name.as_str());
        Ok(decisions.decide(doorward.id, &query, app.clock.now()).await?.0.allowed)
    }
}

#[async_trait]
impl Handler for DecisionDoor {
    async fn handle(&self, req: &mut Request, depot: &mut Depot, res: &mut Response, ctrl: &mut FlowCtrl) {
        match self.enter(req, depot).await {
            Ok(asked) => {
                depot.insert_typed(asked);
                ctrl.call_next(req, depot, res).await;
            }
            Err(problem) => {
                problem.render(res);
                ctrl.skip_rest();
            }
        }
    }
}

impl DecisionDoor {
    async fn enter(&self, req: &Request, depot: &mut Depot) -> Result<Asked, Problem> {
        let caller = self.caller(req.headers()).await?;
        Noted::client(depot, caller.client.client_id.as_str());
        // Before the first decision, which is whether this caller may ask at all.
        self.0.provider.decisions().satisfy(consistency(req)?).await?;
        self.bind(caller, Self::base(req).as_deref()).await
    }

    /// Whether whoever sent these headers may come in, at the base of this resource server or the one without a name.
    pub(super) async fn admit(&self, headers: &HeaderMap, base: Option<&str>) -> Result<Asked, Problem> {
        self.bind(self.caller(headers).await?, base).await
    }

    /// The resource server that the path names, for clients that speak for several.
    pub(super) fn base(req: &Request) -> Option<String> {
        req.param::<String>("resource_server")
    }

    async fn bind(&self, caller: Caller, base: Option<&str>) -> Result<Asked, Problem> {
        let Caller { client, subject, key } = caller;
        let registry = self.0.provider.decisions().registry().await?;
        let mut servers = client.speaks_for.iter().filter_map(|id| registry.by_id(*id));
        let resource_server = match (base, client.speaks_for.len()) {
            (Some(named), _) => servers.find(|server| server.name.as_str() == named),
            (None, 0 | 1) => servers.next(),
            (None, _) => return Err(Problem::needs_a_base()),
        };
        let resource_server = resource_server.ok_or_else(Problem::not_a_decision_caller)?.clone();
        let asked = Asked { resource_server, client, caller: subject, key };
        if asked.may(&self.0, EVALUATE).await? { Ok(asked) } else { Err(Problem::not_a_decision_caller()) }
    }

    /// A bearer token for the decision API, an API key of a client, or the client's Basic credentials.
    async fn caller(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let provider = &self.0.provider;
        if let Some(token) = bearer(headers)? {
            if is_api_key(token) {
                return self.key_owner(token).await;
            }
            let verified = provider.accept(token, &provider.settings().issuer.decision_api()).await?;
            let client = provider.decisions().client(&verified.claims.client_id).await?;
            let client = client.ok_or_else(Problem::invalid_token)?;
            return Ok(Caller { client, subject: verified.subject(), key: None });
        }
        let (client_id, secret) =
            basic(headers).map_err(|_| Problem::unauthenticated())?.ok_or_else(Problem::unauthenticated)?;
        let client = provider.authenticate(&Presented::Basic { client_id, secret }).await?;
        let subject = SubjectRef::Client(client.client_id.as_str().to_owned());
        Ok(Caller { client, subject, key: None })
    }

    /// A key asks for decisions where its owner may, if that is among what it carries.
    async fn key_owner(&self, key: &str) -> Result<Caller, Problem> {
        let Operator { subject, key } = key_bearer(&self.0, key).await?;
        let (SubjectRef::Client(client_id), Some(_)) = (&subject, &key) else {
            return Err(Problem::not_a_decision_caller());
        };
        let client = self.0.provider.decisions().client(client_id).await?;
        Ok(Caller { client: client.ok_or_else(Problem::not_a_decision_caller)?, subject, key })
    }
}

/// How recent the answer must be.
const CONSISTENCY: HeaderName = HeaderName::from_static("doorward-consistency");

fn consistency(req: &Request) -> Result<Consistency, Problem> {
    let mut headers = req.headers().get_all(CONSISTENCY).iter();
    let Some(header) = headers.next() else { return Ok(Consistency::MinimizeLatency) };
    let wrong = || {
        Problem::bad_request(
            "Doorward-Consistency must be minimize_latency, full, or at_least= and a token that a write gave",
        )
    };
    match (header.to_str().map(str::trim), headers.next()) {
        (Ok("minimize_latency"), None) => Ok(Consistency::MinimizeLatency),
        (Ok("full"), None) => Ok(Consistency::Full),
        (Ok(text), None) => {
            let token = text.strip_prefix("at_least=").and_then(Position::from_token);
            token.map(Consistency::AtLeast).ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}

/// Lets on those behind the decision door that may be told why.
#[derive(Clone)]
pub(super) struct ExplanationDoor(pub Arc<App>);

#[async_trait]
impl Handler for ExplanationDoor {
    async fn handle(&self, req: &mut Request, depot: &mut Depot, res: &mut Response, ctrl: &mut FlowCtrl) {
        let allowed = match depot.get_typed::<Asked>() {
            Ok(asked) => asked.may_explain(&self.0).await,
            Err(_) => Err(Problem::unauthenticated()),
        };
        match allowed {
            Ok(true) => {
                ctrl.call_next(req, depot, res).await;
            }
            Ok(false) => refuse(&Problem::not_an_explanation_caller(), res, ctrl),
            Err(problem) => refuse(&problem, res, ctrl),
        }
    }
}

fn refuse(problem: &Problem, res: &mut Response, ctrl: &mut FlowCtrl) {
    problem.render(res);
    ctrl.skip_rest();
}

/// Keys say what they are by their first characters.
pub(super) fn is_api_key(token: &str) -> bool {
    token.starts_with(SecretKind::ApiKey.prefix())
}

/// Whoever shows this key.
pub(super) async fn key_bearer(app: &App, key: &str) -> Result<Operator, Problem> {
    let found = app.admin.bearer_of_key(&Secret::new(key.to_owned())).await;
    let found = found.map_err(|error| Problem::administration(&error, false))?;
    found.ok_or_else(|| {
        tracing::info!("an API key was refused");
        Problem::invalid_token()
    })
}

/// `Authorization: Bearer` (RFC 6750 §2.1). A token in the query string is not looked for.
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut headers = headers.get_all(AUTHORIZATION).iter();
    let Some(header) = headers.next() else { return Ok(None) };
    if headers.next().is_some() {
        return Err(Problem::unauthenticated());
    }
    let token = header.to_str().ok().and_then(|text| text.split_once(' '));
    Ok(token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim()))
}
