//! Client authentication: one door for token, revocation and introspection (RFC 6749 §2.3, RFC 7523).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use doorward::admin::clients::NewClient;
use doorward::domain::client::AuthMethod;
use doorward::domain::scope::Scopes;
use doorward::domain::time::Clock as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::support::{Answer, AssertionKey, Auth, House, both, eventually, new_client, slug, unsigned};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Every way not to be a client, at one endpoint.
async fn refuses_everybody_else(house: &House, path: &str, form: &[(&str, &str)]) {
    let secret = house.world.bot.as_str();
    let refused = |answer: Answer, challenged: bool, what: &str| {
        assert_eq!(answer.refusal(), (401, "invalid_client".into()), "{path}: {what}");
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge.starts_with("Basic"), challenged, "{path}: {what}: {challenge:?}");
        assert!(!answer.text.contains(secret));
    };
    let with = |extra: &[(&'static str, &'static str)]| -> Vec<(String, String)> {
        form.iter().chain(extra).map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    };
    let post = |auth: Auth, form: Vec<(String, String)>| async move {
        let form: Vec<_> = form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        house.form(path, &auth, &form).await
    };
    refused(post(Auth::None, with(&[])).await, false, "nothing");
    refused(post(Auth::None, with(&[("client_id", "bot")])).await, false, "client_id alone");
    refused(post(Auth::basic("nobody", secret), with(&[])).await, true, "unknown client");
    refused(post(Auth::basic("bot", "wrong"), with(&[])).await, true, "wrong secret");
    refused(post(Auth::basic("bot", ""), with(&[])).await, true, "empty secret");
    refused(post(Auth::basic("bot", &secret[..secret.len() - 1]), with(&[])).await, true, "truncated secret");
    refused(post(Auth::basic("post", &house.world.post), with(&[])).await, true, "basic where post is registered");
    refused(post(Auth::Bearer("x".into()), with(&[])).await, true, "another scheme");
    let mut in_body = with(&[("client_id", "bot")]);
    in_body.push(("client_secret".into(), secret.to_owned()));
    refused(post(Auth::None, in_body.clone()).await, false, "post where basic is registered");

    let two_ways = post(house.bot(), in_body).await;
    assert_eq!(two_ways.refusal(), (400, "invalid_request".into()), "{path}: two methods");
    let query = format!("{path}?client_secret={secret}");
    let in_url = house.form(&query, &Auth::None, &[("client_id", "post")]).await;
    assert_eq!(in_url.refusal(), (400, "invalid_request".into()), "{path}: secret in the URL");
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("authorization", "Basic !!!")];
    let broken = house.send(reqwest::Method::POST, path, &Auth::None, &headers, "").await;
    refused(broken, true, "broken Basic");

    house.node().admin().set_client_disabled("bot", true).await.unwrap();
    eventually("a disabled client is refused", async || post(house.bot(), with(&[])).await.status == 401).await;
}

both! {
    async fn a_token_needs_an_authenticated_client(house: House) {
        refuses_everybody_else(&house, "/oauth2/token", &[("grant_type", "client_credentials")]).await;
    }

    async fn revocation_needs_an_authenticated_client(house: House) {
        refuses_everybody_else(&house, "/oauth2/revoke", &[("token", "x")]).await;
    }

    async fn introspection_needs_an_authenticated_client(house: House) {
        refuses_everybody_else(&house, "/oauth2/introspect", &[("token", "x")]).await;
    }

    async fn basic_credentials_are_form_decoded_and_post_works_where_it_is_registered(house: House) {
        let encoded = house.world.bot.bytes().map(|b| format!("%{b:02X}")).collect::<Vec<_>>().concat();
        let header = format!("basic {}", STANDARD.encode(format!("%62ot:{encoded}")));
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("authorization", header.as_str())];
        let answer =
            house.send(reqwest::Method::POST, "/oauth2/token", &Auth::None, &headers, "grant_type=client_credentials").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let secret = house.world.post.clone();
        let form = [("client_id", "post"), ("client_secret", secret.as_str())];
        assert_eq!(house.ask_token(&Auth::None, &form).await.status, 200);
    }

    async fn a_new_secret_ends_the_old_one_at_once(house: House) {
        let fresh = house.command(&["client", "rotate-secret", "bot"])["client_secret"].as_str().unwrap().to_owned();
        eventually("the old secret is refused", async || house.ask_token(&house.bot(), &[]).await.status == 401).await;
        assert_eq!(house.ask_token(&Auth::basic("bot", &fresh), &[]).await.status, 200);
    }

    async fn a_client_may_sign_with_a_key_of_its_own(house: House) {
        for (id, key) in [("rs", AssertionKey::rsa(Algorithm::RS256)), ("ps", AssertionKey::rsa(Algorithm::PS256)), ("es", AssertionKey::ec())] {
            register(&house, id, &key).await;
            let token_endpoint = format!("{}/oauth2/token", house.issuer());
            for aud in [house.issuer(), token_endpoint] {
                let claims = json!({ "iss": id, "sub": id, "aud": aud, "exp": soon(60), "jti": format!("{id}{aud}") });
                let answer = assert_with(&house, &key.sign(&claims)).await;
                assert_eq!(answer.status, 200, "{id}: {answer:?}");
            }
        }
    }

    async fn an_assertion_works_once_even_for_two_at_the_same_instant(house: House) {
        let key = AssertionKey::ec();
        register(&house, "es", &key).await;
        let jwt = key.sign(&claims(&house, "es", "once"));
        let tries = (0..16).map(|_| assert_with(&house, &jwt));
        let answers = futures_util::future::join_all(tries).await;
        let statuses: Vec<_> = answers.iter().map(|a| a.status).collect();
        assert_eq!(statuses.iter().filter(|s| **s == 200).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|s| [200, 401].contains(s)), "{statuses:?}");
    }

    async fn an_assertion_is_spent_at_every_endpoint_on_every_node_and_for_as_long_as_it_is_good(house: House) {
        let mut house = house;
        let (key, other) = (AssertionKey::ec(), AssertionKey::ec());
        register(&house, "es", &key).await;
        register(&house, "other", &other).await;
        let mut good = claims(&house, "es", "once");
        good["exp"] = json!(soon(200));
        let (jwt, signed_again) = (key.sign(&good), key.sign(&good));
        assert_ne!(jwt, signed_again, "another text");
        assert_eq!(assert_with(&house, &jwt).await.status, 200);
        let form = [("client_assertion_type", JWT_BEARER), ("client_assertion", signed_again.as_str()), ("token", "x")];
        for path in ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"] {
            let again = house.form(path, &Auth::None, &form).await;
            assert_eq!(again.refusal(), (401, "invalid_client".into()), "{path}");
        }
        assert_eq!(assert_with(&house, &other.sign(&claims(&house, "other", "once"))).await.status, 200, "another client's");
        if house.database_url.starts_with("postgres") {
            let neighbour = house.neighbour().await;
            assert_eq!(assert_with(&neighbour, &signed_again).await.status, 401, "on another node");
        }
        house.stop().await;
        let house = house.restarted().await;
        assert_eq!(assert_with(&house, &signed_again).await.status, 401, "after a restart");
        // Past its expiry it is accepted ten seconds longer.
        let unspent = key.sign(&json!({ "jti": "unspent", "exp": good["exp"], "iss": "es", "sub": "es", "aud": house.issuer() }));
        let left = good["exp"].as_i64().unwrap() - house.clock.now().as_seconds();
        house.advance(Duration::from_secs(u64::try_from(left + 2).unwrap()));
        assert_eq!(assert_with(&house, &unspent).await.status, 200, "still accepted");
        assert_eq!(assert_with(&house, &signed_again).await.status, 401, "and still spent");
        let late = key.sign(&json!({ "jti": "late", "exp": good["exp"], "iss": "es", "sub": "es", "aud": house.issuer() }));
        house.advance(Duration::from_secs(30));
        assert_eq!(assert_with(&house, &late).await.status, 401, "expired");
    }

    async fn assertions_that_prove_nothing_are_refused(house: House) {
        let (key, other) = (AssertionKey::rsa(Algorithm::RS256), AssertionKey::rsa(Algorithm::RS256));
        register(&house, "rs", &key).await;
        let good = claims(&house, "rs", "j");
        let changed = |name: &str, value: Value| {
            let mut claims = good.clone();
            claims[name] = value;
            key.sign(&claims)
        };
        let without = |name: &str| {
            let mut claims = good.clone();
            claims.as_object_mut().unwrap().remove(name);
            key.sign(&claims)
        };
        let cases = [
            ("wrong audience", changed("aud", json!("https://other.example"))),
            ("several audiences", changed("aud", json!([house.issuer(), "https://other.example"]))),
            ("another iss", changed("iss", json!("bot"))),
            ("another sub", changed("sub", json!("bot"))),
            ("expired", changed("exp", json!(soon(-60)))),
            ("valid too long", changed("exp", json!(soon(3600)))),
            ("from the future", changed("nbf", json!(soon(120)))),
            ("empty jti", changed("jti", json!(""))),
            ("huge jti", changed("jti", json!("j".repeat(1000)))),
            ("valid for ever", changed("exp", json!(1e300))),
            ("a time that is none", changed("exp", json!("soon"))),
            ("issued in the future", changed("iat", json!(soon(120)))),
            ("the audience of a part", changed("aud", json!(format!("{}/oauth2", house.issuer())))),
            ("the audience of the key set", changed("aud", json!(format!("{}/oauth2/jwks", house.issuer())))),
            ("an audience of one in a list", changed("aud", json!([house.issuer()]))),
            ("no iss", without("iss")),
            ("no sub", without("sub")),
            ("no exp", without("exp")),
            ("no jti", without("jti")),
            ("no aud", without("aud")),
            ("another key", other.sign(&good)),
            ("alg none", unsigned(&json!({ "alg": "none" }), &good)),
            ("alg None", unsigned(&json!({ "alg": "None" }), &good)),
            ("alg none under a kid", unsigned(&json!({ "alg": "none", "kid": "rsa" }), &good)),
            ("HMAC with the public key", key.sign_with_public_key_as_secret(&good)),
            ("not a JWT", "abc".to_owned()),
        ];
        for (what, jwt) in cases {
            let answer = assert_with(&house, &jwt).await;
            assert_eq!(answer.refusal(), (401, "invalid_client".into()), "{what}");
        }
        // Whatever of the public key an attacker takes for the secret.
        let modulus = URL_SAFE_NO_PAD.decode(key.jwk["n"].as_str().unwrap()).unwrap();
        for secret in [modulus.as_slice(), key.jwks().as_bytes(), key.jwk.to_string().as_bytes(), b""] {
            for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                let header = Header { kid: Some("rsa".to_owned()), ..Header::new(algorithm) };
                let jwt = jsonwebtoken::encode(&header, &good, &EncodingKey::from_secret(secret)).unwrap();
                assert_eq!(assert_with(&house, &jwt).await.refusal(), (401, "invalid_client".into()), "{algorithm:?}");
            }
        }
        let jwt = key.sign(&good);
        let form = [("client_assertion_type", JWT_BEARER), ("client_assertion", jwt.as_str()), ("client_id", "bot")];
        assert_eq!(house.ask_token(&Auth::None, &form).await.status, 401, "client_id of another");
        let form = [("client_assertion_type", "other"), ("client_assertion", jwt.as_str())];
        assert_eq!(house.ask_token(&Auth::None, &form).await.status, 400, "unknown type");
        let form = [("client_assertion_type", JWT_BEARER), ("client_assertion", jwt.as_str())];
        assert_eq!(house.ask_token(&house.bot(), &form).await.status, 400, "beside Basic");
        let demanding = key.sign_with_header(&json!({ "alg": "RS256", "crit": ["exp"], "exp": 1 }), &good);
        assert_eq!(assert_with(&house, &demanding).await.status, 401, "an extension that must be understood");
        for kind in ["at+jwt", "logout+jwt", "dpop+jwt", "application/at+jwt"] {
            let jwt = key.sign_with_header(&json!({ "alg": "RS256", "typ": kind }), &good);
            assert_eq!(assert_with(&house, &jwt).await.status, 401, "a token of another kind: {kind}");
        }
        // None of these refusals has spent the good one.
        assert_eq!(assert_with(&house, &jwt).await.status, 200);
    }
}

fn soon(seconds: i64) -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap() + seconds
}

fn claims(house: &House, client: &str, jti: &str) -> Value {
    json!({ "iss": client, "sub": client, "aud": house.issuer(), "exp": soon(60), "jti": jti })
}

async fn register(house: &House, client_id: &str, key: &AssertionKey) {
    let new = NewClient {
        jwks: Some(key.jwks()),
        resources: vec![slug("notes")],
        scopes: Scopes::parse("notes:read").unwrap(),
        ..new_client(client_id, AuthMethod::PrivateKeyJwt)
    };
    house.node().admin().create_client(new).await.unwrap();
}

async fn assert_with(house: &House, jwt: &str) -> Answer {
    let form = [("client_assertion_type", JWT_BEARER), ("client_assertion", jwt)];
    house.ask_token(&Auth::None, &form).await
}
