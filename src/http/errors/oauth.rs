//! Errors of OAuth endpoints (RFC 6749 §5.2).

use salvo::Response;
use salvo::http::StatusCode;
use salvo::http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::json;

use super::super::form::FormError;
use super::super::reply;
use super::log_fault;
use crate::decision::DecisionError;
use crate::oidc::client_auth::ClientAuthError;
use crate::oidc::revoke::RevokeError;
use crate::oidc::token::TokenError;

/// One error as it goes out.
#[derive(Debug)]
pub(in crate::http) struct OAuthError {
    status: StatusCode,
    error: &'static str,
    description: String,
    /// RFC 6749 §5.2: where the client tried HTTP authentication, 401 names the scheme.
    basic_challenge: bool,
}

impl OAuthError {
    fn new(status: StatusCode, error: &'static str, description: &str) -> Self {
        // The charset of error_description is ours to keep, whatever stood in a name (RFC 6749 §5.2).
        let plain = |c: char| if (' '..='~').contains(&c) && c != '"' && c != '\\' { c } else { '\'' };
        Self { status, error, description: description.chars().map(plain).collect(), basic_challenge: false }
    }

    fn refused(error: &'static str, description: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, description)
    }

    pub(in crate::http) fn invalid_request(description: &str) -> Self {
        Self::refused("invalid_request", description)
    }

    pub(in crate::http) fn unsupported_grant_type() -> Self {
        Self::refused(
            "unsupported_grant_type",
            "grant_type must be authorization_code, refresh_token or client_credentials",
        )
    }

    /// No client authentication at all.
    pub(in crate::http) fn no_client() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_client", "the request carries no client authentication")
    }

    /// The task of the request ended without an answer; it has logged why.
    pub(in crate::http) fn interrupted() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "the request could not be served")
    }

    fn unavailable(fault: &(dyn std::error::Error + 'static)) -> Self {
        log_fault(fault, "a request could not be served");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "try again in a moment")
    }

    fn failed(fault: &(dyn std::error::Error + 'static)) -> Self {
        log_fault(fault, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "the request could not be served")
    }

    /// A client that is not believed. Unknown, disabled and wrong secret look alike.
    pub(in crate::http) fn client_auth(error: &ClientAuthError, tried_basic: bool) -> Self {
        let unbelieved = |text: &str| {
            let refused = Self::new(StatusCode::UNAUTHORIZED, "invalid_client", text);
            Self { basic_challenge: tried_basic, ..refused }
        };
        match error {
            ClientAuthError::Unknown
            | ClientAuthError::Disabled
            | ClientAuthError::Secret
            | ClientAuthError::Method => {
                tracing::info!(reason = %error, "client authentication failed");
                unbelieved("unknown client, wrong credentials, or not the registered authentication method")
            }
            ClientAuthError::Assertion(e) => unbelieved(&e.to_string()),
            ClientAuthError::AssertionClaims(_) | ClientAuthError::AssertionReplayed => unbelieved(&error.to_string()),
            ClientAuthError::Interrupted => Self::interrupted(),
            ClientAuthError::Decision(fault) => Self::decision(fault),
            ClientAuthError::Store(fault) => Self::fault(fault, fault.is_busy()),
        }
    }

    fn decision(error: &DecisionError) -> Self {
        match error {
            DecisionError::Stale => Self::unavailable(error),
            // What a request sends beside the names reaches no token endpoint.
            DecisionError::OverBudget
            | DecisionError::Sent(_)
            | DecisionError::Policies(_)
            | DecisionError::UnknownPosition => Self::failed(error),
            DecisionError::Store(fault) => Self::fault(fault, fault.is_busy()),
        }
    }

    /// A fault below: come back in a moment, or not.
    fn fault(fault: &(dyn std::error::Error + 'static), is_busy: bool) -> Self {
        if is_busy { Self::unavailable(fault) } else { Self::failed(fault) }
    }

    pub(in crate::http) fn render(&self, res: &mut Response) {
        reply::json(res, self.status, &json!({ "error": self.error, "error_description": self.description }));
        reply::no_store(res);
        if self.basic_challenge {
            let challenge = HeaderValue::from_static("Basic realm=\"doorward\", charset=\"UTF-8\"");
            res.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            res.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
    }
}

impl From<FormError> for OAuthError {
    fn from(error: FormError) -> Self {
        let status = match error {
            FormError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            FormError::ContentType
            | FormError::Unreadable
            | FormError::TooMany
            | FormError::Encoding(_)
            | FormError::Repeated(_)
            | FormError::InUrl(_) => StatusCode::BAD_REQUEST,
        };
        Self::new(status, "invalid_request", &error.to_string())
    }
}

impl From<TokenError> for OAuthError {
    fn from(error: TokenError) -> Self {
        match &error {
            TokenError::ScopeMalformed(_) | TokenError::ScopeNotAllowed(_) => {
                Self::refused("invalid_scope", &error.to_string())
            }
            TokenError::GrantNotAllowed => Self::refused("unauthorized_client", &error.to_string()),
            TokenError::InvalidGrant(_) => Self::refused("invalid_grant", &error.to_string()),
            TokenError::Store(fault) => Self::fault(fault, fault.is_busy()),
            TokenError::TargetNotAllowed | TokenError::TargetMissing | TokenError::TargetMixed => {
                Self::refused("invalid_target", &error.to_string())
            }
            TokenError::Decision(fault) => Self::decision(fault),
            TokenError::Ledger(fault) => Self::fault(fault, fault.is_busy()),
            TokenError::Keys(fault) => Self::fault(fault, fault.is_passing()),
        }
    }
}

impl From<RevokeError> for OAuthError {
    fn from(error: RevokeError) -> Self {
        match &error {
            RevokeError::OtherClient => Self::refused("invalid_grant", &error.to_string()),
            RevokeError::Decision(fault) => Self::decision(fault),
            RevokeError::Store(fault) => Self::fault(fault, fault.is_busy()),
        }
    }
}

impl From<DecisionError> for OAuthError {
    fn from(error: DecisionError) -> Self {
        Self::decision(&error)
    }
}
