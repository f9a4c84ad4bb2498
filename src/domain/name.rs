//! Names, checked once where they enter.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize};

use super::entropy::{self, Entropy};

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

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
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
    is_plain(text, max, allowed).then(|| text.to_owned())
}

fn is_plain(text: &str, max: usize, allowed: &[u8]) -> bool {
    let fits = !text.is_empty() && text.len() <= max;
    let plain = |b: u8| b.is_ascii_alphanumeric() || allowed.contains(&b);
    fits && text.bytes().all(plain) && !text.starts_with(['.', '-'])
}

impl Segment {
    /// Whether a text is one.
    #[must_use]
    pub fn fits(text: &str) -> bool {
        is_plain(text, 64, b"_-.")
    }
}

names! {
    /// What operators call a resource server, a role, a group.
    Slug("a name", "1 to 64 letters, digits, '_', '-' or '.', not starting with '-' or '.'", |t| of(t, 64, b"_-.")),
    /// A segment of a permission: an action or a resource type.
    Segment("an action or type", "1 to 64 letters, digits, '_', '-' or '.', not starting with '-' or '.'", |t| Segment::fits(t).then(|| t.to_owned())),
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
        (!trimmed.is_empty() && trimmed.chars().count() <= 200 && !trimmed.chars().any(is_control)).then(|| trimmed.to_owned())
    }),
    /// Why something was done, for whoever reads the audit trail.
    Reason("a reason", "1 to 500 characters without control characters", |t| {
        let trimmed = t.trim();
        (!trimmed.is_empty() && trimmed.chars().count() <= 500 && !trimmed.chars().any(char::is_control)).then(|| trimmed.to_owned())
    }),
    /// A line or several of a postal address.
    PostalText("a postal address", "1 to 500 characters, in lines", |t| {
        let trimmed = t.trim();
        let plain = !trimmed.chars().any(|c| c.is_control() && c != '\n' && c != '\r');
        (!trimmed.is_empty() && trimmed.chars().count() <= 500 && plain).then(|| trimmed.to_owned())
    }),
    /// The address of a page or picture; never a script or a document in itself.
    WebAddress("a web address", "an https (or http) address of at most 2048 characters", |t| {
        let fits = t.len() <= 2048 && t.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"\\^`{|}".contains(&b));
        let url = url::Url::parse(t).ok().filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
        url.filter(|_| fits).map(|_| t.to_owned())
    }),
    /// ISO 8601: a day, a day without its year (`0000-12-24`), or a year (OpenID Connect Core §5.1).
    Birthdate("a birthdate", "YYYY-MM-DD (the year 0000 where it is left out) or YYYY", |t| birthdate(t)),
    /// A name of the time zone database.
    ZoneName("a time zone", "a name such as Europe/Zurich", |t| {
        let part = |p: &str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b));
        (t.len() <= 64 && t.split('/').count() <= 3 && t.split('/').all(part)).then(|| t.to_owned())
    }),
    /// A BCP 47 tag.
    LanguageTag("a language", "a language tag such as de-CH", |t| {
        let part = |p: &str| (1..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric());
        (t.len() <= 35 && t.starts_with(|c: char| c.is_ascii_alphabetic()) && t.split('-').all(part)).then(|| t.to_owned())
    }),
    /// E.164, kept without the blanks people write into it.
    PhoneNumber("a phone number", "a number such as +41310000000, with its country", |t| {
        let bare: String = t.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.')).collect();
        let digits = bare.strip_prefix('+')?;
        ((7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())).then_some(bare)
    }),
}

/// Also what turns the direction of the text around it (Unicode Bidirectional Algorithm §2): a name must not rewrite a page.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn birthdate(text: &str) -> Option<String> {
    let number = |part: &str, length: usize| {
        (part.len() == length && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse::<u32>().ok()).flatten()
    };
    let mut parts = text.split('-');
    let year = number(parts.next()?, 4)?;
    match (parts.next(), parts.next(), parts.next()) {
        (None, None, None) if year > 0 => {}
        (Some(month), Some(day), None) => {
            let (month, day) = (number(month, 2)?, number(day, 2)?);
            let leap = year == 0 || (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
            let last = match month {
                2 if leap => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                1..=12 => 31,
                _ => return None,
            };
            (1..=last).contains(&day).then_some(())?;
        }
        _ => return None,
    }
    Some(text.to_owned())
}

impl Sub {
    /// 128 random bits, after a letter.
    #[must_use]
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(format!("u{}", URL_SAFE_NO_PAD.encode(entropy::bytes::<16>(entropy))))
    }
}

fn email(text: &str) -> Option<String> {
    let (local, domain) = text.rsplit_once('@')?;
    let plain = !text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '"');
    (text.len() <= 254 && plain && !local.is_empty() && domain.contains('.') && !domain.starts_with('.'))
        .then(|| text.to_owned())
}
