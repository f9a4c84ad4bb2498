//! The document of all endpoints.

use crate::support::{House, both};
use doorward::http::ledger::rows;

both! {
    async fn the_document_is_public_and_names_this_server(house: House) {
        let answer = house.get("/openapi.json").await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
        let document = answer.json();
        assert_eq!(document["servers"][0]["url"], house.issuer());
        assert_eq!(document["paths"]["/api/v1/users"]["post"]["x-permission"], "create:user");
        assert_eq!(document["openapi"], "3.1.0");
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
