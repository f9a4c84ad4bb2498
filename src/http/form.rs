//! `application/x-www-form-urlencoded`, strictly: valid UTF-8, valid escapes, no parameter twice.

use percent_encoding::percent_decode_str;
use salvo::Request;
use salvo::http::ParseError;
use salvo::http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT};

/// More parameters than any request here has.
const PARAMETERS_MAX: usize = 64;
/// The one parameter that may stand more than once (RFC 8707 §2).
const REPEATABLE: &str = "resource";
/// What must never stand in a URL: it ends up in logs, histories and Referer headers (RFC 6749 §2.3.1, RFC 6750 §5.3).
const NEVER_IN_URL: [&str; 5] = ["client_secret", "client_assertion", "token", "access_token", "refresh_token"];

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FormError {
    #[error("the body must be application/x-www-form-urlencoded")]
    ContentType,
    #[error("the body is larger than this service accepts")]
    TooLarge,
    #[error("the body could not be read")]
    Unreadable,
    #[error("the body has more than 64 parameters")]
    TooMany,
    #[error("{0} is not valid UTF-8 in percent-encoding")]
    Encoding(String),
    #[error("{0} must not be repeated")]
    Repeated(String),
    #[error("{0} must be in the body, not in the URL")]
    InUrl(&'static str),
}

/// The parameters of a form; empty values count as absent (RFC 6749 §3.1).
#[derive(Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads the body of a request.
    pub(super) async fn read(req: &mut Request, max_bytes: usize) -> Result<Self, FormError> {
        // The body first: an answer to a body that nobody read would close the connection without a word (RFC 9112 §9.6).
        let text = body(req, max_bytes).await?;
        let query = req.uri().query().unwrap_or_default();
        let has = |name: &str| {
            let names = query.split('&').filter_map(|pair| decode(pair.split('=').next().unwrap_or_default()));
            names.into_iter().any(|other| other == name)
        };
        if let Some(name) = NEVER_IN_URL.into_iter().find(|name| has(name)) {
            return Err(FormError::InUrl(name));
        }
        Self::parse(&text)
    }

    /// The query of a GET, read as a form is.
    pub(super) fn from_query(text: &str) -> Result<Self, FormError> {
        Self::parse(text)
    }

    fn parse(text: &str) -> Result<Self, FormError> {
        let fields = pairs(text)?;
        for (i, (name, _)) in fields.iter().enumerate() {
            if name != REPEATABLE && fields.iter().skip(i + 1).any(|(other, _)| other == name) {
                return Err(FormError::Repeated(printable(name)));
            }
        }
        Ok(Self(fields))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, value)| n == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The first parameter without a value, where that is a mistake.
    pub(super) fn without_value(&self) -> Option<&str> {
        self.0.iter().find(|(_, value)| value.is_empty()).map(|(name, _)| name.as_str())
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, value)| n == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }
}

/// Whether the caller asked before sending a body that is too large anyway (RFC 9110 §10.1.1). One that does not ask is
/// in the middle of sending: it would see its connection break instead of the answer.
pub(super) fn asks_to_send_too_much(req: &Request, max_bytes: usize) -> bool {
    let length = || req.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse::<usize>().ok();
    req.headers().contains_key(EXPECT) && length().is_some_and(|length| length > max_bytes)
}

/// All parameters in order, decoded; what repeats is the reader's to judge.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>, FormError> {
    let mut fields = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name).ok_or_else(|| FormError::Encoding("a parameter's name".into()))?;
        let value = decode(value).ok_or_else(|| FormError::Encoding(printable(&name)))?;
        if fields.len() == PARAMETERS_MAX {
            return Err(FormError::TooMany);
        }
        fields.push((name, value));
    }
    Ok(fields)
}

/// The text of a form body.
pub(super) async fn body(req: &mut Request, max_bytes: usize) -> Result<String, FormError> {
    let content_type = req.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(FormError::ContentType);
    }
    if asks_to_send_too_much(req, max_bytes) {
        return Err(FormError::TooLarge);
    }
    let body = req.payload_with_max_size(max_bytes).await.map_err(|error| match error {
        ParseError::PayloadTooLarge => FormError::TooLarge,
        _ => FormError::Unreadable,
    })?;
    std::str::from_utf8(body).map(str::to_owned).map_err(|_| FormError::Encoding("the body".into()))
}

/// Decodes one name or value; `None` for broken escapes, for what is not UTF-8, and for NUL.
pub(super) fn decode(text: &str) -> Option<String> {
    let escapes_are_whole = text.split('%').skip(1).all(|rest| {
        let mut digits = rest.bytes();
        digits.next().is_some_and(|b| b.is_ascii_hexdigit()) && digits.next().is_some_and(|b| b.is_ascii_hexdigit())
    });
    if !escapes_are_whole {
        return None;
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    (!decoded.contains('\0')).then(|| decoded.into_owned())
}

/// A parameter's name as it may stand in `error_description` (RFC 6749 §5.2: printable ASCII without `"` and `\`).
pub(super) fn printable(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_graphic() && c != '"' && c != '\\' { c } else { '?' };
    name.chars().take(40).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_strictly() {
        let form = Form::parse("grant_type=client_credentials&scope=a+b%20c&resource=x&resource=y&empty=").unwrap();
        assert_eq!(form.get("scope"), Some("a b c"));
        assert_eq!(form.all("resource").collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(form.get("empty"), None);
        assert_eq!(Form::parse("scope=a&scope=b").unwrap_err(), FormError::Repeated("scope".into()));
        for broken in ["scope=%", "scope=%4", "scope=%zz", "scope=%ff", "scope=%00", "%=a"] {
            assert!(matches!(Form::parse(broken), Err(FormError::Encoding(_))), "{broken}");
        }
        let many = (0..65).map(|i| format!("p{i}=1")).collect::<Vec<_>>().join("&");
        assert_eq!(Form::parse(&many).unwrap_err(), FormError::TooMany);
    }
}
