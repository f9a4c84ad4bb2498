//! The one way out: HTTP to addresses that clients registered. It reaches public addresses only, so that nobody can use this
//! service to knock at doors behind its firewall (server-side request forgery).
//!
//! An address is judged where the connection is made: names are resolved here, and only what was judged is connected to, so
//! that a name which means something else a moment later (rebinding) gains nothing. Redirects are not followed, no proxy is
//! asked, time and size are bounded.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// What is not out there: the networks that the IANA special-purpose registries (RFC 6890) do not call globally reachable,
/// multicast, and those whose addresses stand for others (6to4, Teredo, NAT64).
const NOT_PUBLIC: [&str; 32] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/96",
    "::ffff:0:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];
/// Answers are read up to here and no further.
const ANSWER_MAX_BYTES: usize = 64 * 1024;
/// A machine with more addresses is not asked at all of them.
const ADDRESSES_MAX: usize = 8;

#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    #[error("the address is not https")]
    Scheme,
    #[error("the address is not public")]
    NotPublic,
    #[error("the address is none")]
    Malformed,
    #[error("the address names a user")]
    User,
    #[error("the request failed")]
    Failed(#[source] reqwest::Error),
    #[error("the answer is larger than {ANSWER_MAX_BYTES} bytes")]
    TooLarge,
}

/// Which addresses may be reached.
#[derive(Debug)]
struct Reach {
    not_public: Vec<IpNet>,
    /// Networks of the operator's own that are allowed all the same.
    private: Vec<IpNet>,
}

impl Reach {
    fn new(private: Vec<IpNet>) -> Self {
        Self { not_public: NOT_PUBLIC.iter().filter_map(|text| text.parse().ok()).collect(), private }
    }

    fn is_private(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.private.iter().any(|network| network.contains(&address))
    }

    fn allows(&self, address: IpAddr) -> bool {
        let canonical = address.to_canonical();
        // Of IPv6 only this has been given out as global unicast (RFC 4291 §2.4).
        let unassigned = matches!(canonical, IpAddr::V6(v6) if v6.segments()[0] & 0xe000 != 0x2000);
        if unassigned && !self.is_private(canonical) {
            return false;
        }
        self.is_private(canonical) || !self.not_public.iter().any(|network| network.contains(&canonical))
    }
}

/// What a name means just now.
type LookUp = fn(String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>>;

fn by_the_system(name: String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> {
    async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) }.boxed()
}

/// Resolves names to the addresses that may be reached; to none of them where there are none.
struct Judge {
    reach: Arc<Reach>,
    look_up: LookUp,
}

impl Resolve for Judge {
    fn resolve(&self, name: Name) -> Resolving {
        let (reach, found) = (self.reach.clone(), (self.look_up)(name.as_str().to_owned()));
        async move {
            let found = found.await?.into_iter();
            let allowed: Vec<SocketAddr> =
                found.filter(|address| reach.allows(address.ip())).take(ADDRESSES_MAX).collect();
            if allowed.is_empty() {
                return Err(Box::new(OutboundError::NotPublic).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        }
        .boxed()
    }
}

/// Outbound HTTP.
#[derive(Clone)]
pub struct Outbound {
    /// Made when it is first needed: where there are no certificate authorities, only what goes out fails.
    http: Arc<OnceLock<reqwest::Client>>,
    reach: Arc<Reach>,
    look_up: LookUp,
    timeout: Duration,
}

impl Outbound {
    /// `private` are networks that may be reached although they are not public, there also by plain `http`.
    #[must_use]
    pub fn new(private: Vec<IpNet>, timeout: Duration) -> Self {
        Self { http: Arc::default(), reach: Arc::new(Reach::new(private)), look_up: by_the_system, timeout }
    }

    fn http(&self) -> Result<reqwest::Client, OutboundError> {
        if let Some(http) = self.http.get() {
            return Ok(http.clone());
        }
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(self.timeout)
            .connect_timeout(self.timeout)
            .dns_resolver(Arc::new(Judge { reach: self.reach.clone(), look_up: self.look_up }))
            .user_agent(concat!("doorward/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(OutboundError::Failed)?;
        Ok(self.http.get_or_init(|| http).clone())
    }

    /// Posts a form and says the status. The answer is read to its bounded end, so that the connection can be used again.
    ///
    /// # Errors
    /// See [`OutboundError`].
    pub async fn post_form(&self, address: &str, form: &[(&str, &str)]) -> Result<u16, OutboundError> {
        let url = self.judged(address)?;
        let mut response = self.http()?.post(url).form(form).send().await.map_err(OutboundError::Failed)?;
        let mut read = 0;
        while let Some(chunk) = response.chunk().await.map_err(OutboundError::Failed)? {
            read += chunk.len();
            if read > ANSWER_MAX_BYTES {
                return Err(OutboundError::TooLarge);
            }
        }
        Ok(response.status().as_u16())
    }

    /// The address, unless it is judged by itself: an IP address needs no name to be resolved.
    fn judged(&self, address: &str) -> Result<Url, OutboundError> {
        let url = Url::parse(address).map_err(|_| OutboundError::Malformed)?;
        // What stands before an @ would go out as credentials, and makes people take it for the host.
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OutboundError::User);
        }
        let literal = match url.host().ok_or(OutboundError::Malformed)? {
            Host::Ipv4(ip) => Some(IpAddr::from(ip)),
            Host::Ipv6(ip) => Some(IpAddr::from(ip)),
            Host::Domain(_) => None,
        };
        if literal.is_some_and(|ip| !self.reach.allows(ip)) {
            return Err(OutboundError::NotPublic);
        }
        match url.scheme() {
            "https" => Ok(url),
            "http" if literal.is_some_and(|ip| self.reach.is_private(ip)) => Ok(url),
            _ => Err(OutboundError::Scheme),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn only_public_addresses_are_reached() {
        assert_eq!(Reach::new(Vec::new()).not_public.len(), NOT_PUBLIC.len(), "each is a network");
        let reach = Reach::new(vec!["10.1.0.0/16".parse().unwrap()]);
        let allows = |text: &str| reach.allows(text.parse().unwrap());
        for inside in [
            "127.0.0.1",
            "127.8.9.10",
            "0.0.0.0",
            "10.0.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            "172.16.0.1",
            "192.168.255.255",
            "0.255.255.255",
            "198.18.0.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::7f00:1",
            "::ffff:0.0.0.0",
            "::ffff:100.64.0.1",
            "::10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::8.8.8.8",
            "64:ff9b:1::10.0.0.1",
            "2002:a00:1::1",
            "2002:a9fe:a9fe::",
            "2001:0:a00:1::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:0:1::",
            "2001:db8::1",
            "::ffff:0:7f00:1",
            "4000::1",
        ] {
            assert!(!allows(inside), "{inside}");
        }
        for outside in [
            "93.184.216.34",
            "8.8.8.8",
            "100.128.0.1",
            "172.32.0.1",
            "2606:2800:220:1::1",
            "::ffff:8.8.8.8",
            "10.1.2.3",
            "::ffff:10.1.2.3",
        ] {
            assert!(allows(outside), "{outside}");
        }
    }

    #[test]
    fn addresses_are_judged_before_anything_is_sent() {
        let out = Outbound::new(vec!["127.0.0.2/32".parse().unwrap()], Duration::from_secs(1));
        let judged = |text: &str| out.judged(text).map(|_| ());
        assert!(judged("https://rp.example/logout").is_ok() && judged("http://127.0.0.2:8080/x").is_ok());
        for inside in [
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://0.0.0.0/",
            "https://127.1/",
            "https://0x7f.1/",
            "https://0X7F000001/",
            "https://2130706433/",
            "https://0177.0.0.1/",
            "https://017700000001/",
            "https://127.0.0.1./",
            "https://%31%32%37.0.0.1/",
            "https://\u{ff11}\u{ff12}\u{ff17}.0.0.1/",
            "https://127\u{3002}0\u{3002}0\u{3002}1/",
            "https://10.0.0.1:22/",
            "https://[::ffff:10.0.0.1]/",
            "https://[::ffff:a00:1]:8443/",
            "https://[0:0:0:0:0:0:10.0.0.1]/",
            "https://[64:ff9b::10.0.0.1]/",
            "https://[2002:a00:1::]/",
            "https://[fe80::1]/",
            "http://10.0.0.1/",
            "https:\\\\127.0.0.1\\",
            "https:127.0.0.1",
        ] {
            assert!(matches!(judged(inside), Err(OutboundError::NotPublic)), "{inside}");
        }
        for user in [
            "https://rp.example@127.0.0.1/",
            "https://rp.example:x@10.0.0.1/",
            "https://u@rp.example/",
            "https://:p@rp.example/",
        ] {
            assert!(matches!(judged(user), Err(OutboundError::User)), "{user}");
        }
        for none in [
            "",
            "/logout",
            "//127.0.0.1/",
            "https://",
            "https://[fe80::1%25eth0]/",
            "https://127.0.0.256/",
            "https://1.2.3.4.5/",
            "https://a b/",
            "mailto:x",
        ] {
            assert!(matches!(judged(none), Err(OutboundError::Malformed)), "{none}: {:?}", judged(none));
        }
        for scheme in
            ["http://rp.example/", "http://93.184.216.34/", "ftp://rp.example/", "file:///etc/passwd", "gopher://x/"]
        {
            assert!(judged(scheme).is_err(), "{scheme}");
        }
    }

    /// Two listeners on one port: at an address that may be reached, and at one that may not. Each counts who comes.
    struct Doors {
        port: u16,
        came: [Arc<AtomicUsize>; 2],
    }

    const ALLOWED: &str = "127.0.0.2";
    const INSIDE: &str = "127.0.0.1";

    impl Doors {
        async fn open() -> Self {
            let inside = tokio::net::TcpListener::bind((INSIDE, 0)).await.unwrap();
            let port = inside.local_addr().unwrap().port();
            let allowed = tokio::net::TcpListener::bind((ALLOWED, port)).await.unwrap();
            let came = [allowed, inside].map(|listener| {
                let came = Arc::new(AtomicUsize::new(0));
                let counted = came.clone();
                tokio::spawn(async move {
                    while let Ok((stream, _)) = listener.accept().await {
                        counted.fetch_add(1, Ordering::SeqCst);
                        drop(stream);
                    }
                });
                came
            });
            Self { port, came }
        }

        fn came(&self) -> [usize; 2] {
            [0, 1].map(|door| self.came[door].load(Ordering::SeqCst))
        }

        /// Asks for a name that `look_up` knows; what goes wrong in the end, since neither door speaks TLS.
        async fn ask(&self, look_up: LookUp) -> String {
            let out = Outbound::new(vec![format!("{ALLOWED}/32").parse().unwrap()], Duration::from_secs(2));
            let out = Outbound { look_up, ..out };
            let failed = out.post_form(&format!("https://rp.example:{}/", self.port), &[]).await.unwrap_err();
            crate::domain::chain::chain(&failed)
        }
    }

    fn at(addresses: &[&str]) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> {
        let found = addresses.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0)).collect();
        async move { Ok(found) }.boxed()
    }

    #[tokio::test]
    async fn of_the_addresses_of_a_name_only_those_that_may_be_are_reached() {
        let doors = Doors::open().await;
        let problem = doors.ask(|_| at(&[INSIDE, ALLOWED, "::ffff:127.0.0.1", "0.0.0.0"])).await;
        assert_eq!(doors.came(), [1, 0], "{problem}");
        let problem = doors.ask(|_| at(&[INSIDE, "::1", "::ffff:127.0.0.1", "0.0.0.0", "10.0.0.1"])).await;
        assert!(problem.contains("not public"), "{problem}");
        assert_eq!(doors.came(), [1, 0]);
    }

    #[tokio::test]
    async fn a_name_that_means_something_else_a_moment_later_gains_nothing() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let doors = Doors::open().await;
        let look_up: LookUp = |_| {
            let first = ASKED.fetch_add(1, Ordering::SeqCst) == 0;
            at(&[if first { ALLOWED } else { INSIDE }])
        };
        let problem = doors.ask(look_up).await;
        assert_eq!(
            (doors.came(), ASKED.load(Ordering::SeqCst)),
            ([1, 0], 1),
            "what was judged is connected to: {problem}"
        );
        let problem = doors.ask(look_up).await;
        assert!(problem.contains("not public"), "{problem}");
        assert_eq!(doors.came(), [1, 0], "and each connection is judged anew");
    }

    #[tokio::test]
    async fn a_name_that_means_this_machine_is_not_reached() {
        let out = Outbound::new(Vec::new(), Duration::from_secs(2));
        let refused = out.post_form("https://localhost:1/", &[]).await.unwrap_err();
        assert!(
            crate::domain::chain::chain(&refused).contains("not public"),
            "{}",
            crate::domain::chain::chain(&refused)
        );
    }
}
