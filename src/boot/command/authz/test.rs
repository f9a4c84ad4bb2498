//! `doorward authz test`: the decision tests of a folder, decided by the engine over a world in memory.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::super::super::node::{BootError, World};
use super::super::super::output::{Output, line};
use super::files::Files;
use crate::decision::given::{Case, DecisionTests};
use crate::decision::memory::{MemoryWorld, Question, Rulebook};
use crate::domain::group::NamedGroups;
use crate::domain::time::Instant;

#[derive(Args)]
#[command(after_help = "\
Example:
  doorward authz test authz/documents      exit code 1 when a decision does not come out as its test says")]
pub(in crate::boot) struct TestArgs {
    /// A folder with server.toml, model.toml, roles.toml, groups.toml, policies.cedar and tests/*.toml.
    folder: PathBuf,
}

/// A case that did not come out as it says.
pub(super) struct Failure {
    file: String,
    case: String,
    expected: bool,
    /// The decision, or `error`.
    got: String,
    reason: String,
}

/// What came of all cases.
pub(super) struct Report {
    pub cases: usize,
    pub failures: Vec<Failure>,
}

pub(super) fn run(args: &TestArgs, output: Output) -> Result<(), BootError> {
    let files = Files::read(&args.folder)?;
    let report = test(&files, World::system().clock.now())?;
    if report.cases == 0 {
        return Err(format!("{}/tests holds no decision tests: nothing was shown", args.folder.display()).into());
    }
    report.print(output);
    report.verdict()
}

/// Decides every case.
///
/// # Errors
/// Rules that do not compile, or a world that cannot be.
pub(super) fn test(files: &Files, now: Instant) -> Result<Report, BootError> {
    let rules = files.compile()?;
    run_all(&rules, &files.authorization.groups, &files.tests, now)
}

fn run_all(
    rules: &Rulebook,
    groups: &NamedGroups,
    tests: &BTreeMap<String, DecisionTests>,
    now: Instant,
) -> Result<Report, BootError> {
    let mut report = Report { cases: 0, failures: Vec::new() };
    for (file, tests) in tests {
        let world = MemoryWorld::build(rules, groups, &tests.given);
        let world = world.map_err(|problem| format!("{file}: given.{problem}"))?;
        for (index, case) in tests.decide.iter().enumerate() {
            report.cases += 1;
            let now = case.now.or(tests.given.now).unwrap_or(now);
            if let Some((got, reason)) = fails(&world, case, now) {
                let (file, expected) = (file.clone(), case.decision);
                let case = format!("decide[{index}] {}", case.label());
                report.failures.push(Failure { file, case, expected, got, reason });
            }
        }
    }
    Ok(report)
}

/// What came out instead, and why.
fn fails(world: &MemoryWorld, case: &Case, now: Instant) -> Option<(String, String)> {
    let question = Question {
        subject: case.subject.clone(),
        action: case.action.clone(),
        resource: case.resource.clone(),
        sent: case.sent(),
    };
    match world.ask(&question, now) {
        Ok(decision) if decision.allowed == case.decision => None,
        Ok(decision) => Some((decision.allowed.to_string(), world.say(&decision.reason))),
        Err(problem) => Some(("error".to_owned(), problem)),
    }
}

impl Report {
    pub(super) fn print(&self, output: Output) {
        let failed = self.failures.len();
        if output.json {
            let failures: Vec<Value> = self.failures.iter().map(Failure::json).collect();
            line(&json!({ "cases": self.cases, "failed": failed, "failures": failures }).to_string());
            return;
        }
        for failure in &self.failures {
            let Failure { file, case, expected, got, reason } = failure;
            line(&format!("FAILED {file}: {case}\n       expected {expected}, got {got}: {reason}"));
        }
        line(&format!("{} decisions as they should be, {failed} not", self.cases - failed));
    }

    /// # Errors
    /// When a case failed.
    pub(super) fn verdict(&self) -> Result<(), BootError> {
        match self.failures.len() {
            0 => Ok(()),
            failed => Err(format!("{failed} of {} decisions do not come out as their tests say", self.cases).into()),
        }
    }
}

impl Failure {
    fn json(&self) -> Value {
        let Self { file, case, expected, got, reason } = self;
        json!({ "file": file, "case": case, "expected": expected, "got": got, "reason": reason })
    }
}
