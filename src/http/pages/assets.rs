//! What pages load: one stylesheet.

use salvo::http::StatusCode;
use salvo::http::header::{CACHE_CONTROL, HeaderValue};
use salvo::{Response, handler};

use super::super::reply;

const CSS: &str = include_str!("assets/doorward.css");

#[derive(Clone)]
pub(in crate::http) struct Stylesheet;

#[handler]
impl Stylesheet {
    fn handle(res: &mut Response) {
        reply::body(res, StatusCode::OK, HeaderValue::from_static("text/css; charset=utf-8"), CSS);
        res.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    }
}

const FORM_POST: &str = include_str!("assets/form_post.js");

#[derive(Clone)]
pub(in crate::http) struct FormPostScript;

#[handler]
impl FormPostScript {
    fn handle(res: &mut Response) {
        reply::body(res, StatusCode::OK, HeaderValue::from_static("text/javascript; charset=utf-8"), FORM_POST);
        res.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    }
}
