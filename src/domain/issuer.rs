//! The issuer: one configured origin, from which every address that is sent out is built; never from a request.

use std::fmt;

/// An `https` origin, or `http` on loopback for development (OpenID Connect Discovery §3, RFC 8414 §2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Issuer(String);

impl Issuer {
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = url::Url::parse(text).map_err(|_| format!("{text:?} is not a URL such as https://id.example.com"))?;
        let origin = url.origin().ascii_serialization();
        if text != origin {
            return Err(format!("{text:?} must be an origin alone, without path or trailing slash: {origin:?}"));
        }
        let loopback = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        match url.scheme() {
            "https" => Ok(Self(origin)),
            "http" if loopback => Ok(Self(origin)),
            _ => Err(format!("{text:?} must be https (plain http only on localhost, for development)")),
        }
    }

    /// Stands in where no issuer could be read.
    #[must_use]
    pub fn localhost() -> Self {
        Self("http://localhost".to_owned())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// An address below the issuer; `path` begins with a slash.
    #[must_use]
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// The audience of Doorward's own decision API.
    #[must_use]
    pub fn decision_api(&self) -> String {
        self.at("/access/v1")
    }

    /// The audience of Doorward's own administration API.
    #[must_use]
    pub fn management_api(&self) -> String {
        self.at("/api/v1")
    }

    /// Whether an address is this service's own.
    #[must_use]
    pub fn owns(&self, address: &str) -> bool {
        url::Url::parse(address).is_ok_and(|url| url.origin().ascii_serialization() == self.0)
    }

    /// Whether this is the audience of one of Doorward's own APIs: no resource server may pass for one of them.
    #[must_use]
    pub fn is_own_api(&self, audience: &str) -> bool {
        audience == self.decision_api() || audience == self.management_api()
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
