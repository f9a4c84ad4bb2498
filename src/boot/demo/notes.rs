//! The notes API of the demo: a resource server that asks Doorward about every request, in one question with the caller's
//! access token as the subject.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

/// As many notes as anybody writes in a demo.
const NOTES_MAX: usize = 50;

pub(super) struct NotesApi {
    http: reqwest::Client,
    decisions: String,
    secret: String,
    notes: Mutex<BTreeMap<u32, String>>,
}

/// What the API answers.
pub(super) enum Reply {
    Done(String),
    /// The decision was no.
    Forbidden,
    NotFound,
    /// Doorward could not be asked.
    Unavailable,
}

impl NotesApi {
    pub(super) fn new(http: reqwest::Client, issuer: &str, secret: &str) -> Self {
        let texts = ["Buy stamps", "Water the plants on Thursday", "Ask Bob about the kettle"];
        let notes = (40..).zip(texts.map(str::to_owned)).collect();
        let decisions = format!("{issuer}/access/v1/evaluation");
        Self { http, decisions, secret: secret.to_owned(), notes: Mutex::new(notes) }
    }

    /// The notes there are, for pages that offer acts on them.
    pub(super) fn list(&self) -> Vec<(u32, String)> {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.iter().map(|(id, text)| (*id, text.clone())).collect()
    }

    /// Does `action` on a note for whoever holds the token, if Doorward permits it.
    pub(super) async fn act(&self, token: &str, action: &str, id: u32) -> Reply {
        match self.may(token, action, id).await {
            Ok(true) => self.perform(action, id),
            Ok(false) => Reply::Forbidden,
            Err(error) => {
                tracing::warn!(%error, "the notes API could not ask for a decision");
                Reply::Unavailable
            }
        }
    }

    /// One question to the decision endpoint (AuthZEN 1.0 §6.1).
    async fn may(&self, token: &str, action: &str, id: u32) -> Result<bool, reqwest::Error> {
        let question = json!({
            "subject": { "type": "access_token", "id": token },
            "action": { "name": action },
            "resource": { "type": "note", "id": id.to_string() },
        });
        let request = self.http.post(&self.decisions).basic_auth("notes-api", Some(&self.secret)).json(&question);
        let answer: Value = request.send().await?.error_for_status()?.json().await?;
        Ok(answer.get("decision").and_then(Value::as_bool).unwrap_or(false))
    }

    fn perform(&self, action: &str, id: u32) -> Reply {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        match action {
            "create" if notes.len() < NOTES_MAX => {
                let next = notes.keys().next_back().map_or(40, |last| last + 1);
                notes.insert(next, "Written from the demo".to_owned());
                Reply::Done(format!("note {next} was written"))
            }
            "create" => Reply::Done("there are enough notes".to_owned()),
            "read" => notes.get(&id).map_or(Reply::NotFound, |text| Reply::Done(format!("note {id} says: {text}"))),
            "delete" => notes.remove(&id).map_or(Reply::NotFound, |_| Reply::Done(format!("note {id} is gone"))),
            _ => Reply::NotFound,
        }
    }
}
