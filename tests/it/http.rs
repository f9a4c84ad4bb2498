//! The frame around every request.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use doorward::http::ledger::{Verb, rows};

use crate::support::{Auth, Database, House, Options, both};

/// One raw exchange, for what a client library would not send.
fn raw(house: &House, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", house.port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(n) = stream.read(&mut buffer) {
        answer.extend_from_slice(&buffer[..n]);
        if n == 0 || answer.windows(4).any(|w| w == b"\r\n\r\n") {
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

both! {
    async fn every_answer_carries_security_headers_and_a_request_id(house: House) {
        for path in ["/healthz", "/readyz", "/oauth2/jwks", "/nothing", "/oauth2/token", "/setup/x"] {
            let answer = house.get(path).await;
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
            assert!(!answer.header("referrer-policy").is_empty(), "{path}");
            assert!(!answer.header("x-request-id").is_empty(), "{path}");
            assert_eq!(answer.header("strict-transport-security"), "", "{path}: the issuer is plain http");
            assert_eq!(answer.header("server"), "", "{path}");
        }
    }

    async fn a_request_id_comes_back_as_sent_unless_it_is_none(house: House) {
        let echoed = house.get_with("/healthz", &[("x-request-id", "abc-123_x.y")]).await;
        assert_eq!(echoed.header("x-request-id"), "abc-123_x.y");
        for bad in ["with space", "", &"x".repeat(200)] {
            let answer = house.get_with("/healthz", &[("x-request-id", bad)]).await;
            assert_ne!(answer.header("x-request-id"), bad);
            assert_eq!(answer.header("x-request-id").len(), 36, "one was made");
        }
    }

    async fn what_is_not_there_is_said_in_json(house: House) {
        let paths = ["/", "/nothing", "/oauth2", "/oauth2/token/", "/oauth2//token", "/OAUTH2/token", "/..%2fetc", "/%00", "/oauth2/jwks%2f"];
        for path in paths {
            let answer = house.get(path).await;
            assert!([404, 405].contains(&answer.status), "{path}: {answer:?}");
            assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
            assert!(["not_found", "method_not_allowed"].contains(&answer.error().as_str()));
        }
        let answer = house.send(reqwest::Method::DELETE, "/oauth2/jwks", &Auth::None, &[], "").await;
        assert_eq!(answer.refusal(), (405, "method_not_allowed".into()));
        let head = house.send(reqwest::Method::HEAD, "/oauth2/jwks", &Auth::None, &[], "").await;
        assert_eq!((head.status, head.text.as_str()), (200, ""));
    }

    async fn large_and_many_headers_are_refused(house: House) {
        let long = format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "a".repeat(40_000));
        let many = (0..100).map(|i| format!("x-{i}: 1\r\n")).collect::<Vec<_>>().concat();
        let many = format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{many}\r\n");
        for request in [long, many] {
            let answer = raw(&house, request.as_bytes());
            assert!(answer.starts_with("HTTP/1.1 431"), "{answer:.100}");
        }
        assert_eq!(house.get("/healthz").await.status, 200);
    }

    async fn a_body_that_is_announced_too_large_is_refused_before_it_is_sent(house: House) {
        for (path, kind) in [("/oauth2/token", "application/x-www-form-urlencoded"), ("/access/v1/evaluation", "application/json")] {
            let auth = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("notes-api:{}", house.world.notes_api));
            let request = format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Basic {auth}\r\ncontent-type: {kind}\r\n\
                 content-length: 9999999\r\nexpect: 100-continue\r\n\r\n"
            );
            let answer = raw(&house, request.as_bytes());
            assert!(answer.starts_with("HTTP/1.1 413"), "{path}: {answer}");
        }
    }

    async fn public_documents_are_compressed_and_nothing_else_is(house: House) {
        let accepts = [("accept-encoding", "gzip")];
        let document = house.get_with("/.well-known/openid-configuration", &accepts).await;
        assert_eq!(document.header("content-encoding"), "gzip");
        let headers = [("accept-encoding", "gzip"), ("content-type", "application/x-www-form-urlencoded")];
        let token = house.send(reqwest::Method::POST, "/oauth2/token", &house.bot(), &headers, "grant_type=client_credentials").await;
        assert_eq!((token.status, token.header("content-encoding")), (200, ""));
    }

    async fn an_address_that_does_not_take_a_method_says_which_it_takes(house: House) {
        let mut taken: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for row in rows() {
            let methods = taken.entry(row.path).or_default();
            methods.extend(match row.verb {
                Verb::Get => &["GET", "HEAD"][..],
                Verb::Post => &["POST"],
                Verb::Put => &["PUT"],
                Verb::Patch => &["PATCH"],
                Verb::Delete => &["DELETE"],
            });
            if row.cors {
                methods.insert("OPTIONS");
            }
        }
        for (path, methods) in taken {
            let address = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
            let address = address.collect::<Vec<_>>().join("/");
            for other in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"] {
                if methods.contains(other) {
                    continue;
                }
                let method = reqwest::Method::from_bytes(other.as_bytes()).unwrap();
                let answer = house.send(method, &address, &Auth::None, &[], "").await;
                let allow: BTreeSet<_> = answer.header("allow").split(", ").collect();
                // RFC 9110 §15.5.6
                assert_eq!((answer.status, allow), (405, methods.clone()), "{other} {path}: {answer:?}");
            }
        }
    }

    async fn repeated_authorization_headers_are_refused(house: House) {
        let body = "grant_type=client_credentials";
        let request = format!(
            "POST /oauth2/token HTTP/1.1\r\nhost: x\r\nauthorization: Basic eDp5\r\nauthorization: Basic eDp6\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        let answer = raw(&house, request.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_heads_and_bodies_are_cut_off() {
    let options = Options::default().set("server.header_timeout", "1s").set("server.request_timeout", "1s");
    let house = House::start(Database::Sqlite, options).await;
    let started = Instant::now();
    let answer = raw(&house, b"GET /healthz HTTP/1.1\r\nhost:");
    assert!(started.elapsed() < Duration::from_secs(4), "the head was waited for too long: {answer}");
    let started = Instant::now();
    let slow = "POST /oauth2/token HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n\
                content-length: 100\r\n\r\ngrant";
    let answer = raw(&house, slow.as_bytes());
    assert!(started.elapsed() < Duration::from_secs(4), "the body was waited for too long");
    assert!(!answer.starts_with("HTTP/1.1 5") || answer.starts_with("HTTP/1.1 503"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_is_not_ready_first_and_ends_what_is_in_flight() {
    let options = Options::default().set("server.shutdown_notice", "1s");
    let mut house = House::start(Database::Sqlite, options).await;
    assert_eq!(house.get("/readyz").await.status, 200);
    let (base, client) = (house.base.clone(), house.client.clone());
    let (bot, secret) = ("bot", house.world.bot.clone());
    let asking = tokio::spawn(async move {
        let mut served = 0;
        let mut draining = false;
        loop {
            let ready = client.get(format!("{base}/readyz")).send().await;
            draining |= ready.is_ok_and(|r| r.status() == 503);
            let form = [("grant_type", "client_credentials")];
            match client.post(format!("{base}/oauth2/token")).basic_auth(bot, Some(&secret)).form(&form).send().await {
                Ok(answer) => {
                    assert_eq!(answer.status(), 200, "served whole or not at all");
                    served += 1;
                }
                Err(error) => {
                    assert!(error.is_connect() || error.is_request(), "{error}");
                    return (served, draining);
                }
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let started = Instant::now();
    house.stop().await;
    assert!(started.elapsed() < Duration::from_secs(5));
    let (served, draining) = asking.await.unwrap();
    assert!(draining, "readiness failed before the listener closed");
    assert!(served > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_served_and_a_renewed_certificate_is_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let renew = || {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        std::fs::write(path("key.pem"), made.signing_key.serialize_pem()).unwrap();
        std::fs::write(path("cert.pem"), made.cert.pem()).unwrap();
        reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap()
    };
    let first = renew();
    let port = crate::support::free_port();
    let issuer = format!("https://localhost:{port}");
    let options = Options::default()
        .set("server.listen", format!("127.0.0.1:{port}"))
        .set("server.issuer", issuer.clone())
        .set("server.tls_certificate_file", path("cert.pem").display().to_string())
        .set("server.tls_key_file", path("key.pem").display().to_string())
        .set("server.tls_reload_every", "50ms");
    let _house = House::start(Database::Sqlite, options).await;
    let trusting = |certificate: &reqwest::Certificate| {
        reqwest::Client::builder().tls_certs_only([certificate.clone()]).build().unwrap()
    };
    let url = format!("{issuer}/.well-known/openid-configuration");
    let answer = trusting(&first).get(&url).send().await.unwrap();
    assert_eq!(answer.version(), reqwest::Version::HTTP_2);
    assert!(answer.headers().contains_key("strict-transport-security"));
    assert_eq!(answer.json::<serde_json::Value>().await.unwrap()["issuer"], issuer);

    tokio::time::sleep(Duration::from_millis(20)).await;
    let second = renew();
    crate::support::eventually("the new certificate", async || trusting(&second).get(&url).send().await.is_ok()).await;
    assert!(trusting(&first).get(&url).send().await.is_err(), "the old one is gone");
}
