//! The address a request comes from: the socket's, or what proxies that are trusted say of it (`X-Forwarded-For`).

use std::net::IpAddr;

use ipnet::IpNet;
use salvo::Request;
use salvo::http::HeaderName;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// More proxies than stand in any row.
const HOPS_MAX: usize = 16;

/// Whoever speaks for nobody trusted counts as themselves: a header that a client wrote changes nothing.
pub(super) fn of(req: &Request, trusted: &[IpNet]) -> IpAddr {
    let socket = req.remote_addr().clone().into_std().map_or(IpAddr::from([0, 0, 0, 0]), |address| address.ip());
    let lines = req.headers().get_all(X_FORWARDED_FOR).iter().map(|line| line.to_str().unwrap_or("?"));
    let hops: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    behind(socket.to_canonical(), &hops, trusted)
}

/// Goes back from the socket, hop by hop, while the last one is a trusted proxy: each added the address it was asked from.
fn behind(socket: IpAddr, hops: &[&str], trusted: &[IpNet]) -> IpAddr {
    let mut address = socket;
    for hop in hops.iter().rev().take(HOPS_MAX) {
        if !trusted.iter().any(|network| network.contains(&address)) {
            break;
        }
        // What cannot be read ends the way: further left anybody could have written anything.
        let Some(before) = parse(hop) else { break };
        address = before;
    }
    address
}

/// An address, with or without a port.
fn parse(hop: &str) -> Option<IpAddr> {
    let address = hop.parse::<IpAddr>().ok();
    let address = address.or_else(|| hop.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip()));
    address
        .or_else(|| hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
        .map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let trusted: Vec<IpNet> = ["10.0.0.0/8", "fd00::/8"].iter().map(|n| n.parse().unwrap()).collect();
        let seen = |socket: &str, hops: &[&str]| behind(ip(socket), hops, &trusted);
        assert_eq!(seen("203.0.113.9", &["198.51.100.1"]), ip("203.0.113.9"), "no proxy of ours");
        assert_eq!(seen("10.0.0.1", &["198.51.100.1"]), ip("198.51.100.1"));
        assert_eq!(seen("10.0.0.1", &["1.2.3.4", "198.51.100.1"]), ip("198.51.100.1"), "the client wrote the first");
        assert_eq!(seen("10.0.0.1", &["1.2.3.4", "198.51.100.1", "10.0.0.2"]), ip("198.51.100.1"));
        assert_eq!(seen("10.0.0.1", &["198.51.100.1:5123"]), ip("198.51.100.1"));
        assert_eq!(seen("fd00::1", &["[2001:db8::7]"]), ip("2001:db8::7"));
        assert_eq!(seen("10.0.0.1", &["::ffff:198.51.100.1"]), ip("198.51.100.1"));
        assert_eq!(seen("10.0.0.1", &["198.51.100.1", "unknown"]), ip("10.0.0.1"));
        assert_eq!(seen("10.0.0.1", &[]), ip("10.0.0.1"));
        assert_eq!(behind(ip("10.0.0.1"), &["198.51.100.1"], &[]), ip("10.0.0.1"), "nobody is trusted");
    }
}
