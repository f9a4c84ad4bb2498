//! Introspection (RFC 7662): only for whom a token concerns, and then the truth.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{AssertionKey, Auth, House, NOTES, both, claims_of, eventually, header_of, unsigned};

both! {
    async fn the_audience_and_the_owner_see_an_active_token_and_nobody_else_does(house: House) {
        let token = house.token().await;
        let seen = house.introspect(&house.notes_api(), &token).await;
        let claims = claims_of(&token);
        for member in ["iss", "sub", "aud", "client_id", "scope", "exp", "iat", "nbf", "jti"] {
            assert_eq!(seen[member], claims[member], "{member}");
        }
        assert_eq!((&seen["active"], &seen["token_type"]), (&json!(true), &json!("Bearer")));
        assert_eq!(house.introspect(&house.bot(), &token).await["active"], true, "its owner");
        let strangers = [Auth::basic("files-api", &house.world.files_api), Auth::basic("two", &house.world.two)];
        for stranger in strangers {
            assert_eq!(house.introspect(&stranger, &token).await, json!({ "active": false }), "and nothing more");
        }
    }

    async fn a_token_that_was_changed_cut_or_made_elsewhere_is_inactive(house: House) {
        let token = house.token().await;
        let (header, claims) = (header_of(&token), claims_of(&token));
        let [head, body, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("not a JWS") };
        let mut admin = claims.clone();
        admin["roles"] = json!(["owner"]);
        let forged_body = unsigned(&header, &admin).split('.').nth(1).unwrap().to_owned();
        let stranger = AssertionKey::rsa(jsonwebtoken::Algorithm::RS256);
        let cases = [
            ("another body", format!("{head}.{forged_body}.{signature}")),
            ("no signature", format!("{head}.{body}.")),
            ("cut", token[..token.len() - 2].to_owned()),
            ("alg none", unsigned(&json!({ "alg": "none", "typ": "at+jwt", "kid": header["kid"] }), &claims)),
            ("another key", stranger.sign(&claims)),
            ("HMAC", stranger.sign_with_public_key_as_secret(&claims)),
            ("padded", format!("{token}=")),
            ("with spaces", format!(" {token}")),
            ("one part more", format!("{token}.x")),
            ("huge", "a".repeat(40_000)),
        ];
        for (what, token) in cases {
            assert_eq!(house.introspect(&house.notes_api(), &token).await, json!({ "active": false }), "{what}");
        }
        // One bit at a time, over the whole signature.
        for i in (0..signature.len()).step_by(37) {
            let mut bytes = signature.as_bytes().to_vec();
            bytes[i] = if bytes[i] == b'A' { b'B' } else { b'A' };
            let changed = format!("{head}.{body}.{}", String::from_utf8(bytes).unwrap());
            if changed != token {
                assert_eq!(house.introspect(&house.notes_api(), &changed).await["active"], false, "byte {i}");
            }
        }
    }

    async fn an_expired_token_is_inactive(house: House) {
        let token = house.token().await;
        house.advance(Duration::from_secs(890));
        assert_eq!(house.introspect(&house.notes_api(), &token).await["active"], true);
        house.advance(Duration::from_secs(11));
        assert_eq!(house.introspect(&house.notes_api(), &token).await, json!({ "active": false }));
    }

    async fn the_tokens_of_a_disabled_client_are_inactive_and_come_back_with_it(house: House) {
        let token = house.token().await;
        let active = async || house.introspect(&house.notes_api(), &token).await["active"] == Value::Bool(true);
        assert!(active().await);
        house.command(&["client", "disable", "bot"]);
        eventually("disabled", async || !active().await).await;
        assert!(!house.may_as("access_token", &token, "update").await);
        house.command(&["client", "enable", "bot"]);
        eventually("enabled", active).await;
    }

    async fn a_token_for_another_audience_is_no_key_to_the_decision_api(house: House) {
        let body = crate::support::evaluation("user", "alice", "read", "note", "1");
        let token = house.token().await;
        let answer = house.json("/access/v1/evaluation", &Auth::Bearer(token), &body).await;
        assert_eq!(answer.refusal(), (401, "invalid_token".into()));
        assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""));
        assert_eq!(claims_of(&house.token().await)["aud"], NOTES);
    }
}
