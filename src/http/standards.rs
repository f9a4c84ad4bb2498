//! What endpoints that a standard describes, and pages for people, take and answer: for the document. It names every
//! status and the shape of its body, so that whoever reads it may count on there being no other.

use salvo::http::StatusCode;
use serde_json::{Map, Value, json};

use super::ledger::{Caller, Endpoint, Row, Verb};
use super::openapi::parameters;

const JSON: &str = "application/json";
const HTML: &str = "text/html";
const FORM: &str = "application/x-www-form-urlencoded";
const PROBLEM: &str = "application/problem+json";

/// The body of one answer.
#[derive(Clone, Copy)]
enum Body {
    /// JSON with these members at least.
    Json(&'static [&'static str]),
    Of(&'static str),
    /// Nothing, but a `Location` to go on to.
    Elsewhere,
    Nothing,
    OAuthError,
    Problem,
}

use Body::{Elsewhere, Json, Nothing, OAuthError, Of, Problem};

const PAGE: Body = Of(HTML);

type Answers = &'static [(u16, Body)];

const TOKEN: Answers = &[
    (200, Json(&["access_token", "token_type", "expires_in"])),
    (400, OAuthError),
    (401, OAuthError),
    (413, OAuthError),
    (503, OAuthError),
];
const REVOKE: Answers = &[(200, Json(&[])), (400, OAuthError), (401, OAuthError), (413, OAuthError), (503, OAuthError)];
const INTROSPECT: Answers =
    &[(200, Json(&["active"])), (400, OAuthError), (401, OAuthError), (413, OAuthError), (503, OAuthError)];
const USERINFO: Answers = &[(200, Json(&["sub"])), (400, Problem), (401, Problem), (403, Problem), (503, Problem)];
const AUTHORIZE: Answers = &[(200, PAGE), (303, Elsewhere), (400, PAGE), (413, PAGE), (415, PAGE), (503, PAGE)];
const INTERACTION: Answers = &[(200, PAGE), (303, Elsewhere), (409, PAGE), (410, PAGE), (503, PAGE)];
const INTERACTION_FORM: Answers = &[
    (200, PAGE),
    (303, Elsewhere),
    (400, PAGE),
    (403, PAGE),
    (409, PAGE),
    (410, PAGE),
    (413, PAGE),
    (415, PAGE),
    (429, PAGE),
    (503, PAGE),
];
const LOGOUT: Answers =
    &[(200, PAGE), (303, Elsewhere), (400, PAGE), (403, PAGE), (413, PAGE), (415, PAGE), (503, PAGE)];
const WATCH: Answers =
    &[(200, Of("text/event-stream")), (400, Problem), (401, Problem), (403, Problem), (429, Problem), (503, Problem)];
const SETUP: Answers = &[(200, PAGE), (400, PAGE), (410, PAGE), (413, PAGE), (415, PAGE), (503, PAGE)];

const fn answers(endpoint: Endpoint) -> Answers {
    match endpoint {
        Endpoint::OpenidConfiguration | Endpoint::AuthorizationServerMetadata => &[(200, Json(&["issuer"]))],
        Endpoint::AuthzenConfiguration | Endpoint::AuthzenConfigurationOf => &[(200, Json(&["policy_decision_point"]))],
        Endpoint::OpenApi => &[(200, Json(&["openapi", "paths"]))],
        Endpoint::Watch => WATCH,
        Endpoint::Jwks => &[(200, Of("application/jwk-set+json")), (304, Nothing)],
        Endpoint::Health => &[(200, Json(&["status"]))],
        Endpoint::Ready => &[(200, Json(&["status"])), (503, Json(&["status"]))],
        Endpoint::Token => TOKEN,
        Endpoint::Revoke => REVOKE,
        Endpoint::Introspect => INTROSPECT,
        Endpoint::Userinfo => USERINFO,
        Endpoint::Authorize => AUTHORIZE,
        Endpoint::InteractionPage => INTERACTION,
        Endpoint::SignIn | Endpoint::SelectAccount | Endpoint::Consent => INTERACTION_FORM,
        Endpoint::Logout | Endpoint::LogoutConfirm => LOGOUT,
        Endpoint::SetupPage | Endpoint::SetupForm => SETUP,
        Endpoint::SignedOut | Endpoint::Docs => &[(200, PAGE)],
        Endpoint::Asset => &[(200, Of("text/*")), (404, PAGE)],
        // These say for themselves what they answer.
        Endpoint::Evaluation
        | Endpoint::Evaluations
        | Endpoint::SearchSubject
        | Endpoint::SearchResource
        | Endpoint::SearchAction
        | Endpoint::Explain
        | Endpoint::Operation(_) => &[],
    }
}

/// The parameters of a request, in the query or in a form: those that must be there, and those that may.
const fn takes(endpoint: Endpoint) -> (&'static [&'static str], &'static [&'static str]) {
    match endpoint {
        Endpoint::Token => {
            (&["grant_type"], &["scope", "resource", "code", "redirect_uri", "code_verifier", "refresh_token"])
        }
        Endpoint::Revoke | Endpoint::Introspect => (&["token"], &["token_type_hint"]),
        Endpoint::Userinfo => (&[], &["access_token"]),
        Endpoint::Watch => (&[], &["after"]),
        Endpoint::Authorize => (
            &["client_id", "response_type", "redirect_uri"],
            &[
                "scope",
                "state",
                "nonce",
                "code_challenge",
                "code_challenge_method",
                "response_mode",
                "resource",
                "prompt",
                "max_age",
                "login_hint",
                "id_token_hint",
                "ui_locales",
                "acr_values",
                "claims",
            ],
        ),
        Endpoint::Logout => (&[], &["id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"]),
        Endpoint::SignIn => (&["form_token", "username", "password"], &[]),
        Endpoint::SelectAccount => (&["form_token", "session", "choice"], &[]),
        Endpoint::Consent => (&["form_token", "session", "decision"], &[]),
        Endpoint::LogoutConfirm => (&[], &["form_token", "decision"]),
        Endpoint::SetupForm => (&["username", "password"], &["name", "email"]),
        _ => (&[], &[]),
    }
}

/// The parameters, body and answers of a row.
pub(super) fn members(row: &Row) -> Map<String, Value> {
    let mut members = Map::new();
    let (must, may) = takes(row.endpoint);
    if row.verb == Verb::Post {
        let content = json!({ FORM: { "schema": form(row, must, may) } });
        members.insert("requestBody".into(), json!({ "required": !must.is_empty(), "content": content }));
    } else if !(must.is_empty() && may.is_empty()) && row.endpoint != Endpoint::Userinfo {
        // What is missing is told to a person, or to the client that sent them.
        let query = must.iter().chain(may).map(|name| json!({ "name": name, "in": "query", "schema": text() }));
        members.insert("parameters".into(), parameters(row.path, "path").chain(query).collect());
    }
    let mut responses: Map<_, _> =
        answers(row.endpoint).iter().map(|(status, body)| (status.to_string(), answer(*status, *body))).collect();
    if row.path.contains('{') {
        let elsewhere = responses.entry("404").or_insert_with(|| described(404));
        content(elsewhere, PROBLEM, &problem_schema());
    }
    members.insert("responses".into(), Value::Object(responses));
    members
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn form(row: &Row, must: &[&str], may: &[&str]) -> Value {
    let client: &[&str] = match row.caller {
        Caller::Client => &["client_id", "client_secret", "client_assertion_type", "client_assertion"],
        _ => &[],
    };
    let properties = must.iter().chain(may).chain(client).map(|name| ((*name).to_owned(), text()));
    json!({ "type": "object", "properties": properties.collect::<Map<_, _>>(), "required": must })
}

fn described(status: u16) -> Value {
    let said = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    json!({ "description": said.unwrap_or_default() })
}

/// Adds a type of body to an answer.
fn content(answer: &mut Value, media: &str, schema: &Value) {
    let Some(members) = answer.as_object_mut() else { return };
    let all = members.entry("content").or_insert_with(|| json!({}));
    if let Some(all) = all.as_object_mut() {
        all.insert(media.to_owned(), json!({ "schema": schema }));
    }
}

fn header(answer: &mut Value, name: &str, said: &str) {
    if let Some(members) = answer.as_object_mut() {
        let header = json!({ "description": said, "required": true, "schema": text() });
        members.insert("headers".into(), json!({ name: header }));
    }
}

fn answer(status: u16, body: Body) -> Value {
    let mut answer = described(status);
    match body {
        Problem => return problem(status),
        Json(required) => content(&mut answer, JSON, &json!({ "type": "object", "required": required })),
        Of(media) => content(&mut answer, media, &json!({})),
        OAuthError => content(&mut answer, JSON, &json!({ "$ref": "#/components/schemas/OAuthError" })),
        Elsewhere => header(&mut answer, "Location", "where the browser goes on"),
        Nothing => {}
    }
    answer
}

fn problem_schema() -> Value {
    json!({ "$ref": "#/components/schemas/Problem" })
}

/// A refusal in the shape of RFC 9457.
pub(super) fn problem(status: u16) -> Value {
    let mut answer = described(status);
    content(&mut answer, PROBLEM, &problem_schema());
    match status {
        401 => header(&mut answer, "WWW-Authenticate", "how to prove who asks (RFC 9110 §11.6.1)"),
        503 => header(&mut answer, "Retry-After", "after how many seconds to try again"),
        _ => {}
    }
    answer
}

/// RFC 6749 §5.2.
pub(super) fn oauth_error() -> Value {
    json!({
        "type": "object", "properties": { "error": text(), "error_description": text() }, "required": ["error"],
    })
}
