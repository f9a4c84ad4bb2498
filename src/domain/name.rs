//! Names, checked once where they enter.

use std::fmt;

use serde::Serialize;

/// Why a text is not a name of the wanted kind; reads as `<what> must be …, not "…"`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {expected}, not {got:?}")]
pub struct NameError {
    pub what: &'static str,
    pub expected: &'static str,
    pub got: String,
}

impl NameError {
    pub(crate) fn new(what: &'static str, expected: &'static str, got: &str) -> Self {
        Self { what, expected, got: got.chars().take(80).collect() }
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident($what:literal, $expected:literal, $parse:expr)),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// # Errors
            /// What was expected, and the first characters of what came.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                let parse: fn(&str) -> Option<String> = $parse;
                parse(text).map(Self).ok_or_else(|| NameError::new($what, $expected, text))
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }
    )*};
}

fn of(text: &str, max: usize, allowed: &[u8]) -> Option<String> {
    let fits = !text.is_empty() && text.len() <= max;
    let plain = |b: u8| b.is_ascii_alphanumeric() || allowed.contains(&b);
    (fits && text.bytes().all(plain) && !text.starts_with(['.', '-'])).then(|| text.to_owned())
}

names! {
    /// What operators call a resource server, a role, a group.
    Slug("a name", "1 to 64 letters, digits, '_', '-' or '.', not starting with '-' or '.'", |t| of(t, 64, b"_-.")),
    /// A segment of a permission: an action or a resource type.
    Segment("an action or type", "1 to 64 letters, digits, '_', '-' or '.', not starting with '-' or '.'", |t| of(t, 64, b"_-.")),
    /// The `client_id` of the wire (RFC 6749 §2.2).
    ClientName("a client_id", "1 to 128 letters, digits, '_', '-', '.' or '~', not starting with '-' or '.'", |t| of(t, 128, b"_-.~")),
    /// A username: compared in lower case. ASCII only, so that no two look alike.
    Username("a username", "1 to 128 ASCII letters, digits, '_', '-', '.', '+' or '@', not starting with '-' or '.'", |t| of(t, 128, b"_-.+@").map(|t| t.to_ascii_lowercase())),
    /// A chosen `sub`: at most 255 ASCII characters (OpenID Connect Core §2), case sensitive.
    Sub("a sub", "1 to 255 ASCII letters, digits or any of _-.+@=/|~:, not starting with '-' or '.'", |t| of(t, 255, b"_-.+@=/|~:")),
    /// An e-mail address as it was typed, cut no further than this check.
    Email("an e-mail address", "something like name@example.com, at most 254 characters", |t| email(t)),
    /// A name shown to people.
    DisplayName("a display name", "1 to 200 characters without control characters", |t| {
        let trimmed = t.trim();
        (!trimmed.is_empty() && trimmed.chars().count() <= 200 && !trimmed.chars().any(char::is_control)).then(|| trimmed.to_owned())
    }),
    /// Why something was done, for whoever reads the audit trail.
    Reason("a reason", "1 to 500 characters without control characters", |t| {
        let trimmed = t.trim();
        (!trimmed.is_empty() && trimmed.chars().count() <= 500 && !trimmed.chars().any(char::is_control)).then(|| trimmed.to_owned())
    }),
}

fn email(text: &str) -> Option<String> {
    let (local, domain) = text.rsplit_once('@')?;
    let plain = !text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '"');
    (text.len() <= 254 && plain && !local.is_empty() && domain.contains('.') && !domain.starts_with('.'))
        .then(|| text.to_owned())
}
