//! `GET /access/v1/watch`: what writes change, as server-sent events, so that resource servers drop what they keep of
//! earlier answers. Every event's id is a consistency token; a stream goes on after the one in `Last-Event-ID`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use futures_util::stream::unfold;
use salvo::http::HeaderMap;
use salvo::http::header::AUTHORIZATION;
use salvo::sse::{self, SseEvent};
use salvo::{Depot, Request, Response, handler};
use serde_json::json;
use tokio::sync::watch;

use super::super::App;
use super::super::door::{Asked, DecisionDoor};
use super::super::errors::Problem;
use super::super::places::Place;
use crate::decision::{DecisionError, Told, Watch};
use crate::domain::change::Position;

/// How often a stream says that it is there, and how far it has come.
const STILL_THERE_EVERY: Duration = Duration::from_secs(15);
/// How long a client should wait before it connects again.
const RETRY: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(in crate::http) struct Watching(pub Arc<App>);

#[handler]
impl Watching {
    fn handle(&self, req: &mut Request, depot: &mut Depot, res: &mut Response) {
        match self.watch(req, depot) {
            Ok(events) => sse::stream(res, events),
            Err(problem) => problem.render(res),
        }
    }
}

impl Watching {
    fn watch(
        &self,
        req: &Request,
        depot: &Depot,
    ) -> Result<impl Stream<Item = Result<SseEvent, DecisionError>> + Send + 'static, Problem> {
        let asked = depot.get_typed::<Asked>().map_err(|_| Problem::unauthenticated())?;
        let after = after(req)?;
        let place = self.0.places.take(asked.client.id).map_err(Problem::no_place)?;
        let watcher = Watcher {
            watch: self.0.provider.decisions().watch(asked.resource_server.id, after),
            door: DecisionDoor(self.0.clone()),
            headers: credentials(req.headers()),
            base: DecisionDoor::base(req),
            draining: self.0.readiness.watch(),
            _place: place,
        };
        let hello = SseEvent::default().name("open").id(watcher.watch.position().token()).retry(RETRY);
        let hello = hello.text(json!({ "revision": watcher.watch.position().revision }).to_string());
        Ok(unfold((Some(hello), watcher), |(hello, mut watcher)| async move {
            let event = match hello {
                Some(hello) => hello,
                None => watcher.next().await?,
            };
            Some((Ok(event), (None, watcher)))
        }))
    }
}

/// Where the stream goes on: the last event seen, as browsers send it, or `after` in the query.
fn after(req: &Request) -> Result<Option<Position>, Problem> {
    let header = req.headers().get("last-event-id");
    let token = match (header, req.query::<String>("after")) {
        (Some(header), _) => Some(header.to_str().unwrap_or_default().to_owned()),
        (None, query) => query,
    };
    let wrong = || Problem::member("after", "must be the id of an event, or a consistency token");
    token.map(|token| Position::from_token(&token).ok_or_else(wrong)).transpose()
}

/// What the caller proves itself with, again and again.
fn credentials(all: &HeaderMap) -> HeaderMap {
    all.get_all(AUTHORIZATION).iter().map(|value| (AUTHORIZATION, value.clone())).collect()
}

struct Watcher {
    watch: Watch,
    door: DecisionDoor,
    headers: HeaderMap,
    base: Option<String>,
    draining: watch::Receiver<bool>,
    _place: Place,
}

impl Watcher {
    /// The next event; nothing once the stream is over: this node stops, the log cannot be read, or the caller may not
    /// watch any more. Whoever may connects again and goes on where it was.
    async fn next(&mut self) -> Option<SseEvent> {
        let told = tokio::select! {
            told = self.watch.next() => Some(told.ok()?),
            () = tokio::time::sleep(STILL_THERE_EVERY) => None,
            _ = self.draining.wait_for(|draining| *draining) => return None,
        };
        // Whoever was shut out meanwhile is told nothing more.
        self.door.admit(&self.headers, self.base.as_deref()).await.ok()?;
        let position = told.as_ref().map_or_else(|| self.watch.position(), Told::position);
        let event = SseEvent::default().id(position.token());
        Some(match told {
            None => event.comment("still there"),
            Some(Told::Reset(position)) => {
                event.name("reset").text(json!({ "revision": position.revision }).to_string())
            }
            Some(Told::Changed(position, affected)) => {
                let data = json!({
                    "revision": position.revision, "everything": affected.everything, "subjects": affected.subjects,
                    "resources": affected.resources, "resource_types": affected.resource_types,
                });
                event.name("change").text(data.to_string())
            }
        })
    }
}
