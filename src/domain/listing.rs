//! How a list is asked for: which page of it, in which order, and of what.

use std::str::FromStr;

use super::name::NameError;

/// Longer texts begin no name.
pub const PREFIX_LEN_MAX: usize = 254;

/// In which order of its key a list is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    #[default]
    Ascending,
    Descending,
}

impl FromStr for Order {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        match text {
            "asc" => Ok(Self::Ascending),
            "desc" => Ok(Self::Descending),
            _ => Err(NameError::new("an order", "asc or desc", text)),
        }
    }
}

/// What the names of a list begin with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prefix(String);

impl Prefix {
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let fits = !text.is_empty() && text.len() <= PREFIX_LEN_MAX && !text.chars().any(char::is_control);
        let wrong = || NameError::new("a beginning", "1 to 254 bytes without control characters", text);
        if fits { Ok(Self(text.to_owned())) } else { Err(wrong()) }
    }

    /// The same where names are kept in lower case.
    #[must_use]
    pub fn folded(&self) -> Self {
        Self(self.0.to_lowercase())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first text, byte by byte, that comes after all that begin so.
    #[must_use]
    pub fn end(&self) -> String {
        let mut chars: Vec<char> = self.0.chars().collect();
        while let Some(last) = chars.pop() {
            if let Some(next) = (last..=char::MAX).nth(1) {
                chars.push(next);
                break;
            }
        }
        chars.into_iter().collect()
    }
}

impl FromStr for Prefix {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

/// One page of a list by name.
#[derive(Clone, Copy, Debug)]
pub struct Listing<'a> {
    /// The name before the first one asked for.
    pub after: Option<&'a str>,
    pub limit: i64,
    pub order: Order,
    pub prefix: Option<&'a Prefix>,
}

impl<'a> Listing<'a> {
    /// From one name on, in order.
    #[must_use]
    pub const fn after(after: Option<&'a str>, limit: i64) -> Self {
        Self { after, limit, order: Order::Ascending, prefix: None }
    }

    /// No more than so many.
    #[must_use]
    pub fn at_most(self, max: i64) -> Self {
        Self { limit: self.limit.min(max), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_so_lies_before_the_end() {
        for (prefix, end) in
            [("ab", "ac"), ("a~", "a\u{7f}"), ("\u{d7ff}", "\u{e000}"), ("a\u{10ffff}", "b"), ("@", "A")]
        {
            let prefix = Prefix::parse(prefix).unwrap();
            assert_eq!(prefix.end(), end);
            assert!(format!("{}\u{10ffff}\u{10ffff}", prefix.as_str()) < prefix.end());
        }
    }
}
