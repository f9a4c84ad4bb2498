//! The endpoint ledger: every route there is and who may call it. The router is made from it, and the door of a route is
//! put up by its row, so no route can lack one.

mod api;

pub use self::api::{
    API, ApiKeyOperation, AssignmentOperation, ClientOperation, GroupOperation, Operation, RegistryOperation,
    RoleOperation, RulesOperation, ServerOperation, UserOperation,
};

/// Who may call an endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Caller {
    /// Anybody, and there is nothing to steal.
    Anyone,
    /// A client that proves to be one (RFC 6749 §2.3).
    Client,
    /// A client bound to a resource server that holds `evaluate:decision`.
    DecisionCaller,
    /// A decision caller that holds `explain:decision`, too.
    ExplanationCaller,
    /// Whoever holds the one-time link in the path.
    SetupLinkHolder,
    /// An access token with `openid`.
    Bearer,
    /// The browser in which the interaction was begun.
    InteractionBrowser,
    /// Our own page in the same browser: a form with its token.
    OwnPage,
    /// A person or client that holds this permission at Doorward's own resource server.
    Operator(Need),
}

/// What an operator must be permitted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Need {
    pub action: &'static str,
    pub resource_type: &'static str,
    /// The parameter of the path that names what it is about; without one it is about all of them.
    pub target: Option<&'static str>,
}

/// What answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Endpoint {
    OpenidConfiguration,
    AuthorizationServerMetadata,
    AuthzenConfiguration,
    /// The same for one of several resource servers.
    AuthzenConfigurationOf,
    Jwks,
    Token,
    Revoke,
    Introspect,
    Evaluation,
    Evaluations,
    SearchSubject,
    SearchResource,
    SearchAction,
    Watch,
    Explain,
    Authorize,
    InteractionPage,
    SignIn,
    SelectAccount,
    Consent,
    Userinfo,
    Logout,
    LogoutConfirm,
    SignedOut,
    SetupPage,
    SetupForm,
    Asset,
    Health,
    Ready,
    OpenApi,
    Docs,
    Operation(Operation),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// One row: the route, who may call it, whether scripts of any origin may read it, and the test for the caller who may not.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub verb: Verb,
    pub path: &'static str,
    pub endpoint: Endpoint,
    pub caller: Caller,
    /// `Access-Control-Allow-Origin: *`, never with credentials.
    pub cors: bool,
    /// A function in `tests/it` that shows the refusal; empty where anybody may call.
    pub refused_by: &'static str,
}

const fn open(path: &'static str, endpoint: Endpoint, cors: bool) -> Row {
    Row { verb: Verb::Get, path, endpoint, caller: Caller::Anyone, cors, refused_by: "" }
}

const fn guarded(path: &'static str, endpoint: Endpoint, caller: Caller, cors: bool, refused_by: &'static str) -> Row {
    Row { verb: Verb::Post, path, endpoint, caller, cors, refused_by }
}

/// The decisions of one resource server, for clients that speak for several.
const fn at_a_base(path: &'static str, endpoint: Endpoint) -> Row {
    guarded(path, endpoint, Caller::DecisionCaller, false, "a_base_is_for_those_who_speak_for_it")
}

const fn posted(row: Row) -> Row {
    Row { verb: Verb::Post, ..row }
}

const fn page(path: &'static str, endpoint: Endpoint, caller: Caller, refused_by: &'static str) -> Row {
    Row { verb: Verb::Get, path, endpoint, caller, cors: false, refused_by }
}

/// Every row there is.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    LEDGER.iter().chain(API.iter())
}

/// All but the administration API.
pub const LEDGER: [Row; 40] = [
    open("/.well-known/openid-configuration", Endpoint::OpenidConfiguration, true),
    open("/.well-known/oauth-authorization-server", Endpoint::AuthorizationServerMetadata, true),
    open("/.well-known/authzen-configuration", Endpoint::AuthzenConfiguration, true),
    open("/oauth2/jwks", Endpoint::Jwks, true),
    guarded("/oauth2/token", Endpoint::Token, Caller::Client, true, "a_token_needs_an_authenticated_client"),
    guarded("/oauth2/revoke", Endpoint::Revoke, Caller::Client, true, "revocation_needs_an_authenticated_client"),
    guarded(
        "/oauth2/introspect",
        Endpoint::Introspect,
        Caller::Client,
        false,
        "introspection_needs_an_authenticated_client",
    ),
    guarded(
        "/access/v1/evaluation",
        Endpoint::Evaluation,
        Caller::DecisionCaller,
        false,
        "a_decision_needs_a_decision_caller",
    ),
    guarded(
        "/access/v1/evaluations",
        Endpoint::Evaluations,
        Caller::DecisionCaller,
        false,
        "a_batch_needs_a_decision_caller",
    ),
    guarded(
        "/access/v1/search/subject",
        Endpoint::SearchSubject,
        Caller::DecisionCaller,
        false,
        "a_search_needs_a_decision_caller",
    ),
    guarded(
        "/access/v1/search/resource",
        Endpoint::SearchResource,
        Caller::DecisionCaller,
        false,
        "a_search_needs_a_decision_caller",
    ),
    guarded(
        "/access/v1/search/action",
        Endpoint::SearchAction,
        Caller::DecisionCaller,
        false,
        "a_search_needs_a_decision_caller",
    ),
    Row {
        verb: Verb::Get,
        ..guarded(
            "/access/v1/watch",
            Endpoint::Watch,
            Caller::DecisionCaller,
            false,
            "to_watch_needs_a_decision_caller",
        )
    },
    open("/.well-known/authzen-configuration/r/{resource_server}", Endpoint::AuthzenConfigurationOf, true),
    at_a_base("/r/{resource_server}/access/v1/evaluation", Endpoint::Evaluation),
    at_a_base("/r/{resource_server}/access/v1/evaluations", Endpoint::Evaluations),
    at_a_base("/r/{resource_server}/access/v1/search/subject", Endpoint::SearchSubject),
    at_a_base("/r/{resource_server}/access/v1/search/resource", Endpoint::SearchResource),
    at_a_base("/r/{resource_server}/access/v1/search/action", Endpoint::SearchAction),
    Row { verb: Verb::Get, ..at_a_base("/r/{resource_server}/access/v1/watch", Endpoint::Watch) },
    guarded(
        "/api/v1/authz/explain",
        Endpoint::Explain,
        Caller::ExplanationCaller,
        false,
        "an_explanation_needs_the_permission_to_ask_why",
    ),
    Row {
        verb: Verb::Get,
        refused_by: "a_wrong_set_up_link_shows_no_form",
        ..guarded("/setup/{link}", Endpoint::SetupPage, Caller::SetupLinkHolder, false, "")
    },
    guarded("/setup/{link}", Endpoint::SetupForm, Caller::SetupLinkHolder, false, "a_set_up_link_works_once"),
    open("/oauth2/authorize", Endpoint::Authorize, false),
    posted(open("/oauth2/authorize", Endpoint::Authorize, false)),
    page(
        "/interaction/{id}",
        Endpoint::InteractionPage,
        Caller::InteractionBrowser,
        "an_interaction_belongs_to_its_browser",
    ),
    posted(page("/interaction/{id}/login", Endpoint::SignIn, Caller::InteractionBrowser, "a_form_needs_its_page")),
    posted(page("/interaction/{id}/consent", Endpoint::Consent, Caller::InteractionBrowser, "a_form_needs_its_page")),
    posted(page(
        "/interaction/{id}/account",
        Endpoint::SelectAccount,
        Caller::InteractionBrowser,
        "a_form_needs_its_page",
    )),
    Row { cors: true, ..page("/oauth2/userinfo", Endpoint::Userinfo, Caller::Bearer, "userinfo_needs_a_token_for_it") },
    Row {
        cors: true,
        ..posted(page("/oauth2/userinfo", Endpoint::Userinfo, Caller::Bearer, "userinfo_needs_a_token_for_it"))
    },
    open("/oauth2/logout", Endpoint::Logout, false),
    posted(open("/oauth2/logout", Endpoint::Logout, false)),
    posted(page("/logout/confirm", Endpoint::LogoutConfirm, Caller::OwnPage, "signing_out_needs_the_page_that_asks")),
    open("/signed-out", Endpoint::SignedOut, false),
    open("/assets/{name}", Endpoint::Asset, false),
    open("/healthz", Endpoint::Health, false),
    open("/readyz", Endpoint::Ready, false),
    open("/openapi.json", Endpoint::OpenApi, true),
    open("/docs", Endpoint::Docs, false),
];
