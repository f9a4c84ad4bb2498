//! Sending an answer back to the client: by redirect, or as a form that the browser posts.

use minijinja::{Value, context};
use salvo::http::StatusCode;
use salvo::{Request, Response};

use super::super::errors::ErrorPage;
use super::super::oidc::authorize::see_other;
use super::{Language, render_for};
use crate::domain::authorization::ResponseMode;
use crate::oidc::authorize::Answer;

pub(in crate::http) fn send(req: &Request, res: &mut Response, answer: &Answer) {
    match answer.mode {
        ResponseMode::Query => match url::Url::parse(&answer.redirect_uri) {
            Ok(mut url) => {
                url.query_pairs_mut().extend_pairs(&answer.parameters);
                see_other(res, url.as_str());
            }
            // A registered redirect URI parses.
            Err(_) => ErrorPage::bad_request().render(req, res),
        },
        ResponseMode::FormPost => {
            let fields: Vec<Value> = answer.parameters.iter().map(|(name, value)| context! { name, value }).collect();
            let context = context! { action => answer.redirect_uri, fields };
            render_for(res, Language::of(req), StatusCode::OK, "form_post.html", context, Some(&answer.redirect_uri));
        }
    }
}
