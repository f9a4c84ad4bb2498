//! A server with a small world in it, and what is asked of it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::program::Program;

const PASSWORD: &str = "copper lantern seven rivers";
const REDIRECT: &str = "https://app.example/cb";
/// The pair of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub struct Site {
    pub program: Program,
    http: reqwest::Client,
    bot: String,
    api: String,
    app: String,
    /// The cookies of a browser in which alice is signed in.
    cookies: String,
    access_token: String,
}

fn secret(made: &Value) -> String {
    made["client_secret"].as_str().unwrap().to_owned()
}

/// A row of uses of one refresh token after the other.
pub struct Chain(Mutex<String>);

impl Site {
    /// On the database of this address, or on one of its own.
    pub async fn open(database: Option<&str>) -> Self {
        let mut settings = vec![
            ("DOORWARD_LOGIN_ATTEMPTS_PER_ACCOUNT_MAX", "1000000"),
            ("DOORWARD_LOGIN_ATTEMPTS_PER_ADDRESS_MAX", "1000000"),
        ];
        settings.extend(database.map(|url| ("DOORWARD_DATABASE_URL", url)));
        let program = Program::start(&settings).await;
        program.command("resource-server create notes --identifier https://notes.example/api --permission read:note");
        program.command("role create notes viewer --permission read:note");
        program.command("user create alice");
        program.command_with("user set-password alice", &format!("{PASSWORD}\n"));
        program.command("assign add user:alice --resource-server notes --role viewer");
        let bot = secret(&program.command("client create bot --resource notes"));
        let api = secret(&program.command("client create notes-api --resource-server notes --decision-caller"));
        let app = format!("client create app --first-party --redirect-uri {REDIRECT} --scope openid --resource notes");
        let app = secret(&program.command(&app));

        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let (cookies, access_token) = (String::new(), String::new());
        let mut site = Self { program, http, bot, api, app, cookies, access_token };
        site.cookies = site.sign_in().await;
        let tokens = site.code_flow().await;
        tokens["access_token"].as_str().unwrap().clone_into(&mut site.access_token);
        site
    }

    /// Processor time the server takes while nobody asks it for anything.
    pub async fn idle_cpu(&self) -> Duration {
        let before = self.program.processor_time();
        tokio::time::sleep(Duration::from_secs(5)).await;
        self.program.processor_time().checked_sub(before).unwrap_or_default()
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.program.base)
    }

    async fn token(&self, client: &str, secret: &str, form: &[(&str, &str)], status: u16) -> Value {
        let asked = self.http.post(self.at("/oauth2/token")).basic_auth(client, Some(secret)).form(form);
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status(), status, "{form:?}");
        answer.json().await.unwrap()
    }

    /// A request that is refused once the client is known: everything but the work.
    pub async fn no_work(&self) {
        self.token("bot", &self.bot, &[("grant_type", "none-of-them")], 400).await;
    }

    pub async fn client_credentials(&self) {
        self.token("bot", &self.bot, &[("grant_type", "client_credentials")], 200).await;
    }

    pub async fn jwks(&self) {
        let answer = self.http.get(self.at("/oauth2/jwks")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.bytes().await.unwrap();
    }

    pub async fn introspect(&self) {
        self.introspect_one(&self.access_token).await;
    }

    async fn introspect_one(&self, token: &str) {
        let form = [("token", token)];
        let asked = self.http.post(self.at("/oauth2/introspect")).basic_auth("notes-api", Some(&self.api)).form(&form);
        let answer: Value = asked.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["active"], true);
    }

    pub async fn decide(&self) {
        let question = json!({
            "subject": { "type": "user", "id": "alice" },
            "action": { "name": "read" },
            "resource": { "type": "note", "id": "42" },
        });
        let asked = self.http.post(self.at("/access/v1/evaluation")).basic_auth("notes-api", Some(&self.api));
        let answer: Value = asked.json(&question).send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["decision"], true);
    }

    pub async fn userinfo(&self) {
        let answer = self.http.get(self.at("/oauth2/userinfo")).bearer_auth(&self.access_token).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.bytes().await.unwrap();
    }

    /// Sends an authorization request; gives where it goes on, and the cookie of a new browser if there is one.
    async fn authorize(&self, cookies: &str) -> (String, String) {
        let query = format!(
            "client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&response_type=code&scope=openid\
             &code_challenge={CHALLENGE}&code_challenge_method=S256"
        );
        let request = self.http.get(self.at(&format!("/oauth2/authorize?{query}"))).header("cookie", cookies);
        let begun = request.send().await.unwrap();
        assert_eq!(begun.status(), 303);
        (header(&begun, "location"), cookie(&begun))
    }

    /// Signs alice in in a new browser; gives its cookies.
    pub async fn sign_in(&self) -> String {
        let (at, browser) = self.authorize("").await;
        let page = self.http.get(self.at(&at)).header("cookie", &browser).send().await.unwrap().text().await.unwrap();
        let token = page.split("name=\"form_token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let form = [("form_token", token), ("username", "alice"), ("password", PASSWORD)];
        let asked = self.http.post(self.at(&format!("{at}/login"))).header("cookie", &browser).form(&form);
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status(), 303);
        format!("{browser}; {}", cookie(&answer))
    }

    /// From the authorization request to the tokens, in a browser in which alice is signed in.
    pub async fn code_flow(&self) -> Value {
        let (at, _) = self.authorize(&self.cookies).await;
        let back = self.http.get(self.at(&at)).header("cookie", &self.cookies).send().await.unwrap();
        let back = url::Url::parse(&header(&back, "location")).unwrap();
        let code = back.query_pairs().find(|(name, _)| name == "code").expect("a code").1.into_owned();
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        self.token("app", &self.app, &form, 200).await
    }

    /// Rotates a refresh token, and lets the API look at the access token.
    pub async fn use_session(&self, refresh_token: &str) {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        let tokens = self.token("app", &self.app, &form, 200).await;
        self.introspect_one(tokens["access_token"].as_str().unwrap()).await;
    }

    pub async fn chains(&self, many: usize) -> Vec<Chain> {
        let mut chains = Vec::new();
        for _ in 0..many {
            let tokens = self.code_flow().await;
            chains.push(Chain(Mutex::new(tokens["refresh_token"].as_str().unwrap().to_owned())));
        }
        chains
    }

    pub async fn refresh(&self, chain: &Chain) {
        let mut token = chain.0.lock().await;
        let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
        let tokens = self.token("app", &self.app, &form, 200).await;
        assert!(tokens["id_token"].is_string());
        tokens["refresh_token"].as_str().unwrap().clone_into(&mut token);
    }
}

fn header(answer: &reqwest::Response, name: &str) -> String {
    answer.headers()[name].to_str().unwrap().to_owned()
}

/// The cookie an answer sets.
fn cookie(answer: &reqwest::Response) -> String {
    answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
}

/// A database of its own on that server.
pub fn fresh_database(url: &str, which: &str) -> String {
    let name = format!("doorward_bench_{}_{which}", std::process::id());
    let made = std::process::Command::new("psql").args([url, "-qc", &format!("CREATE DATABASE {name}")]).status();
    assert!(made.is_ok_and(|status| status.success()), "psql could not make a database (postgresql-client)");
    let mut url = url::Url::parse(url).unwrap();
    url.set_path(&name);
    url.to_string()
}
