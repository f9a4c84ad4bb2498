//! Signing out: at once where the relying party of this very session asks, else after the person said yes.

use std::sync::Arc;

use minijinja::{Value, context};
use salvo::http::{Method, StatusCode};
use salvo::{Depot, Request, Response, handler};

use super::super::App;
use super::super::browser_door::{OwnForm, form_token};
use super::super::cookies::{self, Kind};
use super::super::errors::ErrorPage;
use super::super::form::{Form, FormError};
use super::super::frame::RequestId;
use super::super::in_own_task;
use super::super::oidc::authorize::see_other;
use super::{Language, render, render_for};
use crate::domain::secret::Secret;
use crate::domain::session::Session;
use crate::oidc::logout::LogoutRequest;

#[derive(Clone)]
pub(in crate::http) struct Logout(pub Arc<App>);

#[handler]
impl Logout {
    async fn handle(&self, req: &mut Request, depot: &mut Depot, res: &mut Response) {
        let form = match self.form(req).await {
            Ok(form) => form,
            Err(error) => return ErrorPage::from(error).render(req, res),
        };
        let request = request_of(&form);
        // A cross-site POST carries no session cookie: it is answered by a GET of our own, which does.
        if req.method() == Method::POST {
            return see_other(res, &format!("/oauth2/logout?{}", query(&request)));
        }
        let cookie = cookies::read(req, Kind::Session, &self.0.provider.settings().issuer);
        match self.0.provider.logout(&request, cookie.as_ref()).await {
            Ok(logout) => match (logout.session, cookie) {
                (Some(_), Some(cookie)) if !logout.silent => {
                    ask(req, res, &request, &cookie, logout.redirect.as_deref());
                }
                (Some(session), _) => self.0.end(req, depot, res, session, logout.redirect.as_deref()).await,
                (None, _) => go(res, logout.redirect.as_deref()),
            },
            Err(error) => ErrorPage::from(error).render(req, res),
        }
    }
}

impl Logout {
    async fn form(&self, req: &mut Request) -> Result<Form, FormError> {
        if req.method() == Method::POST {
            Form::read(req, self.0.limits.body_max_bytes).await
        } else {
            Form::from_query(req.uri().query().unwrap_or_default())
        }
    }
}

fn request_of(form: &Form) -> LogoutRequest {
    let get = |name: &str| form.get(name).map(str::to_owned);
    LogoutRequest {
        id_token_hint: get("id_token_hint"),
        client_id: get("client_id"),
        post_logout_redirect_uri: get("post_logout_redirect_uri"),
        state: get("state"),
        ui_locales: get("ui_locales"),
    }
}

/// The members of a request that have a value.
fn members(request: &LogoutRequest) -> impl Iterator<Item = (&'static str, &str)> {
    let all = [
        ("id_token_hint", &request.id_token_hint),
        ("client_id", &request.client_id),
        ("post_logout_redirect_uri", &request.post_logout_redirect_uri),
        ("state", &request.state),
        ("ui_locales", &request.ui_locales),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)))
}

fn query(request: &LogoutRequest) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(members(request)).finish()
}

/// Nobody is signed out by anyone's link: the person is asked, on a page bound to their session.
fn ask(req: &Request, res: &mut Response, request: &LogoutRequest, cookie: &Secret, redirect: Option<&str>) {
    let form_token = form_token(cookie, "own page");
    let fields: Vec<Value> = members(request).map(|(name, value)| context! { name, value }).collect();
    let language = Language::preferred(request.ui_locales.as_deref(), req);
    render_for(res, language, StatusCode::OK, "logout.html", context! { form_token, fields }, redirect);
}

fn go(res: &mut Response, redirect: Option<&str>) {
    see_other(res, redirect.unwrap_or("/signed-out"));
}

impl App {
    async fn end(&self, req: &Request, depot: &Depot, res: &mut Response, session: Session, redirect: Option<&str>) {
        let login = self.login.clone();
        let request_id = RequestId::of(depot).map(str::to_owned);
        match in_own_task(async move { login.sign_out(&session, request_id.as_deref()).await }).await {
            Ok(revision) => {
                // The page says "signed out": from here on everything of the session is refused on this node too.
                if let Some(revision) = revision
                    && let Err(error) = self.provider.decisions().wait_applied(revision).await
                {
                    return ErrorPage::unavailable(&error).render(req, res);
                }
                cookies::remove(res, Kind::Session, &self.provider.settings().issuer);
                go(res, redirect);
            }
            Err(error) => ErrorPage::unavailable(&error).render(req, res),
        }
    }
}

#[derive(Clone)]
pub(in crate::http) struct LogoutConfirm(pub Arc<App>);

#[handler]
impl LogoutConfirm {
    async fn handle(&self, req: &mut Request, depot: &mut Depot, res: &mut Response) {
        let Ok(own) = depot.get_typed::<OwnForm>() else { return ErrorPage::not_ours().render(req, res) };
        let request = request_of(&own.form);
        match self.0.provider.logout(&request, own.session.as_ref()).await {
            Ok(logout) => match logout.session {
                Some(session) if own.form.get("decision") == Some("yes") => {
                    self.0.end(req, depot, res, session, logout.redirect.as_deref()).await;
                }
                Some(_) => {
                    let language = Language::preferred(request.ui_locales.as_deref(), req);
                    render(res, language, StatusCode::OK, "stayed.html", context! {});
                }
                None => go(res, logout.redirect.as_deref()),
            },
            Err(error) => ErrorPage::from(error).render(req, res),
        }
    }
}

#[derive(Clone)]
pub(in crate::http) struct SignedOut;

#[handler]
impl SignedOut {
    fn handle(req: &mut Request, res: &mut Response) {
        render(res, Language::of(req), StatusCode::OK, "signed_out.html", context! {});
    }
}
