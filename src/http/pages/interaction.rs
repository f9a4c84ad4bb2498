//! Sign-in, choice of account and consent: plain forms that work without script, with stable ids.

use std::sync::Arc;

use minijinja::context;
use salvo::http::StatusCode;
use salvo::http::header::{HeaderValue, RETRY_AFTER};
use salvo::{Depot, Request, Response, handler};

use super::super::browser_door::{InBrowser, form_token};
use super::super::cookies::{self, Kind};
use super::super::errors::ErrorPage;
use super::super::frame::RequestId;
use super::super::oidc::authorize::see_other;
use super::super::{App, client_address, in_own_task};
use super::{Language, answer, render_for};
use crate::domain::authorization::AccountChoice;
use crate::domain::client::Client;
use crate::domain::id::SessionId;
use crate::domain::scope::{Scope, Scopes};
use crate::domain::secret::Secret;
use crate::login::password::{Attempt, SignInError};
use crate::oidc::interaction::{Asks, InteractionError, Next, Page};

/// What a form shows again after a failed attempt.
struct Again<'a> {
    status: StatusCode,
    username: &'a str,
    /// Names the text.
    problem: &'static str,
}

#[derive(Clone)]
pub(in crate::http) struct InteractionPage(pub Arc<App>);

#[handler]
impl InteractionPage {
    async fn handle(&self, req: &mut Request, depot: &mut Depot, res: &mut Response) {
        let Ok(entered) = depot.get_typed::<InBrowser>() else { return ErrorPage::expired().render(req, res) };
        show(&self.0, entered, req, res, None).await;
    }
}

/// The page of the step that is due.
async fn show(app: &App, entered: &InBrowser, req: &Request, res: &mut Response, again: Option<Again<'_>>) {
    let (provider, interaction, browser) = (app.provider.clone(), entered.interaction, entered.browser.clone());
    let next = in_own_task(async move { provider.advance(interaction, &browser).await }).await;
    go_on(entered, req, res, next, again);
}

fn go_on(
    entered: &InBrowser,
    req: &Request,
    res: &mut Response,
    next: Result<Next, InteractionError>,
    again: Option<Again<'_>>,
) {
    match next {
        Ok(Next::Page(page)) => show_page(entered, req, res, &page, again),
        Ok(Next::Answer(back)) => answer::send(req, res, &back),
        Err(error) => ErrorPage::from(error).render(req, res),
    }
}

fn show_page(entered: &InBrowser, req: &Request, res: &mut Response, page: &Page, again: Option<Again<'_>>) {
    let language = Language::preferred(page.ui_locales.as_deref(), req);
    let id = entered.interaction.to_string();
    let form_token = form_token(&entered.browser.secret, &id);
    let client = display(&page.client);
    let status = again.as_ref().map_or(StatusCode::OK, |again| again.status);
    let (template, context) = match &page.asks {
        Asks::SignIn { login_hint } => {
            let problem = again.as_ref().map(|again| language.text(again.problem, &[]));
            let hinted = login_hint.as_deref().unwrap_or_default();
            let username = again.map_or(hinted, |again| again.username);
            ("login.html", context! { id, form_token, client, username, problem })
        }
        Asks::SelectAccount { person, session } => {
            let (session, username) = (session.to_string(), person.username.as_str());
            ("select_account.html", context! { id, form_token, client, session, username })
        }
        Asks::Consent { person, session, scopes } => {
            let (session, username) = (session.to_string(), person.username.as_str());
            let asks = in_words(language, scopes);
            ("consent.html", context! { id, form_token, client, session, username, asks })
        }
    };
    render_for(res, language, status, template, context, Some(&page.redirect_uri));
}

fn display(client: &Client) -> String {
    client.name.as_ref().map_or_else(|| client.client_id.to_string(), ToString::to_string)
}

const ORDER: [&str; 5] = ["openid", "profile", "email", "address", "phone"];

/// What is asked for, in words for the person.
fn in_words(language: Language, scopes: &Scopes) -> Vec<String> {
    let words = |scope: &str| match scope {
        "openid" | "profile" | "email" | "address" | "phone" | "offline_access" => {
            language.text(&format!("scope-{scope}"), &[])
        }
        other => language.text("scope-other", &[("scope", other)]),
    };
    // Who one is comes first and what goes on without one last; what lies between is the application's own.
    let rank = |scope: &&str| match *scope {
        "offline_access" => ORDER.len() + 1,
        other => ORDER.iter().position(|known| *known == other).unwrap_or(ORDER.len()),
    };
    let mut asked: Vec<&str> = scopes.iter().map(Scope::as_str).collect();
    asked.sort_by_key(rank);
    asked.into_iter().map(words).collect()
}

#[derive(Clone)]
pub(in crate::http) struct SignIn(pub Arc<App>);

#[handler]
impl SignIn {
    async fn handle(&self, req: &mut Request, depot: &mut Depot, res: &mut Response) {
        let Ok(entered) = depot.get_typed::<InBrowser>() else { return ErrorPage::expired().render(req, res) };
        let username = entered.form.get("username").unwrap_or_default().to_owned();
        let attempt = Attempt {
            interaction: entered.interaction,
            browser: entered.browser.secret.clone(),
            session: entered.browser.session.clone(),
            username: username.clone(),
            password: Secret::new(entered.form.get("password").unwrap_or_default().to_owned()),
            address: client_address::of(req, &self.0.trusted_proxies),
            request_id: RequestId::of(depot).map(str::to_owned),
        };
        let login = self.0.login.clone();
        match in_own_task(async move { login.sign_in(attempt).await }).await {
            Ok(signed_in) => {
                cookies::set(res, Kind::Session, &self.0.provider.settings().issuer, &signed_in.cookie);
                see_other(res, &format!("/interaction/{}", entered.interaction));
            }
            Err(error) => self.refused(entered, req, res, &username, error).await,
        }
    }
}

impl SignIn {
    async fn refused(
        &self,
        entered: &InBrowser,
        req: &Request,
        res: &mut Response,
        username: &str,
        error: SignInError,
    ) {
        let wait = match &error {
            SignInError::Throttled { retry_after } => Some(retry_after.as_secs().max(1)),
            SignInError::Busy => Some(2),
            _ => None,
        };
        let (status, problem) = match &error {
            SignInError::Wrong => (StatusCode::BAD_REQUEST, "sign-in-wrong"),
            SignInError::Throttled { .. } => (StatusCode::TOO_MANY_REQUESTS, "sign-in-throttled"),
            SignInError::Busy => (StatusCode::SERVICE_UNAVAILABLE, "sign-in-busy"),
            SignInError::InteractionGone => return ErrorPage::expired().render(req, res),
            SignInError::Failed | SignInError::Store(_) => return ErrorPage::sign_in_fault(&error).render(req, res),
        };
        show(&self.0, entered, req, res, Some(Again { status, username, problem })).await;
        if let Some(value) = wait.and_then(|seconds| HeaderValue::from_str(&seconds.to_string()).ok()) {
            res.headers_mut().insert(RETRY_AFTER, value);
        }
    }
}

/// The session a form was shown to.
fn shown_to(entered: &InBrowser) -> Option<SessionId> {
    entered.form.get("session").and_then(|id| id.parse().ok())
}

#[derive(Clone)]
pub(in crate::http) struct SelectAccount(pub Arc<App>);

#[handler]
impl SelectAccount {
    async fn handle(&self, req: &mut Request, depot: &mut Depot, res: &mut Response) {
        let Ok(entered) = depot.get_typed::<InBrowser>() else { return ErrorPage::expired().render(req, res) };
        let choice = entered.form.get("choice").and_then(AccountChoice::parse);
        let (Some(shown_to), Some(choice)) = (shown_to(entered), choice) else {
            return ErrorPage::not_ours().render(req, res);
        };
        let (provider, id, browser) = (self.0.provider.clone(), entered.interaction, entered.browser.clone());
        match in_own_task(async move { provider.choose_account(id, &browser, shown_to, choice).await }).await {
            Ok(()) => see_other(res, &format!("/interaction/{id}")),
            Err(error) => ErrorPage::from(error).render(req, res),
        }
    }
}

#[derive(Clone)]
pub(in crate::http) struct Consent(pub Arc<App>);

#[handler]
impl Consent {
    async fn handle(&self, req: &mut Request, depot: &mut Depot, res: &mut Response) {
        let Ok(entered) = depot.get_typed::<InBrowser>() else { return ErrorPage::expired().render(req, res) };
        let Some(shown_to) = shown_to(entered) else { return ErrorPage::not_ours().render(req, res) };
        let allowed = entered.form.get("decision") == Some("allow");
        let (provider, id, browser) = (self.0.provider.clone(), entered.interaction, entered.browser.clone());
        match in_own_task(async move { provider.consent(id, &browser, shown_to, allowed).await }).await {
            // Another step became due meanwhile: a page that can be looked at again is got by GET.
            Ok(Next::Page(_)) => see_other(res, &format!("/interaction/{id}")),
            next => go_on(entered, req, res, next, None),
        }
    }
}
