//! What is wrong with policies, said so that whoever wrote them finds the place.

use cedar_policy::ffi::DetailedError;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem}", place(self.policy.as_deref(), self.line))]
pub struct PolicyError {
    /// The identifier of the policy; none where the text does not read as policies at all.
    pub policy: Option<String>,
    /// From 1.
    pub line: Option<usize>,
    /// What is wrong, and what was expected.
    pub problem: String,
}

impl PolicyError {
    /// About the text as a whole.
    pub(super) fn whole(problem: String) -> Self {
        Self { policy: None, line: None, problem }
    }

    /// As the library found it; `line` is where the policy begins, for findings that do not say their own place.
    pub(super) fn found(text: &str, policy: Option<String>, line: Option<usize>, found: DetailedError) -> Self {
        let label = found.source_locations.first();
        let own_line = label.and_then(|label| line_at(text, label.loc.start));
        let expected = label.and_then(|label| label.label.clone());
        let problem: Vec<_> = [Some(found.message), expected, found.help].into_iter().flatten().collect();
        // The library names the policy in each part again.
        let named = policy.as_ref().map(|policy| format!("for policy `{}`, ", policy.escape_debug()));
        let problem = problem.join("; ");
        let problem = named.map_or(problem.clone(), |named| problem.replace(&named, ""));
        Self { policy, line: own_line.or(line), problem }
    }
}

/// The line on which a byte of a text stands.
pub(super) fn line_at(text: &str, byte: usize) -> Option<usize> {
    text.get(..byte).map(|before| before.matches('\n').count() + 1)
}

fn place(policy: Option<&str>, line: Option<usize>) -> String {
    match (policy, line) {
        (Some(policy), Some(line)) => format!("policy {policy:?}, line {line}: "),
        (Some(policy), None) => format!("policy {policy:?}: "),
        (None, Some(line)) => format!("line {line}: "),
        (None, None) => String::new(),
    }
}
