//! Error pages for people: what happened and what they can do.

use salvo::Response;
use salvo::http::StatusCode;

use super::super::pages;
use super::log_fault;
use crate::admin::AdminError;

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
            AdminError::Store(fault) if fault.is_busy() => {
                log_fault(&error, "a page could not be served");
                Self {
                    status: StatusCode::SERVICE_UNAVAILABLE,
                    title: "Not just now",
                    text: "The service cannot reach its database. Try again in a moment.".to_owned(),
                }
            }
            AdminError::Store(_) => {
                log_fault(&error, "a page could not be served");
                Self {
                    status: StatusCode::INTERNAL_SERVER_ERROR,
                    title: "Something went wrong here",
                    text: "It is not your fault. Try again in a moment.".to_owned(),
                }
            }
        }
    }
}
