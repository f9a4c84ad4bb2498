//! The sample application of the demo: people sign in to it with Doorward, see what it was told of them, refresh their
//! tokens, act on notes and sign out. Plain pages without script.

mod relying_party;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use minijinja::{Environment, context};
use openidconnect::CsrfToken;
use salvo::conn::tcp::TcpListener;
use salvo::conn::{Acceptor as _, Listener as _};
use salvo::http::StatusCode;
use salvo::http::cookie::{Cookie, SameSite};
use salvo::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY};
use salvo::prelude::Text;
use salvo::routing::Router;
use salvo::{Request, Response, Server, Service, handler};
use serde_json::Value;
use tokio::task::JoinHandle;

use self::relying_party::{Pending, RelyingParty, SignedIn};
use super::notes::{NotesApi, Reply};
use super::world::Credentials;
use crate::boot::node::BootError;
use crate::domain::chain::chain;

const STYLESHEET: &str = include_str!("../../../http/pages/assets/doorward.css");
const COOKIE: &str = "notes-session";
/// Browsers remembered at most, and for how long.
const BROWSERS_MAX: u64 = 1_000;
const REMEMBERED: Duration = Duration::from_hours(8);
const OUTBOUND_TIMEOUT: Duration = Duration::from_secs(10);

static PAGES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    let page = include_str!("../templates/app.html");
    if let Err(error) = environment.add_template("app.html", page) {
        tracing::error!(error = chain(&error), "the demo's page does not parse");
    }
    environment
});

struct App {
    relying_party: RelyingParty,
    notes: NotesApi,
    issuer: String,
    pending: moka::sync::Cache<String, Arc<Pending>>,
    signed_in: moka::sync::Cache<String, Arc<SignedIn>>,
}

/// What is kept per browser.
fn remembered<T: Send + Sync + 'static>() -> moka::sync::Cache<String, Arc<T>> {
    moka::sync::Cache::builder().max_capacity(BROWSERS_MAX).time_to_live(REMEMBERED).build()
}

/// Listens on this machine alone.
pub(super) async fn start(
    issuer: &str,
    origin: &str,
    port: u16,
    credentials: &Credentials,
) -> Result<JoinHandle<()>, BootError> {
    let http =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(OUTBOUND_TIMEOUT).no_proxy();
    let http = http.build()?;
    let app = Arc::new(App {
        relying_party: RelyingParty::new(http.clone(), issuer, origin, credentials.web.reveal()),
        notes: NotesApi::new(http, issuer, credentials.api.reveal()),
        issuer: issuer.to_owned(),
        pending: remembered(),
        signed_in: remembered(),
    });
    let taken = |error: salvo::Error| format!("cannot listen on port {port}: {error}; give another --app-port");
    let acceptor = TcpListener::new(("127.0.0.1", port)).try_bind().await.map_err(taken)?;
    acceptor.holdings().first().ok_or("the sample application has no address")?;
    Ok(tokio::spawn(Server::new(acceptor).serve(Service::new(router(&app)))))
}

fn router(app: &Arc<App>) -> Router {
    Router::new()
        .get(Home(app.clone()))
        .push(Router::with_path("login").get(Login(app.clone())))
        .push(Router::with_path("callback").get(Callback(app.clone())))
        .push(Router::with_path("refresh").post(Refresh(app.clone())))
        .push(Router::with_path("notes/{id}/{action}").post(Act(app.clone())))
        .push(Router::with_path("logout").post(Logout(app.clone())))
        .push(Router::with_path("signed-out").get(SignedOut(app.clone())))
        .push(Router::with_path("app.css").get(stylesheet))
}

#[handler]
async fn stylesheet(res: &mut Response) {
    res.render(Text::Css(STYLESHEET));
}

fn browser(req: &Request) -> Option<String> {
    req.cookie(COOKIE).map(|cookie| cookie.value().to_owned())
}

fn see_other(res: &mut Response, location: &str) {
    res.render(salvo::prelude::Redirect::other(location));
}

impl App {
    fn who(&self, req: &Request) -> Option<Arc<SignedIn>> {
        self.signed_in.get(&browser(req)?)
    }

    fn page(&self, req: &Request, res: &mut Response, said: Option<&str>) {
        let who = self.who(req);
        let rows = |claims: &Value| -> Vec<(String, String)> {
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            claims.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect()
        };
        let context = context! {
            issuer => self.issuer,
            signed_in => who.is_some(),
            claims => who.as_ref().map(|who| rows(&who.claims)),
            userinfo => who.as_ref().map(|who| rows(&who.userinfo)),
            notes => self.notes.list(),
            said,
        };
        match PAGES.get_template("app.html").and_then(|page| page.render(context)) {
            Ok(html) => res.render(Text::Html(html)),
            Err(error) => {
                tracing::error!(error = chain(&error), "the demo's page could not be rendered");
                res.status_code(StatusCode::INTERNAL_SERVER_ERROR);
            }
        }
        let headers = res.headers_mut();
        // Signing out is a form that ends at the issuer.
        let policy = format!("default-src 'none'; style-src 'self'; form-action 'self' {}", self.issuer);
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    }

    fn failed(&self, req: &Request, res: &mut Response, error: &BootError) {
        res.status_code(StatusCode::BAD_GATEWAY);
        self.page(req, res, Some(&format!("That did not work: {}", chain(error.as_ref()))));
    }
}

struct Home(Arc<App>);

#[handler]
impl Home {
    fn handle(&self, req: &mut Request, res: &mut Response) {
        self.0.page(req, res, None);
    }
}

struct Login(Arc<App>);

#[handler]
impl Login {
    async fn handle(&self, req: &mut Request, res: &mut Response) {
        match self.0.relying_party.begin().await {
            Ok((url, pending)) => {
                let browser = CsrfToken::new_random().into_secret();
                self.0.pending.insert(browser.clone(), Arc::new(pending));
                res.add_cookie(
                    Cookie::build((COOKIE, browser)).path("/").http_only(true).same_site(SameSite::Lax).build(),
                );
                see_other(res, &url);
            }
            Err(error) => self.0.failed(req, res, &error),
        }
    }
}

struct Callback(Arc<App>);

#[handler]
impl Callback {
    async fn handle(&self, req: &mut Request, res: &mut Response) {
        let Some(browser) = browser(req) else { return see_other(res, "/") };
        let asked = |name: &str| req.query::<String>(name).unwrap_or_default();
        let (code, state, iss, error) = (asked("code"), asked("state"), asked("iss"), asked("error"));
        let pending = self.0.pending.remove(&browser).map(Arc::unwrap_or_clone);
        // The answer must come from the provider that was asked, to the browser that asked (RFC 9207 §2.4, RFC 6749 §10.12).
        let Some(pending) = pending.filter(|pending| pending.state == state && iss == self.0.issuer) else {
            res.status_code(StatusCode::BAD_REQUEST);
            return self.0.page(req, res, Some("That answer was not asked for. Sign in again."));
        };
        if !error.is_empty() {
            let said = if error == "access_denied" { "You did not allow it." } else { error.as_str() };
            return self.0.page(req, res, Some(said));
        }
        match self.0.relying_party.finish(&code, pending).await {
            Ok(who) => {
                self.0.signed_in.insert(browser, Arc::new(who));
                see_other(res, "/");
            }
            Err(error) => self.0.failed(req, res, &error),
        }
    }
}

struct Refresh(Arc<App>);

#[handler]
impl Refresh {
    async fn handle(&self, req: &mut Request, res: &mut Response) {
        let (Some(browser), Some(who)) = (browser(req), self.0.who(req)) else { return see_other(res, "/") };
        match self.0.relying_party.refresh(&who).await {
            Ok(after) => {
                self.0.signed_in.insert(browser, Arc::new(after));
                self.0.page(req, res, Some("There are new tokens; the old refresh token is spent."));
            }
            Err(error) => self.0.failed(req, res, &error),
        }
    }
}

struct Act(Arc<App>);

#[handler]
impl Act {
    async fn handle(&self, req: &mut Request, res: &mut Response) {
        let Some(who) = self.0.who(req) else { return see_other(res, "/") };
        let id = req.param::<u32>("id").unwrap_or(0);
        let action = req.param::<String>("action").unwrap_or_default();
        let said = match self.0.notes.act(&who.access_token, &action, id).await {
            Reply::Done(done) => format!("The notes API answers 200: {done}."),
            Reply::Forbidden => format!("The notes API answers 403: Doorward says you may not {action} it."),
            Reply::NotFound => "The notes API answers 404: there is no such note.".to_owned(),
            Reply::Unavailable => "The notes API answers 503: Doorward could not be asked.".to_owned(),
        };
        self.0.page(req, res, Some(&said));
    }
}

struct Logout(Arc<App>);

#[handler]
impl Logout {
    async fn handle(&self, req: &mut Request, res: &mut Response) {
        let (Some(browser), Some(who)) = (browser(req), self.0.who(req)) else { return see_other(res, "/") };
        match self.0.relying_party.logout(&who, &CsrfToken::new_random().into_secret()).await {
            Ok(url) => {
                self.0.signed_in.invalidate(&browser);
                see_other(res, &url);
            }
            Err(error) => self.0.failed(req, res, &error),
        }
    }
}

struct SignedOut(Arc<App>);

#[handler]
impl SignedOut {
    fn handle(&self, req: &mut Request, res: &mut Response) {
        self.0.page(req, res, Some("You are signed out, here and at Doorward."));
    }
}
