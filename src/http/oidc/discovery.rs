//! Metadata documents, written once at start.

use std::sync::Arc;

use salvo::http::StatusCode;
use salvo::http::header::{CACHE_CONTROL, HeaderValue};
use salvo::{Response, handler};

use super::super::pages::LANGUAGES;
use super::super::reply;
use crate::domain::issuer::Issuer;
use crate::oidc::metadata;

#[derive(Clone)]
pub(in crate::http) struct Document(Arc<str>);

impl Document {
    pub(in crate::http) fn authorization_server(issuer: &Issuer) -> Self {
        Self(metadata::authorization_server(issuer, &LANGUAGES).to_string().into())
    }

    pub(in crate::http) fn policy_decision_point(issuer: &Issuer) -> Self {
        Self(metadata::policy_decision_point(issuer).to_string().into())
    }
}

#[handler]
impl Document {
    fn handle(&self, res: &mut Response) {
        reply::body(res, StatusCode::OK, reply::JSON, self.0.as_bytes());
        res.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    }
}
