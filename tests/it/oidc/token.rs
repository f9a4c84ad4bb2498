//! The client-credentials grant (RFC 6749 §4.4, RFC 8707, RFC 9068).

use std::time::Duration;

use doorward::admin::clients::NewClient;
use doorward::domain::assignment::Effect;
use doorward::domain::client::{AuthMethod, GrantTypes};
use doorward::domain::redirect::RedirectUri;
use doorward::domain::scope::Scopes;
use doorward::domain::time::{Clock as _, Interval};
use serde_json::json;

use crate::support::{
    Auth, Browser, Database, House, NOTES, Options, REDIRECT, Tokens, assign, both, claims_of, header_of, new_client,
    slug, verify_through_jwks,
};

both! {
    async fn a_client_gets_a_token_that_any_verifier_accepts_through_the_jwks(house: House) {
        let answer = house.ask_token(&house.bot(), &[]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
        let body = answer.json();
        assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(900)));
        let token = body["access_token"].as_str().unwrap();
        assert_eq!((&header_of(token)["alg"], &header_of(token)["typ"]), (&json!("RS256"), &json!("at+jwt")));

        let claims = verify_through_jwks(&house, token, NOTES).await.unwrap();
        assert_eq!(claims["iss"], house.issuer());
        assert_eq!((&claims["sub"], &claims["client_id"]), (&json!("bot"), &json!("bot")));
        assert_eq!(claims["aud"], NOTES);
        assert_eq!(claims["scope"], "notes:read notes:write");
        let at = |name: &str| claims[name].as_i64().unwrap();
        assert_eq!((at("exp") - at("iat"), at("iat") - at("nbf")), (900, 5));
        assert_ne!(claims["jti"], claims_of(&house.token().await)["jti"]);
    }

    async fn roles_and_permissions_stand_in_the_token_where_the_resource_server_asks_for_them(house: House) {
        let claims = claims_of(&house.token().await);
        assert_eq!(claims["roles"], json!(["editor", "viewer"]));
        assert_eq!(claims["permissions"], json!(["create:note", "read:note", "update:note"]));
        // A token for two resource servers carries none: names mean something only at one of them.
        let two = Auth::basic("two", &house.world.two);
        let both = [("resource", NOTES), ("resource", "https://files.example/api")];
        let claims = claims_of(&house.token_of(&two, &both).await);
        assert_eq!(claims["aud"], json!([NOTES, "https://files.example/api"]));
        assert!(claims.get("roles").is_none() && claims.get("permissions").is_none());
    }

    async fn a_scope_is_narrowed_on_request_and_never_widened(house: House) {
        let narrowed = house.ask_token(&house.bot(), &[("scope", "notes:read")]).await.json();
        assert!(narrowed.get("scope").is_none(), "what was granted is what was asked for");
        assert_eq!(claims_of(narrowed["access_token"].as_str().unwrap())["scope"], "notes:read");
        let defaulted = house.ask_token(&house.bot(), &[]).await.json();
        assert_eq!(defaulted["scope"], "notes:read notes:write");
        for scope in ["notes:read admin", "files:read", "notes:read\u{e9}", "a\"b"] {
            let answer = house.ask_token(&house.bot(), &[("scope", scope)]).await;
            assert_eq!(answer.refusal(), (400, "invalid_scope".into()), "{scope}");
        }
        // Scopes are filtered per audience: what notes does not know cannot be in a token for notes.
        let two = Auth::basic("two", &house.world.two);
        let answer = house.ask_token(&two, &[("resource", NOTES), ("scope", "files:read")]).await;
        assert_eq!(answer.refusal(), (400, "invalid_scope".into()));
        assert_eq!(claims_of(&house.token_of(&two, &[("resource", NOTES)]).await)["scope"], "notes:read");
    }

    async fn a_machine_gets_nothing_that_is_a_persons(house: House) {
        let every = NewClient {
            scopes: Scopes::parse("openid profile email offline_access notes:read").unwrap(),
            resources: vec![slug("notes")],
            grant_types: GrantTypes { authorization_code: true, refresh_token: true, client_credentials: true },
            redirect_uris: vec![RedirectUri::parse(REDIRECT).unwrap()],
            ..new_client("every", AuthMethod::ClientSecretBasic)
        };
        let secret = house.node().admin().create_client(every).await.unwrap().secret.unwrap().reveal().to_owned();
        let auth = Auth::basic("every", &secret);
        for scope in ["openid", "profile", "offline_access", "openid notes:read", "notes:write"] {
            assert_eq!(house.ask_token(&auth, &[("scope", scope)]).await.refusal(), (400, "invalid_scope".into()), "{scope}");
        }
        for issuer in [house.issuer(), format!("{}/", house.issuer()), format!("{}/oauth2/userinfo", house.issuer())] {
            assert_eq!(house.ask_token(&auth, &[("resource", &issuer)]).await.refusal(), (400, "invalid_target".into()), "{issuer}");
        }
        let body = house.ask_token(&auth, &[("sub", "alice"), ("username", "alice"), ("acr", "phr"), ("roles", "owner")]).await.json();
        assert!(body.get("id_token").is_none() && body.get("refresh_token").is_none(), "{body}");
        let claims = claims_of(body["access_token"].as_str().unwrap());
        assert_eq!((&claims["aud"], &claims["scope"], &claims["sub"]), (&json!(NOTES), &json!("notes:read"), &json!("every")));
        assert_eq!(claims["roles"], json!([]), "its own, of which it has none");
        for absent in ["sid", "auth_time", "acr", "grant_id"] {
            assert!(claims.get(absent).is_none(), "{absent}: {claims}");
        }
    }

    async fn nobody_gets_more_at_the_exchange_or_later_than_was_agreed_to(house: House) {
        house.give_password("alice").await;
        let mut browser = Browser::new(&house);
        // notes:write is known there, but not for this client; the person is not even asked.
        let code = browser.code("alice", &[("scope", "openid notes:read notes:write files:read")]).await;
        let rest = [
            ("redirect_uri", REDIRECT),
            ("code_verifier", code.verifier.as_str()),
            ("scope", "openid notes:read notes:write email offline_access"),
            ("claims", "{\"userinfo\":{\"email\":null}}"),
        ];
        let own_api = format!("{}/access/v1", house.issuer());
        for resource in [own_api.as_str(), "https://files.example/api", "urn:doorward:api"] {
            let more = [rest.as_slice(), &[("resource", resource)]].concat();
            let answer = house.exchange_as(&house.app(), &code.code, &more).await;
            assert_eq!(answer.refusal(), (400, "invalid_target".into()), "{resource}");
        }
        let tokens = Tokens::of(&house.exchange_as(&house.app(), &code.code, &rest).await).expect("nothing was burnt");
        assert_eq!(claims_of(&tokens.access)["scope"], "notes:read openid");
        let narrowed = house.refresh_with(&tokens.refresh, &[("scope", "notes:read")]).await.json();
        assert_eq!(claims_of(narrowed["access_token"].as_str().unwrap())["scope"], "notes:read");
        assert!(narrowed.get("id_token").is_none(), "{narrowed}");
        let next = narrowed["refresh_token"].as_str().unwrap();
        for scope in ["openid notes:read notes:write", "notes:write", "email", "offline_access", "openid files:read"] {
            assert_eq!(house.refresh_with(next, &[("scope", scope)]).await.refusal(), (400, "invalid_scope".into()), "{scope}");
        }
        for resource in [own_api.as_str(), "https://files.example/api", &house.issuer()] {
            assert_eq!(house.refresh_with(next, &[("resource", resource)]).await.refusal(), (400, "invalid_target".into()), "{resource}");
        }
        let whole = Tokens::of(&house.refresh(next).await).expect("nothing was burnt");
        assert_eq!(claims_of(&whole.access)["scope"], "notes:read openid");

        // Of two resource servers the client may ask for, the person was asked about one.
        let wide = NewClient {
            scopes: Scopes::parse("openid notes:read files:read").unwrap(),
            resources: vec![slug("notes"), slug("files")],
            grant_types: GrantTypes { authorization_code: true, refresh_token: true, client_credentials: false },
            redirect_uris: vec![RedirectUri::parse(REDIRECT).unwrap()],
            ..new_client("wide", AuthMethod::ClientSecretBasic)
        };
        let secret = house.node().admin().create_client(wide).await.unwrap().secret.unwrap().reveal().to_owned();
        let auth = Auth::basic("wide", &secret);
        let asked = [("client_id", "wide"), ("scope", "openid notes:read files:read"), ("resource", NOTES)];
        let code = browser.code("alice", &asked).await;
        let rest = [("redirect_uri", REDIRECT), ("code_verifier", code.verifier.as_str())];
        let files = ("resource", "https://files.example/api");
        let answer = house.exchange_as(&auth, &code.code, &[rest.as_slice(), &[files]].concat()).await;
        assert_eq!(answer.refusal(), (400, "invalid_target".into()));
        let tokens = Tokens::of(&house.exchange_as(&auth, &code.code, &rest).await).expect("nothing was burnt");
        assert_eq!(claims_of(&tokens.access)["aud"], json!([NOTES, house.issuer()]));
        assert_eq!(claims_of(&tokens.access)["scope"], "notes:read openid", "a scope of another audience is left out");
        let form = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh.as_str())];
        let answer = house.form("/oauth2/token", &auth, &[form.as_slice(), &[files]].concat()).await;
        assert_eq!(answer.refusal(), (400, "invalid_target".into()));
        assert_eq!(house.form("/oauth2/token", &auth, &form).await.status, 200);
    }

    async fn a_token_is_only_for_resource_servers_the_client_may_ask_for(house: House) {
        let own_api = format!("{}/access/v1", house.issuer());
        let refused = ["https://files.example/api", "https://nobody.example", "notes", "urn:doorward:api", &own_api];
        for resource in refused {
            let answer = house.ask_token(&house.bot(), &[("resource", resource)]).await;
            assert_eq!(answer.refusal(), (400, "invalid_target".into()), "{resource}");
        }
        // Of two there is no default, and Doorward's own API is never one.
        let two = Auth::basic("two", &house.world.two);
        assert_eq!(house.ask_token(&two, &[]).await.refusal(), (400, "invalid_target".into()));
        assert_eq!(house.ask_token(&house.notes_api(), &[]).await.refusal(), (400, "invalid_target".into()));
        let claims = claims_of(&house.token_of(&house.notes_api(), &[("resource", &own_api), ("resource", &own_api)]).await);
        assert_eq!(claims["aud"], own_api, "once, however often it was named");
    }

    async fn a_token_for_doorwards_own_api_is_for_nothing_else(house: House) {
        let both = NewClient {
            scopes: Scopes::parse("notes:read").unwrap(),
            resources: vec![slug("notes")],
            resource_servers: vec![slug("files")],
            decision_caller: true,
            ..new_client("both", AuthMethod::ClientSecretBasic)
        };
        let secret = house.node().admin().create_client(both).await.unwrap().secret.unwrap().reveal().to_owned();
        let own_api = format!("{}/access/v1", house.issuer());
        let auth = Auth::basic("both", &secret);
        assert_eq!(house.ask_token(&auth, &[("resource", &own_api)]).await.status, 200);
        let mixed = house.ask_token(&auth, &[("resource", NOTES), ("resource", &own_api)]).await;
        assert_eq!(mixed.refusal(), (400, "invalid_target".into()));
    }

    async fn role_claims_do_not_outlive_the_assignment_they_tell_of(house: House) {
        let in_two_minutes = house.clock.now().plus(Duration::from_mins(2));
        let window = Interval::new(None, Some(in_two_minutes)).unwrap();
        assign(house.node().admin(), "client:bot", "notes", "owner", Effect::Allow, window).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let body = house.ask_token(&house.bot(), &[]).await.json();
        let claims = claims_of(body["access_token"].as_str().unwrap());
        assert!(claims["roles"].as_array().unwrap().contains(&json!("owner")));
        assert_eq!(claims["exp"].as_i64().unwrap(), in_two_minutes.as_seconds());
        assert!((100..=120).contains(&body["expires_in"].as_i64().unwrap()));
    }

    async fn an_issued_token_is_in_the_audit_trail_without_itself(house: House) {
        let token = house.token().await;
        let facts = house.command(&["audit", "--subject", "client:bot"]);
        let fact = facts["facts"].as_array().unwrap().iter().find(|f| f["kind"] == "token.issued").unwrap().clone();
        assert_eq!(fact["detail"]["jti"], claims_of(&token)["jti"]);
        assert_eq!(fact["actor"], "client:bot");
        assert!(!facts.to_string().contains(&token) && !facts.to_string().contains(&house.world.bot));
    }

    async fn wrong_requests_are_refused_by_name(house: House) {
        let bot = house.bot();
        let form = |body: &'static str| {
            let (house, bot) = (&house, bot.clone());
            async move {
                let headers = [("content-type", "application/x-www-form-urlencoded")];
                house.send(reqwest::Method::POST, "/oauth2/token", &bot, &headers, body).await
            }
        };
        let cases = [
            ("", 400, "invalid_request", "grant_type"),
            ("grant_type=", 400, "invalid_request", "grant_type"),
            ("grant_type=password", 400, "unsupported_grant_type", "grant_type"),
            ("grant_type=authorization_code&code=x", 400, "unauthorized_client", "grant_type"),
            ("grant_type=refresh_token&refresh_token=x", 400, "unauthorized_client", "grant_type"),
            ("grant_type=authorization_code", 400, "invalid_request", "code"),
            ("grant_type=client_credentials&grant_type=client_credentials", 400, "invalid_request", "grant_type"),
            ("grant_type=client_credentials&scope=notes:read&scope=notes:write", 400, "invalid_request", "scope"),
            ("grant_type=client_credentials&scope=%ff", 400, "invalid_request", "scope"),
            ("grant_type=client_credentials&scope=%zz", 400, "invalid_request", "scope"),
            ("grant_type=client_credentials&scope=a%00b", 400, "invalid_request", "scope"),
            ("grant_type=client_credentials&client_id=other", 400, "invalid_request", "client_id"),
            ("grant_type=client_credentials&resource=notes%23fragment", 400, "invalid_target", "resource"),
        ];
        for (body, status, error, named) in cases {
            let answer = form(body).await;
            assert_eq!(answer.refusal(), (status, error.into()), "{body}");
            let description = answer.json()["error_description"].as_str().unwrap().to_owned();
            assert!(description.contains(named), "{body}: {description}");
            assert_eq!(answer.header("cache-control"), "no-store");
        }
        // The same as one method: Basic, with the same client_id in the body. Unknown parameters are ignored.
        assert_eq!(form("grant_type=client_credentials&client_id=bot&foo=bar").await.status, 200);
    }

    async fn bodies_of_other_types_or_sizes_are_refused(house: House) {
        let post = |headers: &'static [(&str, &str)], body: String| {
            let (house, bot) = (&house, house.bot());
            async move { house.send(reqwest::Method::POST, "/oauth2/token", &bot, headers, body).await }
        };
        let right = "grant_type=client_credentials";
        assert_eq!(post(&[], right.into()).await.refusal(), (400, "invalid_request".into()));
        let json = &[("content-type", "application/json")];
        assert_eq!(post(json, "{\"grant_type\":\"client_credentials\"}".into()).await.refusal(), (400, "invalid_request".into()));
        let form = &[("content-type", "application/x-www-form-urlencoded; charset=UTF-8")];
        assert_eq!(post(form, right.into()).await.status, 200);
        let huge = format!("{right}&scope={}", "a".repeat(70_000));
        assert_eq!(post(form, huge).await.refusal(), (413, "invalid_request".into()));
        let many = (0..200).map(|i| format!("p{i}=1&")).collect::<Vec<_>>().concat() + right;
        assert_eq!(post(form, many).await.refusal(), (400, "invalid_request".into()));
    }
}

async fn too_large_is_left_out(database: Database) {
    // The roles of bot alone would fit into the second: half of what it holds would be taken for the whole.
    for (limit, expected) in [("8KiB", true), ("20B", false), ("0B", false)] {
        let house = House::start(database, Options::default().set("tokens.claims_max", limit)).await;
        let claims = claims_of(&house.token().await);
        for claim in ["roles", "permissions"] {
            assert_eq!(claims.get(claim).is_some(), expected, "{limit}: {claim}: {claims}");
        }
        assert_eq!(claims["scope"], "notes:read notes:write");
        assert!(
            house.may_as("access_token", &house.token().await, "update").await,
            "decisions know what the token does not say"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_and_permissions_past_their_bound_are_left_out_whole_on_sqlite() {
    too_large_is_left_out(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_and_permissions_past_their_bound_are_left_out_whole_on_postgres() {
    too_large_is_left_out(Database::Postgres).await;
}
