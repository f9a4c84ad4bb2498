//! What resources are in, by the edges that count now: what is held on one of these is held on the resource.

use std::collections::{BTreeSet, HashMap};

use super::AdminError;
use crate::decision::standing::{Places, ends_before, sooner};
use crate::decision::{ANCESTORS_MAX, OBJECT_DEPTH_MAX};
use crate::domain::id::ResourceServerId;
use crate::domain::model::{Model, PARENT};
use crate::domain::object::{EdgeSubject, ObjectRef};
use crate::domain::time::Instant;
use crate::store::{Conn, edges};

/// Resources of one statement.
const NAMES_MAX: usize = 5_000;
/// Edges that are read for one check. What lies beyond counts as not held.
const EDGES_MAX: usize = 200_000;

/// Each resource with those it is directly in, and until when.
#[derive(Default)]
pub(super) struct Lineage(HashMap<ObjectRef, Vec<(ObjectRef, Option<Instant>)>>);

impl Lineage {
    /// Level by level, of all of these at once.
    pub(super) async fn read(
        conn: &mut Conn,
        at: ResourceServerId,
        model: &Model,
        of: impl Iterator<Item = &ObjectRef>,
        now: Instant,
    ) -> Result<Self, AdminError> {
        let mut lineage = Self::default();
        let mut left = EDGES_MAX;
        let mut level: BTreeSet<ObjectRef> = of.cloned().collect();
        for _ in 0..=OBJECT_DEPTH_MAX {
            level.retain(|object| {
                model.relation(object.object_type(), PARENT).is_some() && !lineage.0.contains_key(object)
            });
            if level.is_empty() {
                break;
            }
            let names: Vec<&str> = level.iter().map(ObjectRef::as_str).collect();
            let mut next = BTreeSet::new();
            for some in names.chunks(NAMES_MAX) {
                let found = edges::parents(conn, at, some, i64::try_from(left).unwrap_or(0)).await?;
                left = left.saturating_sub(found.len());
                for (object, edge) in found {
                    if let EdgeSubject::Object(parent) = &edge.subject
                        && model.counts(object.object_type(), &edge)
                        && edge.interval.contains(now)
                    {
                        next.insert(parent.clone());
                        lineage.0.entry(object).or_default().push((parent.clone(), edge.interval.expires_at));
                    }
                }
            }
            for object in level {
                lineage.0.entry(object).or_default();
            }
            level = next;
        }
        Ok(lineage)
    }

    /// The resource and all it is in, each with the latest end of a way there.
    pub(super) fn places(&self, of: &ObjectRef) -> Places {
        let mut places = Places::from([(of.clone(), None)]);
        let mut level = vec![of];
        for _ in 0..=OBJECT_DEPTH_MAX {
            let mut next = Vec::new();
            for object in level {
                let way = places.get(object).copied().flatten();
                for (parent, end) in self.0.get(object).into_iter().flatten() {
                    let until = sooner(way, *end);
                    // A longer way may last longer, so a place can be met again.
                    if places.get(parent).is_none_or(|known| ends_before(*known, until)) {
                        places.insert(parent.clone(), until);
                        next.push(parent);
                    }
                }
            }
            // No decision is made about what is in more than this.
            if next.is_empty() || places.len() > ANCESTORS_MAX {
                break;
            }
            level = next;
        }
        places
    }
}
