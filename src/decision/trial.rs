//! What would be decided by rules that do not count yet: all else is as an open transaction has it, and the caches, which
//! know rules by their versions, see nothing of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::asked;
use super::engine::{Decision, Query};
use super::error::DecisionError;
use super::given::Case;
use super::load::View;
use super::memory::parts;
use super::policies::Policies;
use super::service::Decisions;
use super::snapshot::Snapshot;
use super::under::decide;
use crate::domain::id::ResourceServerId;
use crate::domain::model::Model;
use crate::domain::time::Instant;
use crate::store::{Tx, roles};

/// Cases that are decided together: what they miss is loaded at once.
const TOGETHER_MAX: usize = 20;

/// Other writes wait meanwhile.
const TRIAL_MAX: Duration = Duration::from_secs(2);

/// Model and policies, checked against each other.
#[derive(Clone, Debug, Default)]
pub struct Proposed {
    pub model: Option<Model>,
    pub policies: Option<Arc<Policies>>,
}

/// The first case that does not come out as it says.
#[derive(Clone, Debug)]
pub struct Surprise {
    pub index: usize,
    /// What came out instead; why is for those who may ask it.
    pub got: String,
}

impl Decisions {
    /// Decides cases as they would be decided if these rules counted at the resource server.
    ///
    /// # Errors
    /// The store's. A case that cannot be decided is one that does not come out.
    pub async fn try_out(
        &self,
        tx: &mut Tx,
        at: ResourceServerId,
        proposed: Proposed,
        cases: &[Case],
        now: Instant,
    ) -> Result<Option<Surprise>, DecisionError> {
        let snapshot = Snapshot::build(&roles::all(tx, at).await?, proposed.model, proposed.policies);
        let mut view = View::pinned(self, tx, at).await?;
        let started = self.clock.monotonic();
        for (chunk, cases) in cases.chunks(TOGETHER_MAX).enumerate() {
            if self.clock.monotonic().saturating_sub(started) > TRIAL_MAX {
                let got = format!("an error: those before it took {} seconds already", TRIAL_MAX.as_secs());
                return Ok(Some(Surprise { index: chunk * TOGETHER_MAX, got }));
            }
            tokio::task::yield_now().await;
            if let Some(Surprise { index, got }) = surprise(&mut view, tx, &snapshot, cases, now).await? {
                return Ok(Some(Surprise { index: chunk * TOGETHER_MAX + index, got }));
            }
            view.forget();
        }
        Ok(None)
    }
}

/// What came of a case.
struct Came {
    allowed: Option<bool>,
    /// Why it could not be decided.
    said: String,
}

async fn surprise(
    view: &mut View<'_>,
    tx: &mut Tx,
    snapshot: &Snapshot,
    cases: &[Case],
    now: Instant,
) -> Result<Option<Surprise>, DecisionError> {
    let mut came = BTreeMap::new();
    let mut asked: BTreeMap<Instant, Vec<(usize, Query)>> = BTreeMap::new();
    for (index, case) in cases.iter().enumerate() {
        match query(snapshot, case) {
            Ok(Some(query)) => asked.entry(case.now.unwrap_or(now)).or_default().push((index, query)),
            Ok(None) => drop(came.insert(index, Came { allowed: Some(false), said: String::new() })),
            Err(said) => drop(came.insert(index, Came { allowed: None, said })),
        }
    }
    for (now, asked) in &asked {
        let queries: Vec<_> = asked.iter().map(|(_, query)| query).collect();
        let decided = decide(view, tx, snapshot, &queries, *now).await?;
        let indexes = asked.iter().map(|(index, _)| *index);
        came.extend(indexes.zip(decided.iter().map(|decision| Came::decided(decision.as_ref()))));
    }
    let differs = |(index, case): (usize, &Case)| {
        let came = came.remove(&index).filter(|came| came.allowed != Some(case.decision))?;
        let got = came.allowed.map_or_else(|| format!("an error: {}", came.said), |allowed| allowed.to_string());
        Some(Surprise { index, got })
    };
    Ok(cases.iter().enumerate().find_map(differs))
}

impl Came {
    fn decided(decision: Option<&Decision>) -> Self {
        match decision {
            Some(Decision { allowed, .. }) => Self { allowed: Some(*allowed), said: String::new() },
            None => Self { allowed: None, said: "it takes more than one decision may".to_owned() },
        }
    }
}

/// What a case asks; nobody's question where its subject can be nobody.
fn query(snapshot: &Snapshot, case: &Case) -> Result<Option<Query>, String> {
    let (subject_type, subject_id) = parts("subject", &case.subject)?;
    let (resource_type, resource_id) = parts("resource", &case.resource)?;
    let model = snapshot.model();
    let space = asked::space(subject_type).or_else(|| model?.subject_space(subject_type));
    let Some(subject) = space.and_then(|space| asked::named(space, subject_type, subject_id)) else { return Ok(None) };
    let query = Query::new(subject, &case.action, resource_type, resource_id).with(case.sent());
    if let Some(model) = model {
        asked::check_sent(model, &query).map_err(|error| error.to_string())?;
    }
    Ok(Some(query))
}
