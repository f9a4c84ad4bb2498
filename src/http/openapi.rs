//! The document of all endpoints (OpenAPI 3.1), made from the ledger: a route without an entry cannot be.

use std::sync::Arc;

use salvo::http::StatusCode;
use salvo::http::header::{CACHE_CONTROL, HeaderValue};
use salvo::{Response, handler};
use serde_json::{Map, Value, json};

use super::api::answer::problem;
use super::api::{Described, describe};
use super::ledger::{Caller, Endpoint, Operation, RegistryOperation, Row, RulesOperation, Verb, rows};
use super::{authzen, reply, standards};
use crate::domain::issuer::Issuer;

#[derive(Clone)]
pub(super) struct OpenApi(Arc<str>);

impl OpenApi {
    pub(super) fn new(issuer: &Issuer) -> Self {
        Self(document(issuer).to_string().into())
    }
}

#[handler]
impl OpenApi {
    fn handle(&self, res: &mut Response) {
        reply::body(res, StatusCode::OK, reply::JSON, self.0.as_bytes());
        res.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    }
}

/// The document, with this server in it.
#[must_use]
pub fn document(issuer: &Issuer) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for row in rows() {
        let path = paths.entry(row.path).or_insert_with(|| json!({}));
        if let Some(verbs) = path.as_object_mut() {
            verbs.insert(verb(row.verb).into(), operation(row));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Doorward", "version": env!("CARGO_PKG_VERSION"),
            "description": "Sign-in, tokens, decisions and administration. Each operation of the administration API \
                            names the permission it needs at the resource server doorward as x-permission.",
        },
        "servers": [{ "url": issuer.as_str() }],
        "paths": paths,
        "components": {
            "schemas": { "Problem": problem(), "OAuthError": standards::oauth_error() },
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "an access token for this API" },
                "key": { "type": "http", "scheme": "bearer", "description": "an API key, dwk_…" },
                "client": { "type": "http", "scheme": "basic", "description": "client_id and secret" },
            },
        },
    })
}

pub(super) const fn verb(verb: Verb) -> &'static str {
    match verb {
        Verb::Get => "get",
        Verb::Post => "post",
        Verb::Put => "put",
        Verb::Patch => "patch",
        Verb::Delete => "delete",
    }
}

fn operation(row: &Row) -> Value {
    let (tag, summary) = about(row.endpoint);
    let path: String = row.path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let mut entry = json!({
        "operationId": format!("{}{}", verb(row.verb), path.trim_end_matches('_')),
        "tags": [tag], "summary": summary, "security": security(row.caller),
        "parameters": parameters(row.path, "path").collect::<Vec<_>>(),
    });
    let Some(members) = entry.as_object_mut() else { return entry };
    match described(row.endpoint) {
        Some(described) => members.extend(detailed(row, &described)),
        None => members.extend(standards::members(row)),
    }
    entry
}

/// What an endpoint of our own takes and answers; the others are as their standards have them.
pub(super) fn described(endpoint: Endpoint) -> Option<Described> {
    match endpoint {
        Endpoint::Operation(operation) => Some(describe(operation)),
        _ => authzen::describe::describe(endpoint),
    }
}

pub(super) fn parameters(path: &'static str, place: &'static str) -> impl Iterator<Item = Value> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names.map(move |name| json!({ "name": name, "in": place, "required": true, "schema": { "type": "string" } }))
}

fn detailed(row: &Row, described: &Described) -> Map<String, Value> {
    let mut members = Map::new();
    if let Caller::Operator(need) = row.caller {
        members.insert("x-permission".into(), json!(format!("{}:{}", need.action, need.resource_type)));
    }
    let query = described.query.iter().map(|parameter| {
        json!({ "name": parameter.name, "in": "query", "description": parameter.text, "schema": parameter.schema() })
    });
    members.insert("parameters".into(), parameters(row.path, "path").chain(query).chain(sent(row)).collect());
    if let Some(schema) = described.body {
        let content = json!({ "application/json": { "schema": schema() } });
        members.insert("requestBody".into(), json!({ "required": true, "content": content }));
    }
    let mut responses = Map::new();
    let mut answer = json!({ "description": "done", "headers": headers(row, described.status) });
    if let (Some(schema), Some(answer)) = (described.answer_schema(), answer.as_object_mut()) {
        answer.insert("content".into(), json!({ "application/json": { "schema": schema } }));
    }
    responses.insert(described.status.to_string(), answer);
    responses.extend(refusals(row, described).map(|status| (status.to_string(), standards::problem(status))));
    members.insert("responses".into(), Value::Object(responses));
    members
}

/// With which statuses an endpoint of our own refuses: a caller may count on there being no other.
fn refusals(row: &Row, described: &Described) -> impl Iterator<Item = u16> {
    let is_operation = matches!(row.caller, Caller::Operator(_));
    let is_write = is_operation && row.verb != Verb::Get;
    let has_tests =
        matches!(row.endpoint, Endpoint::Operation(Operation::Rules(RulesOperation::Put | RulesOperation::Activate)));
    let is_conditional = matches!(
        row.endpoint,
        Endpoint::Operation(Operation::Registry(
            RegistryOperation::WriteRelations | RegistryOperation::WriteResources | RegistryOperation::PutSubjects
        ))
    );
    let has_preconditions = has_tests || is_conditional;
    let all = [
        (400, true),
        (401, true),
        (403, true),
        (404, row.path.contains('{')),
        (409, is_write),
        (412, has_preconditions),
        (413, described.body.is_some()),
        // Over budget, which no operator is: they are in few enough groups.
        (422, !is_operation || has_tests),
        (503, true),
    ];
    all.into_iter().filter_map(|(status, holds)| holds.then_some(status))
}

fn headers(row: &Row, status: u16) -> Value {
    let mut headers = Map::new();
    let text = |said: &str| json!({ "description": said, "required": true, "schema": { "type": "string" } });
    let is_operation = matches!(row.caller, Caller::Operator(_));
    if is_operation && row.verb != Verb::Get {
        headers.insert("Doorward-Consistency-Token".into(), text("the revision of this write"));
    }
    if status == 201 {
        headers.insert("Location".into(), text("where it is now"));
    }
    if !is_operation {
        headers.insert("Doorward-Decision-Id".into(), text("what this answer is called in the log, as decision_id"));
        headers.insert("Doorward-Revision".into(), text("as of which revision it is; of a batch the oldest"));
    }
    if matches!(row.endpoint, Endpoint::Evaluation | Endpoint::Evaluations | Endpoint::Explain) {
        let said = "the moment from which it may be another, though nothing is written; without it there is none";
        let schema = json!({ "type": "string", "format": "date-time" });
        let header = json!({ "description": said, "required": false, "schema": schema });
        headers.insert("Doorward-Valid-Until".into(), header);
    }
    Value::Object(headers)
}

/// The headers of a request that are not everywhere the same.
fn sent(row: &Row) -> Option<Value> {
    let is_decision = matches!(row.caller, Caller::DecisionCaller | Caller::ExplanationCaller);
    let said = "how recent the answer must be: what this node knows (minimize_latency, as without it), all that was \
                written before the request (full), or all up to a write (at_least= and its Doorward-Consistency-Token)";
    is_decision.then(|| {
        let schema = json!({ "type": "string", "pattern": "^(minimize_latency|full|at_least=[!-~]+)$" });
        json!({ "name": "Doorward-Consistency", "in": "header", "description": said, "schema": schema })
    })
}

fn security(caller: Caller) -> Value {
    match caller {
        Caller::Client => json!([{ "client": [] }]),
        Caller::DecisionCaller | Caller::ExplanationCaller | Caller::Operator(_) => {
            json!([{ "token": [] }, { "key": [] }, { "client": [] }])
        }
        Caller::Bearer => json!([{ "token": [] }]),
        Caller::Anyone | Caller::SetupLinkHolder | Caller::InteractionBrowser | Caller::OwnPage => json!([]),
    }
}

/// The section an endpoint belongs to, and what it is for.
pub(super) fn about(endpoint: Endpoint) -> (&'static str, &'static str) {
    const OAUTH: &str = "OAuth 2 and OpenID Connect";
    const DECISIONS: &str = "Decisions";
    const PAGES: &str = "Pages for people";
    const SERVICE: &str = "The service itself";
    match endpoint {
        Endpoint::OpenidConfiguration => (OAUTH, "Provider metadata (OpenID Connect Discovery)"),
        Endpoint::AuthorizationServerMetadata => (OAUTH, "Server metadata (RFC 8414)"),
        Endpoint::Jwks => (OAUTH, "The public keys that verify tokens (RFC 7517)"),
        Endpoint::Token => (OAUTH, "Exchange a code, a refresh token or client credentials for tokens (RFC 6749)"),
        Endpoint::Revoke => (OAUTH, "Revoke a token (RFC 7009)"),
        Endpoint::Introspect => (OAUTH, "Ask what a token is worth (RFC 7662)"),
        Endpoint::Authorize => (OAUTH, "Begin a sign-in (RFC 6749, OpenID Connect Core)"),
        Endpoint::Userinfo => (OAUTH, "What a token's subject agreed to tell (OpenID Connect Core)"),
        Endpoint::Logout => (OAUTH, "Sign out (OpenID Connect RP-Initiated Logout)"),
        Endpoint::AuthzenConfiguration => (DECISIONS, "Metadata of the decision point (AuthZEN 1.0)"),
        Endpoint::AuthzenConfigurationOf => {
            (DECISIONS, "The same for one resource server, for clients that speak for several")
        }
        Endpoint::Watch => (DECISIONS, "What writes change, as server-sent events, for those who keep answers"),
        Endpoint::Evaluation => (DECISIONS, "May this subject do this, to this resource? (AuthZEN 1.0)"),
        Endpoint::Evaluations => (DECISIONS, "The same, many times in one request (AuthZEN 1.0)"),
        Endpoint::SearchSubject => (DECISIONS, "Which subjects may do it (AuthZEN 1.0)"),
        Endpoint::SearchResource => (DECISIONS, "To which resources they may do it (AuthZEN 1.0)"),
        Endpoint::SearchAction => (DECISIONS, "What they may do (AuthZEN 1.0)"),
        Endpoint::Explain => (DECISIONS, "May it, and why? A tree of what was found and what is missing"),
        Endpoint::InteractionPage => (PAGES, "The page that asks next"),
        Endpoint::SignIn => (PAGES, "The form that signs in"),
        Endpoint::SelectAccount => (PAGES, "The form that chooses the account"),
        Endpoint::Consent => (PAGES, "The form that agrees or does not"),
        Endpoint::LogoutConfirm => (PAGES, "The form that signs out"),
        Endpoint::SignedOut => (PAGES, "The page after signing out"),
        Endpoint::SetupPage => (PAGES, "The page behind the set-up link"),
        Endpoint::SetupForm => (PAGES, "The form that makes the first operator"),
        Endpoint::Asset => (PAGES, "Styles and scripts of the pages"),
        Endpoint::Health => (SERVICE, "Whether it runs"),
        Endpoint::Ready => (SERVICE, "Whether it should be sent requests"),
        Endpoint::OpenApi => (SERVICE, "This document, for programs"),
        Endpoint::Docs => (SERVICE, "This document, for people"),
        Endpoint::Operation(operation) => (section(operation), describe(operation).summary),
    }
}

const fn section(operation: Operation) -> &'static str {
    match operation {
        Operation::User(_) => "People",
        Operation::Client(_) => "Clients",
        Operation::Server(_) => "Resource servers",
        Operation::Role(_) => "Roles",
        Operation::Group(_) => "Groups",
        Operation::Assignment(_) => "Assignments",
        Operation::Rules(_) => "Models and policies",
        Operation::Registry(_) => "Resources, subjects and their relations",
        Operation::ApiKey(_) => "API keys",
        Operation::ReadAudit | Operation::ShowFact => "Audit",
    }
}
