//! One kind of token is never another (threat class 8), and a token has one spelling (threat class 9).

use serde_json::json;

use crate::support::{
    Answer, AssertionKey, Auth, Browser, Code, Database, House, Options, Pkce, Tokens, both, claims_of, header_of,
    unsigned,
};

/// One of everything that proves something, each good for its own use.
struct Things {
    tokens: Tokens,
    code: Code,
    session: String,
    machine: String,
    decisions: String,
}

impl Things {
    async fn of(house: &House, browser: &mut Browser<'_>) -> Self {
        house.give_password("alice").await;
        let code = browser.code("alice", &[]).await;
        let tokens = Tokens::of(&house.exchange(&code).await).unwrap();
        let own_api = format!("{}/access/v1", house.issuer());
        Self {
            tokens,
            code: browser.code("alice", &[]).await,
            session: browser.cookie("doorward-session").unwrap().to_owned(),
            machine: house.token().await,
            decisions: house.token_of(&house.notes_api(), &[("resource", &own_api)]).await,
        }
    }

    /// All of them, but for those of these names.
    fn but(&self, good: &[&str]) -> Vec<(&'static str, String)> {
        let all = [
            ("access token", &self.tokens.access),
            ("refresh token", &self.tokens.refresh),
            ("ID token", &self.tokens.id),
            ("code", &self.code.code),
            ("session", &self.session),
            ("machine token", &self.machine),
            ("decision token", &self.decisions),
        ];
        all.into_iter().filter(|(name, _)| !good.contains(name)).map(|(name, text)| (name, text.clone())).collect()
    }
}

async fn asks_for_a_decision(house: &House, token: &str) -> Answer {
    let body = crate::support::evaluation("user", "alice", "read", "note", "1");
    house.json("/access/v1/evaluation", &Auth::Bearer(token.to_owned()), &body).await
}

/// Whether a browser with this cookie is signed in.
async fn opens_a_session(house: &House, cookie: &str) -> bool {
    let mut browser = Browser::new(house);
    browser.set_cookie("doorward-session", cookie);
    let page = browser.ask(&Pkce::new(), &[("prompt", "none")]).await;
    page.parameter("error").as_deref() != Some("login_required")
}

async fn refresh_as(house: &House, grant: &str, name: &str, token: &str) -> (u16, String) {
    house.form("/oauth2/token", &house.app(), &[("grant_type", grant), (name, token)]).await.refusal()
}

fn no_grant() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

/// Every way to write a secret of ours that is nearly it.
fn spellings(secret: &str) -> Vec<(&'static str, String)> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (prefix, body) = secret.split_at(5);
    let (rest, last) = secret.split_at(secret.len() - 1);
    // 256 bits do not fill the last character: others decode to the same bytes.
    let index = ALPHABET.iter().position(|c| *c == last.as_bytes()[0]).unwrap();
    let same_bytes = format!("{rest}{}", char::from(ALPHABET[index ^ 1]));
    let mut all = vec![
        ("nothing but its prefix", prefix.to_owned()),
        ("without its prefix", body.to_owned()),
        ("another prefix", format!("dwxx_{body}")),
        ("a louder prefix", format!("{}{body}", prefix.to_uppercase())),
        ("cut", rest.to_owned()),
        ("half", secret[..secret.len() / 2].to_owned()),
        ("longer", format!("{secret}A")),
        ("twice", format!("{secret}{secret}")),
        ("padded", format!("{secret}=")),
        ("the same bytes", same_bytes),
        ("encoded twice", format!("%{:02x}{}", secret.as_bytes()[0], &secret[1..])),
        ("in capitals", secret.to_uppercase()),
        ("with a dot", format!("{secret}.")),
        ("with an end", format!("{secret}\u{0}")),
        ("with a space", format!("{secret} ")),
        ("after a space", format!(" {secret}")),
        ("with a line", format!("{secret}\n")),
    ];
    for at in (5..secret.len()).step_by(7) {
        let mut bytes = secret.as_bytes().to_vec();
        let index = ALPHABET.iter().position(|c| *c == bytes[at]).unwrap();
        bytes[at] = ALPHABET[(index + 32) % 64];
        all.push(("one bit", String::from_utf8(bytes).unwrap()));
    }
    let standard = format!("{prefix}{}", body.replace('-', "+").replace('_', "/"));
    if standard != secret {
        all.push(("the other alphabet", standard));
    }
    // A verifier may begin as it would in capitals.
    all.retain(|(_, spelling)| spelling != secret);
    all
}

both! {
    async fn each_kind_of_token_is_good_for_its_own_use_alone(house: House) {
        let mut browser = Browser::new(&house);
        let things = Things::of(&house, &mut browser).await;
        for (name, token) in things.but(&["access token"]) {
            assert_eq!(house.userinfo(&token).await.refusal(), (401, "invalid_token".into()), "{name} at userinfo");
        }
        for (name, token) in things.but(&["access token", "refresh token"]) {
            assert_eq!(house.introspect(&house.app(), &token).await, json!({ "active": false }), "{name}, introspected");
        }
        for (name, token) in things.but(&["decision token"]) {
            assert_eq!(asks_for_a_decision(&house, &token).await.refusal(), (401, "invalid_token".into()), "{name} asks");
        }
        for (name, token) in things.but(&["access token", "machine token"]) {
            assert!(!house.may_as("access_token", &token, "read").await, "{name} is decided about");
            assert!(!house.may(&token, "read").await, "{name} is nobody's name");
        }
        for (name, token) in things.but(&["refresh token"]) {
            assert_eq!(refresh_as(&house, "refresh_token", "refresh_token", &token).await, no_grant(), "{name} refreshes");
        }
        for (name, token) in things.but(&["code"]) {
            let code = Code { code: token, verifier: things.code.verifier.clone() };
            assert_eq!(house.exchange(&code).await.refusal(), no_grant(), "{name} is exchanged");
        }
        for (name, token) in things.but(&["session"]) {
            assert!(!opens_a_session(&house, &token).await, "{name} is a cookie");
            assert_eq!(house.ask_token(&Auth::basic("bot", &token), &[]).await.status, 401, "{name} is a client's secret");
        }
        for (name, token) in things.but(&["ID token"]) {
            let hint = browser.ask(&Pkce::new(), &[("id_token_hint", &token), ("prompt", "none")]).await;
            assert_eq!(hint.parameter("error").as_deref(), Some("invalid_request"), "{name} is a hint");
            let asked = browser.get(&format!("/oauth2/logout?id_token_hint={token}")).await;
            assert!(asked.answer.text.contains("logout-yes"), "{name} signs out: {asked:?}");
        }
        for (name, token) in things.but(&["access token", "refresh token", "machine token", "decision token"]) {
            let revoked = house.form("/oauth2/revoke", &house.app(), &[("token", &token)]).await;
            assert_eq!(revoked.status, 200, "{name} is revoked");
        }
        // None of it has done anything to any of them.
        assert_eq!(house.worth(&things.tokens.access).await, [true; 3]);
        assert!(opens_a_session(&house, &things.session).await);
        assert_eq!(house.exchange(&things.code).await.status, 200);
        assert_eq!(house.refresh(&things.tokens.refresh).await.status, 200);
        assert_eq!(asks_for_a_decision(&house, &things.decisions).await.status, 200);
        assert_eq!(house.introspect(&house.bot(), &things.machine).await["active"], true);
    }

    async fn a_token_of_another_issuer_is_nothing_here_not_even_under_our_own_key(house: House) {
        let mut house = house;
        let before = Things::of(&house, &mut Browser::new(&house)).await;
        house.stop().await;
        let house = house.restarted_as(&format!("http://127.0.0.1:{}", house.port)).await;
        let mut browser = Browser::new(&house);
        let now = Things::of(&house, &mut browser).await;
        let kid = |token: &str| header_of(token)["kid"].clone();
        assert_eq!(kid(&before.machine), kid(&now.machine), "the same key");
        assert_ne!(claims_of(&before.machine)["iss"], claims_of(&now.machine)["iss"]);
        assert_eq!(claims_of(&before.machine)["aud"], claims_of(&now.machine)["aud"]);
        assert_eq!(house.worth(&now.tokens.access).await, [true; 3]);
        assert_eq!(house.worth(&before.tokens.access).await, [false; 3]);
        for (auth, token) in [(house.notes_api(), &before.machine), (house.bot(), &before.machine), (house.app(), &before.tokens.access)] {
            assert_eq!(house.introspect(&auth, token).await, json!({ "active": false }));
        }
        assert_eq!(asks_for_a_decision(&house, &before.decisions).await.status, 401);
        let hint = browser.ask(&Pkce::new(), &[("id_token_hint", &before.tokens.id), ("prompt", "none")]).await;
        assert_eq!(hint.parameter("error").as_deref(), Some("invalid_request"));
        let asked = browser.get(&format!("/oauth2/logout?id_token_hint={}", before.tokens.id)).await;
        assert!(asked.answer.text.contains("logout-yes"), "{asked:?}");
    }

    async fn a_token_that_names_our_key_must_be_signed_with_it(house: House) {
        let (machine, stranger) = (house.token().await, AssertionKey::rsa(jsonwebtoken::Algorithm::RS256));
        let claims = claims_of(&machine);
        let header = |changes: serde_json::Value| {
            let mut header = header_of(&machine);
            header.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            header
        };
        let cases = [
            ("another key", stranger.sign_with_header(&header(json!({})), &claims)),
            ("a key it brings along", stranger.sign_with_header(&header(json!({ "jwk": stranger.jwk })), &claims)),
            ("a key elsewhere", stranger.sign_with_header(&header(json!({ "jku": "https://rp.example/jwks" })), &claims)),
            ("no kid", stranger.sign_with_header(&json!({ "alg": "RS256", "typ": "at+jwt" }), &claims)),
            ("a path for a kid", stranger.sign_with_header(&header(json!({ "kid": "../../../dev/null" })), &claims)),
            ("none", unsigned(&header(json!({ "alg": "none" })), &claims)),
            ("None", unsigned(&header(json!({ "alg": "None" })), &claims)),
            ("no alg", unsigned(&json!({ "typ": "at+jwt", "kid": header_of(&machine)["kid"] }), &claims)),
        ];
        for (name, token) in cases {
            assert_eq!(house.introspect(&house.notes_api(), &token).await, json!({ "active": false }), "{name}");
            assert!(!house.may_as("access_token", &token, "update").await, "{name}");
        }
        assert!(house.may_as("access_token", &machine, "update").await);
    }

    async fn a_secret_has_one_spelling(house: House) {
        let mut browser = Browser::new(&house);
        let things = Things::of(&house, &mut browser).await;
        for (how, spelling) in spellings(&things.code.code) {
            let code = Code { code: spelling.clone(), verifier: things.code.verifier.clone() };
            assert_eq!(house.exchange(&code).await.status, 400, "a code, {how}: {spelling}");
        }
        for (how, spelling) in spellings(&things.code.verifier) {
            let code = Code { code: things.code.code.clone(), verifier: spelling.clone() };
            assert_eq!(house.exchange(&code).await.status, 400, "a verifier, {how}: {spelling}");
        }
        for (how, spelling) in spellings(&things.tokens.refresh) {
            assert_eq!(house.refresh(&spelling).await.status, 400, "a refresh token, {how}: {spelling}");
            assert_ne!(house.form("/oauth2/introspect", &house.app(), &[("token", &spelling)]).await.json()["active"], true, "{how}");
            let revoked = house.form("/oauth2/revoke", &house.app(), &[("token", &spelling)]).await.status;
            assert!([200, 400].contains(&revoked), "{how}");
        }
        for (how, spelling) in spellings(&house.world.bot) {
            // Basic credentials are form-encoded by whoever sends them (RFC 6749 §2.3.1).
            if how != "encoded twice" {
                let asked = house.ask_token(&Auth::basic("bot", &spelling), &[]).await;
                assert_eq!(asked.refusal(), (401, "invalid_client".into()), "a client's secret, {how}");
            }
        }
        for (how, spelling) in spellings(&things.session) {
            // Space around a cookie is no part of it (RFC 6265 §5.2), and no header holds a line or an end.
            if !["with a space", "after a space", "with a line", "with an end"].contains(&how) {
                assert!(!opens_a_session(&house, &spelling).await, "a session, {how}: {spelling}");
            }
        }
        assert_eq!(house.exchange(&things.code).await.status, 200, "nothing was burnt");
        assert_eq!(house.refresh(&things.tokens.refresh).await.status, 200, "nor ended");
        assert!(opens_a_session(&house, &things.session).await);
    }

    async fn a_cookie_has_one_name_and_stands_there_once(house: House) {
        let mut browser = Browser::new(&house);
        let session = Things::of(&house, &mut browser).await.session;
        let silent = async |cookies: &str| {
            let query = format!(
                "client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&response_type=code&scope=openid&prompt=none\
                 &code_challenge={}&code_challenge_method=S256",
                Pkce::new().challenge
            );
            let begun = house.get_with(&format!("/oauth2/authorize?{query}"), &[("cookie", cookies)]).await;
            let own = begun.header("set-cookie").split(';').next().unwrap().to_owned();
            let cookies = format!("{own}; {cookies}");
            let there = house.get_with(begun.header("location"), &[("cookie", &cookies)]).await;
            !there.header("location").contains("login_required")
        };
        assert!(silent(&format!("a=b; doorward-session={session}; c=d")).await, "as it is");
        for name in ["doorward%2dsession", "%64oorward-session", "Doorward-Session", "doorward-session ", "x-doorward-session"] {
            assert!(!silent(&format!("{name}={session}")).await, "{name}");
        }
        for twice in ["=dwse_planted; doorward-session", "; doorward-session"] {
            assert!(!silent(&format!("doorward-session{twice}={session}; doorward-session={session}")).await, "{twice}");
        }
        for value in [format!("\"{session}\""), format!("{session},x"), format!("={session}")] {
            assert!(!silent(&format!("doorward-session={value}")).await, "{value}");
        }
    }

    async fn a_signature_has_one_spelling(house: House) {
        const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let token = house.token().await;
        let [head, body, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("not a JWS") };
        let last = ALPHABET.find(&signature[signature.len() - 1..]).unwrap();
        let rest = &signature[..signature.len() - 1];
        // 256 bytes do not fill the last character: fifteen others decode to the same bytes.
        let mut others: Vec<String> =
            (1..16).map(|bits| format!("{head}.{body}.{rest}{}", &ALPHABET[last ^ bits..=last ^ bits])).collect();
        others.push(format!("{head}=.{body}.{signature}"));
        others.push(format!("{head}.{body}=.{signature}"));
        others.push(format!("{head}.{body}.{signature}=="));
        others.push(format!("{head}.{body}.{}", signature.replace('-', "+").replace('_', "/") + "A"));
        others.push(format!("{head}.{body}.{signature} "));
        others.push(format!("{head}..{body}.{signature}"));
        for other in others {
            assert_eq!(house.introspect(&house.notes_api(), &other).await, json!({ "active": false }), "{other}");
            assert!(!house.may_as("access_token", &other, "update").await, "{other}");
        }
        assert!(house.may_as("access_token", &token, "update").await);
    }
}

async fn a_neighbour_sets_none(database: Database) {
    let house = House::start(database, Options::default().set("server.issuer", "https://id.example")).await;
    let query = "client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&response_type=code&scope=openid\
                 &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
    let begun = house.get(&format!("/oauth2/authorize?{query}")).await;
    let cookie = begun.header("set-cookie").split(';').next().unwrap();
    let secret = cookie.strip_prefix("__Host-doorward-browser=").unwrap();
    let shown = async |name: &str| {
        house.get_with(begun.header("location"), &[("cookie", &format!("{name}={secret}"))]).await.status
    };
    assert_eq!(shown("__Host-doorward-browser").await, 200);
    // Browsers take these from any host of the domain, and with any path.
    for name in
        ["%5F%5FHost-doorward-browser", "_%5fHost-doorward-browser", "__%48ost-doorward-browser", "doorward-browser"]
    {
        assert_eq!(shown(name).await, 410, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_neighbouring_host_sets_no_cookie_of_ours_on_sqlite() {
    a_neighbour_sets_none(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_neighbouring_host_sets_no_cookie_of_ours_on_postgres() {
    a_neighbour_sets_none(Database::Postgres).await;
}
