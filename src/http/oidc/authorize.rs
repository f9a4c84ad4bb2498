//! The authorization endpoint (RFC 6749 §3.1): the request is checked and kept, and the browser sent on to its interaction
//! by a 303 to a page of our own, before any session is read (a cross-site POST carries no Lax cookie).

use std::sync::Arc;

use salvo::http::header::{HeaderValue, LOCATION};
use salvo::http::{Method, StatusCode};
use salvo::{Request, Response, handler};

use super::super::App;
use super::super::cookies::{self, Kind};
use super::super::errors::ErrorPage;
use super::super::form::{FormError, body, pairs};
use super::super::{in_own_task, pages};
use crate::oidc::authorize::{AuthorizeError, Parameters};

#[derive(Clone)]
pub(in crate::http) struct Authorize(pub Arc<App>);

#[handler]
impl Authorize {
    async fn handle(&self, req: &mut Request, res: &mut Response) {
        let issuer = &self.0.provider.settings().issuer;
        let parameters = match self.parameters(req).await {
            Ok(parameters) => parameters,
            Err(error) => return ErrorPage::from(error).render(req, res),
        };
        let browser = cookies::read(req, Kind::Browser, issuer);
        let provider = self.0.provider.clone();
        match in_own_task(async move { provider.authorize(&parameters, browser).await }).await {
            Ok(begun) => {
                cookies::set(res, Kind::Browser, issuer, &begun.browser);
                see_other(res, &format!("/interaction/{}", begun.interaction));
            }
            Err(AuthorizeError::Redirect(answer)) => pages::answer::send(req, res, &answer),
            Err(error) => ErrorPage::from(error).render(req, res),
        }
    }
}

impl Authorize {
    async fn parameters(&self, req: &mut Request) -> Result<Parameters, FormError> {
        let text = if req.method() == Method::POST {
            body(req, self.0.limits.body_max_bytes).await?
        } else {
            req.uri().query().unwrap_or_default().to_owned()
        };
        pairs(&text).map(Parameters)
    }
}

/// After a form or a check the browser goes on by GET (RFC 9700 §4.12: 303, never 307).
pub(in crate::http) fn see_other(res: &mut Response, location: &str) {
    res.status_code(StatusCode::SEE_OTHER);
    if let Ok(value) = HeaderValue::from_str(location) {
        res.headers_mut().insert(LOCATION, value);
    }
}
