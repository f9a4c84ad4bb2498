//! Parts of a decision that a search asks for alone, to know where it must look.

use super::pass::Pass;
use super::{Outcome, Scope, World};
use crate::domain::assignment::{Assignment, Principal};
use crate::domain::object::ObjectRef;
use crate::domain::time::Instant;

/// A subject with all its groups, and what they hold at `now` on the resource server as a whole.
#[derive(Debug)]
pub(in crate::decision) struct AtLarge {
    pub principals: Vec<Principal>,
    pub held: Vec<Assignment>,
}

pub(in crate::decision) fn at_large(world: &impl World, subject: Principal, now: Instant) -> Outcome<AtLarge> {
    let mut pass = Pass::new(now);
    let gathered = pass.principals(world, subject).and_then(|principals| {
        let lists = pass.assignments(world, &principals, &[None])?;
        pass.complete()?;
        let held = lists.iter().flat_map(|list| list.iter()).filter(|a| a.interval.contains(now)).cloned().collect();
        Ok(AtLarge { principals: principals.all, held })
    });
    Outcome::of(gathered)
}

/// Where what is held counts for a resource at `now`: the resource server as a whole, the resource, and what it is in.
pub(in crate::decision) fn scopes(world: &impl World, object: Option<&ObjectRef>, now: Instant) -> Outcome<Vec<Scope>> {
    let mut pass = Pass::new(now);
    let gathered = pass.scopes(world, object).and_then(|scopes| pass.complete().map(|()| scopes));
    Outcome::of(gathered)
}
