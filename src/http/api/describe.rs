//! What each operation takes and answers: read when a request is parsed, and written into the document.

use serde_json::{Value, json};

use super::super::ledger::Operation;
use super::answer;
use super::body::Shape;
use super::query::LIMIT_MAX;
use super::{api_keys, assignments, audit, clients, groups, registry, roles, rules, servers, users};
use crate::domain::listing::PREFIX_LEN_MAX;

/// A parameter of the query.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Parameter {
    pub name: &'static str,
    pub text: &'static str,
}

impl Parameter {
    pub(super) const fn new(name: &'static str, text: &'static str) -> Self {
        Self { name, text }
    }

    /// What it may hold. One without a value is refused: a filter that somebody forgot to fill must not list everything.
    pub(in crate::http) fn schema(self) -> Value {
        match self.name {
            "limit" => json!({ "type": "integer", "minimum": 1, "maximum": LIMIT_MAX }),
            "order" => json!({ "type": "string", "enum": ["asc", "desc"] }),
            "disabled" => json!({ "type": "boolean" }),
            "q" => json!({ "type": "string", "minLength": 1, "maxLength": PREFIX_LEN_MAX }),
            _ => json!({ "type": "string", "minLength": 1 }),
        }
    }
}

/// An operation, for whoever calls it.
pub(in crate::http) struct Described {
    pub summary: &'static str,
    pub query: Vec<Parameter>,
    /// The schema of the body; without one there is none.
    pub body: Option<fn() -> Value>,
    pub status: u16,
    /// The schema of the answer; without one there is nothing to say.
    pub answer: Option<fn() -> Value>,
    /// Whether the answer is a page of what the schema describes.
    pub is_page: bool,
    /// Whether the body may be as large as a batch.
    pub is_bulk: bool,
}

const PAGED: [Parameter; 2] = [
    Parameter::new("limit", "so many items at most: 1 to 200, 50 when left out"),
    Parameter::new("after", "the next of an earlier page"),
];

/// For lists by name.
pub(super) const ORDER: Parameter = Parameter::new("order", "asc or desc; asc when left out");

impl Described {
    const fn new(summary: &'static str, status: u16, answer: Option<fn() -> Value>) -> Self {
        Self { summary, query: Vec::new(), body: None, status, answer, is_page: false, is_bulk: false }
    }

    pub(super) fn creates<B: Shape>(summary: &'static str, answer: fn() -> Value) -> Self {
        Self { body: Some(B::schema), ..Self::new(summary, 201, Some(answer)) }
    }

    pub(super) fn changes<B: Shape>(summary: &'static str, answer: fn() -> Value) -> Self {
        Self { body: Some(B::schema), ..Self::new(summary, 200, Some(answer)) }
    }

    /// A question that is put in a body.
    pub(in crate::http) fn answers(summary: &'static str, question: fn() -> Value, answer: fn() -> Value) -> Self {
        Self { body: Some(question), ..Self::new(summary, 200, Some(answer)) }
    }

    pub(super) const fn acts(summary: &'static str, answer: fn() -> Value) -> Self {
        Self::new(summary, 200, Some(answer))
    }

    pub(super) const fn shows(summary: &'static str, answer: fn() -> Value) -> Self {
        Self::new(summary, 200, Some(answer))
    }

    pub(super) const fn deletes(summary: &'static str) -> Self {
        Self::new(summary, 204, None)
    }

    pub(super) fn lists(summary: &'static str, item: fn() -> Value) -> Self {
        Self { query: PAGED.to_vec(), is_page: true, ..Self::new(summary, 200, Some(item)) }
    }

    pub(super) const fn in_bulk(mut self) -> Self {
        self.is_bulk = true;
        self
    }

    pub(super) fn filtered(mut self, filters: &[Parameter]) -> Self {
        self.query.extend_from_slice(filters);
        self
    }

    /// The schema of the whole answer.
    pub(in crate::http) fn answer_schema(&self) -> Option<Value> {
        let schema = self.answer?();
        Some(if self.is_page { answer::page(&schema) } else { schema })
    }
}

pub(in crate::http) fn describe(operation: Operation) -> Described {
    match operation {
        Operation::User(operation) => users::describe(operation),
        Operation::Client(operation) => clients::describe(operation),
        Operation::Server(operation) => servers::describe(operation),
        Operation::Role(operation) => roles::describe(operation),
        Operation::Group(operation) => groups::describe(operation),
        Operation::Assignment(operation) => assignments::describe(operation),
        Operation::Rules(operation) => rules::describe(operation),
        Operation::Registry(operation) => registry::describe(operation),
        Operation::ApiKey(operation) => api_keys::describe(operation),
        Operation::ReadAudit => audit::describe(),
        Operation::ShowFact => audit::describe_one(),
    }
}
