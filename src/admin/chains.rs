//! How far edges lead from resource to resource, looked at where they are written: one chain that is too long would fail
//! every decision about what lies below it.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::AdminError;
use crate::domain::id::ResourceServerId;
use crate::domain::object::ObjectRef;
use crate::store::decisions::LISTED_MAX;
use crate::store::{Conn, edges};

/// Steps from any resource to the farthest it leads to. A decision walks a few more: to take an edge away can make a way
/// longer, and only what is written is looked at here.
pub const CHAIN_MAX: usize = 48;
/// Resources, and steps between them, that are looked at for one write.
const WALK_MAX: usize = 200_000;
/// Names in one statement.
const NAMES_MAX: usize = 5_000;

/// An edge that was written, other than to one subject.
pub(super) struct Lead {
    /// Its place in the write.
    pub index: usize,
    pub object: ObjectRef,
    /// The resource it leads to, if it is one.
    pub to: Option<ObjectRef>,
}

/// # Errors
/// [`AdminError::Item`] for the first edge that makes a way too long, or a resource lead on to too much.
pub(super) async fn check(conn: &mut Conn, of: ResourceServerId, leads: &[Lead]) -> Result<(), AdminError> {
    check_listed(conn, of, leads).await?;
    let on: Vec<_> = leads.iter().filter_map(|lead| Some((lead.index, &lead.object, lead.to.as_ref()?))).collect();
    let Some((first, ..)) = on.first().copied() else { return Ok(()) };
    // Which of several it is that leads so far, nobody has looked yet.
    let of_first = |error: AdminError| error.at("write", first);
    let above = Ways::read(conn, of, on.iter().map(|(_, _, to)| to.as_str()), Towards::Above).await;
    let above = above.map_err(of_first)?;
    let below = Ways::read(conn, of, on.iter().map(|(_, object, _)| object.as_str()), Towards::Below).await;
    let below = below.map_err(of_first)?;
    let (mut above, mut below) = (Farthest::new(&above), Farthest::new(&below));
    for (index, object, to) in on {
        if above.from(to.as_str()) + 1 + below.from(object.as_str()) > CHAIN_MAX {
            return Err(too_long().at("write", index));
        }
        if above.steps + below.steps > WALK_MAX {
            return Err(too_much().at("write", index));
        }
    }
    Ok(())
}

async fn check_listed(conn: &mut Conn, of: ResourceServerId, leads: &[Lead]) -> Result<(), AdminError> {
    let objects: BTreeSet<_> = leads.iter().map(|lead| lead.object.as_str()).collect();
    let objects: Vec<_> = objects.into_iter().collect();
    let listed_max = i64::try_from(LISTED_MAX).unwrap_or(i64::MAX);
    for some in objects.chunks(NAMES_MAX) {
        let counts = edges::count_listed(conn, of, some).await?;
        if let Some((full, _)) = counts.into_iter().find(|(_, count)| *count > listed_max) {
            let problem = format!("{full} would lead on to more than {LISTED_MAX} groups, resources and the like");
            let index = leads.iter().find(|lead| lead.object.as_str() == full).map_or(0, |lead| lead.index);
            return Err(AdminError::invalid("object", problem).at("write", index));
        }
    }
    Ok(())
}

fn too_long() -> AdminError {
    AdminError::TooDeep { what: "resources", max: CHAIN_MAX }
}

fn too_much() -> AdminError {
    let problem = format!("what these edges connect is more than {WALK_MAX} resources and edges: write fewer at once");
    AdminError::invalid("write", problem)
}

#[derive(Clone, Copy)]
enum Towards {
    Above,
    Below,
}

/// Where each resource leads, one step on.
struct Ways {
    next: HashMap<String, Vec<String>>,
    /// Steps that may still be read.
    left: usize,
}

impl Ways {
    /// All that can be reached from the start, level by level.
    async fn read(
        conn: &mut Conn,
        of: ResourceServerId,
        start: impl Iterator<Item = &str>,
        towards: Towards,
    ) -> Result<Self, AdminError> {
        let mut ways = Self { next: HashMap::new(), left: WALK_MAX };
        let start: BTreeSet<_> = start.map(str::to_owned).collect();
        let mut level: Vec<String> = start.into_iter().collect();
        for _ in 0..=CHAIN_MAX {
            if level.is_empty() {
                return Ok(ways);
            }
            let mut next = BTreeSet::new();
            for some in level.chunks(NAMES_MAX) {
                // One more than may be, so that too many shows.
                let limit = i64::try_from(ways.left.saturating_add(1)).unwrap_or(i64::MAX);
                let steps = match towards {
                    Towards::Above => edges::leading_from(conn, of, some, limit).await?,
                    Towards::Below => edges::leading_to(conn, of, some, limit).await?,
                };
                ways.take(steps, &mut next)?;
            }
            for seen in level {
                ways.next.entry(seen).or_default();
            }
            level = next.into_iter().filter(|name| !ways.next.contains_key(name)).collect();
            if ways.next.len() + level.len() > WALK_MAX {
                return Err(too_much());
            }
        }
        Err(too_long())
    }

    /// Few resources may be connected by very many edges: each counts.
    fn take(&mut self, steps: Vec<(String, String)>, next: &mut BTreeSet<String>) -> Result<(), AdminError> {
        self.left = self.left.checked_sub(steps.len()).ok_or_else(too_much)?;
        for (from, to) in steps {
            next.insert(to.clone());
            self.next.entry(from).or_default().push(to);
        }
        Ok(())
    }
}

/// How far it is to the farthest by the shortest ways, found once for each start.
struct Farthest<'a> {
    ways: &'a Ways,
    known: HashMap<&'a str, usize>,
    steps: usize,
}

impl<'a> Farthest<'a> {
    fn new(ways: &'a Ways) -> Self {
        Self { ways, known: HashMap::new(), steps: 0 }
    }

    fn from(&mut self, start: &'a str) -> usize {
        if let Some(known) = self.known.get(start) {
            return *known;
        }
        let ways = self.ways;
        let mut seen = HashSet::from([start]);
        let mut level = vec![start];
        let mut depth = 0;
        loop {
            let next = level.iter().filter_map(|at| ways.next.get(*at)).flatten().map(String::as_str);
            let next: Vec<&str> = next.collect();
            self.steps += next.len();
            level = next.into_iter().filter(|name| seen.insert(*name)).collect();
            // What is too much is refused by who asks, and too much after one more way at worst.
            if level.is_empty() || self.steps > WALK_MAX {
                self.known.insert(start, depth);
                return depth;
            }
            depth += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_counts_however_few_resources_they_connect() {
        let mut ways = Ways { next: HashMap::new(), left: WALK_MAX };
        let steps = |count: usize| vec![("folder:a".to_owned(), "folder:b".to_owned()); count];
        let mut next = BTreeSet::new();
        for _ in 0..2 {
            assert!(ways.take(steps(WALK_MAX / 2), &mut next).is_ok());
        }
        assert_eq!(next.len(), 1);
        assert!(matches!(ways.take(steps(1), &mut next), Err(AdminError::Invalid { member: "write", .. })));
    }
}
