//! Operators, and what is asked of each answer.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Auth, House, assign, new_client, permission, slug};
use doorward::admin::assignments::{HeldRef, NewAssignment};
use doorward::admin::clients::NewClient;
use doorward::domain::assignment::Effect;
use doorward::domain::client::AuthMethod;
use doorward::domain::time::Interval;

/// An operator at the door.
pub struct Operator<'a> {
    house: &'a House,
    pub auth: Auth,
}

impl House {
    /// A client that holds these permissions of doorward (`*:*` for all), by its Basic credentials.
    pub async fn operator(&self, client_id: &str, permissions: &[&str]) -> Operator<'_> {
        let admin = self.node().admin();
        let new =
            NewClient { resources: vec![slug("doorward")], ..new_client(client_id, AuthMethod::ClientSecretBasic) };
        let secret = admin.create_client(new).await.unwrap().secret.unwrap().reveal().to_owned();
        for held in permissions {
            self.give(&format!("client:{client_id}"), held, Effect::Allow).await;
        }
        Operator { house: self, auth: Auth::basic(client_id, &secret) }
    }

    /// Gives or denies a permission of doorward, past all checks of delegation.
    pub async fn give(&self, to: &str, held: &str, effect: Effect) {
        let new = NewAssignment {
            scope: None,
            principal: to.parse().unwrap(),
            resource_server: slug("doorward"),
            held: HeldRef::Permission(permission(held)),
            effect,
            interval: Interval::ALWAYS,
            reason: None,
        };
        self.node().admin().add_assignment(&new).await.unwrap();
    }

    /// Makes somebody an administrator for good.
    pub async fn make_admin(&self, who: &str) {
        assign(self.node().admin(), who, "doorward", "admin", Effect::Allow, Interval::ALWAYS).await;
    }

    /// A client with the built-in role `admin`.
    pub async fn root(&self) -> Operator<'_> {
        let operator = self.operator("root", &[]).await;
        self.make_admin("client:root").await;
        operator
    }

    pub fn with(&self, auth: Auth) -> Operator<'_> {
        Operator { house: self, auth }
    }
}

impl Operator<'_> {
    /// Whatever comes back, it is what the document promises.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let headers = [("content-type", "application/json")];
        let headers = if body.is_some() { &headers[..] } else { &[] };
        let text = body.map(Value::to_string).unwrap_or_default();
        let answer = self.house.send(method.clone(), path, &self.auth, headers, text).await;
        let document = doorward::http::openapi::document(&doorward::domain::issuer::Issuer::localhost());
        promised(&document, &method, path, body, &answer);
        answer
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(Method::POST, path, Some(body)).await
    }

    /// An operation without a body.
    pub async fn act(&self, path: &str) -> Answer {
        self.ask(Method::POST, path, None).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.ask(Method::PATCH, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.ask(Method::PUT, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path, None).await
    }

    /// What was made, and where it says it is.
    pub async fn made(&self, path: &str, body: &Value) -> Value {
        let answer = self.post(path, body).await;
        assert_eq!(answer.status, 201, "{path} {body}: {answer:?}");
        assert!(!answer.header("doorward-consistency-token").is_empty(), "{answer:?}");
        let location = answer.header("location").to_owned();
        let there = self.get(&location).await;
        assert_eq!(there.status, 200, "{location}: {there:?}");
        answer.json()
    }

    /// A write that must succeed.
    pub async fn done(&self, method: Method, path: &str, body: &Value) -> Value {
        let answer = self.ask(method, path, Some(body)).await;
        assert!((200..300).contains(&answer.status), "{path} {body}: {answer:?}");
        if answer.text.is_empty() { Value::Null } else { answer.json() }
    }

    pub async fn got(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    /// Every item of a list, page by page, and how many pages there were.
    pub async fn pages(&self, path: &str, limit: usize) -> (Vec<Value>, usize) {
        let (mut all, mut pages, mut after) = (Vec::new(), 0, String::new());
        loop {
            let sign = if path.contains('?') { '&' } else { '?' };
            let page = self.got(&format!("{path}{sign}limit={limit}{after}")).await;
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= limit);
            all.extend(items.iter().cloned());
            pages += 1;
            match page.get("next").and_then(Value::as_str) {
                Some(next) => after = format!("&after={next}"),
                None => return (all, pages),
            }
        }
    }
}

/// A give-away of a role at doorward, as a body.
pub fn giving(principal: &str, held: &str) -> Value {
    let kind = if held.contains(':') { "permission" } else { "role" };
    json!({ "principal": principal, "resource_server": "doorward", kind: held })
}

/// The entry of the document for an address.
fn entry<'a>(document: &'a Value, method: &Method, path: &str) -> &'a Value {
    let sent: Vec<_> = path.split('?').next().unwrap().split('/').collect();
    let fits = |template: &str| {
        let parts: Vec<_> = template.split('/').collect();
        parts.len() == sent.len() && parts.iter().zip(&sent).all(|(part, sent)| part.starts_with('{') || part == sent)
    };
    let (_, entry) = document["paths"].as_object().unwrap().iter().find(|(template, _)| fits(template)).unwrap();
    &entry[method.as_str().to_lowercase()]
}

fn promised(document: &Value, method: &Method, path: &str, body: Option<&Value>, answer: &Answer) {
    let entry = entry(document, method, path);
    assert!(!entry.is_null(), "{method} {path} is not in the document");
    let schema = &entry["responses"][answer.status.to_string()];
    assert!(!schema.is_null(), "{method} {path}: {} is not in the document: {answer:?}", answer.status);
    for (name, header) in schema["headers"].as_object().into_iter().flatten() {
        assert!(
            header["required"] == false || !answer.header(name).is_empty(),
            "{method} {path}: no {name}: {answer:?}"
        );
    }
    if answer.status >= 400 {
        let problem = answer.json();
        let schema = &document["components"]["schemas"]["Problem"];
        let wrong = mismatch(schema, &problem, "");
        assert!(wrong.is_none() && problem["status"] == answer.status, "{method} {path}: {wrong:?} {problem}");
        return;
    }
    match schema.get("content") {
        Some(content) => {
            let wrong = mismatch(&content["application/json"]["schema"], &answer.json(), "");
            assert!(wrong.is_none(), "{method} {path}: {wrong:?} {}", answer.text);
        }
        None => assert_eq!(answer.text, "", "{method} {path}"),
    }
    if let Some(body) = body {
        let wrong = mismatch(&entry["requestBody"]["content"]["application/json"]["schema"], body, "");
        assert!(wrong.is_none(), "{method} {path}: what was accepted is not in the document: {wrong:?} {body}");
    }
}

/// Where a value is not what a schema says; as much of JSON Schema as the document uses.
fn mismatch(schema: &Value, value: &Value, at: &str) -> Option<String> {
    let kinds: Vec<_> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(|kind| kind.as_str().unwrap()).collect(),
        kind => vec![kind.as_str().unwrap()],
    };
    let is = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "null" => value.is_null(),
        other => panic!("no such type: {other}"),
    };
    if !kinds.iter().any(|kind| is(kind)) {
        return Some(format!("{at} is no {kinds:?}"));
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array)
        && !values.contains(value)
    {
        return Some(format!("{at} is none of {values:?}"));
    }
    if let Some(items) = value.as_array() {
        return items.iter().find_map(|item| mismatch(&schema["items"], item, &format!("{at}[]")));
    }
    let members = value.as_object()?;
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if let Some(missing) = required.into_iter().find(|name| !members.contains_key(*name)) {
        return Some(format!("{at}.{missing} is missing"));
    }
    members.iter().find_map(|(name, value)| {
        let at = format!("{at}.{name}");
        match (schema["properties"].get(name), &schema["additionalProperties"]) {
            (Some(schema), _) => mismatch(schema, value, &at),
            (None, Value::Bool(false)) => Some(format!("{at} is not in the document")),
            (None, schema) if schema.is_object() => mismatch(schema, value, &at),
            (None, _) => None,
        }
    })
}
