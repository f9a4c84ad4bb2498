//! Bodies of requests: each is declared once, and from that come the type it is read into and its JSON schema, so that
//! the document cannot say another thing than the parser.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::admin::PrincipalRef;
use crate::domain::assignment::Effect;
use crate::domain::client::AuthMethod;
use crate::domain::id::AssignmentId;
use crate::domain::name::{ClientName, DisplayName, Email, Reason, Segment, Slug, Sub, Username};
use crate::domain::object::ObjectRef;
use crate::domain::permission::Permission;
use crate::domain::redirect::{BackchannelUri, RedirectUri};
use crate::domain::scope::Scope;
use crate::domain::time::Instant;

/// A type that knows its JSON schema.
pub(super) trait Shape {
    fn schema() -> Value;
}

/// A body: members that must be there, then members that may be. Any other is refused.
macro_rules! body {
    (
        $(#[$doc:meta])*
        $name:ident {
            $($must:ident: $must_type:ty = $must_text:literal,)*
            ---
            $($may:ident: $may_type:ty = $may_text:literal,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            $(pub(super) $must: $must_type,)*
            $(#[serde(default)] pub(super) $may: $may_type,)*
        }

        impl $crate::http::api::body::Shape for $name {
            fn schema() -> serde_json::Value {
                use $crate::http::api::body::{Shape, members};
                let must = vec![$((stringify!($must), <$must_type as Shape>::schema(), $must_text)),*];
                let may = vec![$((stringify!($may), <$may_type as Shape>::schema(), $may_text)),*];
                members(&must, &may)
            }
        }
    };
}
pub(super) use body;

type Member = (&'static str, Value, &'static str);

/// The schema of an object with these members and no others.
pub(super) fn members(must: &[Member], may: &[Member]) -> Value {
    let member = |(name, schema, text): &Member| {
        let mut schema = schema.clone();
        if let Some(schema) = schema.as_object_mut() {
            let said = schema.get("description").and_then(Value::as_str).map(|said| format!("{text} ({said})"));
            schema.insert("description".into(), json!(said.unwrap_or_else(|| (*text).to_owned())));
        }
        ((*name).to_owned(), schema)
    };
    let properties: serde_json::Map<_, _> = must.iter().chain(may).map(member).collect();
    let required: Vec<_> = must.iter().map(|(name, ..)| *name).collect();
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if let (false, Some(schema)) = (required.is_empty(), schema.as_object_mut()) {
        schema.insert("required".into(), json!(required));
    }
    schema
}

/// A text that is read into a type of the domain.
#[derive(Debug, Clone)]
pub(super) struct Text<T>(pub T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// Any object.
#[derive(Debug, Default)]
pub(super) struct Document(pub Value);

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_json::Map::deserialize(deserializer).map(|members| Self(Value::Object(members)))
    }
}

impl Shape for Document {
    fn schema() -> Value {
        json!({ "type": "object" })
    }
}

impl Shape for i64 {
    fn schema() -> Value {
        json!({ "type": "integer", "minimum": 0, "maximum": i64::MAX })
    }
}

/// The values of a list of texts.
pub(super) fn values<T>(texts: Vec<Text<T>>) -> Vec<T> {
    texts.into_iter().map(|Text(value)| value).collect()
}

/// A text nobody may log.
pub(super) struct Hidden(pub Zeroizing<String>);

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(…)")
    }
}

/// A member of a change: left out it stays, null takes it out.
#[derive(Debug, Default)]
pub(super) enum Change<T> {
    #[default]
    Keep,
    To(Option<T>),
}

impl<T> Change<T> {
    pub(super) fn apply(self, set: impl FnOnce(Option<T>)) {
        if let Self::To(value) = self {
            set(value);
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::To)
    }
}

/// Allowed or denied.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sign {
    #[default]
    Allow,
    Deny,
}

impl From<Sign> for Effect {
    fn from(sign: Sign) -> Self {
        match sign {
            Sign::Allow => Self::Allow,
            Sign::Deny => Self::Deny,
        }
    }
}

macro_rules! texts {
    ($($kind:ty = $text:literal, $max:literal, $pattern:literal;)*) => {$(
        impl Shape for $kind {
            fn schema() -> Value {
                json!({ "type": "string", "minLength": 1, "maxLength": $max, "pattern": $pattern, "description": $text })
            }
        }
    )*};
}

texts! {
    Username = "ASCII letters, digits, '_', '-', '.', '+' or '@'; compared in lower case", 128, r"^[A-Za-z0-9_+@][A-Za-z0-9_.+@-]*$";
    Sub = "ASCII letters, digits or any of _-.+@=/|~:", 255, r"^[A-Za-z0-9_+@=/|~:][A-Za-z0-9_.+@=/|~:-]*$";
    DisplayName = "without control characters", 200, r"\S";
    Email = "such as name@example.com", 254, r"^[^\s@]+@[^\s@.]+\.[^\s@]+$";
    Slug = "letters, digits, '_', '-' or '.', not first '-' or '.'", 64, r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$";
    ClientName = "letters, digits, '_', '-', '.' or '~', not first '-' or '.'", 128, r"^[A-Za-z0-9_~][A-Za-z0-9_.~-]*$";
    Reason = "for whoever reads the audit trail", 500, r"\S";
    Text<Permission> = "action:type, either of them possibly *", 129, r"^(\*|[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}):(\*|[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})$";
    Text<Scope> = "printable ASCII without space, quote and backslash", 128, r"^[!#-\[\]-~]+$";
    Text<RedirectUri> = "https, http on a loopback IP, or a private-use scheme", 2048, r"^[A-Za-z][A-Za-z0-9+.-]*:";
    Text<BackchannelUri> = "https", 2048, r"^[Hh][Tt][Tt][Pp][Ss]?:";
    Text<PrincipalRef> = "user:NAME, client:CLIENT_ID, group:NAME, or the type:id of a subject that the resource server registered", 600, r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}:";
    Text<ObjectRef> = "type:id", 577, r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}:";
    Text<Segment> = "letters, digits, '_', '-' or '.', not first '-' or '.'", 64, r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$";
}

impl Shape for String {
    fn schema() -> Value {
        json!({ "type": "string", "maxLength": 65536, "description": "text" })
    }
}

impl Shape for Hidden {
    fn schema() -> Value {
        json!({ "type": "string", "format": "password", "maxLength": 65536 })
    }
}

impl Shape for Text<Instant> {
    fn schema() -> Value {
        json!({ "type": "string", "format": "date-time", "description": "UTC" })
    }
}

impl Shape for Text<AssignmentId> {
    fn schema() -> Value {
        json!({ "type": "string", "format": "uuid" })
    }
}

impl Shape for Text<AuthMethod> {
    fn schema() -> Value {
        json!({ "type": "string", "enum": AuthMethod::ALL.map(AuthMethod::as_str) })
    }
}

impl Shape for Sign {
    fn schema() -> Value {
        json!({ "type": "string", "enum": ["allow", "deny"] })
    }
}

impl Shape for bool {
    fn schema() -> Value {
        json!({ "type": "boolean" })
    }
}

impl Shape for u32 {
    fn schema() -> Value {
        json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })
    }
}

/// Anything; what reads it says more.
impl Shape for Value {
    fn schema() -> Value {
        json!({ "type": "object" })
    }
}

impl<T: Shape> Shape for Vec<T> {
    fn schema() -> Value {
        json!({ "type": "array", "items": T::schema() })
    }
}

impl<T: Shape> Shape for BTreeMap<String, T> {
    fn schema() -> Value {
        json!({ "type": "object", "additionalProperties": T::schema() })
    }
}

/// Null is as good as left out.
impl<T: Shape> Shape for Option<T> {
    fn schema() -> Value {
        nullable(T::schema())
    }
}

impl<T: Shape> Shape for Change<T> {
    fn schema() -> Value {
        nullable(T::schema())
    }
}

pub(super) fn nullable(mut schema: Value) -> Value {
    if let Some(kind) = schema.get("type").cloned()
        && let Some(members) = schema.as_object_mut()
    {
        members.insert("type".into(), json!([kind, "null"]));
        if let Some(Value::Array(values)) = members.get_mut("enum") {
            values.push(Value::Null);
        }
    }
    schema
}
