//! What is wrong with a body is refused before anything is done, by the name of the member.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, House, both};

async fn raw(house: &House, auth: &crate::support::Auth, path: &str, kind: &str, text: String) -> Answer {
    house.send(Method::POST, path, auth, &[("content-type", kind)], text).await
}

both! {
    async fn each_body_is_read_strictly(house: House) {
        let root = house.root().await;
        let paths = [
            ("/api/v1/users", json!({ "username": "eve" }), "username"),
            ("/api/v1/clients", json!({ "client_id": "eve" }), "client_id"),
            ("/api/v1/resource-servers", json!({ "name": "eve", "identifier": "https://eve.example" }), "identifier"),
            ("/api/v1/resource-servers/notes/permissions", json!({ "permissions": ["print:note"] }), "permissions"),
            ("/api/v1/resource-servers/notes/roles", json!({ "name": "eve" }), "name"),
            ("/api/v1/groups", json!({ "name": "eve" }), "name"),
            ("/api/v1/assignments", json!({ "principal": "user:bob", "resource_server": "notes", "role": "owner" }), "principal"),
            ("/api/v1/api-keys", json!({ "name": "eve", "permissions": ["read:user"] }), "permissions"),
        ];
        let facts = root.got("/api/v1/audit?actor=client:root").await["items"].as_array().unwrap().len();
        for (path, good, needed) in &paths {
            let mut missing = good.clone();
            missing.as_object_mut().unwrap().remove(*needed);
            let mut strange = good.clone();
            strange["is_admin"] = json!(true);
            let mut bodies = vec![(missing, (*needed).to_owned()), (strange, "is_admin".to_owned())];
            for wrong in [json!(null), json!(7), json!(true), json!({})] {
                let mut body = good.clone();
                body[*needed] = wrong;
                bodies.push((body, (*needed).to_owned()));
            }
            for (body, member) in bodies {
                let answer = raw(&house, &root.auth, path, "application/json", body.to_string()).await;
                assert_eq!(answer.refusal(), (400, "invalid_request".into()), "{path} {body}: {answer:?}");
                assert_eq!(answer.json()["member"], json!(member), "{path} {body}: {answer:?}");
            }
            let text = good.to_string();
            let twice = format!("{{\"{needed}\":null,{}", &text[1..]);
            let deep = format!("{{\"x\":{}1{}}}", "[".repeat(200), "]".repeat(200));
            for body in [twice.as_str(), "", "{", "[]", "7", "null", "\"x\"", deep.as_str()] {
                let answer = raw(&house, &root.auth, path, "application/json", body.to_owned()).await;
                assert_eq!(answer.refusal(), (400, "invalid_request".into()), "{path} {body:.60}: {answer:?}");
            }
            let huge = json!({ "x": "y".repeat(70_000) }).to_string();
            assert_eq!(raw(&house, &root.auth, path, "application/json", huge).await.refusal(), (413, "too_large".into()));
            let form = raw(&house, &root.auth, path, "application/x-www-form-urlencoded", text).await;
            assert_eq!(form.refusal(), (400, "invalid_request".into()));
        }
        let after = root.got("/api/v1/audit?actor=client:root").await["items"].as_array().unwrap().len();
        assert_eq!(facts, after, "nothing was done");
    }

    async fn a_member_that_is_no_such_thing_is_named_with_its_path(house: House) {
        let root = house.root().await;
        let cases = [
            ("/api/v1/users", json!({ "username": "a b" }), "username"),
            ("/api/v1/users", json!({ "username": "eve", "email": "x" }), "email"),
            ("/api/v1/users", json!({ "username": "eve", "email_verified": true }), "email_verified"),
            ("/api/v1/users", json!({ "username": "eve", "claims": { "shoe_size": "42" } }), "claims.shoe_size"),
            ("/api/v1/users", json!({ "username": "eve", "claims": { "website": "javascript:alert(1)" } }), "claims.website"),
            ("/api/v1/users", json!({ "username": "eve", "claims": { "website": 7 } }), "claims.website"),
            ("/api/v1/users", json!({ "username": "eve", "sub": "é" }), "sub"),
            ("/api/v1/users", json!({ "username": "eve", "name": "a\u{202e}b" }), "name"),
            ("/api/v1/clients", json!({ "client_id": "eve", "redirect_uris": ["javascript:x"] }), "redirect_uris[0]"),
            ("/api/v1/clients", json!({ "client_id": "eve", "scopes": ["ok", "a b"] }), "scopes[1]"),
            ("/api/v1/clients", json!({ "client_id": "eve", "scopes": ["unknown"] }), "scopes"),
            ("/api/v1/clients", json!({ "client_id": "eve", "auth_method": "trust_me" }), "auth_method"),
            ("/api/v1/clients", json!({ "client_id": "eve", "grant_types": ["password"] }), "grant_types"),
            ("/api/v1/clients", json!({ "client_id": "eve", "default_max_age": -1 }), "default_max_age"),
            ("/api/v1/resource-servers", json!({ "name": "eve", "identifier": "notes" }), "identifier"),
            ("/api/v1/resource-servers/notes/roles", json!({ "name": "eve", "permissions": ["raed:note"] }), "permissions"),
            ("/api/v1/resource-servers/notes/roles", json!({ "name": "eve", "permissions": ["note"] }), "permissions[0]"),
            ("/api/v1/groups/none/members", json!({ "member": "alice" }), "member"),
            ("/api/v1/assignments", json!({ "principal": "user:bob", "resource_server": "notes" }), "role"),
            ("/api/v1/assignments", json!({ "principal": "user:bob", "resource_server": "notes", "role": "owner", "permission": "*:*" }), "permission"),
            ("/api/v1/assignments", json!({ "principal": "user:bob", "resource_server": "notes", "role": "owner", "effect": "maybe" }), "effect"),
            ("/api/v1/assignments", json!({ "principal": "user:bob", "resource_server": "notes", "role": "owner", "expires_at": "soon" }), "expires_at"),
            ("/api/v1/assignments", json!({ "principal": "user:bob", "resource_server": "notes", "role": "owner", "not_before": "2030-01-01T00:00:00Z", "expires_at": "2029-01-01T00:00:00Z" }), "expires_at"),
            ("/api/v1/api-keys", json!({ "name": "k", "permissions": [] }), "permissions"),
            ("/api/v1/api-keys", json!({ "name": "k", "permissions": ["raed:user"] }), "permissions"),
            ("/api/v1/api-keys", json!({ "name": "k", "permissions": ["read:user"], "expires_at": "2020-01-01T00:00:00Z" }), "expires_at"),
            ("/api/v1/api-keys", json!({ "name": "k", "permissions": ["read:user"], "owner": "group:g" }), "owner"),
        ];
        for (path, body, member) in cases {
            let answer = root.post(path, &body).await;
            assert_eq!(answer.status, 400, "{path} {body}: {answer:?}");
            let said = answer.json();
            assert_eq!(said["member"].as_str().unwrap_or_default(), member, "{path} {body}: {answer:?}");
        }
        // A name in a body that means nothing is the body's fault, one in the path is not found.
        let unknown = root.post("/api/v1/assignments", &json!({ "principal": "user:nobody", "resource_server": "notes", "role": "owner" })).await;
        assert_eq!(unknown.refusal(), (400, "unknown_name".into()));
        assert_eq!(unknown.json()["member"], "principal");
        let role = root.post("/api/v1/resource-servers/notes/roles", &json!({ "name": "r", "includes": ["viewer", "nothing"] })).await;
        assert_eq!((role.refusal(), role.json()["member"].clone()), ((400, "unknown_name".into()), json!("includes[1]")), "{role:?}");
        let taken = root.post("/api/v1/users", &json!({ "username": "ALICE" })).await;
        assert_eq!((taken.refusal(), taken.json()["member"].clone()), ((409, "exists_already".into()), json!("username")), "{taken:?}");
        let missing = root.post("/api/v1/resource-servers/nothing/roles", &json!({ "name": "r" })).await;
        assert_eq!(missing.refusal(), (404, "not_found".into()));
    }

    async fn nothing_can_be_set_that_is_not_in_the_document(house: House) {
        // Mass assignment: members of what is read back are not members of what is written.
        let root = house.root().await;
        let person = root.got("/api/v1/users/bob").await;
        for member in ["sub", "disabled", "locked", "updated_at", "profile", "id"] {
            let value = person.get(member).cloned().unwrap_or(json!("x"));
            let answer = root.patch("/api/v1/users/bob", &json!({ member: value })).await;
            assert_eq!((answer.status, answer.json()["member"].clone()), (400, json!(member)), "{answer:?}");
        }
        let key = json!({ "name": "k", "permissions": ["read:user"], "created_by": "user:alice" });
        assert_eq!(root.post("/api/v1/api-keys", &key).await.json()["member"], "created_by");
        let given: Value = json!({ "principal": "user:bob", "resource_server": "notes", "role": "owner", "given_by": "user:alice" });
        assert_eq!(root.post("/api/v1/assignments", &given).await.json()["member"], "given_by");
    }
}
