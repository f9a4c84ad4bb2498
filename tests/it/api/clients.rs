//! `/api/v1/clients`.

use serde_json::json;

use crate::support::{Auth, House, both};

both! {
    async fn a_client_is_registered_shut_out_let_in_and_given_a_new_secret(house: House) {
        let root = house.root().await;
        let new = json!({
            "client_id": "batch", "name": "Batch", "resources": ["notes"], "scopes": ["notes:read"], "default_max_age": 600,
        });
        let made = root.made("/api/v1/clients", &new).await;
        let secret = made["client_secret"].as_str().unwrap().to_owned();
        let auth = Auth::basic("batch", &secret);
        assert_eq!(house.ask_token(&auth, &[]).await.status, 200);
        let shown = root.get("/api/v1/clients/batch").await;
        assert!(!shown.text.contains(&secret), "shown once");
        assert_eq!((&shown.json()["resources"], &shown.json()["default_max_age"]), (&json!(["notes"]), &json!(600)));
        assert_eq!(root.act("/api/v1/clients/batch/disable").await.json()["disabled"], true);
        assert_eq!(house.ask_token(&auth, &[]).await.status, 401);
        assert_eq!(root.act("/api/v1/clients/batch/enable").await.json()["disabled"], false);
        assert_eq!(house.ask_token(&auth, &[]).await.status, 200);
        let renewed = root.act("/api/v1/clients/batch/secret").await.json()["client_secret"].as_str().unwrap().to_owned();
        assert_eq!(house.ask_token(&auth, &[]).await.status, 401, "the old one is worth nothing at once");
        assert_eq!(house.ask_token(&Auth::basic("batch", &renewed), &[]).await.status, 200);
        assert_eq!(root.post("/api/v1/clients", &new).await.refusal(), (409, "exists_already".into()));
        assert_eq!(root.post("/api/v1/clients", &json!({ "client_id": "alice" })).await.refusal(), (409, "exists_already".into()));
        for act in ["disable", "enable", "secret"] {
            assert_eq!(root.act(&format!("/api/v1/clients/nobody/{act}")).await.refusal(), (404, "not_found".into()));
        }
        assert_eq!(root.act("/api/v1/clients/native/secret").await.status, 400, "a public client has none");
    }

    async fn a_client_that_people_sign_in_with_and_one_that_asks_for_decisions(house: House) {
        let root = house.root().await;
        let web = json!({
            "client_id": "web", "redirect_uris": ["https://web.example/cb"], "resources": ["notes"],
            "post_logout_redirect_uris": ["https://web.example/bye"], "scopes": ["openid", "notes:read"],
            "backchannel_logout_uri": "https://web.example/logout", "pairwise": true,
        });
        let made = root.made("/api/v1/clients", &web).await;
        assert_eq!((&made["grant_types"], &made["subject_type"]), (&json!("authorization_code refresh_token"), &json!("pairwise")));
        let api = json!({ "client_id": "decider", "resource_servers": ["notes"], "decision_caller": true });
        let made = root.made("/api/v1/clients", &api).await;
        let auth = Auth::basic("decider", made["client_secret"].as_str().unwrap());
        let body = crate::support::evaluation("user", "alice", "read", "note", "1");
        assert_eq!(house.json("/access/v1/evaluation", &auth, &body).await.text, "{\"decision\":true}");
        let (all, pages) = root.pages("/api/v1/clients", 4).await;
        let names: Vec<_> = all.iter().map(|client| client["client_id"].as_str().unwrap()).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!((names.len(), &names), (10, &sorted));
        assert_eq!(pages, 3);
    }
}
