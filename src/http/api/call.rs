//! One request of an operator, read: who, about what, with which parameters and body.

use std::collections::HashSet;
use std::str::FromStr;
use std::sync::Arc;

use salvo::http::StatusCode;
use salvo::{Depot, Request};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::super::App;
use super::super::errors::Problem;
use super::super::frame::RequestId;
use super::super::json::{self, Turn};
use super::super::ledger::{Row, Verb};
use super::super::operator_door::Operating;
use super::describe::Described;
use super::query::Query;
use crate::admin::{Admin, AdminError};

/// Items of a bulk write; a write refuses more by their own name.
const ITEMS_MAX: usize = 10_000;

pub(super) struct Call {
    pub app: Arc<App>,
    /// Administration on behalf of the operator.
    pub admin: Admin,
    pub query: Query,
    /// What a list leaves out, by the name that permissions know it by.
    hidden: HashSet<String>,
    path: Vec<(String, String)>,
    body: Value,
    /// Held as long as a large body is worked on.
    _turn: Option<Turn>,
}

/// What is answered.
pub(super) struct Reply {
    pub status: StatusCode,
    pub body: Option<Value>,
    pub location: Option<String>,
}

impl Reply {
    pub(super) fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body: Some(body), location: None }
    }

    pub(super) fn created(location: String, body: Value) -> Self {
        Self { status: StatusCode::CREATED, body: Some(body), location: Some(location) }
    }

    pub(super) fn nothing() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: None, location: None }
    }
}

impl Call {
    pub(super) async fn read(
        app: &Arc<App>,
        row: &Row,
        described: &Described,
        req: &mut Request,
        depot: &Depot,
    ) -> Result<Self, Problem> {
        let operating = depot.get_typed::<Operating>().map_err(|_| Problem::unauthenticated())?;
        // The body first: an answer to a body that nobody read would close the connection without a word.
        let (body, turn) = match described.body {
            Some(_) if described.is_bulk => {
                let (body, turn) = json::large_object(req, app, ITEMS_MAX).await?;
                (Value::Object(body.to_map()), Some(turn))
            }
            Some(_) => (Value::Object(json::object(req, app.limits.body_max_bytes).await?.to_map()), None),
            None => (Value::Null, None),
        };
        // What a database cannot keep is nothing that anybody could be called. Forms and addresses hold none, either.
        check_texts(&body)?;
        let query = Query::parse(req.uri().query().unwrap_or_default(), &described.query)?;
        let target = row_target(row, operating);
        let path = parameters(row.path).map(|name| {
            let value = target.clone().filter(|(of, _)| *of == name).map(|(_, value)| value);
            (name.to_owned(), value.unwrap_or_else(|| req.param::<String>(name).unwrap_or_default()))
        });
        let path = path.collect();
        let admin = app.admin.on_behalf_of(&operating.operator, operating.needed.clone(), RequestId::of(depot));
        // Of one thing the door has decided.
        let is_list = row.verb == Verb::Get && operating.target.is_none();
        let hidden = if is_list { admin.hidden().await } else { Ok(HashSet::new()) };
        let hidden = hidden.map_err(|error| Problem::administration(&error, false))?;
        Ok(Self { app: app.clone(), admin, query, hidden, path, body, _turn: turn })
    }

    /// A parameter of the path, as it was sent.
    pub(super) fn path(&self, name: &str) -> &str {
        self.path.iter().find(|(of, _)| of == name).map_or("", |(_, value)| value)
    }

    /// A parameter of the path, read; what cannot be a name is nobody's.
    pub(super) fn named<T: FromStr>(&self, name: &str) -> Result<T, Problem> {
        self.path(name).parse().map_err(|_| Problem::not_found())
    }

    /// The body, read strictly: what is missing, not known or of another type is named.
    pub(super) fn body<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        read(&self.body)
    }

    /// A refusal of administration, in the words of this request.
    pub(super) fn refused(&self, error: &AdminError) -> Problem {
        let is_addressed =
            |name: &str| self.path.iter().any(|(_, value)| value == name || value.ends_with(&format!(":{name}")));
        match error {
            AdminError::NotFound { name, .. } if is_addressed(name) => Problem::administration(error, true),
            AdminError::NotFound { name, .. } | AdminError::Taken { name, .. } => {
                let problem = Problem::administration(error, false);
                match named_in(&self.body, name) {
                    Some(member) => problem.within(&member),
                    None => problem,
                }
            }
            AdminError::Invalid { member, problem } => Problem::member(self.member(member), problem),
            _ => Problem::administration(error, false),
        }
    }

    /// Commands call a list by the name of one: `scope`, where the body has `scopes`.
    fn member(&self, named: &str) -> &str {
        let members = self.body.as_object();
        let found = members.and_then(|all| all.keys().find(|key| *key == named || key.trim_end_matches('s') == named));
        found.map_or("", String::as_str)
    }
}

/// A value, read strictly.
pub(super) fn read<T: DeserializeOwned>(value: &Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let problem = error.into_inner().to_string();
        Problem::member(&member(&path, &problem), &problem)
    })
}

/// The names in a path such as `/a/{b}/c/{d}`.
pub(super) fn parameters(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn row_target(row: &Row, operating: &Operating) -> Option<(&'static str, String)> {
    let super::super::ledger::Caller::Operator(need) = row.caller else { return None };
    Some((need.target?, operating.target.clone()?))
}

/// Where in a body a name stands, by itself or after its kind.
fn named_in(body: &Value, name: &str) -> Option<String> {
    // Of people other names may stand behind it.
    let name = name.split_once(" (").map_or(name, |(name, _)| name);
    let is_it = |text: &str| {
        let own = text.split_once(':').map_or("", |(_, own)| own);
        text.eq_ignore_ascii_case(name) || own == name
    };
    find_in(body, "", &|part| part.as_str().is_some_and(is_it))
}

/// Not every database takes a NUL.
pub(super) fn check_texts(body: &Value) -> Result<(), Problem> {
    match nul_in(body) {
        Some(member) => Err(Problem::member(&member, "must not hold the character NUL")),
        None => Ok(()),
    }
}

/// Where in a body a NUL stands; of the name of a member where the object is.
fn nul_in(body: &Value) -> Option<String> {
    let has = |text: &str| text.contains('\0');
    let is_it = |part: &Value| match part {
        Value::String(text) => has(text),
        Value::Object(members) => members.keys().any(|name| has(name)),
        _ => false,
    };
    find_in(body, "", &is_it)
}

/// Where the first part of a body is of which this holds.
fn find_in(body: &Value, at: &str, is_it: &dyn Fn(&Value) -> bool) -> Option<String> {
    if is_it(body) {
        return Some(at.to_owned());
    }
    match body {
        Value::Array(items) => {
            let mut places = items.iter().enumerate();
            places.find_map(|(index, item)| find_in(item, &format!("{at}[{index}]"), is_it))
        }
        Value::Object(members) => members.iter().find_map(|(member, value)| {
            let at = if at.is_empty() { member.clone() } else { format!("{at}.{member}") };
            find_in(value, &at, is_it)
        }),
        _ => None,
    }
}

/// The member a problem is about: of one that is missing the path leads to what it is missing from.
fn member(path: &str, problem: &str) -> String {
    let path = if path == "." { "" } else { path };
    let missing = problem.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    match (path, missing) {
        (path, None) => path.to_owned(),
        ("", Some(name)) => name.to_owned(),
        (path, Some(name)) => format!("{path}.{name}"),
    }
}

/// A page of a list: one more than asked for was read, to know whether there is more. The key of an item is the name that
/// permissions know it by.
pub(super) fn page<T>(call: &Call, items: Vec<T>, key: impl Fn(&T) -> String, view: impl Fn(&T) -> Value) -> Reply {
    page_of(call, items, &key, &key, view)
}

/// The same for items that the list is not in the order of the names of. What the operator may not see is left out: such a
/// page is shorter, and says as others do whether there are more.
pub(super) fn page_of<T>(
    call: &Call,
    mut items: Vec<T>,
    key: impl Fn(&T) -> String,
    name: impl Fn(&T) -> String,
    view: impl Fn(&T) -> Value,
) -> Reply {
    let is_more = items.len() > call.query.limit;
    items.truncate(call.query.limit);
    let seen = items.iter().filter(|item| call.hidden.is_empty() || !call.hidden.contains(&name(item)));
    let mut body = json!({ "items": seen.map(view).collect::<Vec<_>>() });
    if let (true, Some(last), Some(members)) = (is_more, items.last(), body.as_object_mut()) {
        members.insert("next".into(), json!(Query::token(&key(last))));
    }
    Reply::ok(body)
}
