//! Pairwise subjects (OpenID Connect Core §8.1).

use doorward::admin::clients::NewClient;
use doorward::domain::redirect::RedirectUri;
use serde_json::json;

use super::register;
use crate::support::{Auth, Browser, House, Pkce, Tokens, both, claims_of, eventually};

/// Signs alice in to a client, and exchanges the code.
async fn tokens(house: &House, browser: &mut Browser<'_>, client_id: &str, auth: &Auth, redirect: &str) -> Tokens {
    let pkce = Pkce::new();
    let code = browser.come("alice", &pkce, &[("client_id", client_id), ("redirect_uri", redirect)]).await.code();
    let rest = [("redirect_uri", redirect), ("code_verifier", pkce.verifier.as_str())];
    Tokens::of(&house.exchange_as(auth, &code, &rest).await).unwrap()
}

both! {
    async fn clients_of_different_hosts_know_a_person_by_different_names_that_all_mean_them(house: House) {
        house.give_password("alice").await;
        let mut registered = Vec::new();
        for (client_id, redirect) in [("p1", "https://a.example/1"), ("p2", "https://a.example/2"), ("p3", "https://b.example/")] {
            let redirect_uris = vec![RedirectUri::parse(redirect).unwrap()];
            let auth = register(&house, client_id, |new| NewClient { pairwise: true, redirect_uris, ..new }).await;
            registered.push((client_id, auth, redirect));
        }
        let mut browser = Browser::new(&house);
        let mut subs = Vec::new();
        let mut last = None;
        for (client_id, auth, redirect) in &registered {
            let tokens = tokens(&house, &mut browser, client_id, auth, redirect).await;
            let sub = claims_of(&tokens.id)["sub"].clone();
            assert_eq!(claims_of(&tokens.access)["sub"], sub, "the access token tells no other");
            let bearer = Auth::Bearer(tokens.access.clone());
            let info = house.send(reqwest::Method::GET, "/oauth2/userinfo", &bearer, &[], "").await.json();
            assert_eq!(info["sub"], sub);
            assert_eq!(house.worth(&tokens.access).await, [true; 3], "and it is worth as much");
            assert!(house.may("alice", "read").await && house.may(sub.as_str().unwrap(), "read").await, "it means alice");
            let next = house.form("/oauth2/token", auth, &[("grant_type", "refresh_token"), ("refresh_token", &tokens.refresh)]).await;
            assert_eq!(claims_of(&Tokens::of(&next).unwrap().id)["sub"], sub);
            subs.push(sub);
            last = Some(tokens);
        }
        assert_eq!(subs[0], subs[1], "one host, one name");
        assert_ne!(subs[1], subs[2], "another host, another name");
        assert!(!subs.contains(&json!(house.world.alice_sub)));
        let metadata = house.get("/.well-known/openid-configuration").await.json();
        assert_eq!(metadata["subject_types_supported"], json!(["public", "pairwise"]));

        // Hints name the subject as the client knows it.
        let last = last.unwrap();
        let own = [("client_id", "p3"), ("redirect_uri", "https://b.example/"), ("prompt", "none"), ("id_token_hint", last.id.as_str())];
        assert!(browser.ask(&Pkce::new(), &own).await.parameter("code").is_some());
        let named = |sub: &serde_json::Value| json!({ "id_token": { "sub": { "value": sub } } }).to_string();
        let other = [("client_id", "p3"), ("redirect_uri", "https://b.example/"), ("prompt", "none"), ("claims", &named(&subs[0]))];
        assert_eq!(browser.ask(&Pkce::new(), &other).await.parameter("error").as_deref(), Some("login_required"));

        // What is done to the person is done to every name of theirs.
        house.command(&["user", "disable", subs[2].as_str().unwrap()]);
        for sub in &subs {
            eventually("disabled by any name", async || !house.may(sub.as_str().unwrap(), "read").await).await;
        }
        eventually("disabled", async || !house.may("alice", "read").await).await;
        house.command(&["user", "enable", "alice"]);
        let page = browser.get(&format!("/oauth2/logout?id_token_hint={}", last.id)).await;
        assert!(page.at.starts_with("/signed-out"), "{page:?}");
        let mixed = NewClient {
            pairwise: true,
            redirect_uris: vec![RedirectUri::parse("https://a.example/").unwrap(), RedirectUri::parse("https://b.example/").unwrap()],
            ..crate::support::new_client("mixed", doorward::domain::client::AuthMethod::ClientSecretBasic)
        };
        let mixed = NewClient { grant_types: doorward::domain::client::GrantTypes::parse("authorization_code").unwrap(), ..mixed };
        assert!(house.node().admin().create_client(mixed).await.unwrap_err().to_string().contains("one host"));
    }
}
