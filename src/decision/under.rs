//! Decisions of what an open transaction holds, under rules that do not count yet.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::engine::{
    self, Decision, Direct, Holdings, Outcome, PersonFacts, Query, Scope, SubjectRef, SubjectState, World,
};
use super::error::DecisionError;
use super::load::View;
use super::snapshot::Snapshot;
use crate::domain::assignment::{Assignment, Principal};
use crate::domain::group::Membership;
use crate::domain::id::PersonId;
use crate::domain::object::{Edge, EdgeSubject, ObjectRef};
use crate::domain::time::Instant;
use crate::store::Tx;

/// All of them; none for those that need more than one decision may walk.
pub(super) async fn decide(
    view: &mut View<'_>,
    tx: &mut Tx,
    snapshot: &Snapshot,
    queries: &[&Query],
    now: Instant,
) -> Result<Vec<Option<Decision>>, DecisionError> {
    match together(view, tx, snapshot, queries, now).await {
        // One of them leads on to more than may be loaded: each alone says which.
        Err(DecisionError::OverBudget) => {}
        other => return other,
    }
    let mut decided = Vec::with_capacity(queries.len());
    for query in queries {
        view.forget();
        decided.push(match together(view, tx, snapshot, &[*query], now).await {
            Ok(decisions) => decisions.into_iter().next().flatten(),
            Err(DecisionError::OverBudget) => None,
            Err(fault) => return Err(fault),
        });
    }
    Ok(decided)
}

async fn together(
    view: &mut View<'_>,
    tx: &mut Tx,
    snapshot: &Snapshot,
    queries: &[&Query],
    now: Instant,
) -> Result<Vec<Option<Decision>>, DecisionError> {
    loop {
        let outcome = engine::decide_all(&Under { view, snapshot }, queries.iter().copied(), now);
        match outcome {
            Outcome::Decided(decided) => return Ok(decided),
            Outcome::OverBudget => return Err(DecisionError::OverBudget),
            Outcome::Missing(keys) => view.load(tx, keys).await?,
        }
    }
}

/// What a view sees, under other rules.
struct Under<'v, 's> {
    view: &'v View<'s>,
    snapshot: &'v Snapshot,
}

impl World for Under<'_, '_> {
    fn snapshot(&self) -> &Snapshot {
        self.snapshot
    }

    fn subject(&self, subject: &SubjectRef) -> Option<SubjectState> {
        self.view.subject(subject)
    }

    fn memberships(&self, of: Principal) -> Option<Arc<[Membership]>> {
        self.view.memberships(of)
    }

    fn holdings(&self, of: Principal) -> Option<Arc<Holdings>> {
        self.view.holdings(of)
    }

    fn assignments(&self, of: Principal, scope: &Scope) -> Option<Arc<[Assignment]>> {
        self.view.assignments(of, scope)
    }

    fn listed(&self, object: &ObjectRef) -> Option<Arc<[Edge]>> {
        self.view.listed(object)
    }

    fn direct(&self, object: &ObjectRef, subject: &EdgeSubject) -> Option<Arc<[Direct]>> {
        self.view.direct(object, subject)
    }

    fn person(&self, id: PersonId) -> Option<Arc<PersonFacts>> {
        self.view.person(id)
    }

    fn attributes(&self, of: Principal) -> Option<Arc<Map<String, Value>>> {
        self.view.attributes(of)
    }

    fn resource(&self, object: &ObjectRef) -> Option<Arc<Map<String, Value>>> {
        self.view.resource(object)
    }
}
