//! The two cookies: one names the browser's session, one binds interactions to the browser. Their names and `Secure`
//! follow the issuer's scheme, never the socket's.

use salvo::http::cookie::{Cookie, SameSite};
use salvo::http::header::COOKIE;
use salvo::{Request, Response};

use crate::domain::issuer::Issuer;
use crate::domain::secret::Secret;

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Session,
    Browser,
}

fn name(kind: Kind, issuer: &Issuer) -> &'static str {
    // `__Host-`: no other host and no other path can set it (RFC 6265bis §4.1.3.2). Browsers take it over https only.
    match (kind, issuer.is_https()) {
        (Kind::Session, true) => "__Host-doorward-session",
        (Kind::Session, false) => "doorward-session",
        (Kind::Browser, true) => "__Host-doorward-browser",
        (Kind::Browser, false) => "doorward-browser",
    }
}

/// No cookie of ours is longer.
const VALUE_LEN_MAX: usize = 128;

/// The one cookie of that name, as it was sent. Nothing is decoded: a browser guards the name `__Host-…` and not
/// `%5F%5FHost-…`, which any neighbouring host may set. Of two, nobody can say which is ours.
pub(super) fn read(req: &Request, kind: Kind, issuer: &Issuer) -> Option<Secret> {
    let name = name(kind, issuer);
    let lines = req.headers().get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs =
        lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim_matches([' ', '\t']).split_once('='));
    let mut values = pairs.filter(|(other, _)| *other == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (Some(value), None) if value.len() <= VALUE_LEN_MAX => Some(Secret::new(value.to_owned())),
        _ => None,
    }
}

pub(super) fn set(res: &mut Response, kind: Kind, issuer: &Issuer, value: &Secret) {
    let cookie = Cookie::build((name(kind, issuer), value.reveal().to_owned()))
        .path("/")
        .http_only(true)
        .secure(issuer.is_https())
        .same_site(SameSite::Lax);
    res.add_cookie(cookie.build());
}

pub(super) fn remove(res: &mut Response, kind: Kind, issuer: &Issuer) {
    let cookie = Cookie::build((name(kind, issuer), ""))
        .path("/")
        .http_only(true)
        .secure(issuer.is_https())
        .same_site(SameSite::Lax)
        .removal();
    res.add_cookie(cookie.build());
}
