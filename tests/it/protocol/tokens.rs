//! Codes and tokens (RFC 6749 §4.1.3, §5, §6; RFC 7009, 7662, 9068, 9700; OpenID Connect Core §3.1.3, §11, §12).

use std::time::Duration;

use serde_json::{Value, json};

use super::register;
use crate::support::{Auth, Browser, House, NOTES, REDIRECT, Tokens, both, claims_of, header_of, verify_through_jwks};

const ALIVE: [bool; 3] = [true; 3];
const DEAD: [bool; 3] = [false; 3];

async fn tokens(house: &House, browser: &mut Browser<'_>, extra: &[(&str, &str)]) -> Tokens {
    Tokens::of(&house.exchange(&browser.code("alice", extra).await).await).unwrap()
}

both! {
    async fn codes_are_bound_single_use_and_short_lived_and_reuse_ends_everything(house: House) {
        house.give_password("alice").await;
        let mut browser = Browser::new(&house);
        let code = browser.code("alice", &[]).await;
        assert!(code.code.starts_with("dwac_") && code.code.len() >= 5 + 43, "256 bits: {}", code.code);
        let (right, verifier) = (("redirect_uri", REDIRECT), ("code_verifier", code.verifier.as_str()));
        let wrong: [&[(&str, &str)]; 4] = [
            &[("redirect_uri", "https://app.example/other"), verifier],
            &[verifier],
            &[right, ("code_verifier", "wrong-wrong-wrong-wrong-wrong-wrong-wrong-wrong")],
            &[right],
        ];
        for rest in wrong {
            assert_eq!(house.exchange_as(&house.app(), &code.code, rest).await.refusal(), (400, "invalid_grant".into()));
        }
        let other = register(&house, "other", |new| new).await;
        assert_eq!(house.exchange_as(&other, &code.code, &[right, verifier]).await.refusal(), (400, "invalid_grant".into()));
        let issued = Tokens::of(&house.exchange(&code).await).expect("a wrong try burns nothing");
        assert_eq!(house.worth(&issued.access).await, ALIVE);
        assert_eq!(house.exchange(&code).await.refusal(), (400, "invalid_grant".into()));
        assert_eq!(house.worth(&issued.access).await, DEAD, "at once");
        assert_eq!(house.refresh(&issued.refresh).await.refusal(), (400, "invalid_grant".into()));

        let late = browser.code("alice", &[]).await;
        house.advance(Duration::from_secs(61));
        assert_eq!(house.exchange(&late).await.refusal(), (400, "invalid_grant".into()));
        let reused_late = browser.code("alice", &[]).await;
        let issued = Tokens::of(&house.exchange(&reused_late).await).unwrap();
        house.advance(Duration::from_mins(5));
        assert_eq!(house.exchange(&reused_late).await.status, 400);
        assert_eq!(house.worth(&issued.access).await, DEAD, "a spent code is remembered");
    }

    async fn an_access_token_is_accepted_only_while_its_grant_session_and_person_live(house: House) {
        house.give_password("alice").await;
        let mut browser = Browser::new(&house);
        let ended = tokens(&house, &mut browser, &[]).await;
        assert_eq!(claims_of(&ended.access)["grant_id"].as_str().map(str::len), Some(36), "it carries its grant");
        house.command(&["user", "lock", "alice"]);
        let dead = async || house.worth(&ended.access).await == DEAD;
        crate::support::eventually("locked", dead).await;
        assert_eq!(house.refresh(&ended.refresh).await.refusal(), (400, "invalid_grant".into()));
        assert!(!house.may("alice", "read").await, "a lock reaches decisions");
        house.command(&["user", "unlock", "alice"]);
        crate::support::eventually("unlocked", async || house.worth(&ended.access).await == ALIVE).await;
        let after = Tokens::of(&house.refresh(&ended.refresh).await).expect("nothing ended");
        house.command(&["user", "sign-out", "alice"]);
        crate::support::eventually("signed out", async || house.worth(&after.access).await == DEAD).await;
        assert_eq!(house.refresh(&after.refresh).await.refusal(), (400, "invalid_grant".into()));
    }

    async fn token_answers_are_not_stored_and_say_type_life_and_scope(house: House) {
        house.give_password("alice").await;
        let mut browser = Browser::new(&house);
        let answer = house.exchange(&browser.code("alice", &[("scope", "openid notes:read nonsense")]).await).await;
        assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
        let body = answer.json();
        assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(900)));
        assert_eq!(body["scope"], "notes:read openid", "what differs is said");
    }

    async fn an_access_token_is_a_jwt_for_its_resource_server_and_never_for_the_client(house: House) {
        house.give_password("alice").await;
        let mut browser = Browser::new(&house);
        let token = tokens(&house, &mut browser, &[]).await.access;
        let header = header_of(&token);
        assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("RS256")));
        let claims = claims_of(&token);
        assert_eq!((&claims["aud"], &claims["client_id"]), (&json!([NOTES, house.issuer()]), &json!("app")));
        for claim in ["iss", "sub", "exp", "iat", "nbf", "jti", "scope", "auth_time", "acr", "sid", "grant_id"] {
            assert!(!claims[claim].is_null(), "{claim}: {claims}");
        }
        assert!(claims["nbf"].as_i64() < claims["iat"].as_i64());
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
        let unknown = browser.ask(&crate::support::Pkce::new(), &[("resource", "https://other.example/api")]).await;
        assert_eq!(unknown.parameter("error").as_deref(), Some("invalid_target"));
        register(&house, "aimless", |new| doorward::admin::clients::NewClient { resources: Vec::new(), scopes: doorward::domain::scope::Scopes::parse("openid profile").unwrap(), ..new }).await;
        let aimless = [("client_id", "aimless"), ("scope", "profile")];
        let back = browser.ask(&crate::support::Pkce::new(), &aimless).await;
        assert_eq!(back.parameter("error").as_deref(), Some("invalid_target"), "no resource, no default, no openid");
    }

    async fn an_id_token_is_for_the_client_and_says_who_when_and_how(house: House) {
        house.give_password("alice").await;
        let mut browser = Browser::new(&house);
        let tokens = tokens(&house, &mut browser, &[("nonce", "n"), ("scope", "openid profile email notes:read")]).await;
        verify_through_jwks(&house, &tokens.id, "app").await.unwrap();
        let header = header_of(&tokens.id);
        assert!(header["alg"] == "RS256" && header["kid"].is_string());
        let claims = claims_of(&tokens.id);
        let names: std::collections::BTreeSet<&str> = claims.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = ["acr", "amr", "at_hash", "aud", "auth_time", "exp", "iat", "iss", "nonce", "sid", "sub"];
        assert_eq!(names, expected.into_iter().collect(), "no profile claims beside an access token");
        assert_eq!((&claims["iss"], &claims["aud"], &claims["sub"]), (&json!(house.issuer()), &json!("app"), &json!(house.world.alice_sub)));
        assert_eq!(claims["at_hash"], at_hash(&tokens.access));
        let auth = Auth::Bearer(tokens.id);
        assert_eq!(house.send(reqwest::Method::GET, "/oauth2/userinfo", &auth, &[], "").await.status, 401, "it is no access token");
    }

    async fn a_refresh_token_is_issued_rotated_and_bound_and_offline_ones_outlive_the_session(house: House) {
        house.give_password("alice").await;
        let mut browser = Browser::new(&house);
        let bound = tokens(&house, &mut browser, &[]).await;
        assert!(bound.refresh.starts_with("dwrt_") && bound.refresh.len() >= 5 + 43);
        let pkce = crate::support::Pkce::new();
        let asked = browser.ask(&pkce, &[("scope", "openid offline_access notes:read"), ("prompt", "none")]).await;
        assert_eq!(asked.parameter("error").as_deref(), Some("consent_required"), "not yet agreed to");
        let offline = tokens(&house, &mut browser, &[("scope", "openid offline_access notes:read")]).await;
        let silent = browser.ask(&pkce, &[("scope", "openid offline_access notes:read"), ("prompt", "none")]).await;
        assert!(silent.parameter("code").is_some(), "stored consent: {silent:?}");
        let next = Tokens::of(&house.refresh(&bound.refresh).await).unwrap();
        assert_ne!(next.refresh, bound.refresh);
        let other = register(&house, "other", |new| new).await;
        let form = [("grant_type", "refresh_token"), ("refresh_token", next.refresh.as_str())];
        assert_eq!(house.form("/oauth2/token", &other, &form).await.refusal(), (400, "invalid_grant".into()));
        let next = Tokens::of(&house.refresh(&next.refresh).await).expect("another client's try burns nothing");
        let page = browser.get(&format!("/oauth2/logout?id_token_hint={}", next.id)).await;
        assert!(page.at.starts_with("/signed-out"), "{page:?}");
        assert_eq!(house.refresh(&next.refresh).await.refusal(), (400, "invalid_grant".into()), "bound to the session");
        let offline = Tokens::of(&house.refresh(&offline.refresh).await).expect("not bound to it");
        house.command(&["user", "withdraw", "alice", "app"]);
        assert_eq!(house.refresh(&offline.refresh).await.refusal(), (400, "invalid_grant".into()), "withdrawal ends all");
        crate::support::eventually("withdrawn", async || house.worth(&offline.access).await == DEAD).await;
        assert!(browser.come("alice", &pkce, &[]).await.parameter("code").is_some(), "and is asked for again");
    }

    async fn a_replay_within_the_grace_gets_the_same_successor_and_after_it_is_theft(house: House) {
        house.give_password("alice").await;
        let mut browser = Browser::new(&house);
        let first = tokens(&house, &mut browser, &[]).await;
        let second = Tokens::of(&house.refresh(&first.refresh).await).unwrap();
        house.advance(Duration::from_secs(40));
        assert_eq!(Tokens::of(&house.refresh(&first.refresh).await).unwrap().refresh, second.refresh, "the same one");
        let third = Tokens::of(&house.refresh(&second.refresh).await).unwrap();
        assert_eq!(house.refresh(&first.refresh).await.refusal(), (400, "invalid_grant".into()), "its successor has been used");
        let fourth = Tokens::of(&house.refresh(&third.refresh).await).expect("and the family lives");
        house.advance(Duration::from_secs(21));
        assert_eq!(house.refresh(&first.refresh).await.refusal(), (400, "invalid_grant".into()), "61 s: theft");
        assert_eq!(house.refresh(&fourth.refresh).await.refusal(), (400, "invalid_grant".into()), "the family has ended");
        for access in [&first.access, &second.access, &third.access, &fourth.access] {
            assert_eq!(house.worth(access).await, DEAD);
        }
    }

    async fn a_refreshed_id_token_is_newer_without_nonce_and_narrowing_lasts_for_one_token(house: House) {
        house.give_password("alice").await;
        let mut browser = Browser::new(&house);
        let first = tokens(&house, &mut browser, &[("nonce", "n"), ("scope", "openid profile notes:read")]).await;
        house.advance(Duration::from_mins(5));
        let answer = house.refresh_with(&first.refresh, &[("scope", "openid")]).await;
        let narrow = Tokens::of(&answer).unwrap();
        assert_eq!(answer.json()["scope"], "openid");
        assert_eq!(claims_of(&narrow.access)["scope"], "openid");
        let (before, after) = (claims_of(&first.id), claims_of(&narrow.id));
        for claim in ["iss", "sub", "aud", "auth_time"] {
            assert_eq!(before[claim], after[claim], "{claim}");
        }
        assert!(after["iat"].as_i64() > before["iat"].as_i64() && after.get("nonce").is_none(), "{after}");
        let wide = Tokens::of(&house.refresh(&narrow.refresh).await).unwrap();
        assert_eq!(claims_of(&wide.access)["scope"], claims_of(&first.access)["scope"], "the successor keeps the grant's");
        let grown = house.refresh_with(&wide.refresh, &[("scope", "openid email")]).await;
        assert_eq!(grown.refusal(), (400, "invalid_scope".into()));
        let elsewhere = house.refresh_with(&wide.refresh, &[("resource", "https://files.example/api")]).await;
        assert_eq!(elsewhere.refusal(), (400, "invalid_target".into()));
        assert!(Tokens::of(&house.refresh_with(&wide.refresh, &[("resource", NOTES)]).await).is_some(), "nothing was burnt");
    }

    async fn revocation_is_silent_about_the_unknown_and_ends_what_is_ones_own(house: House) {
        house.give_password("alice").await;
        let mut browser = Browser::new(&house);
        let mine = tokens(&house, &mut browser, &[]).await;
        let other = register(&house, "other", |new| new).await;
        assert_eq!(house.form("/oauth2/revoke", &house.app(), &[("token", "unknown")]).await.status, 200);
        for token in [&mine.refresh, &mine.access] {
            let refused = house.form("/oauth2/revoke", &other, &[("token", token)]).await;
            assert_eq!(refused.refusal(), (400, "invalid_grant".into()), "RFC 7009 §2.1");
        }
        assert_eq!(house.worth(&mine.access).await, ALIVE, "another client revokes nothing");
        let next = Tokens::of(&house.refresh(&mine.refresh).await).unwrap();
        assert_eq!(house.form("/oauth2/revoke", &house.app(), &[("token", &mine.access)]).await.status, 200);
        assert_eq!((house.worth(&mine.access).await, house.worth(&next.access).await), (DEAD, ALIVE), "one token alone");
        let hint = [("token", next.refresh.as_str()), ("token_type_hint", "access_token")];
        assert_eq!(house.form("/oauth2/revoke", &house.app(), &hint).await.status, 200);
        assert_eq!(house.worth(&next.access).await, DEAD, "a refresh token takes its family along");
        assert_eq!(house.refresh(&next.refresh).await.refusal(), (400, "invalid_grant".into()));
    }

    async fn introspection_tells_the_audience_and_the_owner_and_nobody_else(house: House) {
        house.give_password("alice").await;
        let mut browser = Browser::new(&house);
        let tokens = tokens(&house, &mut browser, &[]).await;
        let other = register(&house, "other", |new| new).await;
        let inactive = json!({ "active": false });
        assert_eq!(house.introspect(&house.notes_api(), &tokens.access).await["sub"], json!(house.world.alice_sub));
        assert_eq!(house.introspect(&house.app(), &tokens.access).await["active"], true);
        assert_eq!(house.introspect(&house.app(), &tokens.refresh).await["active"], true);
        let files = Auth::basic("files-api", &house.world.files_api);
        for (auth, token) in [(&other, &tokens.access), (&other, &tokens.refresh), (&files, &tokens.access), (&house.notes_api(), &tokens.refresh)] {
            assert_eq!(house.introspect(auth, token).await, inactive, "{token}");
        }
        let nobody = house.form("/oauth2/introspect", &Auth::None, &[("token", &tokens.access)]).await;
        assert_eq!(nobody.refusal(), (401, "invalid_client".into()));
    }

    async fn a_key_leaves_the_key_set_after_its_last_token_and_what_it_signed_stays_a_hint(house: House) {
        house.give_password("alice").await;
        let mut browser = Browser::new(&house);
        let hint = tokens(&house, &mut browser, &[]).await.id;
        let kid = header_of(&hint)["kid"].clone();
        let is_published = async || {
            let keys = house.get("/oauth2/jwks").await.json();
            keys["keys"].as_array().unwrap().iter().any(|key| key["kid"] == kid)
        };
        house.command(&["keys", "rotate"]);
        let mut rounds = 0;
        while is_published().await {
            // Whatever is due by time is done within a second of its time.
            house.advance(Duration::from_mins(20));
            tokio::time::sleep(Duration::from_millis(1200)).await;
            rounds += 1;
            assert!(rounds < 12, "still published after {rounds} times 20 minutes");
        }
        let silent = browser.ask(&crate::support::Pkce::new(), &[("id_token_hint", &hint), ("prompt", "none")]).await;
        assert!(silent.parameter("code").is_some(), "{silent:?}");
    }

    async fn tokens_of_a_retired_key_verify_until_they_expire_and_those_of_a_revoked_one_do_not(house: House) {
        house.give_password("alice").await;
        let mut browser = Browser::new(&house);
        let tokens = tokens(&house, &mut browser, &[]).await;
        let kid = header_of(&tokens.id)["kid"].as_str().unwrap().to_owned();
        house.command(&["keys", "revoke", &kid, "--reason", "leaked"]);
        crate::support::eventually("revoked", async || house.worth(&tokens.access).await == DEAD).await;
        let published: Value = house.get("/oauth2/jwks").await.json();
        assert!(published["keys"].as_array().unwrap().iter().all(|key| key["kid"] != json!(kid)));
        let hint = browser.ask(&crate::support::Pkce::new(), &[("id_token_hint", &tokens.id)]).await;
        assert_eq!(hint.parameter("error").as_deref(), Some("invalid_request"), "what it signed proves nothing any more");
        let fresh = Tokens::of(&house.refresh(&tokens.refresh).await).expect("another key signs");
        assert_ne!(header_of(&fresh.id)["kid"], json!(kid));
    }
}

fn at_hash(access_token: &str) -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(access_token.as_bytes());
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&digest[..16])
}
