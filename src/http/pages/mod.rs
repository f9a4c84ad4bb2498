//! Pages for people: plain HTML that works without script, rendered from templates that escape what they are given.

pub(super) mod assets;
pub(super) mod setup;

use std::sync::LazyLock;

use minijinja::{Environment, Value};
use salvo::Response;
use salvo::http::StatusCode;
use salvo::http::header::{CONTENT_SECURITY_POLICY, HeaderValue};

use super::reply;

use crate::domain::chain::chain;

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    let files = [
        ("base.html", include_str!("templates/base.html")),
        ("error.html", include_str!("templates/error.html")),
        ("setup.html", include_str!("templates/setup.html")),
        ("setup_done.html", include_str!("templates/setup_done.html")),
    ];
    for (name, source) in files {
        // A template that does not parse shows as a failed page in the first test that renders it.
        if let Err(error) = environment.add_template(name, source) {
            tracing::error!(error = chain(&error), name, "a template does not parse");
        }
    }
    environment
});

/// Scripts and styles only from here, forms only to here, framed by nobody.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

fn render(res: &mut Response, status: StatusCode, template: &str, context: Value) {
    match TEMPLATES.get_template(template).and_then(|t| t.render(context)) {
        Ok(html) => {
            reply::body(res, status, reply::HTML, html);
            res.headers_mut().insert(CONTENT_SECURITY_POLICY, PAGE_POLICY);
        }
        Err(error) => {
            tracing::error!(error = chain(&error), template, "a page could not be rendered");
            res.status_code(StatusCode::INTERNAL_SERVER_ERROR);
        }
    }
}

/// A page that says what happened and what to do.
pub(super) fn error(res: &mut Response, status: StatusCode, title: &str, text: &str) {
    render(res, status, "error.html", minijinja::context! { title, text });
}
