//! `/api/v1/resource-servers` and the roles below them.

use serde_json::json;

use crate::support::{House, both};

both! {
    async fn a_resource_server_declares_permissions_and_roles_hold_them(house: House) {
        let root = house.root().await;
        let new = json!({
            "name": "print", "identifier": "https://print.example/api", "scopes": ["print:all"],
            "permissions": ["start:job"], "claim_roles": true,
        });
        let made = root.made("/api/v1/resource-servers", &new).await;
        assert_eq!((&made["permissions"], &made["claims"]["roles"]), (&json!(["start:job"]), &json!(true)));
        assert_eq!(root.post("/api/v1/resource-servers", &new).await.refusal(), (409, "exists_already".into()));
        let more = root.post("/api/v1/resource-servers/print/permissions", &json!({ "permissions": ["stop:job"] })).await;
        assert_eq!((more.status, more.json()["permissions"].clone()), (200, json!(["start:job", "stop:job"])));
        let wild = root.post("/api/v1/resource-servers/print/permissions", &json!({ "permissions": ["*:job"] })).await;
        assert_eq!((wild.status, wild.json()["member"].clone()), (400, json!("permissions")));
        let own = root.post("/api/v1/resource-servers/doorward/permissions", &json!({ "permissions": ["a:b"] })).await;
        assert_eq!(own.refusal(), (400, "invalid_request".into()), "those of doorward are built in");

        let roles = "/api/v1/resource-servers/print/roles";
        root.made(roles, &json!({ "name": "user", "permissions": ["start:job"] })).await;
        root.made(roles, &json!({ "name": "chief", "permissions": ["stop:job"], "includes": ["user"] })).await;
        let change = json!({ "add_permissions": ["stop:job"], "remove_permissions": ["start:job"] });
        assert_eq!(root.patch(&format!("{roles}/user"), &change).await.json()["permissions"], json!(["stop:job"]));
        let cycle = root.patch(&format!("{roles}/user"), &json!({ "add_includes": ["chief"] })).await;
        assert_eq!(cycle.refusal(), (409, "includes_itself".into()));
        assert_eq!(root.delete(&format!("{roles}/user")).await.refusal(), (409, "in_use".into()));
        assert_eq!(root.delete(&format!("{roles}/chief")).await.status, 204);
        assert_eq!(root.delete(&format!("{roles}/chief")).await.refusal(), (404, "not_found".into()));
        assert_eq!(root.got(roles).await["items"], json!([{ "name": "user", "permissions": ["stop:job"], "includes": [] }]));
        let unknown = root.post(roles, &json!({ "name": "x", "includes": ["nothing"] })).await;
        assert_eq!(unknown.refusal(), (400, "unknown_name".into()));
    }

    async fn servers_and_roles_come_in_pages(house: House) {
        let root = house.root().await;
        let (servers, pages) = root.pages("/api/v1/resource-servers", 2).await;
        let names: Vec<_> = servers.iter().map(|server| server["name"].as_str().unwrap()).collect();
        assert_eq!((names, pages), (vec!["doorward", "files", "notes"], 2));
        let (roles, pages) = root.pages("/api/v1/resource-servers/notes/roles", 1).await;
        let names: Vec<_> = roles.iter().map(|role| role["name"].as_str().unwrap()).collect();
        assert_eq!((names, pages), (vec!["editor", "owner", "viewer"], 3));
        assert_eq!(root.get("/api/v1/resource-servers/nothing/roles").await.refusal(), (404, "not_found".into()));
    }
}
