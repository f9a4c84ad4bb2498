//! The relying party `app`: how people come to it, and what it does with codes and tokens.

use super::{Answer, Arrived, Auth, Browser, House, PASSWORD, Pkce};

pub const REDIRECT: &str = "https://app.example/cb";

/// A code that came back, and the verifier it needs.
#[derive(Clone)]
pub struct Code {
    pub code: String,
    pub verifier: String,
}

impl Pkce {
    /// A code that was asked for with this challenge.
    pub fn code(&self, code: &str) -> Code {
        Code { code: code.to_owned(), verifier: self.verifier.clone() }
    }
}

/// What a code or a refresh token was exchanged for.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub access: String,
    pub refresh: String,
    pub id: String,
}

impl Tokens {
    /// Those of an answer that brings any.
    pub fn of(answer: &Answer) -> Option<Self> {
        (answer.status == 200).then(|| {
            let body = answer.json();
            let text = |name: &str| body[name].as_str().unwrap().to_owned();
            Self { access: text("access_token"), refresh: text("refresh_token"), id: text("id_token") }
        })
    }
}

impl Browser<'_> {
    /// Sends the request of `app`.
    pub async fn ask(&mut self, pkce: &Pkce, extra: &[(&str, &str)]) -> Arrived {
        let usual = [
            ("client_id", "app"),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("scope", "openid profile notes:read"),
            ("code_challenge", pkce.challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        let usual = usual.into_iter().filter(|(name, _)| extra.iter().all(|(other, _)| other != name));
        let parameters: Vec<_> = usual.chain(extra.iter().copied()).filter(|(_, value)| !value.is_empty()).collect();
        self.authorize(&parameters).await
    }

    /// Sends the request of `app`, answers what is asked, and says where it ended.
    pub async fn come(&mut self, name: &str, pkce: &Pkce, extra: &[(&str, &str)]) -> Arrived {
        let mut page = self.ask(pkce, extra).await;
        if page.answer.text.contains("login-submit") {
            page = self.sign_in(&page, name, PASSWORD).await;
        }
        if page.answer.text.contains("consent-allow") {
            page = self.consent(&page, "allow").await;
        }
        page
    }

    /// Gets a code for `app`, signing in and agreeing where asked.
    pub async fn code(&mut self, name: &str, extra: &[(&str, &str)]) -> Code {
        let pkce = Pkce::new();
        let code = self.come(name, &pkce, extra).await.code();
        Code { code, verifier: pkce.verifier }
    }

    /// The same browser once more: another tab.
    pub fn tab(&self) -> Self {
        let mut tab = Self::new(self.house());
        if let Some(session) = self.cookie("doorward-session") {
            tab.set_cookie("doorward-session", session);
        }
        tab
    }
}

impl House {
    pub fn app(&self) -> Auth {
        Auth::basic("app", &self.world.app)
    }

    pub async fn exchange(&self, code: &Code) -> Answer {
        self.exchange_as(&self.app(), &code.code, &[("redirect_uri", REDIRECT), ("code_verifier", &code.verifier)])
            .await
    }

    pub async fn exchange_as(&self, auth: &Auth, code: &str, rest: &[(&str, &str)]) -> Answer {
        let form = [&[("grant_type", "authorization_code"), ("code", code)], rest].concat();
        self.form("/oauth2/token", auth, &form).await
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        self.refresh_with(token, &[]).await
    }

    pub async fn refresh_with(&self, token: &str, extra: &[(&str, &str)]) -> Answer {
        let form = [&[("grant_type", "refresh_token"), ("refresh_token", token)], extra].concat();
        self.form("/oauth2/token", &self.app(), &form).await
    }

    pub async fn userinfo(&self, access: &str) -> Answer {
        self.send(reqwest::Method::GET, "/oauth2/userinfo", &Auth::Bearer(access.to_owned()), &[], "").await
    }

    /// Whether an access token is worth anything: at userinfo, at introspection, for a decision.
    pub async fn worth(&self, access: &str) -> [bool; 3] {
        let info = self.userinfo(access).await;
        assert!([200, 401].contains(&info.status), "{info:?}");
        let introspected = self.introspect(&self.notes_api(), access).await["active"].as_bool().unwrap();
        [info.status == 200, introspected, self.may_as("access_token", access, "read").await]
    }
}
