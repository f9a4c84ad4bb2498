//! Metadata documents, written once at start.

use std::sync::Arc;

use salvo::http::StatusCode;
use salvo::http::header::{CACHE_CONTROL, HeaderValue};
use salvo::{Request, Response, handler};

use super::super::errors::Problem;
use super::super::pages::LANGUAGES;
use super::super::reply;
use crate::domain::issuer::Issuer;
use crate::domain::name::Slug;
use crate::oidc::metadata;

#[derive(Clone)]
pub(in crate::http) struct Document(Arc<str>);

impl Document {
    pub(in crate::http) fn authorization_server(issuer: &Issuer) -> Self {
        Self(metadata::authorization_server(issuer, &LANGUAGES).to_string().into())
    }

    pub(in crate::http) fn policy_decision_point(issuer: &Issuer) -> Self {
        Self(metadata::policy_decision_point(issuer, "").to_string().into())
    }
}

#[handler]
impl Document {
    fn handle(&self, res: &mut Response) {
        document(res, &self.0);
    }
}

/// The metadata of one of several resource servers (AuthZEN §9). Whether there is one of that name, it does not say: that
/// is for its callers to know.
#[derive(Clone)]
pub(in crate::http) struct PolicyDecisionPointOf(pub Issuer);

#[handler]
impl PolicyDecisionPointOf {
    fn handle(&self, req: &Request, res: &mut Response) {
        match req.param::<String>("resource_server").map(|name| Slug::parse(&name)) {
            Some(Ok(name)) => {
                document(res, &metadata::policy_decision_point(&self.0, &format!("/r/{name}")).to_string());
            }
            _ => Problem::not_found().render(res),
        }
    }
}

fn document(res: &mut Response, text: &str) {
    reply::body(res, StatusCode::OK, reply::JSON, text.as_bytes());
    res.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
}
