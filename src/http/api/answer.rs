//! The schemas of answers. What is answered comes from the views of administration; the tests check each answer against
//! the schema that is published for it.

use serde_json::{Value, json};

use super::body::nullable;

pub(super) type Members = &'static [(&'static str, fn() -> Value)];

/// An object: members that are always there, then members that may be.
pub(super) fn object(always: Members, sometimes: Members) -> Value {
    let schema = |(name, of): &(&str, fn() -> Value)| ((*name).to_owned(), of());
    let properties: serde_json::Map<_, _> = always.iter().chain(sometimes).map(schema).collect();
    let required: Vec<_> = always.iter().map(|(name, _)| *name).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

pub(super) fn page(item: &Value) -> Value {
    json!({
        "type": "object",
        "properties": {
            "items": { "type": "array", "items": item },
            "next": { "type": "string", "description": "the after of the next page; absent on the last one" },
        },
        "required": ["items"], "additionalProperties": false,
    })
}

pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

pub(super) fn optional_text() -> Value {
    nullable(text())
}

pub(super) fn texts() -> Value {
    json!({ "type": "array", "items": text() })
}

pub(super) fn flag() -> Value {
    json!({ "type": "boolean" })
}

pub(super) fn optional_number() -> Value {
    nullable(json!({ "type": "integer" }))
}

pub(super) fn moment() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

pub(super) fn id() -> Value {
    json!({ "type": "string", "format": "uuid" })
}

/// Members that differ from case to case.
pub(super) fn anything() -> Value {
    json!({ "type": "object" })
}

pub(super) fn interval() -> Value {
    object(&[], &[("not_before", moment), ("expires_at", moment)])
}

/// What every problem holds (RFC 9457).
pub(in crate::http) fn problem() -> Value {
    object(
        &[
            ("type", text),
            ("title", text),
            ("status", || json!({ "type": "integer" })),
            ("code", text),
            ("detail", text),
        ],
        &[("member", text)],
    )
}
