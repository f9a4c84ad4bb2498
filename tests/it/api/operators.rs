//! Who is let in.

use std::collections::BTreeSet;

use doorward::admin::clients::NewClient;
use doorward::domain::assignment::Effect;
use doorward::domain::client::{AuthMethod, GrantTypes};
use doorward::domain::redirect::RedirectUri;
use doorward::domain::scope::Scopes;
use doorward::http::ledger::{API, Caller, Need, Row, Verb};
use reqwest::Method;

use crate::support::{Answer, Auth, Browser, House, Pkce, REDIRECT, both, new_client, slug};

pub(super) fn method(verb: Verb) -> Method {
    match verb {
        Verb::Get => Method::GET,
        Verb::Post => Method::POST,
        Verb::Put => Method::PUT,
        Verb::Patch => Method::PATCH,
        Verb::Delete => Method::DELETE,
    }
}

/// A row asked about something that is not there, with a body that says nothing.
async fn knock(house: &House, row: &Row, auth: &Auth) -> Answer {
    let parts = row.path.split('/').map(|part| if part.starts_with('{') { "nobody" } else { part });
    let path = parts.collect::<Vec<_>>().join("/");
    house.send(method(row.verb), &path, auth, &[("content-type", "application/json")], "{}").await
}

pub(super) fn need(row: &Row) -> Need {
    let Caller::Operator(need) = row.caller else { panic!("{} is not for operators", row.path) };
    need
}

/// A client that people sign in with to administer.
async fn console(house: &House) -> Auth {
    let new = NewClient {
        scopes: Scopes::parse("openid").unwrap(),
        resources: vec![slug("doorward")],
        grant_types: GrantTypes { authorization_code: true, refresh_token: true, client_credentials: false },
        redirect_uris: vec![RedirectUri::parse(REDIRECT).unwrap()],
        ..new_client("console", AuthMethod::ClientSecretBasic)
    };
    let created = house.node().admin().create_client(new).await.unwrap();
    Auth::basic("console", created.secret.unwrap().reveal())
}

/// An access token for this API, of a person who signed in at the console.
async fn token_of(house: &House, console: &Auth, name: &str) -> String {
    house.give_password(name).await;
    let (pkce, api) = (Pkce::new(), format!("{}/api/v1", house.issuer()));
    let extra = [("client_id", "console"), ("scope", "openid"), ("resource", api.as_str())];
    let code = Browser::new(house).come(name, &pkce, &extra).await.code();
    let form = [("redirect_uri", REDIRECT), ("code_verifier", &pkce.verifier)];
    let answer = house.exchange_as(console, &code, &form).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

both! {
    async fn an_operation_needs_an_operator_who_holds_its_permission(house: House) {
        let without = [
            ("nothing", Auth::None),
            ("a wrong secret", Auth::basic("bot", "wrong")),
            ("an unknown client", Auth::basic("nobody", "x")),
            ("no token", Auth::Bearer("x".into())),
            ("no key", Auth::Bearer("dwk_x".into())),
            ("a token for another resource server", Auth::Bearer(house.token().await)),
        ];
        for row in &API {
            for (what, auth) in &without {
                let answer = knock(&house, row, auth).await;
                assert_eq!(answer.status, 401, "{} with {what}: {answer:?}", row.path);
                assert!(answer.header("www-authenticate").starts_with("Bearer"), "{}", row.path);
            }
            let nothing_held = knock(&house, row, &house.bot()).await;
            assert_eq!(nothing_held.refusal(), (403, "not_permitted".into()), "{}", row.path);
        }
        let needs: BTreeSet<_> = API.iter().map(|row| format!("{}:{}", need(row).action, need(row).resource_type)).collect();
        for (i, permission) in needs.iter().enumerate() {
            let only = house.operator(&format!("only-{i}"), &[permission]).await;
            let but = house.operator(&format!("but-{i}"), &["*:*"]).await;
            house.give(&format!("client:but-{i}"), permission, Effect::Deny).await;
            for row in &API {
                let is_it = *permission == format!("{}:{}", need(row).action, need(row).resource_type);
                // One that needs it, and a few that do not.
                if !is_it && (row.verb != Verb::Get || row.path.contains('{')) {
                    continue;
                }
                let is_refused = |answer: &Answer| answer.refusal() == (403, "not_permitted".into());
                assert_eq!(is_refused(&knock(&house, row, &only.auth).await), !is_it, "{permission} alone at {}", row.path);
                assert_eq!(is_refused(&knock(&house, row, &but.auth).await), is_it, "all but {permission} at {}", row.path);
            }
        }
    }

    async fn a_person_administers_with_a_token_for_this_api_and_no_other(house: House) {
        let console = console(&house).await;
        house.make_admin("user:alice").await;
        let token = token_of(&house, &console, "alice").await;
        let alice = house.with(Auth::Bearer(token.clone()));
        let changed = alice.act("/api/v1/users/bob/lock").await;
        assert_eq!(changed.status, 200, "{changed:?}");
        let fact = &alice.got("/api/v1/audit?kind=person.locked").await["items"][0];
        assert_eq!(fact["actor"], format!("user:{}", house.world.alice_sub), "the one name the trail has for her");
        assert_eq!(fact["request_id"], changed.header("x-request-id"));
        // The same token is for nothing else.
        let evaluation = crate::support::evaluation("user", "alice", "read", "note", "1");
        let elsewhere = house.json("/access/v1/evaluation", &alice.auth, &evaluation).await;
        assert_eq!(elsewhere.refusal(), (401, "invalid_token".into()));
        // Who has signed in but holds nothing is nobody here.
        let carol = house.with(Auth::Bearer(token_of(&house, &console, "carol").await));
        assert_eq!(carol.get("/api/v1/users").await.refusal(), (403, "not_permitted".into()));
        // The decision is made anew each time.
        house.make_admin("user:carol").await;
        house.node().admin().disable_person("alice").await.unwrap();
        crate::support::eventually("she is nobody", async || alice.get("/api/v1/users").await.status == 401).await;
        let in_query = house.get(&format!("/api/v1/users?access_token={token}")).await;
        assert_eq!(in_query.status, 401);
    }

    async fn a_client_administers_with_its_secret_or_a_token_for_this_api(house: House) {
        let root = house.root().await;
        let api = format!("{}/api/v1", house.issuer());
        let token = house.token_of(&root.auth, &[("resource", &api)]).await;
        let bearer = house.with(Auth::Bearer(token));
        assert_eq!(root.get("/api/v1/users").await.status, 200);
        assert_eq!(bearer.get("/api/v1/users").await.status, 200);
        let other = format!("{}/access/v1", house.issuer());
        let decisions = house.token_of(&root.auth, &[("resource", &other)]).await;
        let wrong = house.with(Auth::Bearer(decisions)).get("/api/v1/users").await;
        assert_eq!(wrong.refusal(), (401, "invalid_token".into()), "for the other API of ours");
        house.give_password("alice").await;
        house.make_admin("user:alice").await;
        house.node().admin().set_client_disabled("root", true).await.unwrap();
        crate::support::eventually("it is nobody", async || root.get("/api/v1/users").await.status == 401).await;
        assert_eq!(bearer.get("/api/v1/users").await.status, 401);
    }

    async fn no_resource_server_passes_for_one_of_our_apis(house: House) {
        let root = house.root().await;
        for path in ["/api/v1", "/access/v1", "", "/oauth2/userinfo"] {
            let identifier = format!("{}{path}", house.issuer());
            let answer = root.post("/api/v1/resource-servers", &serde_json::json!({ "name": "fake", "identifier": identifier })).await;
            assert_eq!((answer.status, answer.json()["member"].clone()), (400, "identifier".into()), "{identifier}");
        }
        // Also where the command line made one.
        let identifier = format!("{}/api/v1", house.issuer());
        house.command(&["resource-server", "create", "fake", "--identifier", &identifier]);
        let secret = house.command(&["client", "create", "faker", "--resource", "fake"])["client_secret"].as_str().unwrap().to_owned();
        let faker = Auth::basic("faker", &secret);
        crate::support::eventually("the client is known", async || house.ask_token(&faker, &[]).await.status != 401).await;
        let refused = house.ask_token(&faker, &[]).await;
        assert_eq!(refused.refusal(), (400, "invalid_target".into()), "{refused:?}");
        let named = house.ask_token(&faker, &[("resource", &identifier)]).await;
        assert_eq!(named.refusal(), (400, "invalid_target".into()), "{named:?}");
    }
}
