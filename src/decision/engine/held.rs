//! What a subject holds at a resource server as a whole, for the claims of a token.

use super::pass::{Pass, Step, Stop};
use super::{Key, Outcome, SubjectRef, SubjectState, World};
use crate::decision::snapshot::Snapshot;
use crate::domain::assignment::{Effect, Held as HeldThing};
use crate::domain::permission::Permission;
use crate::domain::time::Instant;

/// What a subject holds at a resource server.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Held {
    pub roles: Vec<String>,
    pub permissions: Vec<String>,
    /// The next moment at which an interval begins or ends that could change this.
    pub valid_until: Option<Instant>,
}

/// The roles and permissions a subject holds at `now`, in alphabetical order. Whatever a deny touches is left out: a
/// claim cannot say "but", so it says less. What counts only at one resource is not spoken of.
pub fn held(world: &impl World, subject: &SubjectRef, now: Instant) -> Outcome<Held> {
    let mut pass = Pass::new(now);
    Outcome::of(gather(world, subject, &mut pass).map(|held| Held { valid_until: pass.valid_until, ..held }))
}

fn gather(world: &impl World, subject: &SubjectRef, pass: &mut Pass) -> Step<Held> {
    let principal = match world.subject(subject) {
        None => return Err(Stop::Missing(vec![Key::Subject(subject.clone())])),
        Some(SubjectState::Unknown | SubjectState::Disabled) => return Ok(Held::default()),
        Some(SubjectState::Active(principal)) => principal,
    };
    let principals = pass.principals(world, principal)?;
    let lists = pass.assignments(world, &principals, &[None])?;
    pass.complete()?;

    let snapshot = world.snapshot();
    let active = lists.iter().flat_map(|list| list.iter()).filter(|a| pass.is_active(&a.interval));
    let (denied, allowed): (Vec<_>, Vec<_>) = active.partition(|a| a.effect == Effect::Deny);
    let denied: Vec<Permission> = denied.iter().flat_map(|a| permissions(snapshot, &a.held)).collect();
    let touched = |p: &Permission| denied.iter().any(|d| d.overlaps(p));

    let mut held = Held::default();
    for assignment in allowed {
        let carried = permissions(snapshot, &assignment.held);
        held.permissions.extend(carried.iter().filter(|p| !touched(p)).map(ToString::to_string));
        if let HeldThing::Role(role) = &assignment.held
            && !carried.iter().any(touched)
        {
            held.roles.extend(snapshot.names_of(*role).map(str::to_owned));
        }
    }
    held.roles.sort_unstable();
    held.roles.dedup();
    held.permissions.sort_unstable();
    held.permissions.dedup();
    Ok(held)
}

fn permissions(snapshot: &Snapshot, held: &HeldThing) -> Vec<Permission> {
    match held {
        HeldThing::Permission(p) => vec![p.clone()],
        HeldThing::Role(role) => snapshot.permissions_of(*role).into_iter().cloned().collect(),
    }
}
