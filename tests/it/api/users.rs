//! `/api/v1/users`.

use serde_json::json;

use crate::support::{Browser, House, PASSWORD, Pkce, both};

both! {
    async fn a_person_is_created_changed_renamed_and_found_by_either_name(house: House) {
        let root = house.root().await;
        let new = json!({
            "username": "Dora", "sub": "dora|1", "name": "Dora Day", "email": "dora@example.com", "email_verified": true,
            "claims": { "given_name": "Dora", "address.locality": "Bern" },
        });
        let dora = root.made("/api/v1/users", &new).await;
        assert_eq!((&dora["sub"], &dora["username"]), (&json!("dora|1"), &json!("dora")));
        assert_eq!(root.got("/api/v1/users/dora").await, root.got("/api/v1/users/dora|1").await);
        let change = json!({
            "username": "dodo", "name": null, "email": "dodo@example.com",
            "claims": { "given_name": null, "family_name": "Day" },
        });
        let changed = root.patch("/api/v1/users/dora", &change).await.json();
        assert_eq!((&changed["username"], changed.get("name")), (&json!("dodo"), None));
        assert_eq!(changed["email_verified"], false, "another address has not been shown to be theirs");
        assert_eq!(changed["profile"], json!({ "family_name": "Day", "address": { "locality": "Bern" } }));
        assert_eq!(root.get("/api/v1/users/dora").await.refusal(), (404, "not_found".into()));
        assert_eq!(root.got("/api/v1/users/dodo").await["sub"], "dora|1");
        // The name is free again, and decisions know it for nobody until it is somebody's.
        assert!(!house.may("dora", "read").await);
        root.made("/api/v1/users", &json!({ "username": "dora" })).await;
        for taken in ["alice", "ALICE", "bot", "dora|1"] {
            let answer = root.patch("/api/v1/users/bob", &json!({ "username": taken })).await;
            let expected = if taken.contains('|') { (400, "invalid_request") } else { (409, "exists_already") };
            assert_eq!(answer.refusal(), (expected.0, expected.1.into()), "{taken}");
        }
        assert_eq!(root.post("/api/v1/users", &new).await.refusal(), (409, "exists_already".into()));
    }

    async fn what_is_decided_on_this_node_follows_a_write_at_once(house: House) {
        let root = house.root().await;
        assert!(house.may("alice", "read").await);
        for (there, back) in [("disable", "enable"), ("lock", "unlock")] {
            let done = root.act(&format!("/api/v1/users/alice/{there}")).await;
            assert_eq!(done.status, 200, "{done:?}");
            assert!(!house.may("alice", "read").await, "{there}");
            let again = root.act(&format!("/api/v1/users/alice/{there}")).await;
            assert_eq!((again.status, again.json()), (200, done.json()), "doing it twice is no error");
            assert_eq!(root.act(&format!("/api/v1/users/alice/{back}")).await.status, 200);
            assert!(house.may("alice", "read").await, "{back}");
        }
        let token = |answer: &crate::support::Answer| answer.header("doorward-consistency-token").to_owned();
        let (first, second) = (root.act("/api/v1/users/bob/lock").await, root.act("/api/v1/users/bob/unlock").await);
        assert!(!token(&first).is_empty() && token(&first) != token(&second));
    }

    async fn a_password_that_was_set_signs_in_and_sessions_and_consents_are_seen_and_ended(house: House) {
        let root = house.root().await;
        let weak = root.put("/api/v1/users/bob/password", &json!({ "password": "password" })).await;
        assert_eq!((weak.status, weak.json()["member"].clone()), (400, json!("password")));
        let set = root.put("/api/v1/users/bob/password", &json!({ "password": PASSWORD })).await;
        assert_eq!(set.status, 200, "{set:?}");
        assert!(!set.text.contains(PASSWORD));
        let mut browser = Browser::new(&house);
        let code = browser.code("bob", &[]).await;
        assert_eq!(house.exchange(&code).await.status, 200);
        let sessions = root.got("/api/v1/users/bob/sessions").await;
        assert_eq!(sessions["items"].as_array().unwrap().len(), 1);
        assert_eq!(root.got("/api/v1/users/bob/consents").await["items"][0]["client_id"], "app");
        assert_eq!(root.delete("/api/v1/users/bob/consents/app").await.status, 204);
        assert_eq!(root.got("/api/v1/users/bob/consents").await["items"], json!([]));
        assert_eq!(root.act("/api/v1/users/bob/sign-out").await.status, 200);
        assert_eq!(root.got("/api/v1/users/bob/sessions").await["items"], json!([]));
        let page = browser.ask(&Pkce::new(), &[]).await;
        assert!(page.answer.text.contains("login-submit"), "signed out");
    }

    async fn people_are_listed_in_pages_and_each_once(house: House) {
        let root = house.root().await;
        for i in 0..7 {
            root.made("/api/v1/users", &json!({ "username": format!("p{i}") })).await;
        }
        let (all, pages) = root.pages("/api/v1/users", 3).await;
        let names: Vec<_> = all.iter().map(|person| person["username"].as_str().unwrap()).collect();
        assert_eq!(names, ["alice", "bob", "carol", "p0", "p1", "p2", "p3", "p4", "p5", "p6"]);
        assert_eq!(pages, 4);
        for wrong in ["limit=0", "limit=201", "limit=x", "after=%21", "after=AA", "offset=1", "limit=1&limit=2"] {
            let answer = root.get(&format!("/api/v1/users?{wrong}")).await;
            assert_eq!(answer.refusal(), (400, "invalid_request".into()), "{wrong}: {answer:?}");
        }
    }
}
