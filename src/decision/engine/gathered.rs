//! What all questions about one subject have in common: who it is, its groups, and what they hold.

use std::sync::Arc;

use super::pass::{Pass, Principals, Step, Stop};
use super::{Key, Reason, SubjectRef, SubjectState, World};
use crate::domain::assignment::Principal;
use crate::domain::time::Instant;

/// A subject that may act, with all its groups and what each holds; gathered once, and true as long as none of the values it
/// was made of changes and no interval begins or ends.
#[derive(Debug)]
pub struct Gathered {
    pub(super) principal: Principal,
    pub(super) principals: Principals,
    since: Instant,
    /// The next edge of an interval that was looked at.
    pub(super) valid_until: Option<Instant>,
    /// Whatever a world that keeps it wants to remember beside it.
    pub marks: Box<[u32]>,
}

impl Gathered {
    /// Whether the same intervals last at `now` as when it was gathered.
    #[must_use]
    pub fn counts(&self, now: Instant) -> bool {
        self.since <= now && self.valid_until.is_none_or(|edge| now < edge)
    }

    /// What keeping it costs: the subject, its groups, and what the subject itself holds. What groups hold is shared.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.principals.all.len() + self.principals.held_by_subject()
    }

    /// The subject and its groups.
    #[must_use]
    pub fn principals(&self) -> &[Principal] {
        &self.principals.all
    }
}

/// Who a subject is; or why it may do nothing. What is missing stands in the pass.
pub(super) fn gather(world: &impl World, subject: &SubjectRef, pass: &mut Pass) -> Step<Result<Arc<Gathered>, Reason>> {
    if let Some(kept) = world.kept(subject, pass.now()) {
        pass.valid_until = kept.valid_until;
        return Ok(Ok(kept));
    }
    let principal = match world.subject(subject) {
        None => return Err(Stop::Missing(vec![Key::Subject(subject.clone())])),
        Some(SubjectState::Unknown) => return Ok(Err(Reason::SubjectUnknown)),
        Some(SubjectState::Disabled) => return Ok(Err(Reason::SubjectDisabled)),
        Some(SubjectState::Active(principal)) => principal,
    };
    let principals = pass.principals(world, principal)?;
    let (since, valid_until) = (pass.now(), pass.valid_until);
    let gathered = Gathered { principal, principals, since, valid_until, marks: Box::default() };
    Ok(Ok(if pass.is_complete() { world.keep(subject, gathered) } else { Arc::new(gathered) }))
}
