//! Why a decision comes out as it does: told to whoever may know, and to nobody else.

use serde_json::{Value, json};

use super::evaluation::refuses_everybody_else;
use crate::support::{House, both, evaluation, eventually};

const EXPLAIN: &str = "/api/v1/authz/explain";

async fn grant(house: &House) {
    let command =
        ["assign", "add", "client:notes-api", "--resource-server", "doorward", "--permission", "explain:decision"];
    house.command(&command);
    let body = evaluation("user", "alice", "read", "note", "42");
    eventually("the right to ask why", async || house.json(EXPLAIN, &house.notes_api(), &body).await.status == 200)
        .await;
}

fn asking_why(mut body: Value) -> Value {
    body["context"] = json!({ "explain": true });
    body
}

both! {
    async fn an_explanation_needs_the_permission_to_ask_why(house: House) {
        let body = evaluation("user", "alice", "read", "note", "42");
        let refused = house.json(EXPLAIN, &house.notes_api(), &body).await;
        assert_eq!(refused.refusal(), (403, "not_an_explanation_caller".into()));
        grant(&house).await;
        refuses_everybody_else(&house, EXPLAIN).await;
    }

    async fn whoever_may_not_know_why_is_answered_as_if_they_had_not_asked(house: House) {
        let auth = house.notes_api();
        for user in ["alice", "carol", "nobody"] {
            let body = evaluation("user", user, "update", "note", "42");
            let plain = house.json("/access/v1/evaluation", &auth, &body).await;
            let asked = house.json("/access/v1/evaluation", &auth, &asking_why(body.clone())).await;
            assert_eq!((plain.status, &plain.text), (200, &asked.text), "{user}");
            let batch = |item: Value| json!({ "evaluations": [item] });
            let plain = house.json("/access/v1/evaluations", &auth, &batch(body.clone())).await;
            let asked = house.json("/access/v1/evaluations", &auth, &batch(asking_why(body))).await;
            assert_eq!((plain.status, &plain.text), (200, &asked.text), "{user}");
        }
    }

    async fn whoever_may_know_is_told_in_the_answer_and_only_where_they_ask(house: House) {
        grant(&house).await;
        let auth = house.notes_api();
        let body = evaluation("user", "alice", "read", "note", "42");
        let plain = house.json("/access/v1/evaluation", &auth, &body).await;
        assert_eq!(plain.text, "{\"decision\":true}");
        let answer = house.json("/access/v1/evaluation", &auth, &asking_why(body.clone())).await.json();
        let tree = &answer["context"]["explanation"];
        assert_eq!((&answer["decision"], &tree["kind"]), (&json!(true), &json!("permitted")));
        assert_eq!(tree["children"][0]["text"], "role \"owner\" is assigned to user:alice");
        assert_eq!(tree["children"][0]["role"], "owner");
        let way = "role \"owner\" includes \"editor\", which includes \"viewer\", which holds \"read:note\"";
        assert_eq!(tree["children"][0]["children"][0]["text"], way);
        // Only the item that asks is told.
        let denied = evaluation("user", "carol", "read", "note", "42");
        let batch = json!({ "evaluations": [body, asking_why(denied)] });
        let items = house.json("/access/v1/evaluations", &auth, &batch).await.json()["evaluations"].clone();
        assert_eq!(items[0], json!({ "decision": true }));
        assert_eq!(items[1]["context"]["explanation"]["kind"], "denied");
        assert_eq!(items[1]["context"]["explanation"]["children"][0]["kind"], "role_lacked");
        for asked in [json!(false), json!("true"), json!(1), json!(null)] {
            let mut body = evaluation("user", "alice", "read", "note", "42");
            body["context"] = json!({ "explain": asked });
            assert_eq!(house.json("/access/v1/evaluation", &auth, &body).await.text, "{\"decision\":true}");
        }
    }

    async fn the_endpoint_answers_the_question_and_no_other(house: House) {
        grant(&house).await;
        let auth = house.notes_api();
        let body = evaluation("user", "nobody", "read", "note", "42");
        let answer = house.json(EXPLAIN, &auth, &body).await;
        assert_eq!(answer.json()["decision"], false);
        assert_eq!(answer.json()["explanation"]["children"][0]["kind"], "subject_unknown");
        assert!(!answer.header("doorward-decision-id").is_empty());
        let mut changed = body.clone();
        changed["change"] = json!({});
        let refused = house.json(EXPLAIN, &auth, &changed).await;
        assert_eq!(refused.status, 400, "{refused:?}");
        assert!(refused.text.contains("is no member of this request"), "{refused:?}");
        // A token is never repeated.
        let token = house.token().await;
        for id in [token.as_str(), "x.y.z"] {
            let answer = house.json(EXPLAIN, &auth, &evaluation("access_token", id, "read", "note", "42")).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            assert!(!answer.text.contains(id), "{answer:?}");
        }
    }

    async fn policies_never_see_that_somebody_asks_why(house: House) {
        house.model(&json!({
            "context": { "explain": { "type": "boolean" } },
            "resources": { "record": { "actions": { "read": {} } } },
        })).await;
        house.policies("@id(\"sees\") permit(principal, action, resource) when { context has explain };").await;
        let body = evaluation("user", "alice", "read", "record", "1");
        let auth = house.notes_api();
        let decides = async |body: Value| house.json("/access/v1/evaluation", &auth, &body).await.json()["decision"] == true;
        grant(&house).await;
        assert!(!decides(asking_why(body.clone())).await);
        let told = house.json(EXPLAIN, &auth, &asking_why(body)).await.json();
        assert_eq!(told["decision"], false);
        assert_eq!(told["explanation"]["children"][0]["kind"], "policy_not_applied");
    }

    async fn the_command_line_says_what_a_request_would_say(house: House) {
        let requested = |of: &str| json!({ "type": of, "source": "request" });
        house.model(&json!({
            "subjects": { "user": { "kind": "directory", "attributes": { "grade": requested("integer") } } },
            "resources": { "record": {
                "actions": { "share": { "properties": { "to": { "type": "string" } } } },
                "attributes": { "state": requested("string") },
            } },
        })).await;
        house.policies("permit(principal is Subject::user, action == Action::\"share\", resource is Resource::record) \
            when { principal has grade && principal.grade > 6 && context.action has to && context.action.to == \"all\" \
            && resource has state && resource.state == \"draft\" };").await;
        let ask = |properties: &str| {
            let question = ["authz", "explain", "user:bob", "share", "record:1", "--resource-server", "notes"];
            house.doorward(&[&question[..], &["--properties", properties]].concat())
        };
        let says = |properties: &str| String::from_utf8(ask(properties).stdout).unwrap();
        let all = r#"{"subject":{"grade":7},"action":{"to":"all"},"resource":{"state":"draft"}}"#;
        assert!(says(all).starts_with("user:bob may share record:1"), "{}", says(all));
        for one in [r#"{"action":{"to":"all"}}"#, r#"{"subject":{"grade":7},"action":{"to":"all"},"resource":{"state":"final"}}"#, "{}"] {
            assert!(says(one).starts_with("user:bob may not share record:1"), "{one}: {}", says(one));
        }
        for wrong in [r#"{"subjet":{}}"#, r#"{"subject":7}"#, "7", r#"{"subject":{"grade":"seven"}}"#] {
            assert!(!ask(wrong).status.success(), "{wrong}");
        }
    }

    async fn the_command_line_draws_the_tree(house: House) {
        let question = ["authz", "explain", "user:bob", "read", "note:42", "--resource-server", "notes"];
        let output = house.doorward(&question);
        assert!(output.status.success(), "{output:?}");
        let expected = "user:bob may read note:42\n\
                        └─ role \"viewer\" is assigned to user:bob\n   \
                           └─ role \"viewer\" holds \"read:note\"\n";
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
        assert_eq!(house.command(&question)["explanation"]["kind"], "permitted");
        let elsewhere = ["assign", "add", "user:carol", "--resource-server", "notes", "--role", "viewer", "--on", "folder:9"];
        house.command(&elsewhere);
        let question = ["authz", "explain", "user:carol", "read", "note:42", "--resource-server", "notes"];
        assert_eq!(house.command(&question)["explanation"]["children"][0]["kind"], "assignment_elsewhere");
    }
}
