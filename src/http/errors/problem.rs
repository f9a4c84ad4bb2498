//! Problem details (RFC 9457), with a stable `code`: for the decision and administration APIs and for what the framework refuses.

use salvo::Response;
use salvo::http::StatusCode;
use salvo::http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::json;

use super::super::places::Full;
use super::super::reply;
use super::log_fault;
use crate::admin::AdminError;
use crate::decision::DecisionError;
use crate::oidc::bearer::BearerError;
use crate::oidc::client_auth::ClientAuthError;
use crate::oidc::userinfo::UserinfoError;

#[derive(Debug)]
pub(in crate::http) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    /// Which member of the body or parameter of the query is meant.
    member: Option<String>,
    challenge: Option<&'static str>,
}

/// Both schemes the decision API takes; a bare `Bearer` when no token was sent (RFC 6750 §3.1).
const CHALLENGE: &str = "Bearer, Basic realm=\"doorward\", charset=\"UTF-8\"";
const INVALID_TOKEN: &str = "Bearer error=\"invalid_token\"";

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: &str) -> Self {
        Self { status, code, detail: detail.to_owned(), member: None, challenge: None }
    }

    /// The same problem with a member of something inside the body.
    pub(in crate::http) fn within(self, of: &str) -> Self {
        let member = self.member.as_ref().map_or_else(|| of.to_owned(), |member| format!("{of}.{member}"));
        Self { member: Some(member), ..self }
    }

    /// A member of the body, or a parameter of the query, that is not what it must be.
    pub(in crate::http) fn member(member: &str, detail: &str) -> Self {
        Self { member: (!member.is_empty()).then(|| member.to_owned()), ..Self::bad_request(detail) }
    }

    /// A refusal of administration; what is not found is the thing at this address, or something the body names.
    pub(in crate::http) fn administration(error: &AdminError, is_addressed: bool) -> Self {
        let refused = |status, code| Self::new(status, code, &error.to_string());
        match error {
            AdminError::Invalid { member, problem } => Self::member(member, problem),
            AdminError::Item { list, index, problem } => Self::administration(problem, false).of_item(list, *index),
            AdminError::Precondition { .. } => refused(StatusCode::PRECONDITION_FAILED, "precondition_failed"),
            AdminError::TestFailed { .. } => refused(StatusCode::UNPROCESSABLE_ENTITY, "tests_failed"),
            AdminError::NotFound { .. } if is_addressed => refused(StatusCode::NOT_FOUND, "not_found"),
            AdminError::NotFound { .. } => refused(StatusCode::BAD_REQUEST, "unknown_name"),
            AdminError::Taken { .. } => refused(StatusCode::CONFLICT, "exists_already"),
            AdminError::InUse { .. } | AdminError::Held { .. } => refused(StatusCode::CONFLICT, "in_use"),
            AdminError::Cycle { .. } => refused(StatusCode::CONFLICT, "includes_itself"),
            AdminError::TooDeep { .. } => refused(StatusCode::CONFLICT, "too_deep"),
            AdminError::TooManyGroups { .. } => refused(StatusCode::CONFLICT, "too_many_groups"),
            AdminError::Beyond { .. } => refused(StatusCode::FORBIDDEN, "beyond_own_permissions"),
            AdminError::LastAdmin => refused(StatusCode::CONFLICT, "last_administrator"),
            AdminError::OperatorGone | AdminError::NotPermitted { .. } => {
                refused(StatusCode::FORBIDDEN, "not_permitted")
            }
            // No endpoint of the administration API uses the set-up link, or decides about what a request sends.
            AdminError::SetupLinkSpent
            | AdminError::Decision(
                DecisionError::Sent(_) | DecisionError::Policies(_) | DecisionError::UnknownPosition,
            ) => Self::failed(error),
            AdminError::Decision(DecisionError::Stale) => Self::unavailable(error),
            AdminError::TooManyChanges { .. } => refused(StatusCode::BAD_REQUEST, "too_many_changes"),
            AdminError::Decision(DecisionError::Store(fault)) | AdminError::Store(fault) => {
                Self::fault(error, fault.is_busy())
            }
            AdminError::Decision(DecisionError::OverBudget) => Self::over_budget(error),
        }
    }

    /// What cannot be supposed. There is nothing it stands against, as a write would: the request is wrong.
    pub(in crate::http) fn supposition(error: &AdminError) -> Self {
        let refused = Self::administration(error, false);
        match refused.status {
            _ if refused.is_fault() => refused,
            StatusCode::CONFLICT => Self { status: StatusCode::BAD_REQUEST, ..refused }.within("changes"),
            _ => refused.within("changes"),
        }
    }

    /// The same refusal, of one item of a list; a fault is nobody's.
    fn of_item(self, list: &str, index: usize) -> Self {
        if self.is_fault() {
            return self;
        }
        // Which member of the item stands in the words, since they need not be those of the body.
        let detail = self.member.map_or_else(|| self.detail.clone(), |member| format!("{member}: {}", self.detail));
        Self { member: Some(format!("{list}[{index}]")), detail, ..self }
    }

    pub(in crate::http) fn busy(fault: &(dyn std::error::Error + 'static)) -> Self {
        Self::unavailable(fault)
    }

    /// A decision that would have to walk more than any may: no fault of this service, and the same however often it is
    /// asked again.
    fn over_budget(error: &dyn std::error::Error) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "over_budget", &error.to_string())
    }

    /// Whoever would watch, where no more can.
    pub(in crate::http) fn no_place(full: Full) -> Self {
        match full {
            Full::Node => {
                let detail = "too many watch this node already; try another one";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
            }
            Full::Client => {
                let detail = "this client has as many streams from this node as one client may; end one of them";
                Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_streams", detail)
            }
        }
    }

    pub(in crate::http) fn too_many_suppose() -> Self {
        let detail = "others ask what would be, if; try again in a moment";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
    }

    pub(in crate::http) fn bad_request(detail: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", detail)
    }

    /// A request for a resource that is not put as RFC 6750 asks (§3.1).
    pub(in crate::http) fn bearer_request(detail: &str) -> Self {
        Self { challenge: Some("Bearer error=\"invalid_request\""), ..Self::bad_request(detail) }
    }

    pub(in crate::http) fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the body is larger than this service accepts")
    }

    pub(in crate::http) fn unauthenticated() -> Self {
        let detail = "send a bearer token for this API, an API key, or the client's Basic credentials";
        Self { challenge: Some(CHALLENGE), ..Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail) }
    }

    /// An endpoint that takes bearer tokens alone.
    pub(in crate::http) fn unauthenticated_bearer() -> Self {
        let detail = "send an access token in the Authorization header";
        Self { challenge: Some("Bearer"), ..Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail) }
    }

    /// The token is good, but not for this (RFC 6750 §3.1).
    fn insufficient_scope(detail: &str) -> Self {
        let challenge = Some("Bearer error=\"insufficient_scope\", scope=\"openid\"");
        Self { challenge, ..Self::new(StatusCode::FORBIDDEN, "insufficient_scope", detail) }
    }

    pub(in crate::http) fn invalid_token() -> Self {
        let detail = "the bearer token is not valid for this API";
        Self { challenge: Some(INVALID_TOKEN), ..Self::new(StatusCode::UNAUTHORIZED, "invalid_token", detail) }
    }

    pub(in crate::http) fn not_a_decision_caller() -> Self {
        let detail = "this client is bound to no resource server, or may not ask for its decisions";
        Self::new(StatusCode::FORBIDDEN, "not_a_decision_caller", detail)
    }

    /// A caller that speaks for several resource servers has to say for which.
    pub(in crate::http) fn needs_a_base() -> Self {
        let detail = "this client speaks for several resource servers: ask below /r/ and the name of one of them";
        Self::new(StatusCode::FORBIDDEN, "not_a_decision_caller", detail)
    }

    pub(in crate::http) fn not_an_explanation_caller() -> Self {
        let detail = "this client may ask for decisions, but not why they come out as they do";
        Self::new(StatusCode::FORBIDDEN, "not_an_explanation_caller", detail)
    }

    pub(in crate::http) fn not_found() -> Self {
        Self::of_status(StatusCode::NOT_FOUND)
    }

    /// What the framework refused.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let (code, detail) = match status {
            StatusCode::NOT_FOUND => ("not_found", "there is nothing at this address"),
            StatusCode::METHOD_NOT_ALLOWED => {
                ("method_not_allowed", "this address does not take this method; see Allow")
            }
            StatusCode::PAYLOAD_TOO_LARGE => return Self::too_large(),
            StatusCode::SERVICE_UNAVAILABLE => ("unavailable", "the request took too long; try again in a moment"),
            status if status.is_client_error() => ("invalid_request", "the request could not be understood"),
            _ => ("failed", "the request could not be served"),
        };
        Self::new(status, code, detail)
    }

    pub(in crate::http) fn failed(fault: &(dyn std::error::Error + 'static)) -> Self {
        log_fault(fault, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", "the request could not be served")
    }

    fn unavailable(fault: &(dyn std::error::Error + 'static)) -> Self {
        log_fault(fault, "a request could not be served");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "try again in a moment")
    }

    /// A fault below: come back in a moment, or not.
    fn fault(fault: &(dyn std::error::Error + 'static), is_busy: bool) -> Self {
        if is_busy { Self::unavailable(fault) } else { Self::failed(fault) }
    }

    /// Whether this says that the service could not answer, not that the request was wrong.
    pub(in crate::http) fn is_fault(&self) -> bool {
        self.status.is_server_error()
    }

    /// The status and text of a problem inside a batch.
    pub(in crate::http) fn as_item(&self) -> serde_json::Value {
        json!({ "status": self.status.as_u16(), "message": self.detail })
    }

    pub(in crate::http) fn render(&self, res: &mut Response) {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let mut body = json!({
            "type": format!("urn:doorward:problem:{}", self.code),
            "title": title, "status": self.status.as_u16(), "code": self.code, "detail": self.detail,
        });
        if let (Some(member), Some(members)) = (&self.member, body.as_object_mut()) {
            members.insert("member".into(), json!(member));
        }
        reply::json_as(res, self.status, reply::PROBLEM, &body);
        if let Some(challenge) = self.challenge {
            res.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            res.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
    }
}

impl From<DecisionError> for Problem {
    fn from(error: DecisionError) -> Self {
        match &error {
            DecisionError::Stale => Self::unavailable(&error),
            DecisionError::OverBudget => Self::over_budget(&error),
            DecisionError::Sent(wrong) => Self::bad_request(&wrong.to_string()),
            DecisionError::UnknownPosition => {
                Self::new(StatusCode::BAD_REQUEST, "unknown_consistency_token", &error.to_string())
            }
            DecisionError::Policies(_) => Self::failed(&error),
            DecisionError::Store(fault) => Self::fault(fault, fault.is_busy()),
        }
    }
}

impl From<BearerError> for Problem {
    fn from(error: BearerError) -> Self {
        match error {
            BearerError::Decision(fault) => fault.into(),
            BearerError::Unverified(_)
            | BearerError::Claims
            | BearerError::Issuer
            | BearerError::Audience
            | BearerError::Time
            | BearerError::Denied
            | BearerError::GrantEnded
            | BearerError::ClientDisabled
            | BearerError::SubjectDisabled => {
                tracing::info!(reason = %error, "a bearer token was refused");
                Self::invalid_token()
            }
        }
    }
}

impl From<UserinfoError> for Problem {
    fn from(error: UserinfoError) -> Self {
        match error {
            UserinfoError::Bearer(error) => error.into(),
            UserinfoError::Scope => Self::insufficient_scope(&error.to_string()),
            UserinfoError::Store(fault) => Self::fault(&fault, fault.is_busy()),
        }
    }
}

impl From<ClientAuthError> for Problem {
    fn from(error: ClientAuthError) -> Self {
        match error {
            ClientAuthError::Decision(fault) => fault.into(),
            ClientAuthError::Store(fault) => Self::fault(&fault, fault.is_busy()),
            ClientAuthError::Interrupted => Self::failed(&error),
            ClientAuthError::Unknown
            | ClientAuthError::Disabled
            | ClientAuthError::Method
            | ClientAuthError::Secret
            | ClientAuthError::Assertion(_)
            | ClientAuthError::AssertionClaims(_)
            | ClientAuthError::AssertionReplayed => {
                tracing::info!(reason = %error, "client authentication failed");
                Self::unauthenticated()
            }
        }
    }
}
