//! Revocation (RFC 7009).

use crate::support::{Auth, House, both};

both! {
    async fn a_revoked_token_is_worth_nothing_here_at_once(house: House) {
        let (token, other) = (house.token().await, house.token().await);
        assert_eq!(house.introspect(&house.notes_api(), &token).await["active"], true);
        assert!(house.may_as("access_token", &token, "update").await);
        let answer = house.form("/oauth2/revoke", &house.bot(), &[("token", &token), ("token_type_hint", "refresh_token")]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(house.introspect(&house.notes_api(), &token).await["active"], false);
        assert!(!house.may_as("access_token", &token, "update").await);
        assert_eq!(house.introspect(&house.notes_api(), &other).await["active"], true, "only that one");
        // Again: nothing to do, no error (RFC 7009 §2.2).
        assert_eq!(house.form("/oauth2/revoke", &house.bot(), &[("token", &token)]).await.status, 200);
    }

    async fn unknown_tokens_are_no_error_and_others_tokens_are_not_touched(house: House) {
        for token in ["x", "a.b.c", "dwrt_unknown"] {
            assert_eq!(house.form("/oauth2/revoke", &house.bot(), &[("token", token)]).await.status, 200, "{token}");
        }
        let token = house.token().await;
        let two = Auth::basic("two", &house.world.two);
        let answer = house.form("/oauth2/revoke", &two, &[("token", &token)]).await;
        assert_eq!(answer.refusal(), (400, "invalid_grant".into()));
        assert_eq!(house.introspect(&house.notes_api(), &token).await["active"], true);
        let missing = house.form("/oauth2/revoke", &house.bot(), &[]).await;
        assert_eq!(missing.refusal(), (400, "invalid_request".into()));
        assert!(missing.json()["error_description"].as_str().unwrap().contains("token"));
        let in_url = house.form(&format!("/oauth2/revoke?token={token}"), &house.bot(), &[]).await;
        assert_eq!(in_url.refusal(), (400, "invalid_request".into()));
        assert_eq!(house.introspect(&house.notes_api(), &token).await["active"], true);
    }

    async fn a_revocation_survives_a_restart(house: House) {
        let mut house = house;
        let token = house.token().await;
        house.form("/oauth2/revoke", &house.bot(), &[("token", &token)]).await;
        let (bot_token, api) = (token, house.notes_api());
        let again = { house.stop().await; house.restarted().await };
        assert_eq!(again.introspect(&api, &bot_token).await["active"], false);
        assert_eq!(again.introspect(&api, &again.token().await).await["active"], true);
    }
}
