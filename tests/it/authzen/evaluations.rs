//! `POST /access/v1/evaluations`: batches (AuthZEN 1.0 §7).

use serde_json::{Value, json};

use super::evaluation::refuses_everybody_else;
use crate::support::{House, both, evaluation};

const PATH: &str = "/access/v1/evaluations";

fn actions(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "action": { "name": name } })).collect()
}

async fn ask(house: &House, body: &Value) -> Value {
    let answer = house.json(PATH, &house.notes_api(), body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

both! {
    async fn a_batch_needs_a_decision_caller(house: House) {
        refuses_everybody_else(&house, PATH).await;
    }

    async fn an_item_replaces_defaults_whole(house: House) {
        let mut body = evaluation("user", "bob", "read", "note", "1");
        body["evaluations"] = json!([
            {},
            { "action": { "name": "delete" } },
            { "subject": { "type": "user", "id": "alice" }, "action": { "name": "delete" } },
            { "resource": { "type": "note", "id": "2" } },
        ]);
        let expected = json!({ "evaluations": [{ "decision": true }, { "decision": false }, { "decision": true }, { "decision": true }] });
        assert_eq!(ask(&house, &body).await, expected);
        // A member is replaced, not merged: this subject has no id of its own.
        body["evaluations"] = json!([{ "subject": { "type": "user" } }]);
        let item = &ask(&house, &body).await["evaluations"][0];
        assert_eq!((&item["decision"], &item["context"]["error"]["status"]), (&json!(false), &json!(400)));
        assert!(item["context"]["error"]["message"].as_str().unwrap().contains("subject.id"));
    }

    async fn defaults_may_be_incomplete_where_every_item_brings_its_own(house: House) {
        let item = evaluation("user", "alice", "read", "note", "1");
        let body = json!({ "resource": {}, "evaluations": [item] });
        assert_eq!(ask(&house, &body).await, json!({ "evaluations": [{ "decision": true }] }));
    }

    async fn without_items_it_is_a_single_decision(house: House) {
        let single = evaluation("user", "alice", "read", "note", "1");
        assert_eq!(ask(&house, &single).await, json!({ "decision": true }));
        let mut empty = single.clone();
        empty["evaluations"] = json!([]);
        assert_eq!(ask(&house, &empty).await, json!({ "decision": true }));
        assert_eq!(house.json(PATH, &house.notes_api(), &json!({})).await.refusal(), (400, "invalid_request".into()));
    }

    async fn the_semantic_says_when_to_stop(house: House) {
        // bob may read and nothing else.
        let mut body = evaluation("user", "bob", "read", "note", "1");
        body["evaluations"] = actions(&["read", "update", "read"]);
        let cases = [
            (None, vec![true, false, true]),
            (Some("execute_all"), vec![true, false, true]),
            (Some("deny_on_first_deny"), vec![true, false]),
            (Some("permit_on_first_permit"), vec![true]),
        ];
        for (semantic, expected) in cases {
            if let Some(semantic) = semantic {
                body["options"] = json!({ "evaluations_semantic": semantic });
            }
            let answer = ask(&house, &body).await;
            let decisions: Vec<_> = answer["evaluations"].as_array().unwrap().iter().map(|e| e["decision"].as_bool().unwrap()).collect();
            assert_eq!(decisions, expected, "{semantic:?}");
        }
    }

    async fn a_bad_item_is_its_own_error_and_the_others_are_decided(house: House) {
        let mut body = evaluation("user", "alice", "read", "note", "1");
        body["evaluations"] = json!([{ "action": { "name": 7 } }, {}, "x"]);
        let answer = ask(&house, &body).await;
        assert_eq!(answer["evaluations"][0]["context"]["error"], json!({ "status": 400, "message": "action.name must be a string" }));
        assert_eq!(answer["evaluations"][1], json!({ "decision": true }));
        assert!(answer["evaluations"][2]["context"]["error"]["message"].as_str().unwrap().contains("evaluations[2]"));
        body["evaluations"] = json!([{ "action": {} }]);
        let only = ask(&house, &body).await;
        assert_eq!(only["evaluations"][0]["context"]["error"]["status"], 400, "also when it is the only one");
    }

    async fn wrong_batches_are_refused_whole(house: House) {
        let cases = [
            ("evaluations", json!({})), ("evaluations", json!("x")), ("options", json!([])),
            ("options", json!({ "evaluations_semantic": "first" })), ("options", json!({ "evaluations_semantic": 7 })),
        ];
        for (member, value) in cases {
            let mut body = evaluation("user", "alice", "read", "note", "1");
            body["evaluations"] = json!([{}]);
            body[member] = value;
            let answer = house.json(PATH, &house.notes_api(), &body).await;
            assert_eq!(answer.refusal(), (400, "invalid_request".into()), "{body}");
            assert!(answer.json()["detail"].as_str().unwrap().contains(member), "{body}");
        }
        let mut body = evaluation("user", "alice", "read", "note", "1");
        body["evaluations"] = (0..1001).map(|_| json!({})).collect();
        assert_eq!(house.json(PATH, &house.notes_api(), &body).await.refusal(), (400, "invalid_request".into()));
        body["evaluations"] = (0..1000).map(|_| json!({})).collect();
        assert_eq!(ask(&house, &body).await["evaluations"].as_array().unwrap().len(), 1000);
    }
}
