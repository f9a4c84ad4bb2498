//! Knocking at the doors.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::House;

/// How a request says who it is from.
#[derive(Clone)]
pub enum Auth {
    None,
    Basic(String, String),
    Bearer(String),
}

impl Auth {
    pub fn basic(client_id: &str, secret: &str) -> Self {
        Self::Basic(client_id.to_owned(), secret.to_owned())
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("not JSON ({e}): {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// The `error` member of an OAuth error, or the `code` of a problem.
    pub fn error(&self) -> String {
        let body = self.json();
        let error = body.get("error").or_else(|| body.get("code")).unwrap_or(&Value::Null);
        error.as_str().unwrap_or_default().to_owned()
    }

    /// Status and error in one, for tables of refusals.
    pub fn refusal(&self) -> (u16, String) {
        (self.status, self.error())
    }
}

impl House {
    fn request(&self, method: reqwest::Method, path: &str, auth: &Auth) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match auth {
            Auth::None => request,
            Auth::Basic(id, secret) => request.basic_auth(id, Some(secret)),
            Auth::Bearer(token) => request.bearer_auth(token),
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(reqwest::Method::GET, path, &Auth::None, headers, String::new()).await
    }

    pub async fn send(
        &self,
        method: reqwest::Method,
        path: &str,
        auth: &Auth,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let mut request = self.request(method, path, auth).body(body);
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            request = request.header(name, HeaderValue::from_str(value).unwrap());
        }
        Answer::of(request.send().await.unwrap()).await
    }

    pub async fn form(&self, path: &str, auth: &Auth, form: &[(&str, &str)]) -> Answer {
        Answer::of(self.request(reqwest::Method::POST, path, auth).form(form).send().await.unwrap()).await
    }

    pub async fn json(&self, path: &str, auth: &Auth, body: &Value) -> Answer {
        let headers = [("content-type", "application/json")];
        self.send(reqwest::Method::POST, path, auth, &headers, body.to_string()).await
    }

    pub fn bot(&self) -> Auth {
        Auth::basic("bot", &self.world.bot)
    }

    pub fn notes_api(&self) -> Auth {
        Auth::basic("notes-api", &self.world.notes_api)
    }

    /// An answer of the token endpoint to a client-credentials request.
    pub async fn ask_token(&self, auth: &Auth, extra: &[(&str, &str)]) -> Answer {
        let form = [&[("grant_type", "client_credentials")], extra].concat();
        self.form("/oauth2/token", auth, &form).await
    }

    /// A token for `bot`.
    pub async fn token(&self) -> String {
        self.token_of(&self.bot(), &[]).await
    }

    pub async fn token_of(&self, auth: &Auth, extra: &[(&str, &str)]) -> String {
        let answer = self.ask_token(auth, extra).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    pub async fn introspect(&self, auth: &Auth, token: &str) -> Value {
        let answer = self.form("/oauth2/introspect", auth, &[("token", token)]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// Whether notes-api is told that `user` may do `action` on a note.
    pub async fn may(&self, user: &str, action: &str) -> bool {
        self.may_as("user", user, action).await
    }

    pub async fn may_as(&self, subject_type: &str, id: &str, action: &str) -> bool {
        let body = evaluation(subject_type, id, action, "note", "42");
        let answer = self.json("/access/v1/evaluation", &self.notes_api(), &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["decision"].as_bool().unwrap()
    }
}

pub fn evaluation(subject_type: &str, subject_id: &str, action: &str, resource_type: &str, resource_id: &str) -> Value {
    json!({
        "subject": { "type": subject_type, "id": subject_id },
        "action": { "name": action },
        "resource": { "type": resource_type, "id": resource_id },
    })
}
