//! The doors of pages: a form is taken only from our own page, in the browser it was shown in.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use salvo::http::{HeaderName, Method};
use salvo::{Depot, FlowCtrl, Handler, Request, Response, async_trait};
use subtle::ConstantTimeEq as _;

use super::App;
use super::cookies::{self, Kind};
use super::errors::ErrorPage;
use super::form::Form;
use crate::domain::id::InteractionId;
use crate::domain::secret::{Digest, Secret};
use crate::oidc::interaction::Browser;

/// The token of a form: only who knows the browser's cookie can make it, and it is good for one subject only.
pub(super) fn form_token(browser: &Secret, about: &str) -> String {
    let digest = Digest::of(format!("doorward form\n{about}\n{}", browser.reveal()).as_bytes());
    URL_SAFE_NO_PAD.encode(digest.as_bytes())
}

/// Whether a posted form comes from our own page: by what the browser says of its origin, and by its token.
fn is_ours(req: &Request, form: &Form, browser: &Secret, about: &str) -> bool {
    let fetch_site = req.headers().get(HeaderName::from_static("sec-fetch-site"));
    let same_site = fetch_site.is_none_or(|site| site == "same-origin");
    let expected = form_token(browser, about);
    let sent = form.get("form_token").unwrap_or_default();
    same_site && bool::from(expected.as_bytes().ct_eq(sent.as_bytes()))
}

/// Lets in the browser in which an interaction was begun; leaves the interaction and the form in the depot.
#[derive(Clone)]
pub(super) struct InteractionDoor(pub Arc<App>);

/// What the interaction door let in.
pub(super) struct InBrowser {
    pub interaction: InteractionId,
    pub browser: Browser,
    pub form: Form,
}

#[async_trait]
impl Handler for InteractionDoor {
    async fn handle(&self, req: &mut Request, depot: &mut Depot, res: &mut Response, ctrl: &mut FlowCtrl) {
        match self.enter(req).await {
            Ok(entered) => {
                depot.insert_typed(entered);
                ctrl.call_next(req, depot, res).await;
            }
            Err(page) => {
                page.render(req, res);
                ctrl.skip_rest();
            }
        }
    }
}

impl InteractionDoor {
    async fn enter(&self, req: &mut Request) -> Result<InBrowser, ErrorPage> {
        let issuer = &self.0.provider.settings().issuer;
        let id = req.param::<String>("id").and_then(|id| id.parse::<InteractionId>().ok());
        let secret = cookies::read(req, Kind::Browser, issuer);
        let (Some(interaction), Some(secret)) = (id, secret) else { return Err(ErrorPage::expired()) };
        let session = cookies::read(req, Kind::Session, issuer);
        let form = if req.method() == Method::POST {
            let form = Form::read(req, self.0.limits.body_max_bytes).await.map_err(ErrorPage::from)?;
            if !is_ours(req, &form, &secret, &interaction.to_string()) {
                return Err(ErrorPage::not_ours());
            }
            form
        } else {
            Form::default()
        };
        Ok(InBrowser { interaction, browser: Browser { secret, session }, form })
    }
}

/// Lets in forms of our own pages that belong to no interaction; leaves the form in the depot.
#[derive(Clone)]
pub(super) struct OwnPageDoor(pub Arc<App>);

/// What the page door let in.
pub(super) struct OwnForm {
    pub form: Form,
    pub session: Option<Secret>,
}

#[async_trait]
impl Handler for OwnPageDoor {
    async fn handle(&self, req: &mut Request, depot: &mut Depot, res: &mut Response, ctrl: &mut FlowCtrl) {
        let issuer = &self.0.provider.settings().issuer;
        let session = cookies::read(req, Kind::Session, issuer);
        let entered = match Form::read(req, self.0.limits.body_max_bytes).await {
            Err(error) => Err(ErrorPage::from(error)),
            // Bound to the session itself: without one there is nothing a form could do.
            Ok(form) => match session {
                Some(session) if is_ours(req, &form, &session, "own page") => {
                    Ok(OwnForm { form, session: Some(session) })
                }
                None => Ok(OwnForm { form, session: None }),
                Some(_) => Err(ErrorPage::not_ours()),
            },
        };
        match entered {
            Ok(entered) => {
                depot.insert_typed(entered);
                ctrl.call_next(req, depot, res).await;
            }
            Err(page) => {
                page.render(req, res);
                ctrl.skip_rest();
            }
        }
    }
}
