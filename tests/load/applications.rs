//! Applications that go on asking for tokens and decisions, whatever happens beside them.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::program::Program;

pub const PASSWORD: &str = "copper lantern seven rivers";

/// What applications ask for meanwhile.
#[derive(Clone)]
pub struct Applications {
    pub http: reqwest::Client,
    pub base: String,
    pub bot: String,
    pub api: String,
}

/// How long each request took, none of which was refused.
pub struct Took {
    pub tokens: Vec<Duration>,
    pub decisions: Vec<Duration>,
}

impl Applications {
    async fn token(&self) {
        let form = [("grant_type", "client_credentials")];
        let asked =
            self.http.post(format!("{}/oauth2/token", self.base)).basic_auth("bot", Some(&self.bot)).form(&form);
        assert_eq!(asked.send().await.unwrap().status(), 200, "a token");
    }

    async fn decision(&self) {
        let body = json!({
            "subject": { "type": "user", "id": "alice" },
            "action": { "name": "read" },
            "resource": { "type": "note", "id": "42" },
        });
        let asked = self.http.post(format!("{}/access/v1/evaluation", self.base));
        let answer = asked.basic_auth("notes-api", Some(&self.api)).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200, "a decision");
        assert_eq!(answer.json::<Value>().await.unwrap()["decision"], true);
    }

    /// Asks for both, one after the other, until told to stop.
    async fn keep_asking(self, stop: Arc<AtomicBool>) -> Took {
        let mut took = Took { tokens: Vec::new(), decisions: Vec::new() };
        while !stop.load(Ordering::Relaxed) {
            let started = Instant::now();
            self.token().await;
            took.tokens.push(started.elapsed());
            let started = Instant::now();
            self.decision().await;
            took.decisions.push(started.elapsed());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        took
    }

    /// Asks as long as something else goes on.
    pub async fn ask_during(&self, during: Pin<Box<dyn Future<Output = ()>>>) -> Took {
        let stop = Arc::new(AtomicBool::new(false));
        let asking = tokio::spawn(self.clone().keep_asking(stop.clone()));
        during.await;
        stop.store(true, Ordering::Relaxed);
        asking.await.unwrap()
    }
}

pub fn furnish(program: &Program) -> Applications {
    program.command("resource-server create notes --identifier https://notes.example/api --permission read:note");
    program.command("role create notes viewer --permission read:note");
    program.command("user create alice");
    program.command_with("user set-password alice", &format!("{PASSWORD}\n"));
    program.command("assign add user:alice --resource-server notes --role viewer");
    let secret = |made: Value| made["client_secret"].as_str().unwrap().to_owned();
    let bot = secret(program.command("client create bot --resource notes"));
    let api = secret(program.command("client create notes-api --resource-server notes --decision-caller"));
    program.command("client create app --redirect-uri https://app.example/cb --scope openid");
    Applications { http: client(), base: program.base.clone(), bot, api }
}

pub fn client() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

pub fn at(percent: usize, took: &mut [Duration]) -> f64 {
    took.sort();
    took[(took.len() - 1) * percent / 100].as_secs_f64() * 1e3
}
