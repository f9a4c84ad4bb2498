//! Sending an answer back to the client: by redirect, or as a form that the browser posts.

use minijinja::{Value, context};
use salvo::Response;
use salvo::http::StatusCode;
use salvo::http::header::{CONTENT_SECURITY_POLICY, HeaderValue};

use super::super::oidc::authorize::see_other;
use super::{policy, render};
use crate::domain::authorization::ResponseMode;
use crate::oidc::authorize::Answer;

pub(in crate::http) fn send(res: &mut Response, answer: &Answer) {
    match answer.mode {
        ResponseMode::Query => match url::Url::parse(&answer.redirect_uri) {
            Ok(mut url) => {
                url.query_pairs_mut().extend_pairs(&answer.parameters);
                see_other(res, url.as_str());
            }
            // A registered redirect URI parses.
            Err(_) => super::error(res, StatusCode::BAD_REQUEST, "That did not work", "The redirect is no address."),
        },
        ResponseMode::FormPost => {
            let fields: Vec<Value> = answer.parameters.iter().map(|(name, value)| context! { name, value }).collect();
            render(res, StatusCode::OK, "form_post.html", context! { action => answer.redirect_uri, fields });
            let policy = policy(Some(&answer.redirect_uri)) + "; script-src 'self'";
            if let Ok(policy) = HeaderValue::from_str(&policy) {
                res.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
            }
        }
    }
}
