//! The document of all endpoints, for people.

use std::sync::LazyLock;

use minijinja::{Value, context};
use salvo::http::StatusCode;
use salvo::http::header::{CACHE_CONTROL, HeaderValue};
use salvo::{Response, handler};
use serde::Serialize;
use serde_json::Value as Json;

use super::super::ledger::{Caller, Row, rows};
use super::super::openapi::{about, described, verb};
use super::{Language, render};

#[derive(Clone)]
pub(in crate::http) struct Docs;

#[handler]
impl Docs {
    fn handle(res: &mut Response) {
        let sections = Value::from_serialize(&*SECTIONS);
        render(res, Language::default(), StatusCode::OK, "docs.html", context! { sections });
        res.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    }
}

/// The same for everybody, so made once.
static SECTIONS: LazyLock<Vec<Section>> = LazyLock::new(sections);

#[derive(Serialize)]
struct Section {
    title: &'static str,
    entries: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    verb: String,
    path: &'static str,
    summary: &'static str,
    caller: String,
    query: Vec<Line>,
    body: Vec<Line>,
    status: Option<u16>,
    answer: Vec<Line>,
}

/// A parameter or member.
#[derive(Serialize)]
struct Line {
    name: String,
    kind: String,
    text: String,
    needed: bool,
}

fn sections() -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for row in rows() {
        let (title, summary) = about(row.endpoint);
        let entry = entry(row, summary);
        match sections.iter_mut().find(|section| section.title == title) {
            Some(section) => section.entries.push(entry),
            None => sections.push(Section { title, entries: vec![entry] }),
        }
    }
    sections
}

fn entry(row: &Row, summary: &'static str) -> Entry {
    let mut entry = Entry {
        verb: verb(row.verb).to_uppercase(),
        path: row.path,
        summary,
        caller: caller(row.caller),
        query: Vec::new(),
        body: Vec::new(),
        status: None,
        answer: Vec::new(),
    };
    if let Some(described) = described(row.endpoint) {
        let parameter = |(name, text): (&str, &str)| Line {
            name: name.to_owned(),
            kind: "text".to_owned(),
            text: text.to_owned(),
            needed: false,
        };
        entry.query = described.query.iter().map(|p| parameter((p.name, p.text))).collect();
        entry.body = described.body.map(|schema| lines(&schema())).unwrap_or_default();
        entry.status = Some(described.status);
        entry.answer = described.answer_schema().map(|schema| lines(&schema)).unwrap_or_default();
    }
    entry
}

fn caller(caller: Caller) -> String {
    match caller {
        Caller::Anyone => "anybody".to_owned(),
        Caller::Client => "a client".to_owned(),
        Caller::DecisionCaller => "evaluate:decision, of a client that speaks for a resource server".to_owned(),
        Caller::ExplanationCaller => "evaluate:decision and explain:decision, of such a client".to_owned(),
        Caller::SetupLinkHolder => "whoever holds the link".to_owned(),
        Caller::Bearer => "an access token".to_owned(),
        Caller::InteractionBrowser | Caller::OwnPage => "a page in the same browser".to_owned(),
        Caller::Operator(need) => format!("{}:{}", need.action, need.resource_type),
    }
}

/// The members of an object.
fn lines(schema: &Json) -> Vec<Line> {
    let required: Vec<_> = schema.get("required").and_then(Json::as_array).into_iter().flatten().collect();
    let members = schema.get("properties").and_then(Json::as_object).into_iter().flatten();
    let line = |(name, member): (&String, &Json)| Line {
        name: name.clone(),
        kind: kind(member),
        text: member.get("description").and_then(Json::as_str).unwrap_or_default().to_owned(),
        needed: required.iter().any(|required| required.as_str() == Some(name)),
    };
    members.map(line).collect()
}

fn kind(schema: &Json) -> String {
    let one = |kind: &Json| kind.as_str().unwrap_or_default().to_owned();
    let plain = match schema.get("type") {
        Some(Json::Array(kinds)) => kinds.iter().map(one).collect::<Vec<_>>().join(" or "),
        Some(kind) => one(kind),
        None => String::new(),
    };
    match schema.get("items") {
        Some(items) => format!("{plain} of {}", kind(items)),
        None => schema.get("format").map_or(plain, one),
    }
}
