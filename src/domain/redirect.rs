//! Redirect URIs: registered exactly, compared exactly (RFC 9700 §2.1); the one exception is the port of a loopback IP
//! redirect (RFC 8252 §7.3).

use std::fmt;

use serde::Serialize;

/// A registered redirect URI.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct RedirectUri(String);

impl RedirectUri {
    /// `https`, `http` on a loopback IP, or a private-use scheme in reverse-domain form; no fragment, no user.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("{text:?} {why}"));
        if text.len() > 2_048 || text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return wrong("must be at most 2048 characters without spaces, control characters and backslashes");
        }
        let Ok(url) = url::Url::parse(text) else { return wrong("is no absolute URI") };
        if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return wrong("must have neither a fragment nor a user");
        }
        match url.scheme() {
            "https" if url.host().is_some() => {}
            "http" if is_loopback_ip(&url) => {}
            "http" => return wrong("must be https (http only on 127.0.0.1 or [::1])"),
            scheme if scheme.contains('.') => {}
            _ => {
                return wrong("must be https, http on a loopback IP, or a private-use scheme such as com.example.app:");
            }
        }
        Ok(Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a request may use this redirect under the registered one.
    #[must_use]
    pub fn matches(&self, sent: &str) -> bool {
        if self.0 == sent {
            return true;
        }
        let (Ok(mut registered), Ok(mut asked)) = (url::Url::parse(&self.0), url::Url::parse(sent)) else {
            return false;
        };
        // The port alone may differ, and only there: everything else is compared as it was written.
        is_loopback_ip(&registered)
            && registered.scheme() == "http"
            && registered.set_port(None).is_ok()
            && asked.set_port(None).is_ok()
            && without_port(&self.0) == without_port(sent)
            && registered == asked
    }

    /// Whether any local program could pose as the client behind it (RFC 8252 §8.6): people are always asked then.
    #[must_use]
    pub fn is_native(&self) -> bool {
        !self.0.starts_with("https://")
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for RedirectUri {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

/// Where a client is told that a session has ended: `https`, or `http` on a loopback IP; no fragment, no user.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct BackchannelUri(String);

impl BackchannelUri {
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let RedirectUri(text) = RedirectUri::parse(text)?;
        if text.starts_with("https://") || text.starts_with("http://") {
            Ok(Self(text))
        } else {
            Err(format!("{text:?} must be https, or http on a loopback IP"))
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for BackchannelUri {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

fn is_loopback_ip(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(_)) | None => false,
    }
}

/// The text with the digits of its port taken out, so that only they may differ.
fn without_port(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !host.ends_with(':') => host,
        _ => authority,
    };
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_redirects_match_but_for_the_port_of_a_loopback_ip() {
        let web = RedirectUri::parse("https://app.example/cb?x=1").unwrap();
        assert!(web.matches("https://app.example/cb?x=1"));
        let others = [
            "https://app.example/cb",
            "https://app.example/cb?x=1&y=2",
            "https://app.example/cb?x=1#",
            "https://APP.example/cb?x=1",
            "https://app.example:443/cb?x=1",
            "https://app.example/./cb?x=1",
            "https://app.example/cb%3Fx=1",
            "https://app.example.evil/cb?x=1",
            "https://user@app.example/cb?x=1",
            "https://app.example./cb?x=1",
            "http://app.example/cb?x=1",
            "https:\\\\app.example/cb?x=1",
            "//app.example/cb?x=1",
        ];
        for other in others {
            assert!(!web.matches(other), "{other}");
        }
        let native = RedirectUri::parse("http://127.0.0.1/cb").unwrap();
        assert!(native.matches("http://127.0.0.1:51234/cb") && native.matches("http://127.0.0.1/cb"));
        for other in [
            "http://127.0.0.1:1/cb/",
            "http://127.0.0.2:1/cb",
            "http://localhost:1/cb",
            "https://127.0.0.1:1/cb",
            "http://127.0.0.1:1@evil.example/cb",
            "http://127.0.0.1:1/CB",
        ] {
            assert!(!native.matches(other), "{other}");
        }
    }

    #[test]
    fn redirects_that_could_lead_anywhere_are_not_registered() {
        for bad in [
            "javascript:alert(1)",
            "data:text/html,x",
            "http://app.example/cb",
            "http://localhost/cb",
            "https://a.example/#x",
            "https://u:p@a.example/",
            "/cb",
            "app:cb",
            "https://a.example/ b",
            "https://a.example\\@b.example/",
        ] {
            assert!(RedirectUri::parse(bad).is_err(), "{bad}");
        }
        for good in ["https://a.example/cb", "http://[::1]:1/cb", "com.example.app:/cb"] {
            assert!(RedirectUri::parse(good).is_ok(), "{good}");
        }
    }
}
