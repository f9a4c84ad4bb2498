//! Metadata and keys: true to what the server does.

use std::collections::HashSet;

use serde_json::Value;

use crate::support::{Auth, House, both};

both! {
    async fn metadata_is_the_issuers_and_every_address_in_it_answers(house: House) {
        let metadata = house.get("/.well-known/openid-configuration").await;
        assert_eq!((metadata.status, metadata.header("content-type")), (200, "application/json"));
        assert_eq!(metadata.header("access-control-allow-origin"), "*");
        assert_eq!(metadata.json(), house.get("/.well-known/oauth-authorization-server").await.json());
        let metadata = metadata.json();
        assert_eq!(metadata["issuer"], house.issuer());
        for (name, value) in metadata.as_object().unwrap() {
            assert!(!value.is_null(), "{name}");
            if name.ends_with("_endpoint") || name == "jwks_uri" {
                let path = value.as_str().unwrap().strip_prefix(&house.issuer()).unwrap().to_owned();
                let status = if name == "jwks_uri" { house.get(&path).await.status } else { house.form(&path, &Auth::None, &[]).await.status };
                let expected = match name.as_str() {
                    "jwks_uri" => 200,
                    "authorization_endpoint" => 400,
                    "end_session_endpoint" => 303,
                    _ => 401,
                };
                assert_eq!(status, expected, "{name}");
            }
        }
        assert_eq!(metadata["grant_types_supported"], serde_json::json!(["authorization_code", "refresh_token", "client_credentials"]));
        let authzen = house.get("/.well-known/authzen-configuration").await.json();
        assert_eq!(authzen["policy_decision_point"], house.issuer());
        assert!(authzen["access_evaluation_endpoint"].as_str().unwrap().ends_with("/access/v1/evaluation"));
        assert!(authzen["access_evaluations_endpoint"].as_str().unwrap().ends_with("/access/v1/evaluations"));
        for target in ["subject", "resource", "action"] {
            let address = authzen[format!("search_{target}_endpoint")].as_str().unwrap().to_owned();
            assert_eq!(address, format!("{}/access/v1/search/{target}", house.issuer()));
        }
    }

    async fn metadata_is_never_built_from_the_host_header(house: House) {
        let forged = house.get_with("/.well-known/openid-configuration", &[("host", "evil.example"), ("x-forwarded-host", "evil.example")]).await;
        assert_eq!(forged.json()["issuer"], house.issuer());
        assert!(!forged.text.contains("evil"));
    }

    async fn the_key_set_holds_public_keys_each_with_its_own_kid(house: House) {
        house.command(&["keys", "rotate"]);
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        let answer = house.get("/oauth2/jwks").await;
        assert_eq!(answer.header("cache-control"), "public, max-age=300");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        let keys = answer.json()["keys"].as_array().unwrap().clone();
        assert_eq!(keys.len(), 2);
        let kids: HashSet<_> = keys.iter().map(|k| k["kid"].as_str().unwrap().to_owned()).collect();
        assert_eq!(kids.len(), 2);
        for key in &keys {
            assert_eq!((&key["kty"], &key["alg"], &key["use"]), (&"RSA".into(), &"RS256".into(), &"sig".into()));
            let members: HashSet<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(members, HashSet::from(["kty", "alg", "use", "kid", "n", "e"]), "no private member");
        }
        let etag = answer.header("etag").to_owned();
        let again = house.get_with("/oauth2/jwks", &[("if-none-match", &etag)]).await;
        assert_eq!((again.status, again.text.as_str()), (304, ""));
    }

    async fn scripts_of_any_origin_may_read_what_they_need_and_no_more(house: House) {
        for path in ["/oauth2/token", "/oauth2/revoke"] {
            let preflight = house.send(reqwest::Method::OPTIONS, path, &Auth::None, &[("origin", "https://spa.example")], "").await;
            assert_eq!(preflight.status, 204);
            assert_eq!(preflight.header("access-control-allow-origin"), "*");
            assert_eq!(preflight.header("access-control-allow-credentials"), "");
            let refused = house.form(path, &Auth::None, &[]).await;
            assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, "*"), "errors too");
            assert!(refused.header("access-control-expose-headers").contains("www-authenticate"));
        }
        // What no route answers is readable where scripts may call, and nowhere else.
        let open = ["/oauth2/token", "/oauth2/revoke", "/oauth2/userinfo", "/oauth2/jwks", "/.well-known/openid-configuration"];
        let closed = ["/oauth2/introspect", "/access/v1/evaluation", "/oauth2/authorize", "/oauth2/logout", "/healthz"];
        for (paths, expected) in [(open, "*"), (closed, "")] {
            for path in paths {
                let answer = house.send(reqwest::Method::DELETE, path, &Auth::None, &[("origin", "https://spa.example")], "").await;
                assert_eq!((answer.status, answer.header("access-control-allow-origin")), (405, expected), "{path}");
                assert_eq!(answer.header("access-control-allow-credentials"), "", "{path}");
                assert_eq!(answer.error(), "method_not_allowed", "{path}");
            }
        }
        for path in ["/oauth2/introspect", "/access/v1/evaluation", "/nothing", "/oauth2/token/", "/oauth2//token"] {
            let answer = house.form(path, &Auth::None, &[]).await;
            assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
        }
        let body: Value = house.get("/oauth2/jwks").await.json();
        assert!(body["keys"].is_array());
    }
}
