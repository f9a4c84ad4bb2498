//! The members of an evaluation request (AuthZEN §5, §6), each refused by name when it is not what it must be.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::super::App;
use super::super::borrowed::{Json, Object};
use super::super::door::Asked;
use super::super::errors::Problem;
use crate::admin::suppose::Supposed;
use crate::decision::{Decision, Explanation, Node, Query, Sent, SubjectRef};
use crate::domain::change::Revision;
use crate::domain::time::Instant;
use crate::oidc::bearer::BearerError;

/// Longer than any name here.
pub(super) const NAME_LEN_MAX: usize = 2_048;
pub(super) const TOKEN_LEN_MAX: usize = 16 * 1024;
/// No `sub`, username or `client_id` is longer: what is longer is nobody's.
pub(super) const SUBJECT_LEN_MAX: usize = 255;

/// One request, checked.
#[derive(Debug)]
pub(super) struct Evaluation<'a> {
    subject_type: &'a str,
    subject_id: &'a str,
    action: &'a str,
    resource_type: &'a str,
    resource_id: &'a str,
    sent: Sent,
    /// Whether it is asked why.
    explain: bool,
}

/// The answer to one evaluation.
#[derive(Debug)]
pub(super) struct Answered {
    pub allowed: bool,
    pub valid_until: Option<Instant>,
    pub revision: Revision,
    /// Only for those who asked, and may.
    pub explanation: Option<Node>,
}

impl Answered {
    /// As it stands in an answer of AuthZEN (§5.5).
    pub(super) fn as_item(&self) -> Item {
        let context = self.explanation.as_ref().map(|tree| json!({ "explanation": tree }));
        Item { decision: self.allowed, context }
    }

    pub(super) fn decided(decision: &Decision, revision: Revision) -> Self {
        Self { allowed: decision.allowed, valid_until: decision.valid_until, revision, explanation: None }
    }

    /// About a subject that nobody here is.
    pub(super) const fn nobody(revision: Revision) -> Self {
        Self { allowed: false, valid_until: None, revision, explanation: None }
    }

    fn explained(explanation: Explanation, revision: Revision) -> Self {
        let Explanation { allowed, valid_until, tree } = explanation;
        Self { allowed, valid_until, revision, explanation: Some(tree) }
    }
}

/// An answer as it goes out.
#[derive(Debug, Serialize)]
pub(super) struct Item {
    pub decision: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Value>,
}

impl Item {
    /// One of a batch that could not be decided.
    pub(super) fn failed(problem: &Problem) -> Self {
        Self { decision: false, context: Some(json!({ "error": problem.as_item() })) }
    }
}

/// One of many evaluations, before it is decided.
pub(super) enum Prepared<'a> {
    Query(Query),
    /// It is about a token, or asks why.
    Alone(Evaluation<'a>),
    /// A subject of a type that nobody has.
    Nobody,
}

/// The member of the context that asks why. It speaks to this service and to no policy.
pub(super) const EXPLAIN: &str = "explain";

/// The subject type whose identifier is a token, and whose subject its bearer.
const ACCESS_TOKEN: &str = "access_token";

/// What an evaluation takes from defaults (AuthZEN §7.1.1): each member whole.
pub(super) fn member<'a>(name: &str, item: &'a Object<'a>, defaults: &'a Object<'a>) -> Option<&'a Json<'a>> {
    item.get(name).or_else(|| defaults.get(name))
}

impl<'a> Evaluation<'a> {
    pub(super) fn parse(item: &'a Object<'a>, defaults: &'a Object<'a>) -> Result<Self, Problem> {
        let entity = |name: &'static str| object(name, member(name, item, defaults));
        let (subject, action, resource) = (entity("subject")?, entity("action")?, entity("resource")?);
        let subject_type = text("subject.type", subject.get("type"), NAME_LEN_MAX)?;
        let id_max = subject_id_max(subject_type);
        let mut sent = Sent {
            subject: optional_object("subject.properties", subject.get("properties"))?,
            action: optional_object("action.properties", action.get("properties"))?,
            resource: optional_object("resource.properties", resource.get("properties"))?,
            context: optional_object("context", member("context", item, defaults))?,
        };
        let explain = sent.context.remove(EXPLAIN) == Some(Value::Bool(true));
        Ok(Self {
            explain,
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
        let short = self.subject_id.len() <= SUBJECT_LEN_MAX && self.subject_type != ACCESS_TOKEN;
        short.then(|| format!("{}:{}", self.subject_type, self.subject_id))
    }

    /// Decides it at the resource server of the caller, and says why to whoever asks and may know.
    pub(super) async fn decide(self, app: &App, at: &Asked, now: Instant) -> Result<Answered, Problem> {
        if self.explain && at.may_explain(app).await? {
            return self.explain(app, at, now).await;
        }
        let decisions = app.provider.decisions();
        let before = decisions.applied().revision;
        let nobody = Answered::nobody(before);
        let Some((subject, expires_at)) = subject(app, at, self.subject_type, self.subject_id).await? else {
            return Ok(nobody);
        };
        let token = (self.subject_type == ACCESS_TOKEN).then_some(self.subject_id);
        let query = self.query(subject);
        decisions.check_sent(at.resource_server.id, &query).await?;
        let (decision, revision) = decisions.decide(at.resource_server.id, &query, now).await?;
        // A token that ended meanwhile was no longer good at the revision of this decision.
        if let Some(token) = token.filter(|_| revision > before)
            && self::subject(app, at, ACCESS_TOKEN, token).await?.is_none()
        {
            return Ok(Answered { revision, ..nobody });
        }
        // What a token permits ends with it.
        let valid_until = [decision.valid_until, expires_at].into_iter().flatten().min();
        Ok(Answered { valid_until, ..Answered::decided(&decision, revision) })
    }

    /// Decides it and says why. Whether the caller may know is the caller's to check.
    pub(super) async fn explain(self, app: &App, at: &Asked, now: Instant) -> Result<Answered, Problem> {
        let decisions = app.provider.decisions();
        let Some((subject, expires_at)) = subject(app, at, self.subject_type, self.subject_id).await? else {
            let who = self.named_subject().unwrap_or_else(|| "the bearer of this token".to_owned());
            let what = format!("{} {}:{}", self.action, self.resource_type, self.resource_id);
            let explanation = Explanation::unknown_subject(&who, &what);
            return Ok(Answered::explained(explanation, decisions.applied().revision));
        };
        let query = self.query(subject);
        decisions.check_sent(at.resource_server.id, &query).await?;
        let (explanation, revision) = decisions.explain(at.resource_server.id, &query, now).await?;
        let valid_until = [explanation.valid_until, expires_at].into_iter().flatten().min();
        Ok(Answered::explained(Explanation { valid_until, ..explanation }, revision))
    }

    /// The same under changes that nobody made.
    pub(super) async fn explain_if(
        self,
        app: &App,
        at: &Asked,
        supposed: &Supposed,
        now: Instant,
    ) -> Result<Answered, Problem> {
        let decisions = app.provider.decisions();
        let revision = decisions.applied().revision;
        let Some((subject, expires_at)) = subject(app, at, self.subject_type, self.subject_id).await? else {
            // Nobody comes to be by what can be supposed.
            return self.explain(app, at, now).await;
        };
        let query = self.query(subject);
        let server = &at.resource_server;
        decisions.check_sent(server.id, &query).await?;
        decisions.warm(server.id).await?;
        let explained = app
            .admin
            .suppose(&server.name, supposed, async |tx| decisions.explain_within(tx, server.id, &query, now).await);
        let explained = explained.await.map_err(|error| Problem::supposition(&error))?;
        let explanation = explained?;
        let valid_until = [explanation.valid_until, expires_at].into_iter().flatten().min();
        Ok(Answered::explained(Explanation { valid_until, ..explanation }, revision))
    }

    /// What is to be decided, for one of many; itself, where that takes more than a decision.
    pub(super) async fn prepare(self, app: &App, at: &Asked) -> Result<Prepared<'a>, Problem> {
        if self.explain || self.subject_type == ACCESS_TOKEN {
            return Ok(Prepared::Alone(self));
        }
        let Some((subject, _)) = subject(app, at, self.subject_type, self.subject_id).await? else {
            return Ok(Prepared::Nobody);
        };
        let query = self.query(subject);
        app.provider.decisions().check_sent(at.resource_server.id, &query).await?;
        Ok(Prepared::Query(query))
    }

    fn query(self, subject: SubjectRef) -> Query {
        Query::new(subject, self.action, self.resource_type, self.resource_id).with(self.sent)
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
        ACCESS_TOKEN => match app.provider.accept(id, &at.resource_server.identifier).await {
            Ok(verified) => Ok(Some((verified.subject(), Some(verified.expires_at())))),
            Err(BearerError::Decision(fault)) => Err(fault.into()),
            // A token that is not valid for this resource server speaks for nobody.
            Err(_) => Ok(None),
        },
        named => {
            let subject = app.provider.decisions().named(at.resource_server.id, named, id).await?;
            Ok(subject.map(|subject| (subject, None)))
        }
    }
}

/// The longest identifier a subject of this type may have: that of an `access_token` is the token itself.
pub(super) fn subject_id_max(subject_type: &str) -> usize {
    if subject_type == ACCESS_TOKEN { TOKEN_LEN_MAX } else { NAME_LEN_MAX }
}

pub(super) fn object<'a>(name: &str, value: Option<&'a Json<'a>>) -> Result<&'a Object<'a>, Problem> {
    match value {
        Some(Json::Object(object)) => Ok(object),
        Some(_) => Err(Problem::bad_request(&format!("{name} must be an object"))),
        None => Err(Problem::bad_request(&format!("{name} is missing"))),
    }
}

pub(super) fn optional_object(name: &str, value: Option<&Json<'_>>) -> Result<Map<String, Value>, Problem> {
    match value {
        None => Ok(Map::new()),
        Some(Json::Object(object)) => Ok(object.to_map()),
        Some(_) => Err(Problem::bad_request(&format!("{name} must be an object"))),
    }
}

pub(super) fn text<'a>(name: &str, value: Option<&'a Json<'_>>, len_max: usize) -> Result<&'a str, Problem> {
    let text = match value {
        Some(Json::Text(text)) => text.as_ref(),
        Some(_) => return Err(Problem::bad_request(&format!("{name} must be a string"))),
        None => return Err(Problem::bad_request(&format!("{name} is missing"))),
    };
    if text.is_empty() {
        return Err(Problem::bad_request(&format!("{name} must not be empty")));
    }
    if text.len() > len_max {
        return Err(Problem::bad_request(&format!("{name} must not be longer than {len_max} bytes")));
    }
    // No name here has one, and not every database takes a NUL.
    if text.chars().any(char::is_control) {
        return Err(Problem::bad_request(&format!("{name} must not hold control characters")));
    }
    Ok(text)
}
