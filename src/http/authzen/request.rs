//! The members of an evaluation request (AuthZEN §5, §6), each refused by name when it is not what it must be.

use serde_json::Value;

use super::super::App;
use super::super::door::Asked;
use super::super::errors::Problem;
use super::super::json::Object;
use crate::decision::{Decision, Query, Reason, Sent, SubjectRef};
use crate::domain::change::Revision;
use crate::domain::time::Instant;
use crate::oidc::bearer::BearerError;

/// Longer than any name here.
pub(super) const NAME_LEN_MAX: usize = 2_048;
const TOKEN_LEN_MAX: usize = 16 * 1024;
/// No `sub`, username or `client_id` is longer: what is longer is nobody's.
pub(super) const SUBJECT_LEN_MAX: usize = 255;

/// One request, checked.
#[derive(Debug)]
pub(super) struct Evaluation {
    subject_type: String,
    subject_id: String,
    action: String,
    resource_type: String,
    resource_id: String,
    sent: Sent,
}

/// What an evaluation takes from defaults (AuthZEN §7.1.1): each member whole.
pub(super) fn member<'a>(name: &str, item: &'a Object, defaults: &'a Object) -> Option<&'a Value> {
    item.get(name).or_else(|| defaults.get(name))
}

impl Evaluation {
    pub(super) fn parse(item: &Object, defaults: &Object) -> Result<Self, Problem> {
        let entity = |name: &'static str| object(name, member(name, item, defaults));
        let (subject, action, resource) = (entity("subject")?, entity("action")?, entity("resource")?);
        let subject_type = text("subject.type", subject.get("type"), NAME_LEN_MAX)?;
        let id_max = subject_id_max(&subject_type);
        let sent = Sent {
            subject: optional_object("subject.properties", subject.get("properties"))?,
            action: optional_object("action.properties", action.get("properties"))?,
            resource: optional_object("resource.properties", resource.get("properties"))?,
            context: optional_object("context", member("context", item, defaults))?,
        };
        Ok(Self {
            subject_id: text("subject.id", subject.get("id"), id_max)?,
            subject_type,
            action: text("action.name", action.get("name"), NAME_LEN_MAX)?,
            resource_type: text("resource.type", resource.get("type"), NAME_LEN_MAX)?,
            resource_id: text("resource.id", resource.get("id"), NAME_LEN_MAX)?,
            sent,
        })
    }

    /// The subject for the log; a token is never logged.
    pub(super) fn named_subject(&self) -> Option<String> {
        let short = self.subject_id.len() <= SUBJECT_LEN_MAX && self.subject_type != "access_token";
        short.then(|| format!("{}:{}", self.subject_type, self.subject_id))
    }

    /// Decides it at the resource server of the caller.
    pub(super) async fn decide(self, app: &App, at: &Asked, now: Instant) -> Result<(Decision, Revision), Problem> {
        let Some((subject, expires_at)) = subject(app, at, &self.subject_type, &self.subject_id).await? else {
            let decision = Decision { allowed: false, reason: Reason::SubjectUnknown, valid_until: None };
            return Ok((decision, app.provider.decisions().applied().revision));
        };
        let query = Query::new(subject, &self.action, &self.resource_type, &self.resource_id).with(self.sent);
        app.provider.decisions().check_sent(at.0.id, &query).await?;
        let (decision, revision) = app.provider.decisions().decide(at.0.id, &query, now).await?;
        // What a token permits ends with it.
        let valid_until = [decision.valid_until, expires_at].into_iter().flatten().min();
        Ok((Decision { valid_until, ..decision }, revision))
    }
}

/// Whom a request is about, and until when; `None` for a type or token that is nobody's here.
pub(super) async fn subject(
    app: &App,
    at: &Asked,
    subject_type: &str,
    id: &str,
) -> Result<Option<(SubjectRef, Option<Instant>)>, Problem> {
    match subject_type {
        "access_token" => match app.provider.accept(id, &at.0.identifier).await {
            Ok(verified) => Ok(Some((verified.subject(), Some(verified.expires_at())))),
            Err(BearerError::Decision(fault)) => Err(fault.into()),
            // A token that is not valid for this resource server speaks for nobody.
            Err(_) => Ok(None),
        },
        named => {
            let subject = app.provider.decisions().named(at.0.id, named, id).await?;
            Ok(subject.map(|subject| (subject, None)))
        }
    }
}

/// The longest identifier a subject of this type may have: that of an `access_token` is the token itself.
pub(super) fn subject_id_max(subject_type: &str) -> usize {
    if subject_type == "access_token" { TOKEN_LEN_MAX } else { NAME_LEN_MAX }
}

pub(super) fn object<'a>(name: &str, value: Option<&'a Value>) -> Result<&'a Object, Problem> {
    match value {
        Some(Value::Object(object)) => Ok(object),
        Some(_) => Err(Problem::bad_request(&format!("{name} must be an object"))),
        None => Err(Problem::bad_request(&format!("{name} is missing"))),
    }
}

pub(super) fn optional_object(name: &str, value: Option<&Value>) -> Result<Object, Problem> {
    match value {
        None => Ok(Object::new()),
        Some(Value::Object(object)) => Ok(object.clone()),
        Some(_) => Err(Problem::bad_request(&format!("{name} must be an object"))),
    }
}

pub(super) fn text(name: &str, value: Option<&Value>, len_max: usize) -> Result<String, Problem> {
    match value {
        Some(Value::String(text)) if text.is_empty() => Err(Problem::bad_request(&format!("{name} must not be empty"))),
        Some(Value::String(text)) if text.len() > len_max => {
            Err(Problem::bad_request(&format!("{name} must not be longer than {len_max} bytes")))
        }
        // No name here has one, and not every database takes a NUL.
        Some(Value::String(text)) if text.chars().any(char::is_control) => {
            Err(Problem::bad_request(&format!("{name} must not hold control characters")))
        }
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(Problem::bad_request(&format!("{name} must be a string"))),
        None => Err(Problem::bad_request(&format!("{name} is missing"))),
    }
}
