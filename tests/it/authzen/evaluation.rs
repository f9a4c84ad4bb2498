//! `POST /access/v1/evaluation`: the wire (AuthZEN 1.0 §6).

use serde_json::json;

use crate::support::{Auth, House, both, evaluation};

/// Whoever may not ask, at one endpoint.
pub(super) async fn refuses_everybody_else(house: &House, path: &str) {
    let body = evaluation("user", "alice", "read", "note", "42");
    let unauthenticated = [
        ("nothing", Auth::None),
        ("wrong secret", Auth::basic("notes-api", "wrong")),
        ("unknown client", Auth::basic("nobody", "x")),
        ("another method", Auth::basic("post", &house.world.post)),
    ];
    for (what, auth) in unauthenticated {
        let answer = house.json(path, &auth, &body).await;
        assert_eq!(answer.refusal(), (401, "unauthenticated".into()), "{path}: {what}");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{path}: {what}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    for token in ["x", "a.b.c", ""] {
        let answer = house.json(path, &Auth::Bearer(token.into()), &body).await;
        assert_eq!(answer.status, 401, "{path}: bearer {token:?}");
    }
    // A client that is bound to nothing, and one that is bound but lost the right to ask.
    assert_eq!(house.json(path, &house.bot(), &body).await.refusal(), (403, "not_a_decision_caller".into()));
    let own_api = format!("{}/access/v1", house.issuer());
    let token = house.token_of(&house.notes_api(), &[("resource", &own_api)]).await;
    let bearer = Auth::Bearer(token.clone());
    assert_eq!(house.json(path, &bearer, &body).await.status, 200, "a token for this API");
    let in_query = house.json(&format!("{path}?access_token={token}"), &Auth::None, &body).await;
    assert_eq!(in_query.status, 401, "{path}: a token in the query is not looked at");
    let held = house.command(&["assign", "list", "--resource-server", "doorward", "--principal", "client:notes-api"]);
    house.command(&["assign", "remove", held["assignments"][0]["id"].as_str().unwrap()]);
    crate::support::eventually("the right to ask is gone", async || {
        house.json(path, &house.notes_api(), &body).await.status == 403
    })
    .await;
    assert_eq!(house.json(path, &bearer, &body).await.status, 403, "the token too");
}

both! {
    async fn a_decision_needs_a_decision_caller(house: House) {
        refuses_everybody_else(&house, "/access/v1/evaluation").await;
    }

    async fn the_same_request_has_the_same_body_and_the_rest_is_in_headers(house: House) {
        let body = evaluation("user", "alice", "read", "note", "42");
        let headers = [("content-type", "application/json"), ("x-request-id", "ask-1")];
        let auth = house.notes_api();
        let ask = || house.send(reqwest::Method::POST, "/access/v1/evaluation", &auth, &headers, body.to_string());
        let (first, second) = (ask().await, ask().await);
        assert_eq!((first.status, first.text.as_str()), (200, "{\"decision\":true}"));
        assert_eq!(first.text, second.text);
        assert_eq!((first.header("x-request-id"), first.header("content-type")), ("ask-1", "application/json"));
        assert_ne!(first.header("doorward-decision-id"), second.header("doorward-decision-id"));
        assert_eq!(first.header("doorward-revision"), second.header("doorward-revision"));
        assert!(first.header("server-timing").starts_with("decide;dur="));
    }

    async fn members_that_decide_nothing_are_ignored_and_typed_ones_checked(house: House) {
        let mut body = evaluation("user", "alice", "read", "note", "42");
        body["context"] = json!({ "ip": "::1" });
        body["subject"]["properties"] = json!({ "department": "x" });
        body["extra"] = json!([1, 2]);
        let headers = [("content-type", "application/json; charset=utf-8")];
        let answer = house.send(reqwest::Method::POST, "/access/v1/evaluation", &house.notes_api(), &headers, body.to_string()).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, "{\"decision\":true}"));
    }

    async fn wrong_requests_are_refused_by_the_name_of_the_member(house: House) {
        let good = evaluation("user", "alice", "read", "note", "42");
        let cases = [
            ("subject", json!(null)), ("subject", json!("alice")), ("subject", json!([])), ("action", json!("read")),
            ("resource", json!(7)), ("context", json!([])), ("context", json!("x")),
        ];
        for (member, value) in cases {
            let mut body = good.clone();
            body[member] = value;
            refused(&house, &body.to_string(), member).await;
        }
        for (entity, member) in [("subject", "type"), ("subject", "id"), ("action", "name"), ("resource", "type"), ("resource", "id")] {
            for value in [json!(null), json!(7), json!(true), json!({}), json!(["x"]), json!(""), json!("a\u{0}b"), json!("a\nb"), json!("x".repeat(3000))] {
                let mut body = good.clone();
                body[entity][member] = value;
                refused(&house, &body.to_string(), &format!("{entity}.{member}")).await;
            }
            let mut body = good.clone();
            body[entity].as_object_mut().unwrap().remove(member);
            refused(&house, &body.to_string(), &format!("{entity}.{member}")).await;
            body = good.clone();
            body[entity]["properties"] = json!("x");
            refused(&house, &body.to_string(), &format!("{entity}.properties")).await;
        }
        let deep = "[".repeat(5_000) + &"]".repeat(5_000);
        let twice = "{\"subject\":{\"type\":\"user\",\"id\":\"bob\",\"id\":\"alice\"}}";
        for body in [twice, "", "{", "[]", "7", "null", "\"x\"", "{\"subject\":}", "\u{feff}{}", &deep] {
            refused(&house, body, "").await;
        }
        let huge = json!({ "padding": "x".repeat(70_000) }).to_string();
        let headers = [("content-type", "application/json")];
        let answer = house.send(reqwest::Method::POST, "/access/v1/evaluation", &house.notes_api(), &headers, huge).await;
        assert_eq!(answer.refusal(), (413, "too_large".into()));
    }

    async fn other_types_and_methods_are_refused(house: House) {
        let body = evaluation("user", "alice", "read", "note", "42").to_string();
        for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/xml", "application/jsonp"] {
            let headers = [("content-type", content_type)];
            let answer = house.send(reqwest::Method::POST, "/access/v1/evaluation", &house.notes_api(), &headers, body.clone()).await;
            assert_eq!(answer.refusal(), (400, "invalid_request".into()), "{content_type}");
        }
        for method in [reqwest::Method::GET, reqwest::Method::PUT, reqwest::Method::DELETE] {
            let answer = house.send(method.clone(), "/access/v1/evaluation", &house.notes_api(), &[], body.clone()).await;
            assert_eq!(answer.refusal(), (405, "method_not_allowed".into()), "{method}");
            assert_eq!(answer.header("allow"), "POST");
        }
    }
}

async fn refused(house: &House, body: &str, member: &str) {
    let headers = [("content-type", "application/json")];
    let answer =
        house.send(reqwest::Method::POST, "/access/v1/evaluation", &house.notes_api(), &headers, body.to_owned()).await;
    assert_eq!(answer.refusal(), (400, "invalid_request".into()), "{body:.80}");
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains(member), "{body:.80}: {detail} names {member}");
}
