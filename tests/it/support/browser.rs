//! A browser that keeps cookies and fills in forms, as a person without script would.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorward::domain::entropy::Entropy as _;
use doorward::domain::password::Password;
use doorward::login::Hasher;
use doorward::world::SystemEntropy;
use sha2::Digest as _;

use super::{Answer, House};

/// Everybody's password in these tests.
pub const PASSWORD: &str = "copper lantern seven rivers";

/// A code verifier and its challenge.
pub struct Pkce {
    pub verifier: String,
    pub challenge: String,
}

impl Pkce {
    pub fn new() -> Self {
        let mut raw = [0; 32];
        SystemEntropy.fill(&mut raw);
        let verifier = URL_SAFE_NO_PAD.encode(raw);
        let challenge = URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(verifier.as_bytes()));
        Self { verifier, challenge }
    }
}

pub struct Browser<'a> {
    house: &'a House,
    cookies: BTreeMap<String, String>,
    /// The address a proxy says it comes from.
    address: Option<String>,
}

/// Where a browser ended up: a page of ours, or at somebody else's address.
#[derive(Debug)]
pub struct Arrived {
    /// The address, ours without its origin.
    pub at: String,
    pub answer: Answer,
}

impl Arrived {
    /// A parameter of the address somebody else was sent to.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let url = url::Url::parse(&self.at).ok()?;
        url.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned())
    }

    pub fn code(&self) -> String {
        self.parameter("code").unwrap_or_else(|| panic!("no code: {} {}", self.at, self.answer.text))
    }

    /// The value of a hidden field.
    pub fn hidden(&self, name: &str) -> String {
        let text = &self.answer.text;
        let at = text.find(&format!("name=\"{name}\"")).unwrap_or_else(|| panic!("no field {name} in {text}"));
        text[at..].split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }
}

impl<'a> Browser<'a> {
    pub fn new(house: &'a House) -> Self {
        Self { house, cookies: BTreeMap::new(), address: None }
    }

    /// A browser somewhere else; the house must believe proxies on this machine.
    pub fn at(house: &'a House, address: &str) -> Self {
        Self { address: Some(address.to_owned()), ..Self::new(house) }
    }

    pub const fn house(&self) -> &'a House {
        self.house
    }

    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    pub fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    async fn send(&mut self, path: &str, form: Option<&[(&str, &str)]>) -> Answer {
        let url = format!("{}{path}", self.house.base);
        let cookies: Vec<_> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let request = match form {
            Some(form) => self.house.client.post(url).form(form),
            None => self.house.client.get(url),
        };
        let request = if cookies.is_empty() { request } else { request.header("cookie", cookies.join("; ")) };
        let request = match &self.address {
            Some(address) => request.header("x-forwarded-for", address),
            None => request,
        };
        let mut answer = Answer::of(request.send().await.unwrap()).await;
        // The template escapes slashes in attributes; a browser reads them back.
        answer.text = answer.text.replace("&#x2f;", "/");
        for set in answer.headers.get_all("set-cookie") {
            let set = set.to_str().unwrap();
            assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && set.contains("Path=/"), "{set}");
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            if set.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// Follows redirects of ours until there is a page, or somebody else's address.
    async fn follow(&mut self, path: &str, form: Option<&[(&str, &str)]>) -> Arrived {
        let (mut at, mut answer) = (path.to_owned(), self.send(path, form).await);
        while answer.status == 303 {
            let location = answer.header("location").to_owned();
            if !location.starts_with('/') {
                return Arrived { at: location, answer };
            }
            answer = self.send(&location, None).await;
            at = location;
        }
        Arrived { at, answer }
    }

    pub async fn get(&mut self, path: &str) -> Arrived {
        self.follow(path, None).await
    }

    pub async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Arrived {
        self.follow(path, Some(form)).await
    }

    /// Sends an authorization request.
    pub async fn authorize(&mut self, parameters: &[(&str, &str)]) -> Arrived {
        let query: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        self.get(&format!("/oauth2/authorize?{query}")).await
    }

    /// Fills in the sign-in form.
    pub async fn sign_in(&mut self, page: &Arrived, username: &str, password: &str) -> Arrived {
        let token = page.hidden("form_token");
        let form = [("form_token", token.as_str()), ("username", username), ("password", password)];
        self.post(&format!("{}/login", page.at.split("/login").next().unwrap()), &form).await
    }

    /// Answers which account to go on with.
    pub async fn choose(&mut self, page: &Arrived, choice: &str) -> Arrived {
        let (token, session) = (page.hidden("form_token"), page.hidden("session"));
        let form = [("form_token", token.as_str()), ("session", session.as_str()), ("choice", choice)];
        self.post(&format!("{}/account", page.at), &form).await
    }

    pub async fn consent(&mut self, page: &Arrived, decision: &str) -> Arrived {
        let (token, session) = (page.hidden("form_token"), page.hidden("session"));
        let form = [("form_token", token.as_str()), ("session", session.as_str()), ("decision", decision)];
        self.post(&format!("{}/consent", page.at), &form).await
    }
}

impl House {
    /// Gives a person the password of these tests.
    pub async fn give_password(&self, name: &str) {
        let hasher = Hasher::new(&SystemEntropy);
        let hash = hasher.hash(Password::typed(PASSWORD).unwrap(), &SystemEntropy).await.unwrap();
        self.node().admin().set_password(name, &hash).await.unwrap();
    }
}
