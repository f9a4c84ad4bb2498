//! How recent an answer must be, and at which base one asks.

use doorward::admin::clients::NewClient;
use doorward::domain::change::{Position, Revision};
use doorward::domain::client::AuthMethod;
use doorward::domain::id::Epoch;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::support::{Answer, Auth, Database, House, Options, both, evaluation, new_client, slug};

impl House {
    async fn asked_with(&self, path: &str, auth: &Auth, consistency: &str) -> Answer {
        let headers = [("content-type", "application/json"), ("doorward-consistency", consistency)];
        let body = evaluation("user", "carol", "read", "note", "42").to_string();
        self.send(Method::POST, path, auth, &headers, body).await
    }

    async fn decided_with(&self, consistency: &str) -> bool {
        let answer = self.asked_with("/access/v1/evaluation", &self.notes_api(), consistency).await;
        assert_eq!(answer.status, 200, "{consistency}: {answer:?}");
        answer.json()["decision"] == true
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_elsewhere_is_as_recent_as_is_asked_for() {
    let one = House::start(Database::Postgres, Options::default()).await;
    // Two that look for news of their own accord once a second only.
    let slow = || Options::default().set("decision.poll_every", "1s");
    let others = [one.neighbour_with(slow()).await, one.neighbour_with(slow()).await];
    let root = one.root().await;
    let body = json!({ "principal": "user:carol", "resource_server": "notes", "role": "viewer" });
    for round in 0..15 {
        for other in &others {
            let given = root.post("/api/v1/assignments", &body).await;
            assert_eq!(given.status, 201, "{given:?}");
            let token = format!("at_least={}", given.header("doorward-consistency-token"));
            assert!(other.decided_with(&token).await, "round {round}: what was given");
            let id = given.json()["id"].as_str().unwrap().to_owned();
            let deleted = root.delete(&format!("/api/v1/assignments/{id}")).await;
            assert!(!deleted.header("doorward-consistency-token").is_empty());
            assert!(!other.decided_with("full").await, "round {round}: what was taken");
        }
    }
}

both! {
    async fn a_demand_that_is_none_is_refused(house: House) {
        let auth = house.notes_api();
        for wrong in ["", "soon", "at_least", "at_least=", "at_least=x", "FULL", "full, full"] {
            for path in ["/access/v1/evaluation", "/access/v1/evaluations", "/access/v1/search/action"] {
                let answer = house.asked_with(path, &auth, wrong).await;
                assert_eq!(answer.refusal(), (400, "invalid_request".into()), "{path} {wrong:?}");
                assert!(answer.json()["detail"].as_str().unwrap().contains("Doorward-Consistency"), "{answer:?}");
            }
        }
        for right in ["minimize_latency", "full"] {
            assert!(!house.decided_with(right).await);
        }
    }

    async fn a_token_of_no_write_is_refused(house: House) {
        let root = house.root().await;
        let made = root.post("/api/v1/groups", &json!({ "name": "g" })).await;
        let token = made.header("doorward-consistency-token");
        assert!(!house.decided_with(&format!("at_least={token}")).await);
        let here = Position::from_token(token).unwrap();
        for elsewhere in [
            Position { epoch: Epoch::from_uuid(Uuid::from_u128(1)), ..here },
            Position { revision: Revision(here.revision.0 + 1), ..here },
        ] {
            let asked = format!("at_least={}", elsewhere.token());
            let answer = house.asked_with("/access/v1/evaluation", &house.notes_api(), &asked).await;
            assert_eq!(answer.refusal(), (400, "unknown_consistency_token".into()));
        }
        // Who is nobody learns nothing of tokens.
        let asked = house.asked_with("/access/v1/evaluation", &Auth::None, "at_least=x").await;
        assert_eq!(asked.status, 401);
    }

    async fn a_base_is_for_those_who_speak_for_it(house: House) {
        let gateway = NewClient {
            resource_servers: vec![slug("notes"), slug("files")],
            decision_caller: true,
            ..new_client("gateway", AuthMethod::ClientSecretBasic)
        };
        let made = house.node().admin().create_client(gateway).await.unwrap();
        let gateway = Auth::basic("gateway", made.secret.unwrap().reveal());
        let ask = async |path: &str, auth: &Auth, user: &str, of: &str| {
            house.json(path, auth, &evaluation("user", user, "read", of, "1")).await
        };
        // Each question means what it means at that resource server.
        let (notes, files) = ("/r/notes/access/v1/evaluation", "/r/files/access/v1/evaluation");
        assert_eq!(ask(notes, &gateway, "bob", "note").await.json()["decision"], true);
        assert_eq!(ask(files, &gateway, "bob", "note").await.json()["decision"], false);
        assert_eq!(ask("/r/notes/access/v1/evaluations", &gateway, "bob", "note").await.json()["decision"], true);
        let which = json!({ "subject": { "type": "user", "id": "bob" }, "resource": { "type": "note", "id": "1" } });
        let found = house.json("/r/notes/access/v1/search/action", &gateway, &which).await;
        assert_eq!(found.json()["results"], json!([{ "name": "read" }]));
        // Without a name nobody knows which is meant.
        let unnamed = ask("/access/v1/evaluation", &gateway, "bob", "note").await;
        assert_eq!(unnamed.refusal(), (403, "not_a_decision_caller".into()));
        assert!(unnamed.json()["detail"].as_str().unwrap().contains("/r/"), "{unnamed:?}");

        // One resource server has its base, too, and no other one's; of what is not there nobody hears.
        assert_eq!(ask(notes, &house.notes_api(), "bob", "note").await.json()["decision"], true);
        for path in [files, "/r/doorward/access/v1/evaluation", "/r/nothing/access/v1/evaluation"] {
            assert_eq!(ask(path, &house.notes_api(), "bob", "note").await.refusal(), (403, "not_a_decision_caller".into()));
            assert_eq!(ask(path, &Auth::None, "bob", "note").await.status, 401);
        }
        for path in ["evaluations", "search/subject", "search/resource", "search/action"] {
            let answer = ask(&format!("/r/files/access/v1/{path}"), &house.notes_api(), "bob", "note").await;
            assert_eq!(answer.refusal(), (403, "not_a_decision_caller".into()), "{path}");
        }
        let watched = house.send(Method::GET, "/r/files/access/v1/watch", &house.notes_api(), &[], String::new()).await;
        assert_eq!(watched.refusal(), (403, "not_a_decision_caller".into()));
    }

    async fn the_metadata_of_a_base_names_addresses_that_exist(house: House) {
        let metadata = house.get("/.well-known/authzen-configuration/r/notes").await.json();
        let base = format!("{}/r/notes", house.issuer());
        assert_eq!(metadata["policy_decision_point"], base);
        let endpoints: Vec<_> = metadata.as_object().unwrap().iter().filter(|(name, _)| name.ends_with("_endpoint")).collect();
        assert_eq!(endpoints.len(), 5);
        for (name, address) in endpoints {
            let path = address.as_str().unwrap().strip_prefix(&house.issuer()).unwrap();
            assert!(path.starts_with("/r/notes/access/v1/"), "{name}");
            let answer = house.json(path, &house.notes_api(), &json!({})).await;
            assert_eq!(answer.status, 400, "{name} is there, and misses its members: {answer:?}");
        }
        assert_eq!(house.get("/.well-known/authzen-configuration/r/Not%20One").await.status, 404);
    }
}
