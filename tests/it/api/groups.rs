//! `/api/v1/groups`.

use std::time::Duration;

use doorward::domain::time::Clock as _;
use serde_json::json;

use crate::support::{House, both};

both! {
    async fn members_join_and_leave_and_decisions_follow(house: House) {
        let root = house.root().await;
        root.made("/api/v1/groups", &json!({ "name": "staff" })).await;
        root.made("/api/v1/groups", &json!({ "name": "all" })).await;
        let owner = json!({ "principal": "group:all", "resource_server": "notes", "role": "owner" });
        root.made("/api/v1/assignments", &owner).await;
        let join = |member: &str| json!({ "member": member, "reason": "new here" });
        root.made("/api/v1/groups/all/members", &join("group:staff")).await;
        assert!(!house.may("carol", "delete").await);
        root.made("/api/v1/groups/staff/members", &join("user:carol")).await;
        assert!(house.may("carol", "delete").await);
        let again = root.post("/api/v1/groups/staff/members", &join("user:CAROL")).await;
        assert_eq!(again.refusal(), (409, "exists_already".into()));
        let cycle = root.post("/api/v1/groups/staff/members", &join("group:all")).await;
        assert_eq!(cycle.refusal(), (409, "includes_itself".into()));
        assert_eq!(root.delete("/api/v1/groups/staff/members/user:carol").await.status, 204);
        assert!(!house.may("carol", "delete").await);
        let gone = root.delete("/api/v1/groups/staff/members/user:carol").await;
        assert_eq!(gone.refusal(), (404, "not_found".into()));
        for member in ["user:alice", "user:bob", "client:bot"] {
            root.made("/api/v1/groups/staff/members", &join(member)).await;
        }
        let (members, pages) = root.pages("/api/v1/groups/staff/members", 2).await;
        assert_eq!((members.len(), pages), (3, 2));
        for member in &members {
            assert_eq!((&member["reason"], &member["given_by"]), (&json!("new here"), &json!("client:root")), "{member}");
        }
        root.made("/api/v1/groups/all/members", &json!({ "member": "user:bob" })).await;
        let (members, _) = root.pages("/api/v1/groups/all/members", 2).await;
        assert!(members.iter().any(|member| member["member"] == "user:bob" && member["reason"].is_null()), "{members:?}");
        let (groups, pages) = root.pages("/api/v1/groups", 1).await;
        assert_eq!((groups, pages), (vec![json!({ "name": "all" }), json!({ "name": "staff" })], 2));
        assert_eq!(root.get("/api/v1/groups/none").await.refusal(), (404, "not_found".into()));
        assert_eq!(root.post("/api/v1/groups", &json!({ "name": "all" })).await.refusal(), (409, "exists_already".into()));
    }

    async fn the_trail_keeps_how_somebody_was_in_a_group(house: House) {
        let root = house.root().await;
        root.made("/api/v1/groups", &json!({ "name": "staff" })).await;
        let end = house.clock.now().plus(Duration::from_hours(24));
        let join = json!({ "member": "user:bob", "reason": "on call", "expires_at": end });
        root.made("/api/v1/groups/staff/members", &join).await;
        assert_eq!(root.delete("/api/v1/groups/staff/members/user:bob").await.status, 204);
        let fact = root.got("/api/v1/audit?kind=group.member_removed&limit=1").await["items"][0]["id"].as_str().unwrap().to_owned();
        let shown = root.got(&format!("/api/v1/audit/{fact}")).await;
        let before = &shown["changes"][0]["before"];
        assert_eq!((&before["member"], &before["group"]), (&json!("user:bob"), &json!("staff")), "{shown}");
        assert_eq!((&before["reason"], &before["given_by"]), (&json!("on call"), &json!("client:root")), "{shown}");
        assert_eq!(before["interval"]["expires_at"], json!(end), "{shown}");
    }
}
