//! The standard claims (OpenID Connect Core §5.1, §5.3, §5.4).

use serde_json::{Value, json};

use super::register;
use crate::support::{Auth, Browser, House, Pkce, REDIRECT, both};

/// What userinfo says to a client that asks for these scopes, by each of the three ways to ask.
async fn userinfo(house: &House, client: &Auth, scope: &str) -> Value {
    let pkce = Pkce::new();
    let mut browser = Browser::new(house);
    let code = browser.come("alice", &pkce, &[("client_id", "all"), ("scope", scope)]).await.code();
    let answer =
        house.exchange_as(client, &code, &[("redirect_uri", REDIRECT), ("code_verifier", &pkce.verifier)]).await;
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    let bearer = Auth::Bearer(token.clone());
    let got = house.send(reqwest::Method::GET, "/oauth2/userinfo", &bearer, &[], "").await;
    assert_eq!((got.status, got.header("content-type")), (200, "application/json"), "{got:?}");
    let posted = house.send(reqwest::Method::POST, "/oauth2/userinfo", &bearer, &[], "").await;
    let in_form = house.form("/oauth2/userinfo", &Auth::None, &[("access_token", &token)]).await;
    assert_eq!((got.json(), got.json()), (posted.json(), in_form.json()), "three ways, one answer");
    got.json()
}

both! {
    async fn each_scope_brings_its_claims_with_their_types_and_nothing_empty(house: House) {
        house.give_password("alice").await;
        let client = register(&house, "all", |new| new).await;
        let sub = &house.world.alice_sub;
        assert_eq!(userinfo(&house, &client, "openid").await, json!({ "sub": sub }));
        let bare = userinfo(&house, &client, "openid profile email address phone").await;
        let mut names: Vec<&String> = bare.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, ["preferred_username", "sub", "updated_at"], "what has no value is absent");

        let texts = [
            ("given_name", "Alice"), ("family_name", "Ames"), ("middle_name", "B."), ("nickname", "Al"),
            ("profile", "https://a.example/me"), ("picture", "https://a.example/me.png"), ("website", "https://a.example/"),
            ("gender", "female"), ("birthdate", "0000-02-29"), ("zoneinfo", "Europe/Zurich"), ("locale", "de-CH"),
        ];
        let claims: Vec<String> = texts.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut arguments = vec!["user", "update", "alice", "--name", "Alice B. Ames", "--email", "alice@example.com"];
        arguments.extend(["--email-verified", "true"]);
        arguments.extend(claims.iter().flat_map(|claim| ["--claim", claim]));
        for claim in ["address.street_address=Gasse 1\nHinterhaus", "address.locality=Bern", "phone_number=+41 31 000 00 00"] {
            arguments.extend(["--claim", claim]);
        }
        house.command(&arguments);
        let full = userinfo(&house, &client, "openid profile email address phone").await;
        for (name, value) in texts {
            assert_eq!(full[name], value, "{name}");
        }
        assert_eq!((&full["name"], &full["preferred_username"]), (&json!("Alice B. Ames"), &json!("alice")));
        assert!(full["updated_at"].is_u64(), "a number: {full}");
        assert_eq!((&full["email"], &full["email_verified"]), (&json!("alice@example.com"), &json!(true)));
        assert_eq!(full["address"], json!({ "street_address": "Gasse 1\nHinterhaus", "locality": "Bern" }));
        assert_eq!((&full["phone_number"], &full["phone_number_verified"]), (&json!("+41310000000"), &json!(false)));
        let only_email = userinfo(&house, &client, "openid email").await;
        assert_eq!(only_email, json!({ "sub": sub, "email": "alice@example.com", "email_verified": true }));

        house.command(&["user", "update", "alice", "--email", "other@example.com", "--remove", "phone_number", "--remove", "name"]);
        let after = userinfo(&house, &client, "openid profile email phone").await;
        assert_eq!(after["email_verified"], false, "another address is another proof");
        assert!(after.get("phone_number").is_none() && after.get("phone_number_verified").is_none() && after.get("name").is_none());
        let known: Vec<Value> = house.get("/.well-known/openid-configuration").await.json()["claims_supported"].as_array().unwrap().clone();
        for name in full.as_object().unwrap().keys() {
            assert!(known.contains(&json!(name)), "{name} is not advertised");
        }
    }
}
