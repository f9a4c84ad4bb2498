//! JSON bodies, strictly: the type said, the size bounded, an object at the top.

use salvo::Request;
use salvo::http::ParseError;
use salvo::http::header::CONTENT_TYPE;
use serde_json::{Map, Value};

use super::errors::Problem;

pub(super) type Object = Map<String, Value>;

/// Reads the body as a JSON object. Nesting is bounded by the parser (128 levels).
pub(super) async fn object(req: &mut Request, max_bytes: usize) -> Result<Object, Problem> {
    let content_type = req.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Problem::bad_request("the body must be application/json"));
    }
    let body = req.payload_with_max_size(max_bytes).await.map_err(|error| match error {
        ParseError::PayloadTooLarge => Problem::too_large(),
        _ => Problem::bad_request("the body could not be read"),
    })?;
    if body.is_empty() {
        return Err(Problem::bad_request("the body is empty; a JSON object was expected"));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Problem::bad_request("the body must be a JSON object")),
        Err(error) => Err(Problem::bad_request(&format!("the body is not JSON: {error}"))),
    }
}
