//! Pages for people: plain HTML that works without script, rendered from templates that escape what they are given.

pub(super) mod answer;
pub(super) mod assets;
pub(super) mod docs;
pub(super) mod interaction;
mod language;
pub(super) mod logout;
pub(super) mod setup;

use std::sync::LazyLock;

use minijinja::{Environment, Value, context};
use salvo::Response;
use salvo::http::StatusCode;
use salvo::http::header::{CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY};

pub(super) use self::language::{Language, TAGS as LANGUAGES};
use super::reply;
use crate::domain::chain::chain;

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    let files = [
        ("base.html", include_str!("templates/base.html")),
        ("error.html", include_str!("templates/error.html")),
        ("login.html", include_str!("templates/login.html")),
        ("select_account.html", include_str!("templates/select_account.html")),
        ("consent.html", include_str!("templates/consent.html")),
        ("logout.html", include_str!("templates/logout.html")),
        ("signed_out.html", include_str!("templates/signed_out.html")),
        ("stayed.html", include_str!("templates/stayed.html")),
        ("form_post.html", include_str!("templates/form_post.html")),
        ("setup.html", include_str!("templates/setup.html")),
        ("docs.html", include_str!("templates/docs.html")),
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

/// Styles and scripts only from here, forms only to here and, since browsers apply it to redirects after a form, to where
/// this request may be sent back to; framed by nobody.
fn policy(redirect: Option<&str>) -> String {
    let target = redirect.and_then(|uri| url::Url::parse(uri).ok()).map(|url| match url.origin() {
        url::Origin::Opaque(_) => format!(" {}:", url.scheme()),
        // The grammar of sources knows no IPv6 (CSP Level 3 §2.3.1); only loopback ones can be registered with http.
        url::Origin::Tuple(scheme, url::Host::Ipv6(_), _) => format!(" {scheme}:"),
        tuple @ url::Origin::Tuple(..) => format!(" {}", tuple.ascii_serialization()),
    });
    let target = target.unwrap_or_default();
    format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'{target}; \
         base-uri 'none'; frame-ancestors 'none'"
    )
}

fn render(res: &mut Response, language: Language, status: StatusCode, template: &str, context: Value) {
    render_for(res, language, status, template, context, None);
}

/// A page whose forms may end at this redirect.
fn render_for(
    res: &mut Response,
    language: Language,
    status: StatusCode,
    template: &str,
    context: Value,
    redirect: Option<&str>,
) {
    let context = context! { lang => language.tag(), t => language.function(), ..context };
    match TEMPLATES.get_template(template).and_then(|t| t.render(context)) {
        Ok(html) => {
            reply::body(res, status, reply::HTML, html);
            let headers = res.headers_mut();
            if let Ok(policy) = HeaderValue::from_str(&policy(redirect)) {
                headers.insert(CONTENT_SECURITY_POLICY, policy);
            }
            headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
            headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
            headers.insert(PERMISSIONS_POLICY, HeaderValue::from_static(NO_DEVICES));
        }
        Err(error) => {
            tracing::error!(error = chain(&error), template, "a page could not be rendered");
            res.status_code(StatusCode::INTERNAL_SERVER_ERROR);
        }
    }
}

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
/// Nothing a page of ours needs.
const NO_DEVICES: &str = "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()";

/// A page that says what happened and what to do: the texts `error-<key>-title` and `error-<key>-text`, and what went
/// wrong technically where that helps whoever made the application.
pub(super) fn error(res: &mut Response, language: Language, status: StatusCode, key: &str, detail: Option<&str>) {
    let text = |part: &str| language.text(&format!("error-{key}-{part}"), &[]);
    render(res, language, status, "error.html", context! { title => text("title"), text => text("text"), detail });
}
