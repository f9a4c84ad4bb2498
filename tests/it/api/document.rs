//! The document of all endpoints.

use std::time::Duration;

use doorward::domain::assignment::Effect;
use doorward::domain::time::{Clock as _, Interval};
use doorward::http::ledger::rows;
use reqwest::Method;
use serde_json::json;

use crate::support::{House, assign, both};

both! {
    async fn the_document_is_public_and_names_this_server(house: House) {
        let answer = house.get("/openapi.json").await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
        let document = answer.json();
        assert_eq!(document["servers"][0]["url"], house.issuer());
        assert_eq!(document["paths"]["/api/v1/users"]["post"]["x-permission"], "create:user");
        assert_eq!(document["openapi"], "3.1.0");
    }

    async fn what_goes_with_a_decision_in_headers_is_in_the_document(house: House) {
        let document = house.get("/openapi.json").await.json();
        let question = json!({
            "subject": { "type": "user", "id": "alice" }, "action": { "name": "read" },
            "resource": { "type": "note", "id": "1" },
        });
        let until = house.clock.now().plus(Duration::from_hours(1));
        let interval = Interval::new(None, Some(until)).unwrap();
        assign(house.node().admin(), "user:alice", "notes", "viewer", Effect::Allow, interval).await;
        for path in ["/access/v1/evaluation", "/access/v1/evaluations", "/access/v1/search/resource", "/api/v1/authz/explain"] {
            let entry = &document["paths"][path]["post"];
            let sent = entry["parameters"].as_array().unwrap().iter().find(|of| of["name"] == "Doorward-Consistency");
            assert_eq!(sent.unwrap()["in"], "header", "{path}: {entry}");
            let said = entry["responses"]["200"]["headers"].as_object().unwrap();
            let headers = [("content-type", "application/json"), ("doorward-consistency", "full")];
            let answer = house.send(Method::POST, path, &house.notes_api(), &headers, question.to_string()).await;
            if path.ends_with("explain") {
                assert_eq!(answer.status, 403, "{answer:?}");
                continue;
            }
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
            for name in ["Doorward-Decision-Id", "Doorward-Revision", "Doorward-Valid-Until"] {
                assert_eq!(said.contains_key(name), !answer.header(name).is_empty(), "{path}: {name}: {answer:?}");
            }
        }
        let sent = document["paths"]["/api/v1/users"]["get"]["parameters"].to_string();
        assert!(!sent.contains("Doorward-Consistency"), "{sent}");
    }

    async fn the_page_lists_every_endpoint_and_runs_no_script(house: House) {
        let answer = house.get_with("/docs", &[("accept", "text/html")]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"));
        assert!(!answer.text.contains("<script") && !answer.text.contains("style="), "nothing inline");
        let text = answer.text.replace("&#x2f;", "/");
        for row in rows() {
            assert!(text.contains(row.path), "{}", row.path);
        }
        assert_eq!(house.get("/assets/docs.css").await.status, 200);
    }
}
