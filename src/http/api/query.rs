//! The query of a list: how many, after which, and its filters. A parameter that is not known is refused, so that a
//! misspelt filter does not list everything.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::super::errors::Problem;
use super::super::form::{Form, printable};
use super::describe::Parameter;
use crate::domain::listing::{Listing, Prefix};

const LIMIT: usize = 50;
pub(super) const LIMIT_MAX: usize = 200;
/// Longer than any key of a list.
const TOKEN_LEN_MAX: usize = 4_096;

pub(super) struct Query {
    pub limit: usize,
    /// The key of the item before the first one asked for.
    after: Option<String>,
    form: Form,
}

impl Query {
    pub(super) fn parse(text: &str, known: &[Parameter]) -> Result<Self, Problem> {
        let form = Form::from_query(text).map_err(|error| Problem::bad_request(&error.to_string()))?;
        if let Some(name) = form.names().find(|name| known.iter().all(|parameter| parameter.name != *name)) {
            let name = printable(name);
            return Err(Problem::member(&name, &format!("{name} is no parameter of this address")));
        }
        if let Some(name) = form.without_value() {
            return Err(Problem::member(name, &format!("{name} must not be empty")));
        }
        let limit = form.get("limit").map_or(Some(LIMIT), |text| text.parse().ok());
        let limit = limit.filter(|limit| (1..=LIMIT_MAX).contains(limit));
        let limit = limit.ok_or_else(|| Problem::member("limit", &format!("limit must be 1 to {LIMIT_MAX}")))?;
        let after = form.get("after").map(read_token).transpose()?;
        Ok(Self { limit, after, form })
    }

    /// As many rows as show whether there is another page.
    pub(super) fn rows(&self) -> i64 {
        i64::try_from(self.limit + 1).unwrap_or(i64::MAX)
    }

    /// The key after which to begin; empty for the beginning.
    pub(super) fn after(&self) -> &str {
        self.after.as_deref().unwrap_or_default()
    }

    /// The same where keys are identifiers.
    pub(super) fn after_id(&self) -> Result<Option<uuid::Uuid>, Problem> {
        self.after.as_deref().map(|key| key.parse().map_err(|_| no_token())).transpose()
    }

    /// A filter, read into its type.
    pub(super) fn filter<T: FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<Option<T>, Problem> {
        let read = |text: &str| text.parse().map_err(|error: T::Err| Problem::member(name, &error.to_string()));
        self.form.get(name).map(read).transpose()
    }

    /// The page of a list by name that is asked for.
    pub(super) fn listing<'a>(&'a self, prefix: Option<&'a Prefix>) -> Result<Listing<'a>, Problem> {
        let order = self.filter("order")?.unwrap_or_default();
        Ok(Listing { after: self.after.as_deref(), limit: self.rows(), order, prefix })
    }

    /// What names must begin with.
    pub(super) fn prefix(&self) -> Result<Option<Prefix>, Problem> {
        self.filter("q")
    }

    /// A filter that is any text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.form.get(name).map(str::to_owned)
    }

    /// The token of the page after this key. It holds what the page showed anyway, so nothing vouches for it.
    pub(super) fn token(key: &str) -> String {
        URL_SAFE_NO_PAD.encode(key)
    }
}

fn read_token(text: &str) -> Result<String, Problem> {
    let key = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    key.filter(|key| key.len() <= TOKEN_LEN_MAX && !key.chars().any(char::is_control)).ok_or_else(no_token)
}

fn no_token() -> Problem {
    Problem::member("after", "after must be the next of an earlier page")
}
