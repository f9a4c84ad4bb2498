//! The life of an API key.

use std::time::Duration;

use doorward::domain::assignment::Effect;
use doorward::domain::time::Clock as _;
use serde_json::json;

use crate::support::{Auth, House, both, evaluation};

both! {
    async fn a_key_is_shown_once_works_and_ends(house: House) {
        let root = house.root().await;
        let until = house.clock.now().plus(Duration::from_hours(48));
        let body = json!({ "name": "robot", "permissions": ["read:user", "lock:user"], "expires_at": until });
        let made = root.made("/api/v1/api-keys", &body).await;
        let secret = made["secret"].as_str().unwrap().to_owned();
        assert!(secret.starts_with("dwk_") && secret.len() == 47, "{secret}");
        assert_eq!((&made["owner"], &made["created_by"]), (&json!("client:root"), &json!("client:root")));
        let key = house.with(Auth::Bearer(secret.clone()));
        assert_eq!(key.get("/api/v1/users").await.status, 200);
        assert_eq!(key.act("/api/v1/users/bob/lock").await.status, 200);
        assert_eq!(key.act("/api/v1/users/bob/unlock").await.refusal(), (403, "not_permitted".into()), "not on it");
        let listed = root.get("/api/v1/api-keys").await;
        assert!(!listed.text.contains(&secret), "{listed:?}");
        let prefix = listed.json()["items"][0]["prefix"].as_str().unwrap().to_owned();
        assert!(secret.starts_with(&prefix) && prefix.len() == 12);
        assert_eq!(root.got(&format!("/api/v1/api-keys?prefix={prefix}&owner=client:root")).await["items"].as_array().unwrap().len(), 1);
        assert_eq!(root.got("/api/v1/api-keys?prefix=dwk_").await["items"], json!([]));
        // One that was cut, changed or only listed is worth nothing.
        for wrong in [&secret[..46], &prefix, &secret.to_uppercase(), &format!("{secret}A"), "dwk_"] {
            let answer = house.with(Auth::Bearer(wrong.to_owned())).get("/api/v1/users").await;
            assert_eq!(answer.refusal(), (401, "invalid_token".into()), "{wrong}");
        }
        let path = format!("/api/v1/api-keys/{}", made["id"].as_str().unwrap());
        assert_eq!(root.delete(&path).await.status, 204);
        assert_eq!(key.get("/api/v1/users").await.refusal(), (401, "invalid_token".into()), "at once");
        assert_eq!(root.delete(&path).await.refusal(), (404, "not_found".into()));
        assert!(root.got(&path).await["revoked_at"].is_string());
        let short = root.made("/api/v1/api-keys", &body).await["secret"].as_str().unwrap().to_owned();
        let short = house.with(Auth::Bearer(short));
        assert_eq!(short.get("/api/v1/users").await.status, 200);
        house.advance(Duration::from_hours(49));
        assert_eq!(short.get("/api/v1/users").await.refusal(), (401, "invalid_token".into()), "expired");
        if let Some(path) = house.database_url.strip_prefix("sqlite://") {
            for ending in ["", "-wal"] {
                let bytes = std::fs::read(format!("{path}{ending}")).unwrap_or_default();
                assert!(!bytes.windows(secret.len()).any(|w| w == secret.as_bytes()), "{ending}");
            }
        }
    }

    async fn a_key_is_worth_no_more_than_its_owner(house: House) {
        let root = house.root().await;
        let owner = house.operator("owner", &["*:user", "*:api-key"]).await;
        let made = owner.made("/api/v1/api-keys", &json!({ "name": "k", "permissions": ["*:user"] })).await;
        let key = house.with(Auth::Bearer(made["secret"].as_str().unwrap().to_owned()));
        assert_eq!(key.get("/api/v1/users").await.status, 200);
        house.give("client:owner", "read:user", Effect::Deny).await;
        assert_eq!(root.act("/api/v1/users/bob/lock").await.status, 200, "the node has caught up");
        assert_eq!(key.get("/api/v1/users").await.refusal(), (403, "not_permitted".into()));
        assert_eq!(key.act("/api/v1/users/bob/unlock").await.status, 200);
        assert_eq!(root.act("/api/v1/clients/owner/disable").await.status, 200);
        assert_eq!(key.act("/api/v1/users/bob/lock").await.refusal(), (403, "not_permitted".into()));
    }

    async fn a_key_of_a_decision_caller_asks_for_decisions_if_that_is_on_it(house: House) {
        let root = house.root().await;
        let body = evaluation("user", "alice", "read", "note", "1");
        let key = |permission: &str| json!({ "name": "k", "owner": "client:notes-api", "permissions": [permission] });
        let made = root.made("/api/v1/api-keys", &key("evaluate:decision")).await;
        let auth = Auth::Bearer(made["secret"].as_str().unwrap().to_owned());
        for path in ["/access/v1/evaluation", "/access/v1/evaluations"] {
            let answer = house.json(path, &auth, &body).await;
            assert_eq!((answer.status, answer.text.as_str()), (200, "{\"decision\":true}"), "{path}");
        }
        assert_eq!(house.with(auth.clone()).get("/api/v1/users").await.refusal(), (403, "not_permitted".into()));
        let other = root.made("/api/v1/api-keys", &key("read:user")).await;
        let other = Auth::Bearer(other["secret"].as_str().unwrap().to_owned());
        assert_eq!(house.json("/access/v1/evaluation", &other, &body).await.refusal(), (403, "not_a_decision_caller".into()));
        // A key of somebody who speaks for no resource server.
        let own = root.made("/api/v1/api-keys", &json!({ "name": "k", "permissions": ["*:*"] })).await;
        let own = Auth::Bearer(own["secret"].as_str().unwrap().to_owned());
        assert_eq!(house.json("/access/v1/evaluation", &own, &body).await.refusal(), (403, "not_a_decision_caller".into()));
        assert_eq!(house.json("/access/v1/evaluation", &Auth::Bearer("dwk_x".into()), &body).await.refusal(), (401, "invalid_token".into()));
        // Nor is a key a token anywhere else.
        assert_eq!(house.send(reqwest::Method::GET, "/oauth2/userinfo", &auth, &[], "").await.status, 401);
        root.delete(&format!("/api/v1/api-keys/{}", made["id"].as_str().unwrap())).await;
        assert_eq!(house.json("/access/v1/evaluation", &auth, &body).await.refusal(), (401, "invalid_token".into()));
    }

    async fn a_key_explains_decisions_only_if_that_is_on_it(house: House) {
        let root = house.root().await;
        house.give("client:notes-api", "explain:decision", Effect::Allow).await;
        let body = evaluation("user", "alice", "read", "note", "1");
        let key = |permissions: &[&str]| json!({ "name": "k", "owner": "client:notes-api", "permissions": permissions });
        let both = root.made("/api/v1/api-keys", &key(&["evaluate:decision", "explain:decision"])).await;
        let both = Auth::Bearer(both["secret"].as_str().unwrap().to_owned());
        assert_eq!(house.json("/api/v1/authz/explain", &both, &body).await.status, 200);
        let one = root.made("/api/v1/api-keys", &key(&["evaluate:decision"])).await;
        let one = Auth::Bearer(one["secret"].as_str().unwrap().to_owned());
        let refused = house.json("/api/v1/authz/explain", &one, &body).await;
        assert_eq!(refused.refusal(), (403, "not_an_explanation_caller".into()));
        let mut asking = body;
        asking["context"] = json!({ "explain": true });
        assert_eq!(house.json("/access/v1/evaluation", &one, &asking).await.text, "{\"decision\":true}");
    }

    async fn the_command_line_makes_lists_and_ends_keys(house: House) {
        house.make_admin("user:alice").await;
        let create = ["api-key", "create", "user:alice", "--name", "by hand", "--permission", "read:user", "--expires-in", "1d"];
        let made = house.command(&create);
        let key = house.with(Auth::Bearer(made["secret"].as_str().unwrap().to_owned()));
        assert_eq!(key.get("/api/v1/users").await.status, 200);
        let listed = house.command(&["api-key", "list", "--owner", "user:alice"]);
        assert_eq!((&listed["api_keys"][0]["name"], &listed["api_keys"][0]["owner"]), (&json!("by hand"), &json!("user:alice")));
        assert!(!listed.to_string().contains(made["secret"].as_str().unwrap()));
        house.command(&["api-key", "revoke", made["id"].as_str().unwrap()]);
        assert_eq!(key.get("/api/v1/users").await.refusal(), (401, "invalid_token".into()), "seen without a wait");
        for wrong in [&["api-key", "create", "group:x", "--name", "k", "--permission", "read:user"][..], &["api-key", "create", "user:alice", "--name", "k", "--permission", "raed:user"], &["api-key", "create", "user:alice", "--name", "k", "--permission", "read:user", "--expires-in", "2y"]] {
            assert!(!house.doorward(wrong).status.success(), "{wrong:?}");
        }
    }
}
