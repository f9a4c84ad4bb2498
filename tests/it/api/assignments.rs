//! `/api/v1/assignments`.

use serde_json::json;

use crate::support::{House, both};

both! {
    async fn roles_and_permissions_are_given_denied_and_taken_back(house: House) {
        let root = house.root().await;
        let new = json!({ "principal": "user:carol", "resource_server": "notes", "role": "owner", "reason": "on call" });
        let made = root.made("/api/v1/assignments", &new).await;
        assert_eq!((&made["given_by"], &made["reason"]), (&json!("client:root"), &json!("on call")));
        assert!(house.may("carol", "delete").await);
        assert_eq!(root.post("/api/v1/assignments", &new).await.refusal(), (409, "exists_already".into()));
        let deny = json!({ "principal": "user:carol", "resource_server": "notes", "permission": "delete:*", "effect": "deny" });
        let denied = root.made("/api/v1/assignments", &deny).await;
        assert!(!house.may("carol", "delete").await);
        assert_eq!(root.delete(&format!("/api/v1/assignments/{}", denied["id"].as_str().unwrap())).await.status, 204);
        assert!(house.may("carol", "delete").await);
        let path = format!("/api/v1/assignments/{}", made["id"].as_str().unwrap());
        assert_eq!(root.delete(&path).await.status, 204);
        assert_eq!(root.delete(&path).await.refusal(), (404, "not_found".into()));
        assert_eq!(root.get("/api/v1/assignments/x").await.refusal(), (404, "not_found".into()));
        let later = json!({
            "principal": "user:carol", "resource_server": "notes", "role": "viewer",
            "not_before": "2100-01-01T00:00:00Z", "expires_at": "2101-01-01T00:00:00Z",
        });
        assert_eq!(root.made("/api/v1/assignments", &later).await["interval"]["not_before"], "2100-01-01T00:00:00Z");
        assert!(!house.may("carol", "read").await);
    }

    async fn lists_are_narrowed_by_resource_server_and_principal(house: House) {
        let root = house.root().await;
        let (all, pages) = root.pages("/api/v1/assignments", 2).await;
        assert_eq!((all.len(), pages), (6, 3));
        let (notes, _) = root.pages("/api/v1/assignments?resource_server=notes", 2).await;
        assert_eq!(notes.len(), 3);
        let (alices, _) = root.pages("/api/v1/assignments?principal=user:ALICE&resource_server=notes", 50).await;
        assert_eq!((alices.len(), &alices[0]["role"]), (1, &json!("owner")));
        assert_eq!(root.get("/api/v1/assignments?principal=user:nobody").await.refusal(), (400, "unknown_name".into()));
        assert_eq!(root.get("/api/v1/assignments?principal=alice").await.json()["member"], "principal");
    }
}
