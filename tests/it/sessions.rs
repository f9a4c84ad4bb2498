//! How long a browser session lives, and what lives with it.

use std::time::Duration;

use crate::support::{Browser, House, Pkce, Tokens, both};

const OFFLINE: [(&str, &str); 2] = [("scope", "openid offline_access notes:read"), ("prompt", "consent")];

async fn is_signed_in(browser: &mut Browser<'_>) -> bool {
    let back = browser.come("nobody", &Pkce::new(), &[("prompt", "none")]).await;
    let error = back.parameter("error");
    assert!(error.is_none() || error.as_deref() == Some("login_required"), "{error:?}");
    error.is_none()
}

async fn tokens(house: &House, browser: &mut Browser<'_>, extra: &[(&str, &str)]) -> Tokens {
    let code = browser.code("alice", extra).await;
    Tokens::of(&house.exchange(&code).await).unwrap()
}

async fn refreshed(house: &House, tokens: &Tokens) -> Tokens {
    Tokens::of(&house.refresh(&tokens.refresh).await).expect("it lives")
}

both! {
    async fn a_session_that_is_used_goes_on_and_one_that_is_not_ends(house: House) {
        house.give_password("alice").await;
        let mut browser = Browser::new(&house);
        let bound = tokens(&house, &mut browser, &[]).await;
        for _ in 0..3 {
            house.advance(Duration::from_hours(23));
            assert!(is_signed_in(&mut browser).await, "used within a day");
        }
        house.advance(Duration::from_hours(24));
        assert!(!is_signed_in(&mut browser).await, "not used for a day");
        refreshed(&house, &bound).await;
        let hint = [("id_token_hint", bound.id.as_str())];
        let page = browser.ask(&Pkce::new(), &hint).await;
        assert!(page.answer.text.contains("login-submit"), "the person signs in again");
    }

    async fn a_session_ends_in_any_case_and_takes_with_it_what_was_not_given_offline(house: House) {
        house.give_password("alice").await;
        let mut browser = Browser::new(&house);
        let mut bound = tokens(&house, &mut browser, &[]).await;
        let mut offline = tokens(&house, &mut browser, &OFFLINE).await;
        for _ in 0..35 {
            house.advance(Duration::from_hours(20));
            assert!(is_signed_in(&mut browser).await, "thirty days have not passed");
        }
        (bound, offline) = (refreshed(&house, &bound).await, refreshed(&house, &offline).await);
        house.advance(Duration::from_hours(21));
        assert!(!is_signed_in(&mut browser).await, "used or not");
        assert_eq!(house.refresh(&bound.refresh).await.refusal(), (400, "invalid_grant".into()));
        assert_eq!(house.introspect(&house.app(), &bound.refresh).await["active"], false);
        assert_eq!(house.introspect(&house.app(), &offline.refresh).await["active"], true);
        refreshed(&house, &offline).await;
    }

    async fn signing_in_again_begins_the_thirty_days_again(house: House) {
        house.give_password("alice").await;
        let mut browser = Browser::new(&house);
        let bound = tokens(&house, &mut browser, &[]).await;
        for _ in 0..25 {
            house.advance(Duration::from_hours(23));
            assert!(is_signed_in(&mut browser).await);
        }
        browser.code("alice", &[("prompt", "login")]).await;
        let bound = refreshed(&house, &bound).await;
        for _ in 0..25 {
            house.advance(Duration::from_hours(23));
            assert!(is_signed_in(&mut browser).await, "the same session goes on");
        }
        refreshed(&house, &bound).await;
    }
}
