//! What pages load: one stylesheet, and scripts that only add.

use salvo::http::StatusCode;
use salvo::http::header::{CACHE_CONTROL, HeaderValue};
use salvo::{Request, Response, handler};

use super::super::errors::ErrorPage;
use super::super::reply;

const CSS: HeaderValue = HeaderValue::from_static("text/css; charset=utf-8");
const SCRIPT: HeaderValue = HeaderValue::from_static("text/javascript; charset=utf-8");

fn asset(name: &str) -> Option<(HeaderValue, &'static str)> {
    match name {
        "doorward.css" => Some((CSS, include_str!("assets/doorward.css"))),
        "docs.css" => Some((CSS, include_str!("assets/docs.css"))),
        "form_post.js" => Some((SCRIPT, include_str!("assets/form_post.js"))),
        "password.js" => Some((SCRIPT, include_str!("assets/password.js"))),
        _ => None,
    }
}

#[derive(Clone)]
pub(in crate::http) struct Asset;

#[handler]
impl Asset {
    fn handle(req: &mut Request, res: &mut Response) {
        let name = req.param::<String>("name").unwrap_or_default();
        match asset(&name) {
            Some((content_type, text)) => {
                reply::body(res, StatusCode::OK, content_type, text);
                res.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
            }
            None => ErrorPage::not_found().render(req, res),
        }
    }
}
