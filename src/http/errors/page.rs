//! Error pages for people: what happened and what they can do.

use salvo::http::StatusCode;
use salvo::{Request, Response};

use super::super::form::FormError;
use super::super::pages::{self, Language};
use super::log_fault;
use crate::admin::AdminError;
use crate::decision::DecisionError;
use crate::login::password::SignInError;
use crate::oidc::authorize::AuthorizeError;
use crate::oidc::interaction::InteractionError;
use crate::oidc::logout::LogoutError;

#[derive(Debug)]
pub(in crate::http) struct ErrorPage {
    status: StatusCode,
    /// Names the texts `error-<key>-title` and `error-<key>-text`.
    key: &'static str,
    /// For whoever made the application, in the words of the specifications.
    detail: Option<String>,
}

impl ErrorPage {
    const fn new(status: StatusCode, key: &'static str) -> Self {
        Self { status, key, detail: None }
    }

    fn detailed(status: StatusCode, key: &'static str, detail: &impl ToString) -> Self {
        Self { status, key, detail: Some(detail.to_string()) }
    }

    /// The page a person came from is over.
    pub(in crate::http) const fn expired() -> Self {
        Self::new(StatusCode::GONE, "expired")
    }

    /// A form that did not come from our page.
    pub(in crate::http) const fn not_ours() -> Self {
        Self::new(StatusCode::FORBIDDEN, "not-ours")
    }

    pub(in crate::http) const fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found")
    }

    pub(in crate::http) const fn bad_request() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request")
    }

    /// For the errors the framework itself makes.
    pub(in crate::http) fn of_status(status: StatusCode) -> Self {
        let key = match status {
            StatusCode::NOT_FOUND => "not-found",
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => "busy",
            status if status.is_client_error() => "bad-request",
            _ => "fault",
        };
        Self::new(status, key)
    }

    pub(in crate::http) fn sign_in_fault(error: &SignInError) -> Self {
        Self::fault(error, matches!(error, SignInError::Store(fault) if fault.is_busy()))
    }

    pub(in crate::http) fn unavailable(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::fault(error, true)
    }

    fn fault(fault: &(dyn std::error::Error + 'static), is_busy: bool) -> Self {
        log_fault(fault, "a page could not be served");
        if is_busy {
            Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy")
        } else {
            Self::new(StatusCode::INTERNAL_SERVER_ERROR, "fault")
        }
    }

    pub(in crate::http) fn render(&self, req: &Request, res: &mut Response) {
        pages::error(res, Language::of(req), self.status, self.key, self.detail.as_deref());
    }
}

impl From<FormError> for ErrorPage {
    fn from(error: FormError) -> Self {
        let status = match error {
            FormError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            FormError::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            FormError::Unreadable
            | FormError::TooMany
            | FormError::Encoding(_)
            | FormError::Repeated(_)
            | FormError::InUrl(_) => StatusCode::BAD_REQUEST,
        };
        Self::detailed(status, "bad-request", &error)
    }
}

impl From<AdminError> for ErrorPage {
    fn from(error: AdminError) -> Self {
        match &error {
            AdminError::SetupLinkSpent => Self::new(StatusCode::GONE, "setup-spent"),
            AdminError::Invalid { .. }
            | AdminError::Item { .. }
            | AdminError::Precondition { .. }
            | AdminError::TestFailed { .. }
            | AdminError::NotFound { .. }
            | AdminError::Taken { .. }
            | AdminError::InUse { .. }
            | AdminError::Held { .. }
            | AdminError::Cycle { .. }
            | AdminError::TooDeep { .. }
            | AdminError::TooManyGroups { .. }
            | AdminError::TooManyChanges { .. }
            | AdminError::NotPermitted { .. }
            | AdminError::Beyond { .. }
            | AdminError::LastAdmin
            | AdminError::OperatorGone => Self::detailed(StatusCode::BAD_REQUEST, "bad-request", &error),
            AdminError::Decision(fault) => Self::fault(&error, matches!(fault, DecisionError::Stale)),
            AdminError::Store(fault) => Self::fault(&error, fault.is_busy()),
        }
    }
}

impl From<AuthorizeError> for ErrorPage {
    fn from(error: AuthorizeError) -> Self {
        match &error {
            AuthorizeError::Page(untrusted) => Self::detailed(StatusCode::BAD_REQUEST, "untrusted", untrusted),
            // Goes back to the client; a page stands for it only where that could not be sent.
            AuthorizeError::Redirect(_) => Self::detailed(StatusCode::BAD_REQUEST, "bad-request", &error),
            AuthorizeError::Decision(fault) => Self::fault(&error, matches!(fault, DecisionError::Stale)),
            AuthorizeError::Store(fault) => Self::fault(&error, fault.is_busy()),
        }
    }
}

impl From<InteractionError> for ErrorPage {
    fn from(error: InteractionError) -> Self {
        match &error {
            InteractionError::Gone => Self::expired(),
            InteractionError::OtherPerson => Self::new(StatusCode::CONFLICT, "other-person"),
            InteractionError::Decision(fault) => Self::fault(&error, matches!(fault, DecisionError::Stale)),
            InteractionError::Store(fault) => Self::fault(&error, fault.is_busy()),
        }
    }
}

impl From<LogoutError> for ErrorPage {
    fn from(error: LogoutError) -> Self {
        match &error {
            LogoutError::ClientMismatch => Self::detailed(StatusCode::BAD_REQUEST, "logout-mismatch", &error),
            LogoutError::Decision(fault) => Self::fault(&error, matches!(fault, DecisionError::Stale)),
            LogoutError::Store(fault) => Self::fault(&error, fault.is_busy()),
        }
    }
}
