//! The document of all endpoints (OpenAPI 3.1), made from the ledger: a route without an entry cannot be.

use std::sync::Arc;

use salvo::http::StatusCode;
use salvo::http::header::{CACHE_CONTROL, HeaderValue};
use salvo::{Response, handler};
use serde_json::{Map, Value, json};

use super::api::answer::problem;
use super::api::{Described, describe};
use super::ledger::{Caller, Endpoint, Operation, Row, Verb, rows};
use super::reply;
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
            "schemas": { "Problem": problem() },
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
    match row.endpoint {
        Endpoint::Operation(operation) => members.extend(detailed(row, &describe(operation))),
        _ => members.extend(brief(row)),
    }
    entry
}

fn parameters(path: &'static str, place: &'static str) -> impl Iterator<Item = Value> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names.map(move |name| json!({ "name": name, "in": place, "required": true, "schema": { "type": "string" } }))
}

fn refusals(body: &mut Map<String, Value>) {
    let problem = json!({
        "description": "refused; code says why",
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    body.insert("default".into(), problem);
}

fn detailed(row: &Row, described: &Described) -> Map<String, Value> {
    let mut members = Map::new();
    if let Caller::Operator(need) = row.caller {
        members.insert("x-permission".into(), json!(format!("{}:{}", need.action, need.resource_type)));
    }
    let query = described.query.iter().map(|parameter| {
        let kind = if parameter.name == "limit" { "integer" } else { "string" };
        json!({ "name": parameter.name, "in": "query", "description": parameter.text, "schema": { "type": kind } })
    });
    members.insert("parameters".into(), parameters(row.path, "path").chain(query).collect());
    if let Some(schema) = described.body {
        let content = json!({ "application/json": { "schema": schema() } });
        members.insert("requestBody".into(), json!({ "required": true, "content": content }));
    }
    let mut responses = Map::new();
    let mut answer = json!({ "description": "done", "headers": headers(row.verb, described.status) });
    if let (Some(schema), Some(answer)) = (described.answer_schema(), answer.as_object_mut()) {
        answer.insert("content".into(), json!({ "application/json": { "schema": schema } }));
    }
    responses.insert(described.status.to_string(), answer);
    refusals(&mut responses);
    members.insert("responses".into(), Value::Object(responses));
    members
}

fn headers(verb: Verb, status: u16) -> Value {
    let mut headers = Map::new();
    let text = |said: &str| json!({ "description": said, "schema": { "type": "string" } });
    if verb != Verb::Get {
        headers.insert("Doorward-Consistency-Token".into(), text("the revision of this write"));
    }
    if status == 201 {
        headers.insert("Location".into(), text("where it is now"));
    }
    Value::Object(headers)
}

/// Endpoints that a standard describes, and pages for people.
fn brief(row: &Row) -> Map<String, Value> {
    let mut members = Map::new();
    let media = match row.caller {
        Caller::DecisionCaller | Caller::ExplanationCaller => "application/json",
        _ => "application/x-www-form-urlencoded",
    };
    if row.verb == Verb::Post {
        let content = json!({ media: { "schema": { "type": "object" } } });
        members.insert("requestBody".into(), json!({ "content": content }));
    }
    let mut responses = Map::new();
    responses.insert("200".into(), json!({ "description": "as the standard has it" }));
    refusals(&mut responses);
    members.insert("responses".into(), Value::Object(responses));
    members
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
