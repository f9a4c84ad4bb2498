//! What goes out goes to public addresses, once, and is waited for no longer than it is worth (threat class 10). The one
//! thing that goes out tells clients that a session has ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use doorward::admin::clients::NewClient;
use doorward::domain::client::{AuthMethod, GrantTypes};
use doorward::domain::redirect::{BackchannelUri, RedirectUri};
use doorward::domain::scope::Scopes;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{
    AssertionKey, Auth, Browser, Database, House, Options, Pkce, REDIRECT, both, new_client, unsigned,
};

/// Somebody on this machine who counts who comes, and how long each stayed.
struct Door {
    port: u16,
    came: Arc<AtomicUsize>,
    left: Arc<AtomicUsize>,
}

/// How one answers who comes.
#[derive(Clone, Copy)]
enum Manner {
    /// Says this and hangs up.
    Says(&'static str),
    /// Says nothing.
    Waits,
    /// Says this, and then one piece after the other without end; the pieces are so long, and so far apart.
    Goes(&'static str, usize, Duration),
}

impl Door {
    async fn open(address: &str, port: u16, manner: Manner) -> Option<Self> {
        let listener = TcpListener::bind((address, port)).await.ok()?;
        let port = listener.local_addr().unwrap().port();
        let (came, left) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (coming, leaving) = (came.clone(), left.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                coming.fetch_add(1, Ordering::SeqCst);
                let leaving = leaving.clone();
                tokio::spawn(async move {
                    answer(stream, manner).await;
                    leaving.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        Some(Self { port, came, left })
    }

    fn came(&self) -> usize {
        self.came.load(Ordering::SeqCst)
    }

    fn left(&self) -> usize {
        self.left.load(Ordering::SeqCst)
    }
}

/// Until the other side hangs up, where this one does not.
async fn answer(mut stream: TcpStream, manner: Manner) {
    let mut request = [0; 4096];
    let _ = stream.read(&mut request).await;
    match manner {
        Manner::Says(text) => drop(stream.write_all(text.as_bytes()).await),
        Manner::Waits => while stream.read(&mut request).await.is_ok_and(|read| read > 0) {},
        Manner::Goes(text, size, pause) => {
            let piece = vec![b'a'; size];
            let mut said = stream.write_all(text.as_bytes()).await;
            while said.is_ok() {
                tokio::time::sleep(pause).await;
                said = stream.write_all(&piece).await;
            }
        }
    }
}

/// Registers a client that wants to be told there, and lets alice sign in to it.
async fn listen(house: &House, browser: &mut Browser<'_>, client_id: &str, uri: &str) {
    let client = NewClient {
        scopes: Scopes::parse("openid").unwrap(),
        grant_types: GrantTypes { authorization_code: true, refresh_token: false, client_credentials: false },
        redirect_uris: vec![RedirectUri::parse(REDIRECT).unwrap()],
        backchannel_logout_uri: Some(BackchannelUri::parse(uri).unwrap()),
        ..new_client(client_id, AuthMethod::ClientSecretBasic)
    };
    let secret = house.node().admin().create_client(client).await.unwrap().secret.unwrap();
    let pkce = Pkce::new();
    let code = browser.come("alice", &pkce, &[("client_id", client_id), ("scope", "openid")]).await.code();
    let rest = [("redirect_uri", REDIRECT), ("code_verifier", pkce.verifier.as_str())];
    assert_eq!(house.exchange_as(&Auth::basic(client_id, secret.reveal()), &code, &rest).await.status, 200);
}

/// Lets time go by until every notice is settled; what was wrong with those that were given up, by client. An attempt takes
/// up to `round`: what is under way when its lease runs out is tried again.
async fn given_up(house: &House, expected: usize, round: Duration) -> BTreeMap<String, String> {
    for tried in 0..40 {
        tokio::time::sleep(Duration::from_millis(700) + round).await;
        house.advance(Duration::from_hours(13));
        if tried >= 7 && problems(house).len() == expected {
            return problems(house);
        }
    }
    panic!("only these were given up: {:?}", problems(house));
}

fn problems(house: &House) -> BTreeMap<String, String> {
    let facts = house.command(&["audit", "--limit", "500"]);
    let facts = facts["facts"].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let problem = |fact: &Value| (text(&fact["subject"]).replace("client:", ""), text(&fact["detail"]["problem"]));
    facts.iter().filter(|fact| fact["kind"] == "logout.undelivered").map(problem).collect()
}

async fn no_spelling_is_reached(database: Database) {
    let house = House::start(database, Options::default()).await;
    house.give_password("alice").await;
    let manner = Manner::Says("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let four = Door::open("127.0.0.1", 0, manner).await.unwrap();
    let six = Door::open("::1", four.port, manner).await;
    let hosts = [
        "127.0.0.1",
        "127.1",
        "127.8.9.10",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "\u{ff11}\u{ff12}\u{ff17}.0.0.1",
        "0.0.0.0",
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::1]",
        "10.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "[fe80::1]",
        "[fd00::1]",
        "[ff02::1]",
    ];
    let mut browser = Browser::new(&house);
    for (i, host) in hosts.iter().enumerate() {
        listen(&house, &mut browser, &format!("c{i}"), &format!("https://{host}:{}/", four.port)).await;
    }
    // Names are looked up where the connection is made, and plain http is for networks that are named.
    listen(&house, &mut browser, "named", &format!("https://localhost:{}/", four.port)).await;
    listen(&house, &mut browser, "plain", &format!("http://127.0.0.1:{}/", four.port)).await;
    house.command(&["user", "sign-out", "alice"]);
    let problems = given_up(&house, hosts.len() + 2, Duration::ZERO).await;
    for (i, host) in hosts.iter().enumerate() {
        assert_eq!(problems[&format!("c{i}")], "the address is not public", "{host}");
    }
    assert!(problems["named"].contains("not public"), "{problems:?}");
    assert_eq!(problems["plain"], "the address is not public");
    assert_eq!((four.came(), six.map_or(0, |door| door.came())), (0, 0));
}

async fn what_is_no_answer_is_none(database: Database) {
    let networks = vec![toml::Value::from("127.0.0.1/32")];
    let options = Options::default().set("outbound.private_networks", networks).set("outbound.timeout", "500ms");
    let house = House::start(database, options).await;
    house.give_password("alice").await;
    let open = async |manner| Door::open("127.0.0.1", 0, manner).await.unwrap();
    let inside = open(Manner::Says("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")).await;
    // It may be reached itself: that it is not says that nobody followed.
    let lead = |status: u16| -> &'static str {
        let head =
            format!("HTTP/1.1 {status} x\r\nlocation: http://127.0.0.1:{}/\r\ncontent-length: 0\r\n\r\n", inside.port);
        head.leak()
    };
    let moment = Duration::from_millis(50);
    let cases = [
        ("found", Manner::Says(lead(302)), "it answered 302"),
        ("other", Manner::Says(lead(303)), "it answered 303"),
        ("again", Manner::Says(lead(307)), "it answered 307"),
        ("moved", Manner::Says(lead(308)), "it answered 308"),
        ("endless", Manner::Goes("HTTP/1.1 200 OK\r\n\r\n", 8192, Duration::ZERO), "the answer is larger than"),
        (
            "announced",
            Manner::Goes("HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n", 8192, Duration::ZERO),
            "larger than",
        ),
        ("silent", Manner::Waits, "the request failed"),
        ("slow-head", Manner::Goes("HTTP/1.1 200 OK\r\nx-slow: ", 1, moment), "the request failed"),
        ("slow-body", Manner::Goes("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n", 1, moment), "the request failed"),
        ("long-head", Manner::Goes("HTTP/1.1 200 OK\r\nx-long: ", 8192, Duration::ZERO), "the request failed"),
        ("only-early", Manner::Says("HTTP/1.1 103 Early Hints\r\n\r\n"), "the request failed"),
    ];
    let mut browser = Browser::new(&house);
    let mut doors = Vec::new();
    for (name, manner, _) in cases {
        let door = open(manner).await;
        listen(&house, &mut browser, name, &format!("http://127.0.0.1:{}/", door.port)).await;
        doors.push((name, door));
    }
    let good = open(Manner::Says("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")).await;
    listen(&house, &mut browser, "good", &format!("http://127.0.0.1:{}/", good.port)).await;
    house.command(&["user", "sign-out", "alice"]);
    let started = std::time::Instant::now();
    while doors.iter().any(|(_, door)| door.left() == 0) || good.left() == 0 {
        let waiting: Vec<_> = doors.iter().filter(|(_, door)| door.left() == 0).map(|(name, _)| *name).collect();
        assert!(started.elapsed() < Duration::from_secs(8), "still listening to {waiting:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let problems = given_up(&house, cases.len(), Duration::from_secs(1)).await;
    for (name, _, expected) in cases {
        assert!(problems[name].contains(expected), "{name}: {}", problems[name]);
    }
    for (name, door) in &doors {
        assert!(door.came() >= 8, "{name}: once and seven times again, not {}", door.came());
    }
    assert_eq!((inside.came(), good.came()), (0, 1), "nobody was led on, and who heard it heard it once");
}

both! {
    async fn nothing_that_a_caller_sends_makes_doorward_fetch_it(house: House) {
        house.give_password("alice").await;
        let (key, stranger) = (AssertionKey::ec(), AssertionKey::ec());
        let jwks: &'static str = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{}", stranger.jwks().len(), stranger.jwks()).leak();
        let door = Door::open("127.0.0.1", 0, Manner::Says(jwks)).await.unwrap();
        let there = format!("http://127.0.0.1:{}/", door.port);
        let (mut browser, pkce) = (Browser::new(&house), Pkce::new());
        let error = |page: &crate::support::Arrived| page.parameter("error").unwrap_or_else(|| panic!("{page:?}"));
        for way in ["", "login", "none"] {
            let back = browser.ask(&pkce, &[("request_uri", &there), ("prompt", way)]).await;
            assert_eq!(error(&back), "request_uri_not_supported");
        }
        let object = unsigned(&json!({ "alg": "none", "jku": there }), &json!({ "client_id": "app", "request_uri": there }));
        assert_eq!(error(&browser.ask(&pkce, &[("request", &object)]).await), "request_not_supported");
        let posted = browser.post("/oauth2/authorize", &[("client_id", "app"), ("redirect_uri", REDIRECT), ("response_type", "code"), ("request_uri", &there)]).await;
        assert_eq!(error(&posted), "request_uri_not_supported");
        // Parameters of a registration mean nothing here.
        let odd = [("jwks_uri", there.as_str()), ("sector_identifier_uri", &there), ("logo_uri", &there), ("client_uri", &there)];
        assert!(!browser.come("alice", &pkce, &odd).await.code().is_empty());

        // Keys are those that were registered, whatever an assertion says of where others are.
        let new = NewClient { jwks: Some(key.jwks()), ..new_client("signer", AuthMethod::PrivateKeyJwt) };
        house.node().admin().create_client(new).await.unwrap();
        let claims = |jti: &str| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
            json!({ "iss": "signer", "sub": "signer", "aud": house.issuer(), "exp": now + 60, "jti": jti })
        };
        let ask = async |jwt: &str| {
            let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            let form = [("client_assertion_type", kind), ("client_assertion", jwt), ("token", "x")];
            house.form("/oauth2/introspect", &Auth::None, &form).await.status
        };
        for header in [
            json!({ "alg": "ES256", "jku": there }),
            json!({ "alg": "ES256", "x5u": there }),
            json!({ "alg": "ES256", "jku": there, "kid": "ec" }),
            json!({ "alg": "ES256", "jwk": stranger.jwk }),
            json!({ "alg": "ES256", "kid": there }),
        ] {
            assert_eq!(ask(&stranger.sign_with_header(&header, &claims("stranger"))).await, 401, "{header}");
        }
        assert_eq!(ask(&key.sign(&claims("own"))).await, 200);

        // Nor can an operator register such an address.
        for option in ["--jwks-uri", "--sector-identifier-uri", "--logo-uri", "--request-uri"] {
            let refused = house.doorward(&["client", "create", "other", option, &there]);
            assert!(!refused.status.success(), "{option}");
        }
        for jwks in [json!({ "jwks_uri": there }), json!(there), json!({ "keys": there }), json!({ "keys": [{ "jku": there }] })] {
            let new = NewClient { jwks: Some(jwks.to_string()), ..new_client("other", AuthMethod::PrivateKeyJwt) };
            assert!(house.node().admin().create_client(new).await.is_err(), "{jwks}");
        }
        let metadata = house.get("/.well-known/openid-configuration").await.json();
        assert_eq!(metadata["request_uri_parameter_supported"], false);
        assert!(metadata.get("registration_endpoint").is_none());
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(door.came(), 0, "nobody came");
    }
}

macro_rules! on_both {
    ($($name:ident: $run:ident),* $(,)?) => {$(
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                $run(Database::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgres() {
                $run(Database::Postgres).await;
            }
        }
    )*};
}

on_both! {
    no_spelling_of_an_address_that_is_not_public_is_reached: no_spelling_is_reached,
    redirects_are_not_followed_and_answers_have_a_size_and_a_time: what_is_no_answer_is_none,
}
