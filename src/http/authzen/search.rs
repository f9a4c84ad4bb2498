//! `POST /access/v1/search/…` (AuthZEN §8): who may, to what, and what; in pages.

use std::sync::Arc;

use salvo::http::StatusCode;
use salvo::{Depot, Request, Response, handler};
use serde_json::{Value, json};

use super::super::borrowed::{EMPTY, Object};
use super::super::door::Asked;
use super::super::errors::Problem;
use super::super::frame::Noted;
use super::super::{App, json, reply};
use super::evaluation::about;
use super::page::{self, PageAsked, Place};
use super::request::{EXPLAIN, NAME_LEN_MAX, SUBJECT_LEN_MAX, object, optional_object, subject, subject_id_max, text};
use crate::decision::{Found, Page, Query, Sent, SubjectRef, Target};
use crate::domain::change::Revision;

#[derive(Clone)]
pub(in crate::http) struct Search(pub Arc<App>, pub Target);

#[handler]
impl Search {
    async fn handle(&self, req: &mut Request, depot: &mut Depot, res: &mut Response) {
        let started = self.0.clock.monotonic();
        match self.search(req, depot).await {
            Ok((body, revision)) => {
                reply::json(res, StatusCode::OK, &body);
                about(&self.0, res, revision, started);
            }
            Err(problem) => problem.render(res),
        }
    }
}

impl Search {
    async fn search(&self, req: &mut Request, depot: &mut Depot) -> Result<(Value, Revision), Problem> {
        let app = &self.0;
        let body = json::object(req, app.limits.body_max_bytes).await?;
        let sought = Sought::parse(&body, self.1)?;
        let asked_page = PageAsked::parse(&body)?;
        if let Some(subject) = sought.named_subject() {
            Noted::subject(depot, &subject);
        }
        let asked = depot.get_typed::<Asked>().map_err(|_| Problem::unauthenticated())?;
        let subject = sought.subject(app, asked).await?;
        let context = page::context(asked, &sought, subject.as_ref());
        let place = Place::of(asked_page.as_ref(), app, &context)?;
        let (found, revision) = match subject {
            None => (Found::default(), app.provider.decisions().applied().revision),
            Some(subject) => sought.find(app, asked, subject, &place).await?,
        };
        let next = found.next.clone().map(|after| Place { after: Some(after), ..place }.token(app, &context));
        let next = next.transpose()?;
        let results = sought.results(&found);
        let answer = if asked_page.is_some() || next.is_some() {
            let page = json!({ "next_token": next.unwrap_or_default(), "count": found.ids.len() });
            json!({ "results": results, "page": page })
        } else {
            json!({ "results": results })
        };
        Ok((answer, revision))
    }
}

/// One search, checked. What is searched for has no identifier; one that is sent means nothing.
pub(super) struct Sought {
    pub target: Target,
    pub subject_type: String,
    pub subject_id: Option<String>,
    pub action: Option<String>,
    pub resource_type: String,
    pub resource_id: Option<String>,
    pub sent: Sent,
}

/// Stands for what is searched for, until a candidate takes its place.
const ANY: &str = "-";

impl Sought {
    fn parse(body: &Object<'_>, target: Target) -> Result<Self, Problem> {
        let (subject, resource) = (object("subject", body.get("subject"))?, object("resource", body.get("resource"))?);
        let action = if target == Target::Actions { &EMPTY } else { object("action", body.get("action"))? };
        let subject_type = text("subject.type", subject.get("type"), NAME_LEN_MAX)?.to_owned();
        let given = |is_given: bool, name: &str, of: &Object<'_>, member: &str, len_max: usize| {
            is_given.then(|| text(name, of.get(member), len_max).map(str::to_owned)).transpose()
        };
        let id_max = subject_id_max(&subject_type);
        let mut context = optional_object("context", body.get("context"))?;
        // Searches are not explained.
        context.remove(EXPLAIN);
        Ok(Self {
            target,
            subject_id: given(target != Target::Subjects, "subject.id", subject, "id", id_max)?,
            subject_type,
            action: given(target != Target::Actions, "action.name", action, "name", NAME_LEN_MAX)?,
            resource_type: text("resource.type", resource.get("type"), NAME_LEN_MAX)?.to_owned(),
            resource_id: given(target != Target::Resources, "resource.id", resource, "id", NAME_LEN_MAX)?,
            sent: Sent {
                subject: optional_object("subject.properties", subject.get("properties"))?,
                action: optional_object("action.properties", action.get("properties"))?,
                resource: optional_object("resource.properties", resource.get("properties"))?,
                context,
            },
        })
    }

    /// The subject for the log; a token is never logged.
    fn named_subject(&self) -> Option<String> {
        let id = self.subject_id.as_ref().filter(|id| id.len() <= SUBJECT_LEN_MAX)?;
        (self.subject_type != "access_token").then(|| format!("{}:{id}", self.subject_type))
    }

    /// Whom it is about, or what those who are searched for are like; `None` for what is nobody here.
    async fn subject(&self, app: &App, at: &Asked) -> Result<Option<SubjectRef>, Problem> {
        match &self.subject_id {
            Some(id) => Ok(subject(app, at, &self.subject_type, id).await?.map(|(subject, _)| subject)),
            None => Ok(app.provider.decisions().named(at.resource_server.id, &self.subject_type, ANY).await?),
        }
    }

    async fn find(
        &self,
        app: &App,
        at: &Asked,
        subject: SubjectRef,
        place: &Place,
    ) -> Result<(Found, Revision), Problem> {
        let action = self.action.as_deref().unwrap_or(ANY);
        let resource_id = self.resource_id.as_deref().unwrap_or(ANY);
        let query = Query::new(subject, action, &self.resource_type, resource_id).with(self.sent.clone());
        let decisions = app.provider.decisions();
        decisions.check_sent(at.resource_server.id, &query).await?;
        let page = Page { after: place.after.as_deref(), limit: place.limit };
        Ok(decisions.search(at.resource_server.id, self.target, &query, page, app.clock.now()).await?)
    }

    fn results(&self, found: &Found) -> Value {
        let of_type = |of: &str, id: &String| json!({ "type": of, "id": id });
        let results = found.ids.iter().map(|id| match self.target {
            Target::Subjects => of_type(&self.subject_type, id),
            Target::Resources => of_type(&self.resource_type, id),
            Target::Actions => json!({ "name": id }),
        });
        results.collect()
    }
}
