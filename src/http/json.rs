//! JSON bodies, strictly: the type said, the size bounded, an object at the top.

use std::cell::Cell;
use std::sync::Arc;

use salvo::Request;
use salvo::http::ParseError;
use salvo::http::header::CONTENT_TYPE;
use serde::de::DeserializeSeed as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::App;
use super::borrowed::{Json, Object};
use super::errors::Problem;
use super::form::asks_to_send_too_much;
use super::strict::Strict;

/// Reads the body as a JSON object. Nesting is bounded by the parser (128 levels).
pub(super) async fn object(req: &mut Request, max_bytes: usize) -> Result<Object<'_>, Problem> {
    parse(read(req, max_bytes).await?, usize::MAX)
}

/// Values that one item of a large body may hold in the mean. As values they take ten times their bytes and more.
const VALUES_OF_ITEM_MAX: usize = 64;

/// Bodies beyond the usual size that are worked on at once: there may be as many of them as connections.
const LARGE_AT_ONCE: usize = 4;

/// Turns for whoever sends a body beyond the usual size.
#[derive(Clone, Debug)]
pub struct LargeBodies(Arc<Semaphore>);

impl Default for LargeBodies {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LARGE_AT_ONCE)))
    }
}

/// To be kept as long as the body is worked on.
pub(super) struct Turn {
    _permit: Option<OwnedSemaphorePermit>,
}

/// The same for bodies that may be large: whoever sends one waits for a turn once it is there, so that nobody has one who
/// sends slowly. Of a body that holds far more than so many items no more is read.
pub(super) async fn large_object<'a>(
    req: &'a mut Request,
    app: &App,
    items_max: usize,
) -> Result<(Object<'a>, Turn), Problem> {
    let body = read(req, app.limits.batch_body_max_bytes).await?;
    let permit = if body.len() > app.limits.body_max_bytes {
        // Closed never.
        app.large_bodies.0.clone().acquire_owned().await.ok()
    } else {
        None
    };
    Ok((parse(body, items_max)?, Turn { _permit: permit }))
}

async fn read(req: &mut Request, max_bytes: usize) -> Result<&[u8], Problem> {
    let content_type = req.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Problem::bad_request("the body must be application/json"));
    }
    if asks_to_send_too_much(req, max_bytes) {
        return Err(Problem::too_large());
    }
    let body = req.payload_with_max_size(max_bytes).await.map_err(|error| match error {
        ParseError::PayloadTooLarge => Problem::too_large(),
        _ => Problem::bad_request("the body could not be read"),
    })?;
    if body.is_empty() {
        return Err(Problem::bad_request("the body is empty; a JSON object was expected"));
    }
    Ok(body)
}

fn parse(body: &[u8], items_max: usize) -> Result<Object<'_>, Problem> {
    let left = Cell::new(items_max.saturating_mul(VALUES_OF_ITEM_MAX));
    let strict = Strict { entries_max: items_max.saturating_mul(2), left: &left };
    let mut text = serde_json::Deserializer::from_slice(body);
    match strict.deserialize(&mut text).and_then(|value| text.end().map(|()| value)) {
        Ok(Json::Object(object)) => Ok(object),
        Ok(_) => Err(Problem::bad_request("the body must be a JSON object")),
        Err(error) => Err(Problem::bad_request(&format!("the body is not JSON: {error}"))),
    }
}
