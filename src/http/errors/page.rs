//! Error pages for people: what happened and what they can do.

use salvo::Response;
use salvo::http::StatusCode;

use super::super::pages;
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
    title: &'static str,
    text: String,
}

impl ErrorPage {
    pub(in crate::http) fn bad_request(text: &str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, title: "That did not work", text: text.to_owned() }
    }

    /// The page a person came from is over.
    pub(in crate::http) fn expired() -> Self {
        Self {
            status: StatusCode::GONE,
            title: "This sign-in is over",
            text:
                "It took too long, was finished already, or was begun in another browser. Go back to the application \
                   and begin again."
                    .to_owned(),
        }
    }

    /// A form that did not come from our page.
    pub(in crate::http) fn not_ours() -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            title: "That form did not come from here",
            text: "Go back to the application and begin again.".to_owned(),
        }
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
            Self {
                status: StatusCode::SERVICE_UNAVAILABLE,
                title: "Not just now",
                text: "The service cannot reach its database. Try again in a moment.".to_owned(),
            }
        } else {
            Self {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                title: "Something went wrong here",
                text: "It is not your fault. Try again in a moment.".to_owned(),
            }
        }
    }

    pub(in crate::http) fn render(&self, res: &mut Response) {
        pages::error(res, self.status, self.title, &self.text);
    }
}

impl From<AdminError> for ErrorPage {
    fn from(error: AdminError) -> Self {
        match &error {
            AdminError::SetupLinkSpent => Self {
                status: StatusCode::GONE,
                title: "This link no longer works",
                text:
                    "It was used, has expired, or a newer one has replaced it. Start the server again to get a new one."
                        .to_owned(),
            },
            AdminError::Invalid { .. }
            | AdminError::NotFound { .. }
            | AdminError::Taken { .. }
            | AdminError::InUse { .. }
            | AdminError::Cycle { .. }
            | AdminError::TooDeep { .. } => Self::bad_request(&error.to_string()),
            AdminError::Store(fault) => Self::fault(&error, fault.is_busy()),
        }
    }
}

impl From<AuthorizeError> for ErrorPage {
    fn from(error: AuthorizeError) -> Self {
        match &error {
            AuthorizeError::Page(text) => Self {
                status: StatusCode::BAD_REQUEST,
                title: "This request cannot be trusted",
                text: (*text).to_owned(),
            },
            // Goes back to the client; a page stands for it only where that could not be sent.
            AuthorizeError::Redirect(_) => Self::bad_request(&error.to_string()),
            AuthorizeError::Decision(fault) => Self::fault(&error, matches!(fault, DecisionError::Stale)),
            AuthorizeError::Store(fault) => Self::fault(&error, fault.is_busy()),
        }
    }
}

impl From<InteractionError> for ErrorPage {
    fn from(error: InteractionError) -> Self {
        match &error {
            InteractionError::Gone => Self::expired(),
            InteractionError::OtherPerson => Self {
                status: StatusCode::CONFLICT,
                title: "Somebody else has signed in",
                text: "Another person signed in in this browser meanwhile. Go back and look again before you agree."
                    .to_owned(),
            },
            InteractionError::Decision(fault) => Self::fault(&error, matches!(fault, DecisionError::Stale)),
            InteractionError::Store(fault) => Self::fault(&error, fault.is_busy()),
        }
    }
}

impl From<LogoutError> for ErrorPage {
    fn from(error: LogoutError) -> Self {
        match &error {
            LogoutError::ClientMismatch => Self::bad_request(&error.to_string()),
            LogoutError::Decision(fault) => Self::fault(&error, matches!(fault, DecisionError::Stale)),
            LogoutError::Store(fault) => Self::fault(&error, fault.is_busy()),
        }
    }
}
