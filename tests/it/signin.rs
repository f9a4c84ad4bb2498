//! People sign in: the authorization code flow through the pages, ID tokens, userinfo, refresh, logout.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;

use crate::support::{
    Auth, Browser, House, NOTES, PASSWORD, Pkce, REDIRECT, Tokens, both, claims_of, eventually, header_of,
};

/// Signs alice in and lets her agree; what the code is good for.
async fn tokens(house: &House) -> Tokens {
    house.give_password("alice").await;
    Tokens::of(&house.exchange(&Browser::new(house).code("alice", &[("nonce", "n-1")]).await).await).unwrap()
}

both! {
    async fn a_person_signs_in_agrees_and_the_client_gets_tokens(house: House) {
        house.give_password("alice").await;
        let (mut browser, pkce) = (Browser::new(&house), Pkce::new());
        let login = browser.ask(&pkce, &[("login_hint", "alice"), ("state", "s-1"), ("nonce", "n-1")]).await;
        assert_eq!(login.answer.status, 200);
        for id in ["id=\"username\"", "id=\"password\"", "id=\"login-submit\"", "value=\"alice\"", "autocomplete=\"current-password\""] {
            assert!(login.answer.text.contains(id), "{id}");
        }
        assert!(login.answer.header("content-security-policy").contains("form-action 'self' https://app.example"));
        let consent = browser.sign_in(&login, "alice", PASSWORD).await;
        assert!(consent.answer.text.contains("id=\"consent-allow\"") && consent.answer.text.contains("notes:read"));
        let back = browser.consent(&consent, "allow").await;
        assert!(back.at.starts_with(REDIRECT));
        assert_eq!((back.parameter("state"), back.parameter("iss")), (Some("s-1".into()), Some(house.issuer())));

        let answer = house.exchange(&pkce.code(&back.code())).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
        let tokens = Tokens::of(&answer).unwrap();
        let id = claims_of(&tokens.id);
        assert_eq!((&id["iss"], &id["aud"], &id["nonce"]), (&json!(house.issuer()), &json!("app"), &json!("n-1")));
        assert_eq!((&id["sub"], &id["amr"]), (&json!(house.world.alice_sub), &json!(["pwd"])));
        assert!(id["auth_time"].is_i64() && id["at_hash"].is_string() && id["sid"].is_string());
        assert!(id.get("name").is_none() && id.get("email").is_none(), "no profile claims beside an access token");
        let access = claims_of(&tokens.access);
        assert_eq!(access["aud"], json!([NOTES, house.issuer()]));
        assert_eq!((&access["sub"], &access["client_id"]), (&id["sub"], &json!("app")));
        assert_eq!(access["roles"], json!(["editor", "owner", "viewer"]));
        assert_eq!(header_of(&tokens.access)["typ"], "at+jwt");

        let info = house.userinfo(&tokens.access).await.json();
        assert!(info["updated_at"].is_u64());
        let known = json!({ "sub": house.world.alice_sub, "preferred_username": "alice", "updated_at": info["updated_at"] });
        assert_eq!(info, known, "absent, not null");
        assert_eq!(house.introspect(&house.notes_api(), &tokens.access).await["active"], true);
        assert!(house.may_as("access_token", &tokens.access, "delete").await, "decides for alice");
        // Again: signed in, and consent is remembered.
        let again = browser.ask(&pkce, &[]).await;
        assert!(again.at.starts_with(REDIRECT), "{}", again.answer.text);
        assert!(!again.code().is_empty());
    }

    async fn the_answer_may_come_as_a_form_and_errors_take_the_same_way(house: House) {
        house.give_password("alice").await;
        let (mut browser, pkce) = (Browser::new(&house), Pkce::new());
        let login = browser.ask(&pkce, &[("response_mode", "form_post")]).await;
        let consent = browser.sign_in(&login, "alice", PASSWORD).await;
        let page = browser.consent(&consent, "allow").await;
        assert!(page.answer.text.contains(&format!("action=\"{REDIRECT}\"")) && page.answer.text.contains("form-post-submit"));
        assert_eq!(house.exchange(&pkce.code(&page.hidden("code"))).await.status, 200);
        let error = browser.ask(&pkce, &[("response_mode", "form_post"), ("response_type", "token"), ("state", "\"><script>")]).await;
        assert_eq!(error.hidden("error"), "unsupported_response_type");
        assert!(!error.answer.text.contains("<script>\""), "what was sent is escaped");
        assert!(error.answer.text.contains("&lt;script&gt;"));
    }

    async fn an_interaction_belongs_to_its_browser(house: House) {
        house.give_password("alice").await;
        let (mut browser, mut other, pkce) = (Browser::new(&house), Browser::new(&house), Pkce::new());
        let login = browser.ask(&pkce, &[]).await;
        assert_eq!(other.get(&login.at).await.answer.status, 410, "without the cookie");
        let theirs = other.ask(&pkce, &[]).await;
        assert_eq!(other.get(&login.at).await.answer.status, 410, "with another's cookie");
        let form = [("form_token", theirs.hidden("form_token")), ("username", "alice".into()), ("password", PASSWORD.into())];
        let form: Vec<_> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
        assert_eq!(other.post(&format!("{}/login", login.at), &form).await.answer.status, 403);
        house.advance(Duration::from_hours(2));
        assert_eq!(browser.get(&login.at).await.answer.status, 410, "nor for ever");
    }

    async fn a_form_needs_its_page(house: House) {
        house.give_password("alice").await;
        let (mut browser, pkce) = (Browser::new(&house), Pkce::new());
        let login = browser.ask(&pkce, &[]).await;
        let post = format!("{}/login", login.at);
        for token in ["", "x"] {
            let form = [("form_token", token), ("username", "alice"), ("password", PASSWORD)];
            assert_eq!(browser.post(&post, &form).await.answer.status, 403, "{token:?}");
        }
        let cookie = format!("doorward-browser={}", browser.cookie("doorward-browser").unwrap());
        let body = format!("form_token={}&username=alice&password=x", login.hidden("form_token"));
        let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", "cross-site"), ("content-type", "application/x-www-form-urlencoded")];
        let cross = house.send(reqwest::Method::POST, &post, &Auth::None, &headers, body).await;
        assert_eq!(cross.status, 403, "from another site");
        // Consent cannot be given before anybody signed in, nor for a session the page was not shown to.
        let token = login.hidden("form_token");
        let form = [("form_token", token.as_str()), ("session", "01a20413-57c8-7332-9494-7b5d4da9a5c2"), ("decision", "allow")];
        assert_eq!(browser.post(&format!("{}/consent", login.at), &form).await.answer.status, 409);
        let consent = browser.sign_in(&login, "alice", PASSWORD).await;
        assert_eq!(browser.post(&format!("{}/consent", login.at), &form).await.answer.status, 409);
        assert!(browser.consent(&consent, "allow").await.at.starts_with(REDIRECT));
        assert_eq!(browser.get(&login.at).await.answer.status, 410, "one interaction, one answer");
    }

    async fn an_untrusted_request_is_a_page_and_any_other_refusal_goes_back(house: House) {
        let (mut browser, pkce) = (Browser::new(&house), Pkce::new());
        let redirects = ["https://app.example/cb/", "https://app.example/cb?x=1", "https://evil.example/cb", "https://app.example.evil/cb", "https://app.example@evil.example/cb", "javascript:alert(1)", "https://APP.example/cb", "https://app.example/%63b", ""];
        for redirect in redirects {
            let page = browser.ask(&pkce, &[("redirect_uri", redirect)]).await;
            assert_eq!((page.answer.status, page.at.starts_with('/')), (400, true), "{redirect}");
        }
        for client in ["nobody", "", "bot"] {
            let page = browser.ask(&pkce, &[("client_id", client)]).await;
            assert_eq!((page.answer.status, page.at.starts_with('/')), (400, true), "{client}");
        }
        let cases: [(&[(&str, &str)], &str); 13] = [
            (&[("response_type", "")], "invalid_request"),
            (&[("response_type", "token")], "unsupported_response_type"),
            (&[("response_mode", "fragment")], "invalid_request"),
            (&[("scope", "")], "invalid_scope"),
            (&[("scope", "admin")], "invalid_scope"),
            (&[("code_challenge", "")], "invalid_request"),
            (&[("code_challenge_method", "")], "invalid_request"),
            (&[("code_challenge_method", "plain")], "invalid_request"),
            (&[("prompt", "none login")], "invalid_request"),
            (&[("max_age", "soon")], "invalid_request"),
            (&[("request", "eyJ")], "request_not_supported"),
            (&[("request_uri", "https://app.example/r")], "request_uri_not_supported"),
            (&[("resource", "https://files.example/api")], "invalid_target"),
        ];
        for (extra, expected) in cases {
            let back = browser.ask(&pkce, &[extra, &[("state", "s-1")]].concat()).await;
            assert!(back.at.starts_with(REDIRECT), "{extra:?}: {} {}", back.at, back.answer.text);
            assert_eq!(back.parameter("error").as_deref(), Some(expected), "{extra:?}");
            assert_eq!(back.parameter("state").as_deref(), Some("s-1"));
            assert_eq!(back.parameter("iss"), Some(house.issuer()));
            assert!(back.parameter("code").is_none());
        }
        let twice = [("state", "s-1"), ("state", "other")];
        assert_eq!(browser.ask(&pkce, &twice).await.parameter("error").as_deref(), Some("invalid_request"));
        let twice = [("redirect_uri", REDIRECT), ("redirect_uri", REDIRECT)];
        assert_eq!(browser.ask(&pkce, &twice).await.answer.status, 400, "a page");
        let unknown = [("ui_locales", "xx"), ("display", "wap"), ("acr_values", "nothing"), ("foo", "bar")];
        assert_eq!(browser.ask(&pkce, &unknown).await.answer.status, 200, "never an error");
    }

    async fn prompt_and_max_age_are_honoured(house: House) {
        house.give_password("alice").await;
        let (mut browser, pkce) = (Browser::new(&house), Pkce::new());
        let none = browser.ask(&pkce, &[("prompt", "none")]).await;
        assert_eq!(none.parameter("error").as_deref(), Some("login_required"));
        let login = browser.ask(&pkce, &[]).await;
        let consent = browser.sign_in(&login, "alice", PASSWORD).await;
        let none = browser.ask(&pkce, &[("prompt", "none")]).await;
        assert_eq!(none.parameter("error").as_deref(), Some("consent_required"));
        let first = Tokens::of(&house.exchange(&pkce.code(&browser.consent(&consent, "allow").await.code())).await).unwrap();
        let silent = browser.ask(&pkce, &[("prompt", "none")]).await;
        let again = Tokens::of(&house.exchange(&pkce.code(&silent.code())).await).unwrap();
        let (first, again) = (claims_of(&first.id), claims_of(&again.id));
        for claim in ["sub", "auth_time", "sid"] {
            assert_eq!(first[claim], again[claim], "{claim}");
        }
        assert!(browser.ask(&pkce, &[("prompt", "consent")]).await.answer.text.contains("consent-allow"));
        house.advance(Duration::from_mins(1));
        for extra in [("prompt", "login"), ("prompt", "select_account login"), ("max_age", "30")] {
            let page = browser.ask(&pkce, &[extra]).await;
            assert!(page.answer.text.contains("login-submit"), "{extra:?}");
        }
        let login = browser.ask(&pkce, &[("prompt", "login")]).await;
        let later = Tokens::of(&house.exchange(&pkce.code(&browser.sign_in(&login, "alice", PASSWORD).await.code())).await).unwrap();
        let later = claims_of(&later.id);
        assert!(later["auth_time"].as_i64() > first["auth_time"].as_i64() && later["sid"] == first["sid"]);
        // Somebody else is meant: sign in again, or nothing.
        assert_eq!(browser.ask(&pkce, &[("id_token_hint", "x.y.z")]).await.parameter("error").as_deref(), Some("invalid_request"));
    }

    async fn a_code_is_bound_to_its_client_redirect_and_verifier_and_a_wrong_try_burns_nothing(house: House) {
        house.give_password("alice").await;
        let (mut browser, pkce) = (Browser::new(&house), Pkce::new());
        let code = browser.come("alice", &pkce, &[]).await.code();
        let form = |redirect: &'static str, verifier: &str| {
            vec![("grant_type", "authorization_code".to_owned()), ("code", code.clone()), ("redirect_uri", redirect.to_owned()), ("code_verifier", verifier.to_owned())]
        };
        let wrong = [
            (house.app(), form(REDIRECT, &Pkce::new().verifier)),
            (house.app(), form(REDIRECT, "")),
            (house.app(), form("https://app.example/other", &pkce.verifier)),
            (house.app(), form("", &pkce.verifier)),
            (Auth::None, [form(REDIRECT, &pkce.verifier), vec![("client_id", "native".to_owned())]].concat()),
        ];
        for (auth, form) in wrong {
            let form: Vec<_> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
            let answer = house.form("/oauth2/token", &auth, &form).await;
            assert_eq!(answer.refusal(), (400, "invalid_grant".into()), "{form:?}");
        }
        assert_eq!(house.exchange(&pkce.code(&code)).await.status, 200, "the victim's code still works");
        let late = browser.ask(&pkce, &[]).await.code();
        house.advance(Duration::from_secs(61));
        assert_eq!(house.exchange(&pkce.code(&late)).await.refusal(), (400, "invalid_grant".into()));
    }

    async fn a_code_spent_twice_ends_the_whole_grant(house: House) {
        house.give_password("alice").await;
        let (mut browser, pkce) = (Browser::new(&house), Pkce::new());
        let code = browser.come("alice", &pkce, &[]).await.code();
        let tokens = Tokens::of(&house.exchange(&pkce.code(&code)).await).unwrap();
        assert_eq!(house.userinfo(&tokens.access).await.status, 200);
        assert_eq!(house.exchange(&pkce.code(&code)).await.refusal(), (400, "invalid_grant".into()));
        assert_eq!(house.userinfo(&tokens.access).await.status, 401);
        assert_eq!(house.introspect(&house.notes_api(), &tokens.access).await["active"], false);
        assert!(!house.may_as("access_token", &tokens.access, "read").await);
        assert_eq!(house.refresh(&tokens.refresh).await.refusal(), (400, "invalid_grant".into()));
    }

    async fn of_many_exchanges_of_one_code_at_most_one_wins_and_then_nothing_lives(house: House) {
        house.give_password("alice").await;
        let code = Browser::new(&house).code("alice", &[]).await;
        let answers = futures_util::future::join_all((0..64).map(|_| house.exchange(&code))).await;
        let won: Vec<_> = answers.iter().filter(|a| a.status == 200).collect();
        assert!(won.len() <= 1, "{}", won.len());
        assert!(answers.iter().all(|a| a.status == 200 || a.refusal() == (400, "invalid_grant".into())));
        for answer in won {
            let tokens = Tokens::of(answer).unwrap();
            assert_eq!(house.userinfo(&tokens.access).await.status, 401);
            assert_eq!(house.refresh(&tokens.refresh).await.status, 400);
        }
    }

    async fn a_refresh_token_rotates_and_keeps_who_signed_in_when(house: House) {
        let first = tokens(&house).await;
        house.advance(Duration::from_secs(5));
        let second = Tokens::of(&house.refresh(&first.refresh).await).unwrap();
        assert_ne!(first.refresh, second.refresh);
        let (before, after) = (claims_of(&first.id), claims_of(&second.id));
        for claim in ["iss", "sub", "aud", "auth_time", "sid"] {
            assert_eq!(before[claim], after[claim], "{claim}");
        }
        assert!(after["iat"].as_i64() > before["iat"].as_i64() && after.get("nonce").is_none());
        // Narrowing is for this one access token; the successor keeps the grant's scope.
        let narrow = Tokens::of(&house.refresh_with(&second.refresh, &[("scope", "openid")]).await).unwrap();
        assert_eq!(claims_of(&narrow.access)["scope"], "openid");
        let wide = Tokens::of(&house.refresh(&narrow.refresh).await).unwrap();
        assert!(claims_of(&wide.access)["scope"].as_str().unwrap().contains("notes:read"));
        let grown = house.refresh_with(&wide.refresh, &[("scope", "openid notes:write")]).await;
        assert_eq!(grown.refusal(), (400, "invalid_scope".into()));
        let other = house.form("/oauth2/token", &Auth::None, &[("client_id", "native"), ("grant_type", "refresh_token"), ("refresh_token", &wide.refresh)]).await;
        assert_eq!(other.refusal(), (400, "invalid_grant".into()), "another client's, and nothing is burnt");
        let seen = house.introspect(&house.app(), &wide.refresh).await;
        assert_eq!((&seen["active"], &seen["client_id"]), (&json!(true), &json!("app")));
        assert_eq!(house.introspect(&house.notes_api(), &wide.refresh).await, json!({ "active": false }));
        let public = house.form("/oauth2/introspect", &Auth::None, &[("client_id", "native"), ("token", "x")]).await;
        assert_eq!(public.refusal(), (401, "invalid_client".into()), "a public client proves nothing");
        assert_eq!(house.refresh(&wide.refresh).await.status, 200);
    }

    async fn a_lost_answer_is_given_again_and_a_late_replay_is_theft(house: House) {
        let first = tokens(&house).await;
        let second = Tokens::of(&house.refresh(&first.refresh).await).unwrap();
        house.advance(Duration::from_secs(31));
        let again = Tokens::of(&house.refresh(&first.refresh).await).unwrap();
        assert_eq!(again.refresh, second.refresh, "the same one successor");
        let third = Tokens::of(&house.refresh(&second.refresh).await).unwrap();
        let used = house.refresh(&first.refresh).await;
        assert_eq!(used.refusal(), (400, "invalid_grant".into()), "the successor has been used");
        assert_eq!(house.userinfo(&third.access).await.status, 200, "and the family lives");
        house.advance(Duration::from_secs(61));
        assert_eq!(house.refresh(&second.refresh).await.refusal(), (400, "invalid_grant".into()));
        assert_eq!(house.userinfo(&third.access).await.status, 401, "theft ends everything");
        assert!(!house.may_as("access_token", &third.access, "read").await);
        assert_eq!(house.refresh(&third.refresh).await.status, 400);
    }

    async fn of_many_refreshes_with_one_token_there_is_one_successor(house: House) {
        let first = tokens(&house).await;
        let token = &first.refresh;
        let answers = futures_util::future::join_all((0..64).map(|_| house.refresh(token))).await;
        let successors: HashSet<_> =
            answers.iter().filter_map(Tokens::of).map(|tokens| tokens.refresh).collect();
        assert_eq!(successors.len(), 1);
        assert!(answers.iter().all(|a| a.status == 200 || a.refusal() == (400, "invalid_grant".into())));
        let next = house.refresh(successors.iter().next().unwrap()).await;
        assert_eq!(next.status, 200);
    }

    async fn ending_a_person_a_password_or_a_grant_ends_every_token_at_once(house: House) {
        for end in ["disable", "sign-out", "password", "revoke"] {
            let tokens = tokens(&house).await;
            assert_eq!(house.userinfo(&tokens.access).await.status, 200, "{end}");
            match end {
                "disable" => {
                    house.command(&["user", "disable", "alice"]);
                }
                "sign-out" => {
                    house.command(&["user", "sign-out", "alice"]);
                }
                "password" => house.give_password("alice").await,
                _ => {
                    let form = [("token", tokens.refresh.as_str())];
                    assert_eq!(house.form("/oauth2/revoke", &house.app(), &form).await.status, 200);
                }
            }
            eventually(end, async || house.userinfo(&tokens.access).await.status == 401).await;
            assert_eq!(house.refresh(&tokens.refresh).await.refusal(), (400, "invalid_grant".into()), "{end}");
            house.command(&["user", "enable", "alice"]);
        }
    }

    async fn userinfo_needs_a_token_for_it(house: House) {
        let tokens = tokens(&house).await;
        let token = &tokens.access;
        let none = house.get("/oauth2/userinfo").await;
        assert_eq!((none.status, none.header("www-authenticate")), (401, "Bearer"));
        let in_query = house.get(&format!("/oauth2/userinfo?access_token={token}")).await;
        assert_eq!(in_query.status, 401);
        assert_eq!(house.userinfo(&tokens.id).await.status, 401, "an ID token is no access token");
        assert_eq!(house.userinfo(&house.token().await).await.status, 401, "of another audience");
        let form = house.form("/oauth2/userinfo", &Auth::None, &[("access_token", token)]).await;
        assert_eq!(form.status, 200, "in the form of a POST");
        assert_eq!(house.form("/oauth2/userinfo", &Auth::Bearer(token.into()), &[("access_token", token)]).await.status, 400);
        let post = house.send(reqwest::Method::POST, "/oauth2/userinfo", &Auth::Bearer(token.into()), &[], "").await;
        assert_eq!(post.json(), form.json());
    }

    async fn wrong_names_and_wrong_passwords_look_alike_and_are_counted(house: House) {
        house.give_password("alice").await;
        let (mut browser, pkce) = (Browser::new(&house), Pkce::new());
        let login = browser.ask(&pkce, &[]).await;
        let mut texts = HashSet::new();
        for (name, password) in [("alice", "wrong password here"), ("nobody", PASSWORD), ("bob", PASSWORD), ("alice", "")] {
            let page = browser.sign_in(&login, name, password).await;
            assert_eq!(page.answer.status, 400, "{name}");
            assert!(page.answer.text.contains(&format!("value=\"{name}\"")), "what was typed is kept");
            texts.insert(page.answer.text.replace(&format!("value=\"{name}\""), ""));
        }
        assert_eq!(texts.len(), 1, "one answer for all");
        for _ in 0..10 {
            browser.sign_in(&login, "alice", "wrong password here").await;
        }
        let locked = browser.sign_in(&login, "alice", PASSWORD).await;
        assert_eq!(locked.answer.status, 429, "also the right one");
        assert!(!locked.answer.header("retry-after").is_empty());
        house.advance(Duration::from_mins(16));
        let consent = browser.sign_in(&login, "ALICE", PASSWORD).await;
        assert!(consent.answer.text.contains("consent-allow"), "{}", consent.answer.text);
    }

    async fn a_session_is_renewed_at_sign_in_and_belongs_to_one_person(house: House) {
        house.give_password("alice").await;
        house.give_password("bob").await;
        let (mut browser, pkce) = (Browser::new(&house), Pkce::new());
        browser.set_cookie("doorward-session", "dwse_fixed-by-somebody-else");
        let login = browser.ask(&pkce, &[]).await;
        let consent = browser.sign_in(&login, "alice", PASSWORD).await;
        let first = browser.cookie("doorward-session").unwrap().to_owned();
        assert_ne!(first, "dwse_fixed-by-somebody-else");
        let tokens = Tokens::of(&house.exchange(&pkce.code(&browser.consent(&consent, "allow").await.code())).await).unwrap();
        let login = browser.ask(&pkce, &[("prompt", "login")]).await;
        browser.sign_in(&login, "alice", PASSWORD).await;
        assert_ne!(browser.cookie("doorward-session").unwrap(), first, "a new secret each time");
        let mut thief = Browser::new(&house);
        thief.set_cookie("doorward-session", &first);
        assert!(thief.ask(&pkce, &[]).await.answer.text.contains("login-submit"), "the old one is worth nothing");
        assert_eq!(house.userinfo(&tokens.access).await.status, 200);
        let login = browser.ask(&pkce, &[("prompt", "login")]).await;
        let consent = browser.sign_in(&login, "bob", PASSWORD).await;
        assert!(consent.answer.text.contains("signed in as bob"), "bob is asked himself");
        assert_eq!(house.userinfo(&tokens.access).await.status, 401, "alice's session ended with hers");
    }

    async fn signing_out_needs_the_page_that_asks(house: House) {
        house.give_password("alice").await;
        let (mut browser, pkce) = (Browser::new(&house), Pkce::new());
        let code = browser.come("alice", &pkce, &[]).await.code();
        let tokens = Tokens::of(&house.exchange(&pkce.code(&code)).await).unwrap();
        let page = browser.get("/oauth2/logout?post_logout_redirect_uri=https://evil.example/").await;
        assert!(page.answer.text.contains("id=\"logout-yes\""));
        assert_eq!(house.userinfo(&tokens.access).await.status, 200, "asking ends nothing");
        assert_eq!(browser.post("/logout/confirm", &[("decision", "yes")]).await.answer.status, 403);
        let form_token = page.hidden("form_token");
        let stayed = browser.post("/logout/confirm", &[("form_token", &form_token), ("decision", "no")]).await;
        assert!(stayed.answer.text.contains("still signed in"));
        let out = browser.post("/logout/confirm", &[("form_token", &form_token), ("decision", "yes"), ("post_logout_redirect_uri", "https://evil.example/")]).await;
        assert_eq!(out.at, "/signed-out", "an unregistered address is never followed");
        assert_eq!(house.userinfo(&tokens.access).await.status, 401);
        assert_eq!(house.refresh(&tokens.refresh).await.status, 400);
        let none = browser.ask(&pkce, &[("prompt", "none")]).await;
        assert_eq!(none.parameter("error").as_deref(), Some("login_required"));
    }

    async fn the_relying_party_of_the_session_signs_out_silently(house: House) {
        house.give_password("alice").await;
        let (mut browser, pkce) = (Browser::new(&house), Pkce::new());
        let code = browser.come("alice", &pkce, &[]).await.code();
        let tokens = Tokens::of(&house.exchange(&pkce.code(&code)).await).unwrap();
        house.advance(Duration::from_hours(1));
        let hint = &tokens.id;
        let path = |hint: &str| format!("/oauth2/logout?id_token_hint={hint}&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye&state=x");
        let forged = browser.get(&path(&hint[..hint.len() - 4])).await;
        assert!(forged.answer.text.contains("logout-yes"), "a bad hint proves nothing");
        let wrong = browser.get(&format!("{}&client_id=other", path(hint))).await;
        assert_eq!(wrong.answer.status, 400);
        let out = browser.get(&path(hint)).await;
        assert_eq!(out.at, "https://app.example/bye?state=x", "an expired hint is fine");
        assert!(browser.cookie("doorward-session").is_none());
        assert_eq!(house.refresh(&tokens.refresh).await.status, 400);
    }

    async fn a_native_client_is_asked_every_time_and_may_come_from_any_port(house: House) {
        house.give_password("alice").await;
        let (mut browser, pkce) = (Browser::new(&house), Pkce::new());
        let native = [("client_id", "native"), ("redirect_uri", "http://127.0.0.1:51234/cb"), ("scope", "openid notes:read")];
        for _ in 0..2 {
            let page = browser.ask(&pkce, &native).await;
            let page = if page.answer.text.contains("login-submit") { browser.sign_in(&page, "alice", PASSWORD).await } else { page };
            assert!(page.answer.text.contains("consent-allow"), "any program could pose as it");
            let back = browser.consent(&page, "allow").await;
            assert!(back.at.starts_with("http://127.0.0.1:51234/cb?"));
        }
        let none = browser.ask(&pkce, &[&native[..], &[("prompt", "none")]].concat()).await;
        assert_eq!(none.parameter("error").as_deref(), Some("consent_required"));
        let refused = browser.ask(&pkce, &native).await;
        let refused = browser.consent(&refused, "deny").await;
        assert_eq!(refused.parameter("error").as_deref(), Some("access_denied"));
    }
}
