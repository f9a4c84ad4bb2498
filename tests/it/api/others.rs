//! What is somebody else's stays so: every operation, asked by an operator who holds its permission on one object alone.

use std::collections::HashMap;

use doorward::domain::change::Position;
use doorward::http::ledger::{API, Caller, Row, rows};
use reqwest::Method;
use serde_json::{Value, json};

use super::operators::{method, need};
use super::support::Operator;
use crate::support::{Answer, Auth, House, both};

/// For each parameter of a path the name of what is the operator's, and of what is not.
struct Two(HashMap<&'static str, [String; 2]>);

impl Two {
    async fn make(root: &Operator<'_>, house: &House) -> Self {
        let mut all = HashMap::new();
        let bob = root.got("/api/v1/users/bob").await["sub"].as_str().unwrap().to_owned();
        all.insert("user", [house.world.alice_sub.clone(), bob]);
        for (parameter, names) in [
            ("client", ["app", "post"]),
            ("server", ["notes", "files"]),
            ("role", ["viewer", "viewer"]),
            ("version", ["1", "1"]),
        ] {
            all.insert(parameter, names.map(str::to_owned));
        }
        for name in ["one", "two"] {
            root.made("/api/v1/groups", &json!({ "name": name })).await;
            root.made(&format!("/api/v1/groups/{name}/members"), &json!({ "member": "user:carol" })).await;
        }
        all.insert("group", ["one", "two"].map(str::to_owned));
        all.insert("member", ["user:carol", "user:carol"].map(str::to_owned));
        let (mut keys, mut assignments) = (Vec::new(), Vec::new());
        for name in ["one", "two"] {
            let key = json!({ "name": name, "permissions": ["read:user"], "owner": "client:bot" });
            keys.push(root.made("/api/v1/api-keys", &key).await);
            let given = json!({ "principal": "user:carol", "resource_server": "notes", "permission": "read:note", "on": format!("note:{name}") });
            assignments.push(root.made("/api/v1/assignments", &given).await);
        }
        let facts = root.got("/api/v1/audit?limit=2").await["items"].as_array().unwrap().clone();
        for (parameter, items) in [("key", keys), ("assignment", assignments), ("fact", facts)] {
            all.insert(parameter, [id(&items[0]), id(&items[1])]);
        }
        Self(all)
    }

    fn path(&self, row: &Row, which: usize) -> String {
        let part = |part: &str| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(parameter) => self.0[parameter][which].clone(),
            None => part.to_owned(),
        };
        row.path.split('/').map(part).collect::<Vec<_>>().join("/")
    }
}

fn id(of: &Value) -> String {
    of["id"].as_str().unwrap().to_owned()
}

impl House {
    /// A write that changes nothing anybody looks at, and the revision it took: the one after that of the write before it.
    pub async fn mark(&self, root: &Operator<'_>) -> i64 {
        let name = format!("mark-{}", uuid::Uuid::new_v4().simple());
        let answer = root.post("/api/v1/groups", &json!({ "name": name })).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        Position::from_token(answer.header("doorward-consistency-token")).unwrap().revision.0
    }
}

async fn ask(house: &House, row: &Row, path: &str, auth: &Auth) -> Answer {
    let headers = [("content-type", "application/json")];
    let method = method(row.verb);
    let is_sent = ![Method::GET, Method::DELETE].contains(&method);
    let (headers, body) = if is_sent { (&headers[..], "{}") } else { (&headers[..0], "") };
    house.send(method, path, auth, headers, body).await
}

/// What comes back at a row from somebody who brings nothing, or something that is nobody's.
fn is_shut_out(row: &Row, brought: bool, answer: &Answer) {
    let what =
        format!("{:?} {} with {}: {answer:?}", row.verb, row.path, if brought { "wrong credentials" } else { "none" });
    match row.caller {
        Caller::Anyone => panic!("{what}"),
        Caller::Client => {
            assert_eq!(answer.refusal(), (401, "invalid_client".into()), "{what}");
            // RFC 6749 §5.2: the challenge names the scheme that was tried.
            assert_eq!(answer.header("www-authenticate").starts_with("Basic"), brought, "{what}");
        }
        Caller::DecisionCaller | Caller::ExplanationCaller | Caller::Operator(_) | Caller::Bearer => {
            assert_eq!((answer.status, answer.error()), (401, "unauthenticated".into()), "{what}");
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{what}");
        }
        Caller::SetupLinkHolder | Caller::InteractionBrowser => assert_eq!(answer.status, 410, "{what}"),
        // Nobody is signed in, so there is nothing a form could do.
        Caller::OwnPage => assert_eq!((answer.status, answer.header("location")), (303, "/signed-out"), "{what}"),
    }
}

both! {
    async fn nobody_gets_past_a_door_with_nothing(house: House) {
        let root = house.root().await;
        let before = house.mark(&root).await;
        let guarded = rows().filter(|row| row.caller != Caller::Anyone);
        for row in guarded {
            let path = row.path.split('/').map(|part| if part.starts_with('{') { "alice" } else { part });
            let path = path.collect::<Vec<_>>().join("/");
            let json = matches!(row.caller, Caller::DecisionCaller | Caller::ExplanationCaller | Caller::Operator(_));
            let (kind, body) =
                if json { ("application/json", "{}") } else { ("application/x-www-form-urlencoded", "token=x") };
            let headers = [("content-type", kind)];
            for (brought, auth) in [(false, Auth::None), (true, Auth::basic("bot", "wrong")), (true, Auth::basic("root", ""))] {
                let answer = house.send(method(row.verb), &path, &auth, &headers, body).await;
                is_shut_out(row, brought, &answer);
            }
        }
        assert_eq!(house.mark(&root).await, before + 1, "something was written");
    }

    async fn a_permission_on_one_thing_opens_no_other(house: House) {
        let root = house.root().await;
        let two = Two::make(&root, &house).await;
        let mut operators: HashMap<(&str, &str), Auth> = HashMap::new();
        for row in &API {
            let need = need(row);
            let Some(target) = need.target else { continue };
            let number = operators.len();
            if let std::collections::hash_map::Entry::Vacant(entry) = operators.entry((need.action, need.resource_type)) {
                let client_id = format!("scoped-{number}");
                let operator = house.operator(&client_id, &[]).await;
                let given = json!({
                    "principal": format!("client:{client_id}"), "resource_server": "doorward",
                    "permission": format!("{}:{}", need.action, need.resource_type),
                    "on": format!("{}:{}", need.resource_type, two.0[target][0]),
                });
                root.made("/api/v1/assignments", &given).await;
                entry.insert(operator.auth);
            }
        }
        // What is another's, and all of a kind, first: none of it may move anything.
        let before = house.mark(&root).await;
        for row in &API {
            let need = need(row);
            let of_one = operators.get(&(need.action, need.resource_type));
            let who: Vec<_> = match (need.target, of_one) {
                // Who may do it to one may not do it to all; who may do another thing to one may do nothing here.
                (None, None) => operators.values().take(1).collect(),
                (_, of_one) => of_one.into_iter().collect(),
            };
            assert!(!who.is_empty(), "{}: nobody was asked", row.path);
            for auth in who {
                let answer = ask(&house, row, &two.path(row, 1), auth).await;
                assert_eq!(answer.refusal(), (403, "not_permitted".into()), "{:?} {}: {answer:?}", row.verb, row.path);
            }
        }
        assert_eq!(house.mark(&root).await, before + 1, "something was written");
        for row in API.iter().filter(|row| need(row).target.is_some()) {
            let need = need(row);
            let auth = &operators[&(need.action, need.resource_type)];
            let answer = ask(&house, row, &two.path(row, 0), auth).await;
            let is_refused = answer.status == 403 && answer.error() == "not_permitted";
            assert!(!is_refused && answer.status < 500, "{:?} {}: {answer:?}", row.verb, row.path);
        }
    }
}
