//! Values of attributes, checked against what the model declares: plain data, whatever it looks like.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::{Map, Value};

use super::model::{Attribute, AttributeType, Attributes, Source};
use super::name::Segment;

/// A string of an attribute is this long at most.
pub const ATTRIBUTE_TEXT_BYTES_MAX: usize = 8 * 1024;
/// Strings in one attribute of the type `strings` at most, each of which must be looked at by who compares them.
pub const ATTRIBUTE_STRINGS_MAX: usize = 1_000;
/// What fits a decimal: 64 bits, counted in ten-thousandths.
const DECIMAL_UNITS: i64 = 10_000;
const DECIMAL_PLACES_MAX: usize = 4;
/// So much of a refused value is repeated to whoever sent it.
const ECHO_CHARS_MAX: usize = 80;

/// What is known here of people, and by nobody else's word: an address that is not verified here is none.
pub const OF_PEOPLE: [&str; 3] = ["username", "name", "email"];

/// The first of them that attributes name.
#[must_use]
pub fn known_here(attributes: &Map<String, Value>) -> Option<&'static str> {
    OF_PEOPLE.into_iter().find(|name| attributes.contains_key(*name))
}

/// A value of the declared type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeValue {
    String(String),
    Integer(i64),
    Boolean(bool),
    Strings(BTreeSet<String>),
    /// With a decimal point and one to four places: `12.0`.
    Decimal(String),
    /// `2026-11-22T15:00:00.000+0100` or with `Z`: milliseconds, and no colon in the offset.
    Datetime(String),
    /// An address or a range. An IPv4 address mapped into IPv6 is the IPv4 address, or rules about it would miss it.
    Ip(String),
}

/// A value that is not what the model declares.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at} must be {expected}, not {got}")]
pub struct AttributeError {
    /// The path of the member: `resource.properties.status`.
    pub at: String,
    pub expected: &'static str,
    pub got: String,
}

/// Checks what was sent: undeclared members are dropped, `null` is absent, and what is required may be missing, since it
/// may be registered.
///
/// # Errors
/// The first member that is not of its type, by its path below `at`.
pub fn coerce(
    attributes: &Attributes,
    sent: &Map<String, Value>,
    at: &str,
) -> Result<BTreeMap<Segment, AttributeValue>, AttributeError> {
    let mut values = BTreeMap::new();
    for (name, attribute) in attributes {
        if let Some(value) = present(sent, name) {
            values.insert(name.clone(), check(attribute.of, value).map_err(|wrong| wrong.at(at, name))?);
        }
    }
    Ok(values)
}

/// Whose word counts, for each declared attribute: what was sent only where the model lets requests say it.
pub fn choose<'a>(
    attributes: &'a Attributes,
    stored: &'a Map<String, Value>,
    sent: &'a Map<String, Value>,
) -> impl Iterator<Item = (&'a Segment, &'a Attribute, Option<&'a Value>)> {
    attributes.iter().map(move |(name, attribute)| {
        let said = match attribute.source {
            Source::Request => present(sent, name),
            Source::Stored => None,
        };
        (name, attribute, said.or_else(|| present(stored, name)))
    })
}

/// A member, unless it is `null`.
#[must_use]
pub fn present<'a>(members: &'a Map<String, Value>, name: &Segment) -> Option<&'a Value> {
    members.get(name.as_str()).filter(|value| !value.is_null())
}

/// What is wrong with a value, before its place is known.
#[derive(Debug, PartialEq, Eq)]
pub struct WrongValue {
    expected: &'static str,
    got: String,
}

impl WrongValue {
    #[must_use]
    pub fn at(self, at: &str, name: &Segment) -> AttributeError {
        AttributeError { at: format!("{at}.{name}"), expected: self.expected, got: self.got }
    }
}

/// # Errors
/// What was expected, and the beginning of what came.
pub fn check(of: AttributeType, value: &Value) -> Result<AttributeValue, WrongValue> {
    let (read, expected) = match of {
        AttributeType::String => (text(value).map(AttributeValue::String), "a string of at most 8 KiB"),
        AttributeType::Integer => (value.as_i64().map(AttributeValue::Integer), "a whole number of 64 bits"),
        AttributeType::Boolean => (value.as_bool().map(AttributeValue::Boolean), "true or false"),
        AttributeType::Strings => (strings(value), "a list of at most 1000 strings, each of at most 8 KiB"),
        AttributeType::Decimal => (
            value.as_str().and_then(decimal),
            "a number with up to four decimals, written as a string, such as \"12.50\"",
        ),
        AttributeType::Datetime => (
            value.as_str().and_then(datetime),
            "an RFC 3339 time, written as a string, such as \"2026-11-22T15:00:00Z\"",
        ),
        AttributeType::Ip => {
            (value.as_str().and_then(ip), "an IPv4 or IPv6 address or range, such as \"192.0.2.0/24\"")
        }
    };
    read.ok_or_else(|| WrongValue { expected, got: echo(value) })
}

fn echo(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) => format!("{:?}", text.chars().take(ECHO_CHARS_MAX).collect::<String>()),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| text.len() <= ATTRIBUTE_TEXT_BYTES_MAX).map(str::to_owned)
}

fn strings(value: &Value) -> Option<AttributeValue> {
    let list = value.as_array().filter(|list| list.len() <= ATTRIBUTE_STRINGS_MAX)?;
    list.iter().map(text).collect::<Option<_>>().map(AttributeValue::Strings)
}

fn decimal(text: &str) -> Option<AttributeValue> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, places) = digits.split_once('.').unwrap_or((digits, "0"));
    if places.len() > DECIMAL_PLACES_MAX || ![whole, places].iter().all(|part| is_number(part)) {
        return None;
    }
    // Counted with its sign: the smallest number has no positive of the same size.
    let units: i64 = format!("{places:0<DECIMAL_PLACES_MAX$}").parse().ok()?;
    let whole: i64 = whole.parse().ok()?;
    whole.checked_mul(sign)?.checked_mul(DECIMAL_UNITS)?.checked_add(units.checked_mul(sign)?)?;
    let minus = if sign < 0 { "-" } else { "" };
    Some(AttributeValue::Decimal(format!("{minus}{whole}.{places}")))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// RFC 3339 §5.6, to the millisecond.
fn datetime(text: &str) -> Option<AttributeValue> {
    let text = text.to_ascii_uppercase();
    let (date, rest) = text.split_once('T')?;
    let (time, offset) = match rest.strip_suffix('Z') {
        Some(time) => (time, "Z".to_owned()),
        None => offset(rest)?,
    };
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hours, minutes, seconds] = numbers(time, ':', [2, 2, 2])?;
    let fits = hours < 24 && minutes < 60 && seconds < 60 && is_date(date) && is_number(fraction);
    let millis: String = fraction.chars().chain("00".chars()).take(3).collect();
    fits.then(|| AttributeValue::Datetime(format!("{date}T{time}.{millis}{offset}")))
}

/// A time, and its offset without the colon.
fn offset(rest: &str) -> Option<(&str, String)> {
    let (time, offset) = rest.split_at_checked(rest.rfind(['+', '-'])?)?;
    let (sign, offset) = offset.split_at_checked(1)?;
    let [hours, minutes] = numbers(offset, ':', [2, 2])?;
    (hours < 24 && minutes < 60).then(|| (time, format!("{sign}{hours:02}{minutes:02}")))
}

fn is_date(date: &str) -> bool {
    let Some([year, month, day]) = numbers(date, '-', [4, 2, 2]) else { return false };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=last).contains(&day)
}

/// Numbers of these lengths, and nothing else.
fn numbers<const N: usize>(text: &str, separator: char, lengths: [usize; N]) -> Option<[u32; N]> {
    let mut parts = text.split(separator);
    let mut read = [0; N];
    for (number, length) in read.iter_mut().zip(lengths) {
        *number = parts.next().filter(|part| part.len() == length && is_number(part))?.parse().ok()?;
    }
    parts.next().is_none().then_some(read)
}

fn ip(text: &str) -> Option<AttributeValue> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let written: IpAddr = address.parse().ok()?;
    let address = written.to_canonical();
    let Some(prefix) = prefix else { return Some(AttributeValue::Ip(address.to_string())) };
    let plain = is_number(prefix) && (prefix == "0" || !prefix.starts_with('0'));
    let bits: u8 = prefix.parse().ok().filter(|_| plain)?;
    // The prefix of a mapped address counts from the IPv6 end.
    let bits = if written == address { bits } else { bits.checked_sub(96)? };
    let bits_max = if address.is_ipv4() { 32 } else { 128 };
    (bits <= bits_max).then(|| AttributeValue::Ip(format!("{address}/{bits}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn attributes(document: &Value) -> Attributes {
        serde_json::from_value(document.clone()).unwrap()
    }

    fn read(of: AttributeType, value: &Value) -> Option<AttributeValue> {
        check(of, value).ok()
    }

    #[test]
    fn null_is_absent_and_what_is_not_declared_is_dropped() {
        let declared = attributes(&json!({"status": {"type": "string", "required": true}}));
        let sent = json!({"status": null, "other": 7});
        assert!(coerce(&declared, sent.as_object().unwrap(), "resource.properties").unwrap().is_empty());
    }

    #[test]
    fn what_is_not_of_its_type_is_refused_by_its_name() {
        let declared = attributes(&json!({"level": {"type": "integer"}}));
        let refused = |value: Value| {
            let sent = json!({"level": value});
            coerce(&declared, sent.as_object().unwrap(), "resource.properties").unwrap_err().to_string()
        };
        assert_eq!(refused(json!("7")), "resource.properties.level must be a whole number of 64 bits, not \"7\"");
        assert_eq!(refused(json!(7.0)), "resource.properties.level must be a whole number of 64 bits, not 7.0");
        assert_eq!(refused(json!(9_223_372_036_854_775_808_u64)).split(", not ").last(), Some("9223372036854775808"));
        assert_eq!(refused(json!({"a": 1})).split(", not ").last(), Some("an object"));
    }

    #[test]
    fn requests_speak_only_for_attributes_that_are_theirs() {
        let declared = attributes(&json!({
            "status": {"type": "string", "source": "request"}, "owner": {"type": "string"}, "level": {"type": "integer"},
        }));
        let stored = json!({"status": "old", "owner": "alice"});
        let said = |sent: &Value| {
            let sent = sent.as_object().unwrap();
            let chosen = choose(&declared, stored.as_object().unwrap(), sent);
            chosen.map(|(name, _, value)| (name.to_string(), value.cloned())).collect::<Vec<_>>()
        };
        let of = |name: &str, value: Option<Value>| (name.to_owned(), value);
        let rest = [of("level", None), of("owner", Some(json!("alice")))];
        let with = |status: &str| [rest.to_vec(), vec![of("status", Some(json!(status)))]].concat();
        assert_eq!(said(&json!({"status": "new", "owner": "mallory", "level": 9})), with("new"));
        assert_eq!(said(&json!({"status": null})), with("old"));
    }

    #[test]
    fn decimals_times_and_addresses_are_read_exactly() {
        for (of, text, expected) in [
            (AttributeType::Decimal, "12", Some("12.0")),
            (AttributeType::Decimal, "-0.5000", Some("-0.5000")),
            (AttributeType::Decimal, "922337203685477.5807", Some("922337203685477.5807")),
            (AttributeType::Decimal, "-922337203685477.5808", Some("-922337203685477.5808")),
            (AttributeType::Decimal, "922337203685477.5808", None),
            (AttributeType::Decimal, "1.00000", None),
            (AttributeType::Decimal, "1.", None),
            (AttributeType::Decimal, "+1", None),
            (AttributeType::Decimal, "1e3", None),
            (AttributeType::Datetime, "2026-11-22T15:00:00Z", Some("2026-11-22T15:00:00.000Z")),
            (AttributeType::Datetime, "2024-02-29t23:59:59.1234567-05:30", Some("2024-02-29T23:59:59.123-0530")),
            (AttributeType::Datetime, "2023-02-29T00:00:00Z", None),
            (AttributeType::Datetime, "2026-11-22T24:00:00Z", None),
            (AttributeType::Datetime, "2026-11-22T15:00:00", None),
            (AttributeType::Datetime, "2026-11-22T15:00:00+0100", None),
            (AttributeType::Datetime, "2026-11-22", None),
            (AttributeType::Ip, "192.0.2.7", Some("192.0.2.7")),
            (AttributeType::Ip, "::ffff:192.0.2.7", Some("192.0.2.7")),
            (AttributeType::Ip, "::ffff:192.0.2.0/120", Some("192.0.2.0/24")),
            (AttributeType::Ip, "2001:DB8::/32", Some("2001:db8::/32")),
            (AttributeType::Ip, "192.0.2.0/33", None),
            (AttributeType::Ip, "192.0.2.0/08", None),
            (AttributeType::Ip, "example.com", None),
        ] {
            let read = read(of, &json!(text));
            let read = read.map(|value| match value {
                AttributeValue::Decimal(text) | AttributeValue::Datetime(text) | AttributeValue::Ip(text) => text,
                other => panic!("{other:?}"),
            });
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn strings_and_lists_of_them_are_bounded() {
        let long = "x".repeat(ATTRIBUTE_TEXT_BYTES_MAX + 1);
        assert!(read(AttributeType::String, &json!(long)).is_none());
        assert!(read(AttributeType::Strings, &json!([long])).is_none());
        assert!(read(AttributeType::Strings, &json!(["a", 1])).is_none());
        assert!(read(AttributeType::Strings, &json!(vec!["a"; ATTRIBUTE_STRINGS_MAX + 1])).is_none());
        let set = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        assert_eq!(read(AttributeType::Strings, &json!(["b", "a", "b"])), Some(AttributeValue::Strings(set)));
    }
}
