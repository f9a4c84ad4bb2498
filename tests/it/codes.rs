//! What does not spend a code, and what does not end its grant (RFC 7636 §4.6, RFC 9700 §4.8).

use doorward::admin::clients::NewClient;
use doorward::domain::client::{AuthMethod, GrantTypes};
use doorward::domain::redirect::RedirectUri;
use doorward::domain::scope::Scopes;

use crate::support::{Auth, Browser, House, Pkce, REDIRECT, Tokens, both, new_client, slug};

const PLAIN: [(&str, &str); 3] = [("client_id", "plain"), ("code_challenge", ""), ("code_challenge_method", "")];

fn no_grant() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

/// A confidential client that may do without PKCE.
async fn plain(house: &House) -> Auth {
    let plain = NewClient {
        scopes: Scopes::parse("openid profile notes:read").unwrap(),
        resources: vec![slug("notes")],
        grant_types: GrantTypes { authorization_code: true, refresh_token: true, client_credentials: false },
        redirect_uris: vec![RedirectUri::parse(REDIRECT).unwrap()],
        pkce_optional: true,
        ..new_client("plain", AuthMethod::ClientSecretBasic)
    };
    let made = house.node().admin().create_client(plain).await.unwrap();
    Auth::basic("plain", made.secret.unwrap().reveal())
}

both! {
    async fn a_verifier_where_there_was_no_challenge_is_a_downgrade_and_burns_nothing(house: House) {
        house.give_password("alice").await;
        let (plain, mut browser) = (plain(&house).await, Browser::new(&house));
        let code = browser.code("alice", &PLAIN).await;
        let with = [("redirect_uri", REDIRECT), ("code_verifier", code.verifier.as_str())];
        assert_eq!(house.exchange_as(&plain, &code.code, &with).await.refusal(), no_grant());
        let tokens = Tokens::of(&house.exchange_as(&plain, &code.code, &with[..1]).await).expect("the code still works");
        assert_eq!(house.exchange_as(&plain, &code.code, &with).await.refusal(), no_grant());
        assert_eq!(house.worth(&tokens.access).await, [true; 3], "nor does it end what was granted");
        // The other way round: its challenge cannot be left out afterwards.
        let challenged = browser.code("alice", &PLAIN[..1]).await;
        assert_eq!(house.exchange_as(&plain, &challenged.code, &with[..1]).await.refusal(), no_grant());
        let right = [("redirect_uri", REDIRECT), ("code_verifier", challenged.verifier.as_str())];
        assert_eq!(house.exchange_as(&plain, &challenged.code, &right).await.status, 200);
    }

    async fn who_cannot_prove_a_spent_code_does_not_end_its_grant(house: House) {
        house.give_password("alice").await;
        let (plain, mut browser) = (plain(&house).await, Browser::new(&house));
        let code = browser.code("alice", &[]).await;
        let tokens = Tokens::of(&house.exchange(&code).await).unwrap();
        let (uri, verifier) = (("redirect_uri", REDIRECT), ("code_verifier", code.verifier.as_str()));
        let other = Pkce::new().verifier;
        let wrong: [(Auth, Vec<(&str, &str)>); 6] = [
            (house.app(), vec![uri, ("code_verifier", &other)]),
            (house.app(), vec![uri]),
            (house.app(), vec![verifier]),
            (house.app(), vec![("redirect_uri", "https://app.example/other"), verifier]),
            (plain, vec![uri, verifier]),
            (Auth::None, vec![("client_id", "native"), uri, verifier]),
        ];
        for (auth, rest) in &wrong {
            assert_eq!(house.exchange_as(auth, &code.code, rest).await.refusal(), no_grant(), "{rest:?}");
            assert_eq!(house.worth(&tokens.access).await, [true; 3], "{rest:?}");
        }
        let next = Tokens::of(&house.refresh(&tokens.refresh).await).expect("the family lives");
        assert_eq!(house.exchange(&code).await.refusal(), no_grant());
        assert_eq!(house.worth(&next.access).await, [false; 3], "who can prove it does");
    }
}
