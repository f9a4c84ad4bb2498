//! Pages of a search (AuthZEN §8): which one is asked for, and the token that leads to the next.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::super::App;
use super::super::borrowed::{Json, Object};
use super::super::door::Asked;
use super::super::errors::Problem;
use super::request::text;
use super::search::Sought;
use crate::decision::SubjectRef;

/// Results of a page, where the request does not say.
const LIMIT_DEFAULT: usize = 100;
pub(super) const LIMIT_MAX: usize = 1_000;
const TOKEN_LEN_MAX: usize = 4_096;

/// What the request says of its page.
pub(super) struct PageAsked {
    limit: Option<usize>,
    token: Option<String>,
}

/// Where a page begins and how long it is at most.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub after: Option<String>,
    pub limit: usize,
}

impl PageAsked {
    /// `None` for a request that does not speak of pages.
    pub(super) fn parse(body: &Object<'_>) -> Result<Option<Self>, Problem> {
        let page = match body.get("page") {
            None => return Ok(None),
            Some(Json::Object(page)) => page,
            Some(_) => return Err(Problem::bad_request("page must be an object")),
        };
        let limit = page.get("limit").map(|limit| {
            let limit = limit.as_u64().and_then(|limit| usize::try_from(limit).ok());
            let wrong = || Problem::bad_request(&format!("page.limit must be a whole number from 1 to {LIMIT_MAX}"));
            limit.filter(|limit| (1..=LIMIT_MAX).contains(limit)).ok_or_else(wrong)
        });
        let token = page.get("token").map(|token| text("page.token", Some(token), TOKEN_LEN_MAX).map(str::to_owned));
        Ok(Some(Self { limit: limit.transpose()?, token: token.transpose()? }))
    }
}

impl Place {
    /// Where the page that is asked for begins.
    pub(super) fn of(asked: Option<&PageAsked>, app: &App, context: &[u8]) -> Result<Self, Problem> {
        let limit = asked.and_then(|page| page.limit);
        let Some(token) = asked.and_then(|page| page.token.as_deref()) else {
            return Ok(Self { after: None, limit: limit.unwrap_or(LIMIT_DEFAULT) });
        };
        let opened = app.provider.keys().open_page(context, token);
        let place = opened.and_then(|plain| serde_json::from_slice::<Self>(&plain).ok());
        let wrong = || Problem::bad_request("page.token is not one that this caller got for this search");
        let place = place.ok_or_else(wrong)?;
        Ok(Self { limit: limit.unwrap_or(place.limit), ..place })
    }

    /// The token that leads here.
    pub(super) fn token(&self, app: &App, context: &[u8]) -> Result<String, Problem> {
        let plain = serde_json::to_vec(self).map_err(|fault| Problem::failed(&fault))?;
        app.provider.keys().seal_page(context, &plain).map_err(|fault| Problem::failed(&fault))
    }
}

/// What a token is bound to: who asks, where, and the whole search but its page and the identifier that means nothing.
pub(super) fn context(asked: &Asked, sought: &Sought, subject: Option<&SubjectRef>) -> Vec<u8> {
    let Asked { resource_server: at, client, caller, .. } = asked;
    // Where subjects of a type are known is the model's to say, and the order of pages follows from it.
    let space = subject.map(|subject| match subject {
        SubjectRef::User(_) => "user",
        SubjectRef::Client(_) => "client",
        SubjectRef::External(_) => "external",
    });
    let Sought { target, subject_type, subject_id, action, resource_type, resource_id, sent } = sought;
    let mut bound = json!([
        ["search", at.id.to_string(), client.client_id.as_str(), format!("{caller:?}"), format!("{target:?}"), space],
        [subject_type, subject_id, action, resource_type, resource_id],
        [&sent.subject, &sent.action, &sent.resource, &sent.context],
    ]);
    // The same members in another order are the same request.
    bound.sort_all_objects();
    Sha256::digest(bound.to_string()).to_vec()
}
