//! The oracle: in random worlds, at the moments when something begins or ends and just before, the engine says what a second,
//! naive evaluator says, for a reason that holds, and for as long as it says it does. What is more than one decision may
//! walk is told so, never answered.
//!
//! `tests/decisions/oracle/run` asks a million times; `cargo test` some thousands. Both begin at a random place, unless
//! `ORACLE_SEED` says where; a failure says what to set it to, and shows the smallest world that it found to fail.

#![expect(clippy::print_stdout, reason = "a long run says how far it is, and any what it was about")]

mod cedar;
mod large;
mod naive;
mod plan;
mod policy;
mod random;
mod real;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use doorward::decision::{Decision, Reason};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use self::cedar::Judge;
use self::naive::{Standing, Verdict};
use self::plan::{Ask, Plan};
use self::random::{Case, NOWS};
use self::real::{Answer, Real};

/// Decisions of the short run.
const DECISIONS: u64 = 6_000;
const WORLDS_PER_BATCH: u32 = 20;
const LARGE_PER_BATCH: u32 = 6;
/// Every way a decision can come out; each must have, and none too rarely to mean anything.
const KINDS: [&str; 10] = [
    "unknown",
    "disabled",
    "unreadable",
    "denied by an assignment",
    "forbidden by a policy",
    "permitted by an assignment",
    "permitted by a policy",
    "permitted by a relation",
    "permitted by nothing",
    "over budget",
];

#[derive(Default)]
struct Tally {
    decisions: u64,
    kinds: BTreeMap<&'static str, u64>,
    worlds: u64,
    policies: u64,
    refused: u64,
    /// What did not agree.
    failed: Option<String>,
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}: not a number")))
}

#[test]
fn the_oracle_agrees() {
    let wanted = setting("ORACLE_DECISIONS").unwrap_or(DECISIONS);
    let first = setting("ORACLE_SEED").unwrap_or_else(|| RandomState::new().hash_one(0) >> 16);
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    println!("{wanted} decisions from ORACLE_SEED={first}, on {threads} threads");
    let (tally, next) = (Mutex::new(Tally::default()), AtomicU64::new(first));
    let is_enough = || tally.lock().is_ok_and(|tally| tally.decisions >= wanted);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                // One that fails ends them all: the lock is poisoned.
                while !is_enough() && !tally.is_poisoned() {
                    let batch = batch(next.fetch_add(1, Ordering::Relaxed));
                    let failed = batch.failed.clone();
                    let told = tally.lock().map(|mut tally| tally.add(batch, wanted));
                    if let (Some(failed), Ok(())) = (failed, told) {
                        let _held = tally.lock();
                        panic!("{failed}");
                    }
                }
            });
        }
    });
    tally.lock().unwrap().show();
}

/// Some random worlds, and some about as large as can be.
fn batch(seed: u64) -> Tally {
    let config = |count| ProptestConfig {
        cases: count,
        failure_persistence: None,
        max_shrink_iters: 5_000,
        ..ProptestConfig::default()
    };
    let bytes: Vec<u8> = (0..4).flat_map(|part| (seed ^ part).to_le_bytes()).collect();
    let runner = |count| TestRunner::new_with_rng(config(count), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let tally = RefCell::new(Tally::default());
    let failed = runner(WORLDS_PER_BATCH).run(&random::cases(), |case| agrees(&case, &mut tally.borrow_mut()));
    let large = runner(LARGE_PER_BATCH).run(&large::cases(), |case| large::agrees(&case, &mut tally.borrow_mut()));
    Tally { failed: told(seed, failed).or_else(|| told(seed, large)), ..tally.into_inner() }
}

fn told<T: std::fmt::Debug>(seed: u64, failed: Result<(), TestError<T>>) -> Option<String> {
    failed.err().map(|error| match error {
        TestError::Fail(why, case) => format!("ORACLE_SEED={seed} finds this again\n{why}\n{case:?}"),
        TestError::Abort(why) => format!("ORACLE_SEED={seed}: {why}"),
    })
}

impl Tally {
    fn count(&mut self, kind: &'static str) {
        self.decisions += 1;
        *self.kinds.entry(kind).or_default() += 1;
    }

    fn add(&mut self, batch: Self, wanted: u64) {
        let before = self.decisions * 10 / wanted;
        self.decisions += batch.decisions;
        self.worlds += batch.worlds;
        self.policies += batch.policies;
        self.refused += batch.refused;
        for (kind, count) in batch.kinds {
            *self.kinds.entry(kind).or_default() += count;
        }
        if self.decisions * 10 / wanted > before {
            println!("{:>9} decisions in {} worlds", self.decisions, self.worlds);
        }
    }

    fn show(&self) {
        let Self { decisions, worlds, policies, refused, kinds, .. } = self;
        println!("{decisions} decisions in {worlds} worlds with {policies} policies ({refused} more were refused)");
        let of = |kind: &str| kinds.get(kind).copied().unwrap_or_default();
        for kind in KINDS {
            println!("{:>9}  {:>5.2} %  {kind}", of(kind), 100.0 * ratio(of(kind), *decisions));
        }
        let permits: u64 = KINDS.iter().filter(|kind| kind.starts_with("permitted by a")).map(|kind| of(kind)).sum();
        println!("{permits:>9}  {:>5.2} %  permits in all", 100.0 * ratio(permits, *decisions));
        for kind in KINDS {
            assert!(of(kind) > 0, "none was {kind}");
        }
        let balance = ratio(permits, *decisions);
        assert!((0.08..0.75).contains(&balance), "{balance} of all are permits");
        assert!(refused < policies, "most policies are refused");
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share of some millions")]
fn ratio(part: u64, of: u64) -> f64 {
    part as f64 / of as f64
}

/// One world, all its questions, at every moment.
fn agrees(case: &Case, tally: &mut Tally) -> Result<(), TestCaseError> {
    let (real, refused) = Real::build(&case.plan);
    let judges: Vec<_> =
        case.plan.policies.iter().filter(|policy| !refused.contains(&policy.id)).map(Judge::new).collect();
    tally.worlds += 1;
    tally.policies += judges.len() as u64;
    tally.refused += refused.len() as u64;
    let moments = case.plan.moments();
    for ask in &case.asks {
        let verdicts = NOWS.map(|now| (now, naive::judge(&case.plan, &judges, ask, now)));
        for (at, (now, verdict)) in verdicts.iter().enumerate() {
            for answer in answers(&real, &case.plan, ask, *now, verdict) {
                let Some(decision) = compare(&real, ask, *now, verdict, &answer)? else { continue };
                let until = decision.valid_until.map(doorward::domain::time::Instant::as_micros);
                if let Some(until) = until {
                    prop_assert!(until > *now, "{ask} at {now}: valid until {until}, which has passed");
                    prop_assert!(moments.contains(&until), "{ask} at {now}: nothing ends at {until}");
                }
                for (later, then) in verdicts[at..].iter().take_while(|(later, _)| until.is_none_or(|u| *later < u)) {
                    let says = format!("{ask} at {now} is valid until {until:?}, and changes by {later}");
                    prop_assert_eq!(then.allowed(), verdict.allowed(), "{}: {:?}", says, then);
                }
            }
            tally.count(kind(verdict));
        }
    }
    Ok(())
}

fn answers(real: &Real, plan: &Plan, ask: &Ask, now: i64, verdict: &Verdict) -> Vec<Answer> {
    // What cannot be read is refused before the engine is asked.
    let is_refused = verdict.standing == Standing::Unreadable;
    let learnt = if is_refused { None } else { real.learn(plan, ask, now) };
    real.ask(ask, now).into_iter().chain(learnt).collect()
}

fn kind(verdict: &Verdict) -> &'static str {
    match verdict.standing {
        Standing::Unknown => "unknown",
        Standing::Disabled => "disabled",
        Standing::Unreadable => "unreadable",
        Standing::Active if !verdict.denied.is_empty() => "denied by an assignment",
        Standing::Active if !verdict.forbids.is_empty() => "forbidden by a policy",
        Standing::Active if !verdict.assigned.is_empty() => "permitted by an assignment",
        Standing::Active if !verdict.permits.is_empty() => "permitted by a policy",
        Standing::Active if !verdict.related.is_empty() => "permitted by a relation",
        Standing::Active => "permitted by nothing",
    }
}

/// The answer is the same, and its reason is one that holds.
fn compare<'a>(
    real: &Real,
    ask: &Ask,
    now: i64,
    verdict: &Verdict,
    answer: &'a Answer,
) -> Result<Option<&'a Decision>, TestCaseError> {
    let Answer::Decided(decision) = answer else {
        let is_right = matches!(answer, Answer::Unreadable) && verdict.standing == Standing::Unreadable;
        prop_assert!(is_right, "{ask} at {now}: {answer:?}\nthe oracle: {verdict:?}");
        return Ok(None);
    };
    let said = real.say(decision);
    let said = |before: &str| said.strip_prefix(before).unwrap_or(&said).to_owned();
    let holds = match &decision.reason {
        Reason::SubjectUnknown => verdict.standing == Standing::Unknown,
        Reason::SubjectDisabled => verdict.standing == Standing::Disabled,
        Reason::DeniedBy(_) => verdict.denied.contains(&said("denied by ")),
        Reason::AllowedBy(_) => verdict.assigned.contains(&said("permitted by ")),
        Reason::ForbiddenBy(policy) => verdict.forbids.contains(&**policy),
        Reason::PermittedBy(policy) => verdict.permits.contains(&**policy),
        Reason::RelatedBy(relation) => verdict.related.contains(relation.as_str()),
        Reason::NothingGrants => verdict.standing == Standing::Active,
    };
    let is_right = decision.allowed == verdict.allowed() && holds;
    prop_assert!(is_right, "{ask} at {now}: {decision:?}\nthe oracle: {verdict:?}");
    Ok(Some(decision))
}
