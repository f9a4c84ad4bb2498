//! The authorization endpoint (OpenID Connect Core §3.1.2, RFC 6749 §4.1, RFC 9207, RFC 9700).

use std::time::Duration;

use serde_json::{Value, json};

use super::register;
use crate::support::{Arrived, Browser, House, PASSWORD, Pkce, REDIRECT, Tokens, both, claims_of};

fn error(arrived: &Arrived) -> String {
    arrived.parameter("error").unwrap_or_else(|| panic!("no error: {arrived:?}"))
}

/// The claims of the ID token that a code is good for.
async fn id_claims(house: &House, code: &crate::support::Code) -> Value {
    claims_of(&Tokens::of(&house.exchange(code).await).unwrap().id)
}

both! {
    async fn line_01_an_unknown_client_or_redirect_is_a_page_and_never_a_redirect(house: House) {
        let (mut browser, pkce) = (Browser::new(&house), Pkce::new());
        let wrong = [
            [("client_id", "nobody")],
            [("client_id", "")],
            [("redirect_uri", "")],
            [("redirect_uri", "https://evil.example/cb")],
            [("redirect_uri", "https://app.example/cb/")],
            [("redirect_uri", "https://app.example/cb?x=1")],
            [("redirect_uri", "https://app.example:443/cb")],
            [("redirect_uri", "https://APP.example/cb")],
            [("redirect_uri", "https://app.example/cb%2f..")],
            [("redirect_uri", "https://app.example/x/../cb")],
            [("redirect_uri", "https://user@app.example/cb")],
            [("redirect_uri", "https://app.example.evil.example/cb")],
            [("redirect_uri", "javascript:alert(1)")],
        ];
        for extra in &wrong {
            let page = browser.ask(&pkce, extra).await;
            assert!(page.at.starts_with("/oauth2/authorize"), "{extra:?}: {page:?}");
            assert_eq!(page.answer.status, 400, "{extra:?}");
            assert!(page.answer.text.contains("<h1>") && !page.answer.text.contains("evil.example"), "{extra:?}");
        }
    }

    async fn line_02_any_other_error_goes_back_with_error_description_state_and_iss_alone(house: House) {
        let (mut browser, pkce) = (Browser::new(&house), Pkce::new());
        let back = browser.ask(&pkce, &[("prompt", "sing\"\\\u{e4}"), ("state", "a b\"&\u{e4}")]).await;
        let url = url::Url::parse(&back.at).unwrap();
        let names: Vec<String> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
        assert_eq!(names, ["error", "error_description", "state", "iss"]);
        assert_eq!((error(&back).as_str(), back.parameter("state").unwrap().as_str()), ("invalid_request", "a b\"&\u{e4}"));
        let description = back.parameter("error_description").unwrap();
        assert!(description.chars().all(|c| (' '..='~').contains(&c) && c != '"' && c != '\\'), "{description}");
        let without_state = browser.ask(&pkce, &[("prompt", "sing")]).await;
        assert_eq!(without_state.parameter("state"), None, "only if it was sent");
    }

    async fn line_03_success_brings_code_state_and_iss_by_query_or_form_post(house: House) {
        house.give_password("alice").await;
        let (mut browser, pkce) = (Browser::new(&house), Pkce::new());
        let back = browser.come("alice", &pkce, &[("state", "s")]).await;
        let url = url::Url::parse(&back.at).unwrap();
        let names: Vec<String> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
        assert_eq!(names, ["code", "state", "iss"]);
        assert_eq!(back.parameter("iss"), Some(house.issuer()));
        let metadata = house.get("/.well-known/openid-configuration").await.json();
        assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
        assert_eq!(metadata["response_modes_supported"], json!(["query", "form_post"]));

        let page = browser.ask(&pkce, &[("state", "s"), ("response_mode", "form_post")]).await;
        assert!(page.answer.text.contains(&format!("action=\"{REDIRECT}\"")), "{}", page.answer.text);
        assert!(page.answer.text.contains("id=\"form-post-submit\"") && page.answer.text.contains("src=\"/assets/form_post.js\""));
        assert!(!page.answer.text.contains("<script>"), "no script in the page itself");
        assert_eq!((page.hidden("state"), page.hidden("iss")), ("s".to_owned(), house.issuer()));
        let failed = browser.ask(&pkce, &[("response_mode", "form_post"), ("prompt", "sing")]).await;
        assert_eq!(failed.hidden("error"), "invalid_request", "errors take the same way");
        assert_eq!(error(&browser.ask(&pkce, &[("response_mode", "fragment")]).await), "invalid_request");
    }

    async fn line_04_missing_unknown_empty_and_repeated_parameters_and_posts(house: House) {
        house.give_password("alice").await;
        let (mut browser, pkce) = (Browser::new(&house), Pkce::new());
        assert_eq!(error(&browser.ask(&pkce, &[("response_type", "")]).await), "invalid_request");
        assert_eq!(error(&browser.ask(&pkce, &[("response_type", "token")]).await), "unsupported_response_type");
        assert_eq!(error(&browser.ask(&pkce, &[("response_type", "code id_token")]).await), "unsupported_response_type");
        let login = browser.ask(&pkce, &[("foo", "bar"), ("foo", "baz"), ("claims_locales", "de"), ("display", "touch")]).await;
        assert!(login.answer.text.contains("login-submit"), "unknown ones are ignored: {login:?}");
        let query = login_query(&pkce);
        for name in ["state", "scope", "nonce", "prompt", "max_age", "code_challenge", "claims", "display", "ui_locales"] {
            let twice = browser.get(&format!("/oauth2/authorize?{query}&{name}=1&{name}=2")).await;
            assert_eq!(error(&twice), "invalid_request", "{name}");
        }
        for name in ["client_id", "redirect_uri"] {
            let twice = browser.get(&format!("/oauth2/authorize?{query}&{name}=x")).await;
            assert_eq!(twice.answer.status, 400, "{name}");
        }
        let resources = "resource=https://notes.example/api&resource=https://notes.example/api";
        let twice = browser.get(&format!("/oauth2/authorize?{query}&{resources}")).await;
        assert!(twice.answer.text.contains("login-submit"), "{twice:?}");

        // A cross-site POST carries no session cookie: it is kept and answered by a redirect to a page of our own.
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let posted = house.form("/oauth2/authorize", &crate::support::Auth::None, &pairs).await;
        assert_eq!(posted.status, 303);
        assert!(posted.header("location").starts_with("/interaction/"), "{posted:?}");
        let login = browser.post("/oauth2/authorize", &pairs).await;
        assert!(browser.sign_in(&login, "alice", PASSWORD).await.answer.text.contains("consent-allow"));
        // Nothing is read from the address again: a changed one changes nothing.
        let other = browser.get(&format!("{}?scope=openid&client_id=native", login.at)).await;
        assert!(other.answer.text.contains("notes:read"), "{other:?}");
    }

    async fn line_05_each_prompt_is_honoured(house: House) {
        house.give_password("alice").await;
        let (mut browser, pkce) = (Browser::new(&house), Pkce::new());
        assert_eq!(error(&browser.ask(&pkce, &[("prompt", "none")]).await), "login_required");
        let login = browser.ask(&pkce, &[]).await;
        let consent = browser.sign_in(&login, "alice", PASSWORD).await;
        assert_eq!(error(&browser.ask(&pkce, &[("prompt", "none")]).await), "consent_required");
        browser.consent(&consent, "allow").await;
        let first = id_claims(&house, &browser.code("alice", &[]).await).await;
        house.advance(Duration::from_secs(90));
        let silent = id_claims(&house, &browser.code("alice", &[("prompt", "none")]).await).await;
        assert_eq!((&silent["sub"], &silent["auth_time"], &silent["sid"]), (&first["sub"], &first["auth_time"], &first["sid"]));

        for prompt in ["none login", "login none", "nonsense"] {
            assert_eq!(error(&browser.ask(&pkce, &[("prompt", prompt)]).await), "invalid_request", "{prompt}");
        }
        let again = browser.ask(&pkce, &[("prompt", "login")]).await;
        assert!(again.answer.text.contains("login-submit"), "{again:?}");
        let reloaded = browser.get(&again.at).await;
        assert!(reloaded.answer.text.contains("login-submit"), "not met by looking again");
        let later = id_claims(&house, &browser.code("alice", &[("prompt", "login")]).await).await;
        assert!(later["auth_time"].as_i64() > first["auth_time"].as_i64());

        let asked = browser.ask(&pkce, &[("prompt", "consent")]).await;
        assert!(asked.answer.text.contains("consent-allow"), "{asked:?}");
        assert_eq!(error(&browser.consent(&asked, "deny").await), "access_denied");
        let choice = browser.ask(&pkce, &[("prompt", "select_account")]).await;
        assert!(choice.answer.text.contains("account-continue") && choice.answer.text.contains("alice"), "{choice:?}");
        assert!(!browser.choose(&choice, "continue").await.code().is_empty());
        let choice = browser.ask(&pkce, &[("prompt", "select_account")]).await;
        let login = browser.choose(&choice, "switch").await;
        assert!(login.answer.text.contains("login-submit"), "{login:?}");
        house.give_password("bob").await;
        let consent = browser.sign_in(&login, "bob", PASSWORD).await;
        assert!(consent.answer.text.contains("signed in as bob"), "{consent:?}");
    }

    async fn line_06_max_age_is_strict_and_may_be_the_clients_default(house: House) {
        house.give_password("alice").await;
        let (mut browser, pkce) = (Browser::new(&house), Pkce::new());
        let first = id_claims(&house, &browser.code("alice", &[]).await).await;
        house.advance(Duration::from_mins(1));
        let young = id_claims(&house, &browser.code("alice", &[("max_age", "10000")]).await).await;
        assert_eq!(young["auth_time"], first["auth_time"]);
        assert!(browser.ask(&pkce, &[("max_age", "59")]).await.answer.text.contains("login-submit"));
        assert_eq!(error(&browser.ask(&pkce, &[("max_age", "1"), ("prompt", "none")]).await), "login_required");
        for wrong in ["-1", "1.5", "soon", "99999999999999999999999"] {
            assert_eq!(error(&browser.ask(&pkce, &[("max_age", wrong)]).await), "invalid_request", "{wrong}");
        }
        let later = id_claims(&house, &browser.code("alice", &[("max_age", "59")]).await).await;
        assert!(later["auth_time"].as_i64() > first["auth_time"].as_i64());
        let zero = browser.ask(&pkce, &[("max_age", "0"), ("prompt", "none")]).await;
        house.advance(Duration::from_secs(1));
        assert!(zero.parameter("code").is_some() || error(&zero) == "login_required");
        assert!(browser.ask(&pkce, &[("max_age", "0")]).await.answer.text.contains("login-submit"));

        let half_an_hour = Some(Duration::from_mins(30));
        register(&house, "careful", |new| doorward::admin::clients::NewClient { default_max_age: half_an_hour, ..new }).await;
        let careful = [("client_id", "careful"), ("scope", "openid")];
        let asked = browser.ask(&pkce, &careful).await;
        assert!(asked.answer.text.contains("consent-allow"), "young enough: {asked:?}");
        house.advance(Duration::from_mins(31));
        assert!(browser.ask(&pkce, &careful).await.answer.text.contains("login-submit"));
        let named = browser.ask(&pkce, &[careful.as_slice(), &[("max_age", "7200")]].concat()).await;
        assert!(named.answer.text.contains("consent-allow"), "the request's own word counts: {named:?}");
    }

    async fn line_07_hints_and_locales(house: House) {
        for name in ["alice", "bob"] {
            house.give_password(name).await;
        }
        let (mut browser, pkce) = (Browser::new(&house), Pkce::new());
        let code = browser.code("alice", &[]).await;
        let hint = Tokens::of(&house.exchange(&code).await).unwrap().id;
        house.advance(Duration::from_hours(2));
        let silent = browser.ask(&pkce, &[("id_token_hint", &hint), ("prompt", "none")]).await;
        assert!(silent.parameter("code").is_some(), "an expired hint is good: {silent:?}");
        let mut other = Browser::new(&house);
        other.code("bob", &[]).await;
        assert_eq!(error(&other.ask(&pkce, &[("id_token_hint", &hint), ("prompt", "none")]).await), "login_required");
        let login = other.ask(&pkce, &[("id_token_hint", &hint)]).await;
        assert!(login.answer.text.contains("login-submit"), "somebody else is signed in: {login:?}");
        assert_eq!(error(&other.sign_in(&login, "bob", PASSWORD).await), "login_required", "and it does not loop");
        let mut pieces: Vec<&str> = hint.split('.').collect();
        pieces[2] = "AAAA";
        for bad in [pieces.join("."), "x.y.z".to_owned(), crate::support::unsigned(&json!({"alg": "none"}), &claims_of(&hint))] {
            assert_eq!(error(&browser.ask(&pkce, &[("id_token_hint", &bad)]).await), "invalid_request");
        }
        let hinted = Browser::new(&house).ask(&pkce, &[("login_hint", "alice\"><script>")]).await;
        assert!(hinted.answer.text.contains("value=\"alice&quot;&gt;&lt;script&gt;\""), "{}", hinted.answer.text);
        for extra in [("ui_locales", "tlh xx-\u{e4}"), ("claims_locales", "fr"), ("display", "wap"), ("display", "hologram")] {
            let page = Browser::new(&house).ask(&pkce, &[extra]).await;
            assert!(page.answer.text.contains("login-submit"), "{extra:?}: {page:?}");
        }
        let german = Browser::new(&house).ask(&pkce, &[("ui_locales", "fr de-CH")]).await;
        assert!(german.answer.text.contains("<html lang=\"de\">") && german.answer.text.contains("Anmelden"));
        assert_eq!(german.answer.header("content-language"), "de");
    }

    async fn line_08_acr_is_returned_and_an_essential_one_is_met_or_refused(house: House) {
        house.give_password("alice").await;
        let (mut browser, pkce) = (Browser::new(&house), Pkce::new());
        let one = "urn:doorward:acr:1fa";
        let claims = id_claims(&house, &browser.code("alice", &[("acr_values", "phr urn:doorward:acr:1fa")]).await).await;
        assert_eq!((&claims["acr"], &claims["amr"]), (&json!(one), &json!(["pwd"])));
        let claims = id_claims(&house, &browser.code("alice", &[("acr_values", "phr")]).await).await;
        assert_eq!(claims["acr"], one, "a voluntary wish is no error");
        let wish = |acr: &str, essential: bool| json!({ "id_token": { "acr": { "essential": essential, "values": [acr] } } }).to_string();
        let met = browser.ask(&pkce, &[("claims", &wish(one, true))]).await;
        assert!(met.parameter("code").is_some(), "{met:?}");
        let voluntary = browser.ask(&pkce, &[("claims", &wish("phrh", false))]).await;
        assert!(voluntary.parameter("code").is_some(), "{voluntary:?}");
        for prompt in ["", "none", "login"] {
            let unmet = browser.ask(&pkce, &[("claims", &wish("phrh", true)), ("prompt", prompt)]).await;
            assert_eq!(error(&unmet), "unmet_authentication_requirements", "{prompt}");
        }
    }

    async fn line_09_the_claims_parameter_is_obeyed(house: House) {
        house.give_password("alice").await;
        house.command(&["user", "update", "alice", "--name", "Alice Ames", "--email", "alice@example.com"]);
        let wish = json!({
            "userinfo": { "email": { "essential": true }, "nickname": null },
            "id_token": { "name": null, "auth_time": { "essential": true } },
        });
        let mut browser = Browser::new(&house);
        let code = browser.code("alice", &[("scope", "openid"), ("claims", &wish.to_string())]).await;
        let tokens = Tokens::of(&house.exchange(&code).await).unwrap();
        let id = claims_of(&tokens.id);
        assert_eq!(id["name"], "Alice Ames");
        assert!(id.get("email").is_none(), "asked for at userinfo, so it is there: {id}");
        let auth = crate::support::Auth::Bearer(tokens.access);
        let info = house.send(reqwest::Method::GET, "/oauth2/userinfo", &auth, &[], "").await.json();
        let sub = &house.world.alice_sub;
        assert_eq!(info, json!({ "sub": sub, "email": "alice@example.com" }), "no value, no claim; and no more than asked");

        let pkce = Pkce::new();
        let named = |sub: &str| json!({ "id_token": { "sub": { "value": sub } } }).to_string();
        assert!(browser.ask(&pkce, &[("scope", "openid"), ("claims", &named(sub))]).await.parameter("code").is_some());
        let other = browser.ask(&pkce, &[("scope", "openid"), ("claims", &named("somebody-else")), ("prompt", "none")]).await;
        assert_eq!(error(&other), "login_required");
        let login = browser.ask(&pkce, &[("scope", "openid"), ("claims", &named("somebody-else"))]).await;
        assert_eq!(error(&browser.sign_in(&login, "alice", PASSWORD).await), "login_required");
        let both = json!({ "id_token": { "sub": null }, "userinfo": { "sub": { "value": "somebody-else" } } }).to_string();
        let other = browser.ask(&pkce, &[("scope", "openid"), ("claims", &both), ("prompt", "none")]).await;
        assert_eq!(error(&other), "login_required", "a demand is a demand wherever it stands");

        // What is asked for by name is agreed to like any scope, and is no more than the client may ask for.
        let wish = json!({ "userinfo": { "email": null, "phone_number": null } }).to_string();
        let mut fresh = Browser::new(&house);
        let login = fresh.ask(&pkce, &[("client_id", "app"), ("scope", "openid profile notes:read"), ("prompt", "consent"), ("claims", &wish)]).await;
        let consent = fresh.sign_in(&login, "alice", PASSWORD).await;
        assert!(consent.answer.text.contains("see your e-mail address"), "{}", consent.answer.text);
        assert!(!consent.answer.text.contains("phone"), "app may not ask for it: {}", consent.answer.text);
        for wrong in ["[]", "{", "\"x\"", "{\"id_token\":[]}", "{\"userinfo\":{\"name\":5}}"] {
            assert_eq!(error(&browser.ask(&pkce, &[("claims", wrong)]).await), "invalid_request", "{wrong}");
        }
    }

    async fn line_09_claims_asked_for_in_the_id_token_alone_stand_there_alone(house: House) {
        house.give_password("alice").await;
        house.command(&["user", "update", "alice", "--name", "Alice Ames", "--email", "alice@example.com"]);
        let mut browser = Browser::new(&house);
        // What is asked for as essential and has no value is absent and no error (OpenID Connect Core §5.5.1).
        for essential in [true, false] {
            let one = json!({ "essential": essential });
            let wish = json!({ "id_token": { "email": one, "email_verified": one, "nickname": one, "phone_number": one, "nonsense": one } });
            let extra = [("scope", "openid"), ("nonce", "n"), ("prompt", "consent"), ("claims", &wish.to_string())];
            let code = browser.code("alice", &extra).await;
            let tokens = Tokens::of(&house.exchange(&code).await).unwrap();
            let id = claims_of(&tokens.id);
            assert_eq!((&id["email"], &id["email_verified"]), (&json!("alice@example.com"), &json!(false)), "{essential}");
            let mut names: Vec<&String> = id.as_object().unwrap().keys().collect();
            names.sort();
            let expected = ["acr", "amr", "at_hash", "aud", "auth_time", "email", "email_verified", "exp", "iat", "iss", "nonce", "sid", "sub"];
            assert_eq!(names, expected, "{essential}");
            let auth = crate::support::Auth::Bearer(tokens.access.clone());
            let info = house.send(reqwest::Method::GET, "/oauth2/userinfo", &auth, &[], "").await.json();
            assert_eq!(info, json!({ "sub": house.world.alice_sub }), "{essential}");
            let access = claims_of(&tokens.access);
            assert!(access.get("email").is_none(), "{access}");
            let next = Tokens::of(&house.refresh(&tokens.refresh).await).unwrap();
            assert_eq!(claims_of(&next.id)["email"], "alice@example.com", "and again where it is refreshed");
        }
        // They cannot stand in for what the token says itself.
        let wish = json!({ "id_token": { "aud": { "value": "bot" }, "iss": { "essential": true, "value": "https://evil.example" }, "exp": null } });
        let code = browser.code("alice", &[("scope", "openid"), ("claims", &wish.to_string())]).await;
        let id = id_claims(&house, &code).await;
        assert_eq!((&id["aud"], &id["iss"]), (&json!("app"), &json!(house.issuer())));
    }

    async fn line_10_request_objects_are_refused_and_the_metadata_says_so(house: House) {
        let (mut browser, pkce) = (Browser::new(&house), Pkce::new());
        let object = crate::support::unsigned(&json!({ "alg": "none" }), &json!({ "client_id": "app", "scope": "openid" }));
        assert_eq!(error(&browser.ask(&pkce, &[("request", &object)]).await), "request_not_supported");
        for uri in ["https://app.example/request.jwt", "urn:ietf:params:oauth:request_uri:x", "http://127.0.0.1/"] {
            assert_eq!(error(&browser.ask(&pkce, &[("request_uri", uri)]).await), "request_uri_not_supported", "{uri}");
        }
        let metadata = house.get("/.well-known/openid-configuration").await.json();
        assert_eq!((&metadata["request_parameter_supported"], &metadata["request_uri_parameter_supported"]), (&json!(false), &json!(false)));
    }

    async fn line_11_a_nonce_comes_back_as_it_was_sent_and_is_not_demanded(house: House) {
        house.give_password("alice").await;
        let mut browser = Browser::new(&house);
        let without = id_claims(&house, &browser.code("alice", &[]).await).await;
        assert!(without.get("nonce").is_none());
        let long = "n \u{e4}\"".repeat(1000);
        let with = id_claims(&house, &browser.code("alice", &[("nonce", &long)]).await).await;
        assert_eq!(with["nonce"], long);
        let too_long = "n".repeat(8 * 1024 + 1);
        assert_eq!(error(&browser.ask(&Pkce::new(), &[("nonce", &too_long)]).await), "invalid_request");
    }

    async fn line_12_the_session_cookie_is_a_secret_renewed_at_sign_in_and_sid_stays(house: House) {
        for name in ["alice", "bob"] {
            house.give_password(name).await;
        }
        let mut browser = Browser::new(&house);
        let first = id_claims(&house, &browser.code("alice", &[("nonce", "1")]).await).await;
        let cookie = browser.cookie("doorward-session").unwrap().to_owned();
        assert!(cookie.starts_with("dwse_") && cookie.len() >= 48);
        assert!(!cookie.contains(first["sid"].as_str().unwrap()), "sid is never the cookie");
        let again = browser.code("alice", &[("prompt", "login")]).await;
        let tokens = Tokens::of(&house.exchange(&again).await).unwrap();
        assert_eq!(claims_of(&tokens.id)["sid"], first["sid"], "the same session goes on");
        assert_ne!(browser.cookie("doorward-session").unwrap(), cookie, "under a new secret");
        let offline = Tokens::of(&house.exchange(&browser.code("alice", &[("scope", "openid offline_access notes:read")]).await).await).unwrap();
        let other = id_claims(&house, &browser.code("bob", &[("prompt", "login")]).await).await;
        assert_ne!(other["sid"], first["sid"]);
        assert_eq!(house.refresh(&tokens.refresh).await.status, 400, "another subject ended the session and what came of it");
        assert_eq!(house.refresh(&offline.refresh).await.status, 200, "but not what was given for offline access");
    }

    async fn line_13_only_confidential_clients_or_https_redirects_go_through_silently(house: House) {
        house.give_password("alice").await;
        let (mut browser, pkce) = (Browser::new(&house), Pkce::new());
        let native = [("client_id", "native"), ("redirect_uri", "http://127.0.0.1:4711/cb"), ("scope", "openid")];
        browser.come("alice", &pkce, &native).await.code();
        assert!(browser.ask(&pkce, &native).await.answer.text.contains("consent-allow"), "asked every time");
        let silent = browser.ask(&pkce, &[native.as_slice(), &[("prompt", "none")]].concat()).await;
        assert_eq!(error(&silent), "consent_required");
        let own = |new| doorward::admin::clients::NewClient { first_party: true, ..new };
        register(&house, "own", own).await;
        let through = browser.ask(&pkce, &[("client_id", "own"), ("scope", "openid"), ("prompt", "none")]).await;
        assert!(through.parameter("code").is_some(), "the operator's own, confidential: {through:?}");
        let offline = browser.ask(&pkce, &[("client_id", "own"), ("scope", "openid offline_access"), ("prompt", "none")]).await;
        assert_eq!(error(&offline), "consent_required", "offline access is the person's to give");
    }

    async fn line_14_forms_may_end_only_here_or_where_this_request_goes_back(house: House) {
        house.give_password("alice").await;
        let (mut browser, pkce) = (Browser::new(&house), Pkce::new());
        let login = browser.ask(&pkce, &[]).await;
        let policy = login.answer.header("content-security-policy");
        assert!(policy.contains("form-action 'self' https://app.example;") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(login.answer.header("referrer-policy"), "same-origin");
        let token = login.hidden("form_token");
        let browser_cookie = format!("doorward-browser={}", browser.cookie("doorward-browser").unwrap());
        let form = format!("form_token={token}&username=alice&password={}", PASSWORD.replace(' ', "+"));
        let headers = [("cookie", browser_cookie.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        let posted = house.send(reqwest::Method::POST, &format!("{}/login", login.at), &crate::support::Auth::None, &headers, form).await;
        assert_eq!(posted.status, 303, "never 307: {posted:?}");
        let redirect = [("client_id", "native"), ("redirect_uri", "http://127.0.0.1:4711/cb"), ("scope", "openid")];
        let native = browser.ask(&pkce, &redirect).await;
        assert!(native.answer.header("content-security-policy").contains("form-action 'self' http://127.0.0.1:4711;"));
    }

    async fn line_15_acr_values_are_advertised_as_they_are(house: House) {
        house.give_password("alice").await;
        let metadata = house.get("/.well-known/openid-configuration").await.json();
        let claims = id_claims(&house, &Browser::new(&house).code("alice", &[]).await).await;
        assert_eq!(metadata["acr_values_supported"], json!([claims["acr"]]), "every one there is here, and no other");
    }
}

/// The request of `app` as a query.
fn login_query(pkce: &Pkce) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("client_id", "app"),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("scope", "openid notes:read"),
            ("code_challenge", pkce.challenge.as_str()),
            ("code_challenge_method", "S256"),
            ("state", "s"),
            ("nonce", "n"),
            ("prompt", "login"),
            ("max_age", "100"),
            ("claims", "{}"),
            ("display", "page"),
            ("ui_locales", "en"),
        ])
        .finish()
}
