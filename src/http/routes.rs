//! The router, made from the ledger.

use std::sync::Arc;

use salvo::catcher::Catcher;
use salvo::compression::Compression;
use salvo::handler::Handler;
use salvo::routing::Router;
use salvo::{Service, catch_panic::CatchPanic, timeout::Timeout};

use super::bearer_door::BearerDoor;
use super::browser_door::{InteractionDoor, OwnPageDoor};
use super::door::{ClientDoor, DecisionDoor, ExplanationDoor};
use super::ledger::{self, Caller, Endpoint, Row, Verb};
use super::operator_door::OperatorDoor;
use super::setup_door::SetupDoor;
use super::{App, api, authzen, cors, errors, frame, health, oidc, openapi, pages};
use crate::decision::Target;

/// The whole service: the frame around every request, the routes, the bodies of errors.
#[must_use]
pub fn service(app: &Arc<App>) -> Service {
    let router = ledger::rows().fold(Router::new(), |router, row| router.push(mount(app, row)));
    Service::new(router)
        .hoop(frame::Frame::new(app))
        .hoop(cors::AnyOrigin)
        .hoop(CatchPanic::new())
        .hoop(Timeout::new(app.limits.request_timeout).error(errors::timed_out))
        .catcher(Catcher::new(errors::error_bodies))
}

const COMPRESSED_FROM_BYTES: usize = 1024;

/// Exhaustive: an endpoint without a handler does not compile.
fn mount(app: &Arc<App>, row: &Row) -> Router {
    let issuer = &app.provider.settings().issuer;
    match row.endpoint {
        Endpoint::OpenidConfiguration | Endpoint::AuthorizationServerMetadata => {
            goal(app, row, oidc::discovery::Document::authorization_server(issuer))
        }
        Endpoint::AuthzenConfiguration => goal(app, row, oidc::discovery::Document::policy_decision_point(issuer)),
        Endpoint::Jwks => goal(app, row, oidc::jwks::Jwks(app.clone())),
        Endpoint::Token => goal(app, row, oidc::token::Token(app.clone())),
        Endpoint::Revoke => goal(app, row, oidc::revoke::Revoke(app.clone())),
        Endpoint::Introspect => goal(app, row, oidc::introspect::Introspect(app.clone())),
        Endpoint::Evaluation => goal(app, row, authzen::evaluation::Evaluation(app.clone())),
        Endpoint::Evaluations => goal(app, row, authzen::evaluations::Evaluations(app.clone())),
        Endpoint::SearchSubject => goal(app, row, authzen::search::Search(app.clone(), Target::Subjects)),
        Endpoint::SearchResource => goal(app, row, authzen::search::Search(app.clone(), Target::Resources)),
        Endpoint::SearchAction => goal(app, row, authzen::search::Search(app.clone(), Target::Actions)),
        Endpoint::Watch => goal(app, row, authzen::watch::Watching(app.clone())),
        Endpoint::AuthzenConfigurationOf => goal(app, row, oidc::discovery::PolicyDecisionPointOf(issuer.clone())),
        Endpoint::Explain => goal(app, row, authzen::explain::Explain::new(app.clone())),
        Endpoint::Authorize => goal(app, row, oidc::authorize::Authorize(app.clone())),
        Endpoint::InteractionPage => goal(app, row, pages::interaction::InteractionPage(app.clone())),
        Endpoint::SignIn => goal(app, row, pages::interaction::SignIn(app.clone())),
        Endpoint::SelectAccount => goal(app, row, pages::interaction::SelectAccount(app.clone())),
        Endpoint::Consent => goal(app, row, pages::interaction::Consent(app.clone())),
        Endpoint::Userinfo => goal(app, row, oidc::userinfo::Userinfo(app.clone())),
        Endpoint::Logout => goal(app, row, pages::logout::Logout(app.clone())),
        Endpoint::LogoutConfirm => goal(app, row, pages::logout::LogoutConfirm(app.clone())),
        Endpoint::SignedOut => goal(app, row, pages::logout::SignedOut),
        Endpoint::SetupPage => goal(app, row, pages::setup::SetupPage),
        Endpoint::SetupForm => goal(app, row, pages::setup::SetupForm(app.clone())),
        Endpoint::Asset => goal(app, row, pages::assets::Asset),
        Endpoint::Health => goal(app, row, health::Health),
        Endpoint::Ready => goal(app, row, health::Ready(app.clone())),
        Endpoint::OpenApi => goal(app, row, openapi::OpenApi::new(issuer)),
        Endpoint::Docs => goal(app, row, pages::docs::Docs),
        Endpoint::Operation(operation) => goal(app, row, api::Operated { app: app.clone(), row: *row, operation }),
    }
}

/// The same for everybody: these may be compressed, pages and answers may not (they hold what an attacker could guess at).
const fn is_document(endpoint: Endpoint) -> bool {
    matches!(
        endpoint,
        Endpoint::OpenidConfiguration
            | Endpoint::AuthorizationServerMetadata
            | Endpoint::AuthzenConfiguration
            | Endpoint::AuthzenConfigurationOf
            | Endpoint::Jwks
            | Endpoint::Asset
            | Endpoint::OpenApi
            | Endpoint::Docs
    )
}

fn goal<H: Handler + Clone>(app: &Arc<App>, row: &Row, handler: H) -> Router {
    let mut router = Router::with_path(row.path);
    if row.cors {
        router = router.options(cors::preflight);
    }
    let guarded = Router::new();
    let guarded = match row.caller {
        Caller::Anyone if !is_document(row.endpoint) => guarded,
        // Nothing secret is in these, so their length may tell what it likes.
        Caller::Anyone => guarded.hoop(Compression::new().min_length(COMPRESSED_FROM_BYTES)),
        Caller::Client => guarded.hoop(ClientDoor(app.clone())),
        Caller::DecisionCaller => guarded.hoop(DecisionDoor(app.clone())),
        Caller::ExplanationCaller => guarded.hoop(DecisionDoor(app.clone())).hoop(ExplanationDoor(app.clone())),
        Caller::SetupLinkHolder => guarded.hoop(SetupDoor(app.clone())),
        Caller::Bearer => guarded.hoop(BearerDoor(app.clone())),
        Caller::InteractionBrowser => guarded.hoop(InteractionDoor(app.clone())),
        Caller::OwnPage => guarded.hoop(OwnPageDoor(app.clone())),
        Caller::Operator(need) => guarded.hoop(OperatorDoor { app: app.clone(), need }),
    };
    router.push(match row.verb {
        Verb::Get => guarded.get(handler.clone()).head(handler),
        Verb::Post => guarded.post(handler),
        Verb::Put => guarded.put(handler),
        Verb::Patch => guarded.patch(handler),
        Verb::Delete => guarded.delete(handler),
    })
}
