//! JSON as it stands in the body of a request: texts and names are not copied unless something in them is escaped, and
//! objects are lists, since theirs here are short.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

/// A JSON value.
#[derive(Debug)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Object<'a>),
}

/// A JSON object; no name stands twice.
#[derive(Debug, Default)]
pub(super) struct Object<'a>(pub Vec<(Cow<'a, str>, Json<'a>)>);

/// An object without members.
pub(super) static EMPTY: Object<'static> = Object(Vec::new());

impl<'a> Object<'a> {
    pub(super) fn get(&self, name: &str) -> Option<&Json<'a>> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Takes these members out, into an object of their own.
    pub(super) fn take(&mut self, names: &[&str]) -> Self {
        Self(self.0.extract_if(.., |(name, _)| names.contains(&name.as_ref())).collect())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_ref())
    }

    pub(super) fn to_map(&self) -> Map<String, Value> {
        self.0.iter().map(|(name, value)| (name.to_string(), value.to_value())).collect()
    }

    /// Bytes it takes as a text, roughly.
    pub(super) fn size(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.size() + BESIDE).sum::<usize>() + BESIDE
    }
}

/// Quotes, colons, commas and brackets beside a value.
const BESIDE: usize = 4;

impl<'a> Json<'a> {
    pub(super) fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn as_u64(&self) -> Option<u64> {
        if let Self::Number(number) = self { number.as_u64() } else { None }
    }

    pub(super) fn as_object(&self) -> Option<&Object<'a>> {
        if let Self::Object(object) = self { Some(object) } else { None }
    }

    pub(super) fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(is) => Value::Bool(*is),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Text(text) => Value::String(text.to_string()),
            Self::Array(values) => values.iter().map(Json::to_value).collect(),
            Self::Object(object) => Value::Object(object.to_map()),
        }
    }

    /// Bytes it takes as a text, roughly.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) => BESIDE,
            Self::Text(text) => text.len() + BESIDE,
            Self::Array(values) => values.iter().map(|value| value.size() + BESIDE).sum::<usize>() + BESIDE,
            Self::Object(object) => object.size(),
        }
    }
}
