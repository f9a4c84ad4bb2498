//! How groups lie in each other: no cycles, no deeper than a decision walks, and nobody in more groups than it may meet.

use std::collections::{HashMap, HashSet};

use super::principal::names;
use super::{AdminError, PAGE_MAX};
use crate::domain::assignment::Principal;
use crate::domain::group::{GROUP_DEPTH_MAX, GROUPS_MAX, Group};
use crate::domain::id::GroupId;
use crate::store::{Conn, decisions, groups};

/// Groups of one statement at most: SQLite takes 32,766 values.
const KEYS_MAX: usize = 5_000;

/// Which groups are directly in which, whenever. Edits are one after the other (each holds the revision), so what is read
/// in one of them stays true for it.
pub(super) struct Nesting {
    above: HashMap<GroupId, Vec<GroupId>>,
    below: HashMap<GroupId, Vec<GroupId>>,
}

impl Nesting {
    pub(super) async fn read(conn: &mut Conn) -> Result<Self, AdminError> {
        let mut nesting = Self { above: HashMap::new(), below: HashMap::new() };
        for (member, group) in groups::nesting(conn).await? {
            nesting.add(member, group);
        }
        Ok(nesting)
    }

    pub(super) fn contains(&self, inner: GroupId, outer: GroupId) -> bool {
        self.above.get(&inner).is_some_and(|above| above.contains(&outer))
    }

    fn add(&mut self, inner: GroupId, outer: GroupId) {
        self.above.entry(inner).or_default().push(outer);
        self.below.entry(outer).or_default().push(inner);
    }

    /// Refuses a person or client who would be in too many groups with this one more.
    pub(super) async fn check_member(
        &self,
        conn: &mut Conn,
        member: Principal,
        label: &str,
        group: GroupId,
    ) -> Result<(), AdminError> {
        let mut found = decisions::memberships(conn, &[member]).await?;
        let direct = found.values.remove(&member.uuid()).unwrap_or_default();
        let direct = direct.into_iter().map(|membership| membership.group).chain([group]);
        check_number(&reached(direct, &self.above), label)
    }

    /// Refuses a group that would close a cycle, be too deep, or put anybody below it into too many groups.
    pub(super) async fn check_group(
        &mut self,
        conn: &mut Conn,
        inner: GroupId,
        outer: &Group,
    ) -> Result<(), AdminError> {
        let (over, under) = (reached([outer.id], &self.above), reached([inner], &self.below));
        if over.contains(&inner) {
            return Err(AdminError::Cycle { what: "group", name: outer.name.as_str().to_owned() });
        }
        if depth(inner, &self.below) + 1 + depth(outer.id, &self.above) >= GROUP_DEPTH_MAX {
            return Err(AdminError::TooDeep { what: "groups", max: GROUP_DEPTH_MAX });
        }
        if over.is_subset(&reached([inner], &self.above)) {
            return Ok(());
        }
        self.add(inner, outer.id);
        // The one that joins first: it is what the operator named.
        for group in std::iter::once(inner).chain(under.iter().copied()) {
            let above = self.above.get(&group).into_iter().flatten().copied();
            if reached(above, &self.above).len() > GROUPS_MAX {
                return too_many(conn, Principal::Group(group)).await;
            }
        }
        self.check_people(conn, &under.into_iter().collect::<Vec<_>>()).await
    }

    /// Everybody in these groups: each may be in others as well.
    async fn check_people(&self, conn: &mut Conn, under: &[GroupId]) -> Result<(), AdminError> {
        // Most houses have fewer groups altogether.
        if usize::try_from(groups::count(conn).await?).is_ok_and(|all| all <= GROUPS_MAX) {
            return Ok(());
        }
        for some in under.chunks(KEYS_MAX) {
            let mut after = uuid::Uuid::nil();
            loop {
                let page = groups::people_in(conn, some, after, PAGE_MAX).await?;
                let Some(last) = page.last() else { break };
                after = last.uuid();
                let mut found = decisions::memberships(conn, &page).await?;
                for member in page {
                    let direct = found.values.remove(&member.uuid()).unwrap_or_default();
                    let direct = direct.into_iter().map(|membership| membership.group);
                    if reached(direct, &self.above).len() > GROUPS_MAX {
                        return too_many(conn, member).await;
                    }
                }
            }
        }
        Ok(())
    }
}

/// These and all that lie beyond them.
fn reached(from: impl IntoIterator<Item = GroupId>, edges: &HashMap<GroupId, Vec<GroupId>>) -> HashSet<GroupId> {
    let mut open: Vec<_> = from.into_iter().collect();
    let mut reached: HashSet<_> = open.iter().copied().collect();
    while let Some(at) = open.pop() {
        for next in edges.get(&at).map(Vec::as_slice).unwrap_or_default() {
            if reached.insert(*next) {
                open.push(*next);
            }
        }
    }
    reached
}

fn check_number(reached: &HashSet<GroupId>, label: &str) -> Result<(), AdminError> {
    if reached.len() <= GROUPS_MAX {
        return Ok(());
    }
    Err(AdminError::TooManyGroups { member: label.to_owned(), max: GROUPS_MAX })
}

async fn too_many(conn: &mut Conn, member: Principal) -> Result<(), AdminError> {
    let named = names(conn, &[member]).await?.remove(&member);
    let member = named.map_or_else(|| member.to_string(), |named| named.label);
    Err(AdminError::TooManyGroups { member, max: GROUPS_MAX })
}

/// The longest way from a group along these edges, which have no cycle. Each group is measured once.
fn depth(start: GroupId, edges: &HashMap<GroupId, Vec<GroupId>>) -> usize {
    fn measure(at: GroupId, edges: &HashMap<GroupId, Vec<GroupId>>, known: &mut HashMap<GroupId, usize>) -> usize {
        if let Some(depth) = known.get(&at) {
            return *depth;
        }
        let next = edges.get(&at).map(Vec::as_slice).unwrap_or_default();
        let depth = next.iter().map(|g| 1 + measure(*g, edges, known)).max().unwrap_or(0);
        known.insert(at, depth);
        depth
    }
    measure(start, edges, &mut HashMap::new())
}
