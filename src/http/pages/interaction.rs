//! Sign-in and consent: plain forms that work without script, with stable ids.

use std::sync::Arc;

use minijinja::context;
use salvo::http::StatusCode;
use salvo::http::header::{HeaderValue, RETRY_AFTER};
use salvo::{Depot, Request, Response, handler};

use super::super::App;
use super::super::browser_door::{InBrowser, form_token};
use super::super::cookies::{self, Kind};
use super::super::errors::ErrorPage;
use super::super::frame::RequestId;
use super::super::oidc::authorize::see_other;
use super::{answer, render_for};
use crate::domain::client::Client;
use crate::domain::id::SessionId;
use crate::domain::scope::Scopes;
use crate::domain::secret::Secret;
use crate::login::password::{Attempt, SignInError};
use crate::oidc::interaction::Page;

/// What a form shows again after a failed attempt.
struct Again<'a> {
    status: StatusCode,
    username: &'a str,
    problem: &'a str,
}

#[derive(Clone)]
pub(in crate::http) struct InteractionPage(pub Arc<App>);

#[handler]
impl InteractionPage {
    async fn handle(&self, depot: &mut Depot, res: &mut Response) {
        let Ok(entered) = depot.get_typed::<InBrowser>() else { return ErrorPage::expired().render(res) };
        show(&self.0, entered, res, None).await;
    }
}

/// The page of the step that is due.
async fn show(app: &App, entered: &InBrowser, res: &mut Response, again: Option<Again<'_>>) {
    match app.provider.advance(entered.interaction, &entered.browser).await {
        Ok(page) => show_page(entered, res, page, again),
        Err(error) => ErrorPage::from(error).render(res),
    }
}

fn show_page(entered: &InBrowser, res: &mut Response, page: Page, again: Option<Again<'_>>) {
    let id = entered.interaction.to_string();
    let form_token = form_token(&entered.browser.secret, &id);
    match page {
        Page::SignIn { client, login_hint, redirect_uri } => {
            let (status, username, problem) = match again {
                Some(again) => (again.status, again.username.to_owned(), Some(again.problem)),
                None => (StatusCode::OK, login_hint.unwrap_or_default(), None),
            };
            let client = display(&client);
            let context = context! { id, form_token, client, username, problem };
            render_for(res, status, "login.html", context, Some(&redirect_uri));
        }
        Page::Consent { client, person, session, scopes, redirect_uri } => {
            let asks = in_words(&scopes);
            let (client, session, username) = (display(&client), session.to_string(), person.username.to_string());
            let context = context! { id, form_token, client, session, username, asks };
            render_for(res, StatusCode::OK, "consent.html", context, Some(&redirect_uri));
        }
        Page::Answer(back) => answer::send(res, &back),
    }
}

fn display(client: &Client) -> String {
    client.name.as_ref().map_or_else(|| client.client_id.to_string(), ToString::to_string)
}

/// What is asked for, in words for the person.
fn in_words(scopes: &Scopes) -> Vec<String> {
    let words = |scope: &str| match scope {
        "openid" => "know who you are".to_owned(),
        "profile" => "see your name and username".to_owned(),
        "email" => "see your e-mail address".to_owned(),
        "address" => "see your postal address".to_owned(),
        "phone" => "see your phone number".to_owned(),
        "offline_access" => "act for you also while you are away".to_owned(),
        other => format!("use {other}"),
    };
    scopes.iter().map(|scope| words(scope.as_str())).collect()
}

#[derive(Clone)]
pub(in crate::http) struct SignIn(pub Arc<App>);

#[handler]
impl SignIn {
    async fn handle(&self, req: &mut Request, depot: &mut Depot, res: &mut Response) {
        let Ok(entered) = depot.get_typed::<InBrowser>() else { return ErrorPage::expired().render(res) };
        let username = entered.form.get("username").unwrap_or_default().to_owned();
        let address = match req.remote_addr().clone().into_std() {
            Some(address) => address.ip(),
            None => std::net::IpAddr::from([0, 0, 0, 0]),
        };
        let attempt = Attempt {
            interaction: entered.interaction,
            browser: entered.browser.secret.clone(),
            session: entered.browser.session.clone(),
            username: username.clone(),
            password: Secret::new(entered.form.get("password").unwrap_or_default().to_owned()),
            address,
            request_id: RequestId::of(depot).map(str::to_owned),
        };
        let login = self.0.login.clone();
        // In a task of its own: who disconnects does so before the commit or after it.
        match tokio::spawn(async move { login.sign_in(attempt).await }).await {
            Ok(Ok(signed_in)) => {
                cookies::set(res, Kind::Session, &self.0.provider.settings().issuer, &signed_in.cookie);
                see_other(res, &format!("/interaction/{}", entered.interaction));
            }
            Ok(Err(error)) => self.refused(entered, res, &username, error).await,
            Err(_) => ErrorPage::bad_request("Try again in a moment.").render(res),
        }
    }
}

impl SignIn {
    async fn refused(&self, entered: &InBrowser, res: &mut Response, username: &str, error: SignInError) {
        let wait = match &error {
            SignInError::Throttled { retry_after } => Some(retry_after.as_secs().max(1)),
            SignInError::Busy => Some(2),
            _ => None,
        };
        let (status, problem) = match &error {
            SignInError::Wrong => (StatusCode::BAD_REQUEST, "The username or the password is wrong."),
            SignInError::Throttled { .. } => {
                (StatusCode::TOO_MANY_REQUESTS, "There were too many attempts. Wait a while, then try again.")
            }
            SignInError::Busy => {
                (StatusCode::SERVICE_UNAVAILABLE, "Many people sign in just now. Try again in a moment.")
            }
            SignInError::InteractionGone => return ErrorPage::expired().render(res),
            SignInError::Failed | SignInError::Store(_) => return ErrorPage::sign_in_fault(&error).render(res),
        };
        show(&self.0, entered, res, Some(Again { status, username, problem })).await;
        if let Some(value) = wait.and_then(|seconds| HeaderValue::from_str(&seconds.to_string()).ok()) {
            res.headers_mut().insert(RETRY_AFTER, value);
        }
    }
}

#[derive(Clone)]
pub(in crate::http) struct Consent(pub Arc<App>);

#[handler]
impl Consent {
    async fn handle(&self, depot: &mut Depot, res: &mut Response) {
        let Ok(entered) = depot.get_typed::<InBrowser>() else { return ErrorPage::expired().render(res) };
        let shown_to = entered.form.get("session").and_then(|id| id.parse::<SessionId>().ok());
        let Some(shown_to) = shown_to else { return ErrorPage::not_ours().render(res) };
        let allowed = entered.form.get("decision") == Some("allow");
        match self.0.provider.consent(entered.interaction, &entered.browser, shown_to, allowed).await {
            Ok(page) => show_page(entered, res, page, None),
            Err(error) => ErrorPage::from(error).render(res),
        }
    }
}
