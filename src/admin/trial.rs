//! Decision tests of a model and policies that do not count yet.

use super::{Admin, AdminError, Edit};
use crate::decision::Decisions;
use crate::decision::given::Case;
use crate::decision::trial::{Proposed, Surprise};
use crate::domain::resource_server::ResourceServer;

/// So many cases are decided at once: other writes wait meanwhile.
pub const CASES_MAX: usize = 1_000;

/// What must come out, of what is stored, before rules count.
#[derive(Clone, Copy)]
pub struct Trial<'a> {
    pub decisions: &'a Decisions,
    pub cases: &'a [Case],
}

impl Trial<'_> {
    /// Before any transaction: the number of cases, and what now counts compiled, since the transaction must be short.
    pub(super) async fn prepare(&self, server: &ResourceServer) -> Result<(), AdminError> {
        if self.cases.len() > CASES_MAX {
            let problem = format!("{} decision tests; at most {CASES_MAX} at once", self.cases.len());
            return Err(AdminError::invalid("tests", problem));
        }
        if self.cases.is_empty() { Ok(()) } else { Ok(self.decisions.warm(server.id).await?) }
    }
}

impl Admin {
    /// Decides the cases inside a write that has changed nothing yet.
    pub(super) async fn pass(
        &self,
        trial: &Trial<'_>,
        edit: &mut Edit,
        server: &ResourceServer,
        proposed: Proposed,
    ) -> Result<(), AdminError> {
        if trial.cases.is_empty() {
            return Ok(());
        }
        let surprise = trial.decisions.try_out(edit, server.id, proposed, trial.cases, self.now()).await?;
        let failed = surprise.and_then(|Surprise { index, got }| Some((index, got, trial.cases.get(index)?)));
        failed.map_or(Ok(()), |(index, got, case)| {
            let failed = AdminError::TestFailed { case: case.label(), expected: case.decision, got };
            Err(failed.at("tests", index))
        })
    }
}
