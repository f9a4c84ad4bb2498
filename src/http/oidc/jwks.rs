//! The key set (RFC 7517 §5). It may be kept for less time than a new key is published before it signs.

use std::sync::Arc;

use salvo::http::StatusCode;
use salvo::http::header::{CACHE_CONTROL, ETAG, HeaderValue, IF_NONE_MATCH};
use salvo::{Request, Response, handler};

use super::super::{App, reply};

const JWK_SET: HeaderValue = HeaderValue::from_static("application/jwk-set+json");

#[derive(Clone)]
pub(in crate::http) struct Jwks(pub Arc<App>);

#[handler]
impl Jwks {
    fn handle(&self, req: &mut Request, res: &mut Response) {
        let ring = self.0.provider.keys().ring();
        let jwks = ring.jwks();
        let known = req.headers().get(IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == jwks.etag.as_bytes());
        if known {
            res.status_code(StatusCode::NOT_MODIFIED);
        } else {
            reply::body(res, StatusCode::OK, JWK_SET, jwks.body.as_bytes());
        }
        let max_age = format!("public, max-age={}", self.0.limits.jwks_max_age.as_secs());
        for (name, value) in [(CACHE_CONTROL, max_age.as_str()), (ETAG, jwks.etag.as_str())] {
            if let Ok(value) = HeaderValue::from_str(value) {
                res.headers_mut().insert(name, value);
            }
        }
    }
}
