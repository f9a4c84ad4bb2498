//! Clients are told when a session ends (OpenID Connect Back-Channel Logout 1.0).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorward::admin::clients::NewClient;
use doorward::domain::client::{AuthMethod, GrantTypes};
use doorward::domain::redirect::{BackchannelUri, RedirectUri};
use doorward::domain::scope::Scopes;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{
    Auth, Browser, Database, House, Options, Pkce, REDIRECT, claims_of, header_of, new_client, verify_through_jwks,
};

/// A relying party's logout endpoint: keeps the bodies it was sent, and answers with the statuses it was given, then 200.
struct Endpoint {
    uri: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Endpoint {
    async fn open(answers: &[u16]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/logout", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (kept, mut answers) = (heard.clone(), answers.iter().copied().collect::<VecDeque<u16>>());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                let mut chunk = [0; 4096];
                while !is_whole(&request) {
                    match stream.read(&mut chunk).await {
                        Ok(0) | Err(_) => break,
                        Ok(read) => request.extend_from_slice(&chunk[..read]),
                    }
                }
                kept.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
                let status = answers.pop_front().unwrap_or(200);
                let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { uri, heard }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    /// Waits until it was asked so often; then the last request.
    async fn hears(&self, times: usize) -> String {
        let started = std::time::Instant::now();
        while self.heard().len() < times {
            assert!(started.elapsed() < Duration::from_secs(10), "asked {} times and not {times}", self.heard().len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(self.heard().len(), times);
        self.heard().pop().unwrap()
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
    length.is_none_or(|length| body.len() >= length)
}

async fn house(database: Database, private: &[&str]) -> House {
    let networks = private.iter().map(|network| toml::Value::from(*network)).collect::<Vec<_>>();
    House::start(database, Options::default().set("outbound.private_networks", networks)).await
}

/// Registers a client that wants to be told, and lets alice sign in to it; her ID token.
async fn signed_in(house: &House, browser: &mut Browser<'_>, client_id: &str, endpoint: &Endpoint) -> String {
    let client = NewClient {
        scopes: Scopes::parse("openid").unwrap(),
        grant_types: GrantTypes { authorization_code: true, refresh_token: true, client_credentials: false },
        redirect_uris: vec![RedirectUri::parse(REDIRECT).unwrap()],
        backchannel_logout_uri: Some(BackchannelUri::parse(&endpoint.uri).unwrap()),
        ..new_client(client_id, AuthMethod::ClientSecretBasic)
    };
    let secret = house.node().admin().create_client(client).await.unwrap().secret.unwrap();
    house.give_password("alice").await;
    let pkce = Pkce::new();
    let code = browser.come("alice", &pkce, &[("client_id", client_id), ("scope", "openid")]).await.code();
    let auth = Auth::basic(client_id, secret.reveal());
    let rest = [("redirect_uri", REDIRECT), ("code_verifier", pkce.verifier.as_str())];
    house.exchange_as(&auth, &code, &rest).await.json()["id_token"].as_str().unwrap().to_owned()
}

async fn told(database: Database) {
    let house = house(database, &["127.0.0.1/32"]).await;
    let metadata = house.get("/.well-known/openid-configuration").await.json();
    assert_eq!(metadata["backchannel_logout_supported"], true);
    assert_eq!(metadata["backchannel_logout_session_supported"], true);
    // Busy at first: it is told again.
    let endpoint = Endpoint::open(&[503]).await;
    let mut browser = Browser::new(&house);
    let id_token = signed_in(&house, &mut browser, "listener", &endpoint).await;
    let page = browser.get(&format!("/oauth2/logout?id_token_hint={id_token}")).await;
    assert!(page.at.starts_with("/signed-out"), "{page:?}");
    endpoint.hears(1).await;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(endpoint.heard().len(), 1, "not before its time");
    house.advance(Duration::from_secs(6));
    let request = endpoint.hears(2).await;
    assert!(request.to_lowercase().contains("content-type: application/x-www-form-urlencoded"), "{request}");
    let body = request.split_once("\r\n\r\n").unwrap().1;
    let token = body.strip_prefix("logout_token=").unwrap();
    assert_eq!(header_of(token)["typ"], "logout+jwt");
    let claims = verify_through_jwks(&house, token, "listener").await.unwrap();
    let id = claims_of(&id_token);
    assert_eq!((&claims["sub"], &claims["sid"], &claims["iss"]), (&id["sub"], &id["sid"], &id["iss"]));
    assert_eq!(claims["events"], json!({ "http://schemas.openid.net/event/backchannel-logout": {} }));
    assert!(claims.get("nonce").is_none() && claims["jti"].is_string());
    assert!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap() <= 120);
    // A logout token is no other token.
    let hint = Browser::new(&house).ask(&Pkce::new(), &[("client_id", "listener"), ("id_token_hint", token)]).await;
    assert_eq!(hint.parameter("error").as_deref(), Some("invalid_request"));
    house.advance(Duration::from_hours(2));
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(endpoint.heard().len(), 2, "heard is heard");
}

async fn operators_end_sessions_too(database: Database) {
    let house = house(database, &["127.0.0.1/32"]).await;
    let endpoint = Endpoint::open(&[]).await;
    signed_in(&house, &mut Browser::new(&house), "listener", &endpoint).await;
    assert!(endpoint.heard().is_empty());
    house.command(&["user", "sign-out", "alice"]);
    endpoint.hears(1).await;
}

async fn what_is_not_public_is_never_reached(database: Database) {
    let house = house(database, &[]).await;
    let endpoint = Endpoint::open(&[]).await;
    let mut browser = Browser::new(&house);
    let id_token = signed_in(&house, &mut browser, "listener", &endpoint).await;
    browser.get(&format!("/oauth2/logout?id_token_hint={id_token}")).await;
    for _ in 0..9 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        house.advance(Duration::from_hours(13));
    }
    assert!(endpoint.heard().is_empty(), "{:?}", endpoint.heard());
    let facts = house.command(&["audit", "--subject", "client:listener"]);
    let given_up = |fact: &serde_json::Value| fact["kind"] == "logout.undelivered";
    assert!(facts["facts"].as_array().unwrap().iter().any(given_up), "given up, and said so: {facts}");
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
    a_client_is_told_of_the_end_of_a_session_until_it_has_heard: told,
    an_operator_who_signs_somebody_out_has_the_clients_told: operators_end_sessions_too,
    an_address_that_is_not_public_is_never_reached: what_is_not_public_is_never_reached,
}
