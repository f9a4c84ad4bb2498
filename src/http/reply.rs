//! Rendering answers.

use salvo::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, PRAGMA};
use salvo::http::{ResBody, Response, StatusCode};
use serde::Serialize;

use crate::domain::chain::chain;

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(super) const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");
pub(super) const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// A body of this type with this status.
pub(super) fn body(res: &mut Response, status: StatusCode, content_type: HeaderValue, body: impl Into<Vec<u8>>) {
    res.status_code(status);
    res.headers_mut().insert(CONTENT_TYPE, content_type);
    res.replace_body(ResBody::Once(body.into().into()));
}

/// A value as JSON.
pub(super) fn json(res: &mut Response, status: StatusCode, value: &impl Serialize) {
    json_as(res, status, JSON, value);
}

pub(super) fn json_as(res: &mut Response, status: StatusCode, content_type: HeaderValue, value: &impl Serialize) {
    match serde_json::to_vec(value) {
        Ok(text) => body(res, status, content_type, text),
        Err(error) => {
            tracing::error!(error = chain(&error), "an answer could not be written as JSON");
            res.status_code(StatusCode::INTERNAL_SERVER_ERROR);
        }
    }
}

/// Tokens and what concerns them are never stored on the way (RFC 6749 §5.1).
pub(super) fn no_store(res: &mut Response) {
    res.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    res.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
}
