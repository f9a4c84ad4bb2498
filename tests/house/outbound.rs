//! One way out: nothing but `src/world/outbound.rs` connects to an address that somebody else chose.

use crate::none;
use crate::source::{Source, sources};

const GUARDED: &str = "src/world/outbound.rs";
/// These stand for somebody else's programs, and ask the demo's own server.
const SAMPLES: [&str; 2] = ["src/boot/demo/app/", "src/boot/demo/notes.rs"];
/// Where the guarded client is made, with what the operator allows beside public addresses.
const MADE_IN: &str = "src/boot/node.rs";

/// What connects, or finds where to connect to, or has another program do it; and the crates below HTTP clients.
const WAYS_OUT: [&str; 20] = [
    "reqwest",
    "openidconnect",
    "hyper",
    "hyper_util",
    "ureq",
    "isahc",
    "curl",
    "tonic",
    "lettre",
    "TcpStream",
    "TcpSocket",
    "UdpSocket",
    "UnixStream",
    "UnixDatagram",
    "ToSocketAddrs",
    "to_socket_addrs",
    "lookup_host",
    "HttpConnector",
    "GaiResolver",
    "LookupHost",
];

#[test]
fn everything_that_goes_out_goes_through_the_one_guarded_client() {
    none(&sources("src").iter().flat_map(ways_out).collect::<Vec<_>>());
}

#[test]
fn another_way_out_is_found() {
    for (path, text, expected) in [
        ("src/http/a.rs", "use reqwest::Client;", 1),
        ("src/world/mod.rs", "fn f() { reqwest::get(a) }", 1),
        ("src/boot/demo/world.rs", "use reqwest as r;", 1),
        ("src/jobs/a.rs", "async fn f() { tokio::net::TcpStream::connect(a).await }", 1),
        ("src/keys/a.rs", "fn f() { vec![std::net::UdpSocket::bind(a)] }", 1),
        ("src/oidc/a.rs", "fn f() { (a, 443).to_socket_addrs() }", 1),
        ("src/oidc/a.rs", "fn f() { std::process::Command::new(\"curl\") }", 1),
        ("src/oidc/a.rs", "use std::process; fn f() { process::Command::new(a) }", 1),
        ("src/jobs/a.rs", "fn f() { Outbound::new(all, timeout) }", 1),
        ("src/boot/node.rs", "fn f() { Outbound::new(private, timeout) }", 0),
        ("src/world/outbound.rs", "use reqwest::Client; fn f() { lookup_host(a) }", 0),
        ("src/boot/demo/app/mod.rs", "use reqwest::Client;", 0),
        ("src/http/a.rs", "// reqwest\nfn f() { tokio::net::TcpListener::bind(a) }", 0),
        ("src/boot/command/a.rs", "use super::command::Command; fn f() { std::process::exit(1) }", 0),
    ] {
        let found = ways_out(&Source::new(path, text));
        assert_eq!(found.len(), expected, "{path}: {text}: {found:?}");
    }
}

fn ways_out(source: &Source) -> Vec<String> {
    if source.path == GUARDED || SAMPLES.iter().any(|sample| source.path.starts_with(sample)) {
        return Vec::new();
    }
    let made_here = source.path == MADE_IN;
    let is_one = |at: usize| {
        WAYS_OUT.contains(&source.text(at))
            || source.reads(at, &["process", ":", ":", "Command"])
            || (!made_here && source.reads(at, &["Outbound", ":", ":", "new"]))
    };
    let found = (0..source.tokens.len()).filter(|at| is_one(*at));
    found.map(|at| format!("{}: `{}` goes out beside {GUARDED}", source.place(at), source.text(at))).collect()
}
