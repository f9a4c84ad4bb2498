//! The engine alone: in process, in a world that is held in memory.

use std::hint::black_box;
use std::time::{Instant, SystemTime};

use doorward::decision::memory::MemoryWorld;
use doorward::decision::{Outcome, Query, Sent, SubjectRef, decide};

use crate::world::{Kind, Question, type_name};

/// Questions whose decisions are timed together: the clock itself takes a tenth of a role check.
const TOGETHER: usize = 8;
const ROUNDS: usize = 40;

/// Medians of one decision, in nanoseconds, each of so many questions asked again and again.
pub fn medians(world: &MemoryWorld, questions: &[Question]) -> Vec<(Kind, usize, f64)> {
    let kinds = [Kind::Role, Kind::Owner, Kind::Tree, Kind::Conditional];
    let of_kind = |kind| {
        let of_kind: Vec<_> = questions.iter().filter(|question| question.kind == kind).collect();
        (kind, of_kind.len(), median(world, &of_kind))
    };
    kinds.map(of_kind).to_vec()
}

fn median(world: &MemoryWorld, questions: &[&Question]) -> f64 {
    let now = SystemTime::now().into();
    let queries: Vec<_> = questions.iter().map(|question| query(question)).collect();
    for (query, question) in queries.iter().zip(questions) {
        let Outcome::Decided(decision) = decide(world, query, now) else { panic!("not decided: {question:?}") };
        assert_eq!(decision.allowed, question.allowed, "{question:?}: {decision:?}");
    }
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        for some in queries.chunks_exact(TOGETHER) {
            let started = Instant::now();
            for query in some {
                black_box(decide(world, black_box(query), now));
            }
            took.push(started.elapsed());
        }
    }
    took.sort_unstable();
    took[took.len() / 2].as_secs_f64() * 1e9 / 8.0
}

fn query(question: &Question) -> Query {
    let subject = SubjectRef::User(format!("person{}", question.person));
    let context = question.context().and_then(|context| context.as_object().cloned()).unwrap_or_default();
    let (of, id) = (type_name(question.object.of), format!("{:07}", question.object.id));
    Query::new(subject, &format!("a{}", question.action), &of, &id).with(Sent { context, ..Sent::default() })
}
