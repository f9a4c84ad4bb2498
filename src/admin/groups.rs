//! Groups: create, list, who is in them.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::delegation::Reach;
use super::principal::{Named, names};
use super::{Admin, AdminError, PAGE_MAX, PrincipalRef};
use crate::domain::assignment::Principal;
use crate::domain::change::{Changed, Revision};
use crate::domain::fact::FactKind;
use crate::domain::group::{GROUP_DEPTH_MAX, Group, NamedGroup, NamedGroups};
use crate::domain::id::GroupId;
use crate::domain::name::{Reason, Slug};
use crate::domain::role::reaches;
use crate::domain::time::Interval;
use crate::store::changes::States;
use crate::store::groups::{self, NewMember};
use crate::store::{Conn, Edit};

impl Admin {
    /// # Errors
    /// [`AdminError::Taken`].
    pub async fn create_group(&self, name: Slug) -> Result<Group, AdminError> {
        let now = self.now();
        let group = Group { id: GroupId::mint(now, self.entropy.as_ref()), name };
        let mut edit = self.store.edit().await?;
        let taken = AdminError::taken("group", group.name.as_str());
        groups::insert(&mut edit, &group, now).await.map_err(taken)?;
        self.conclude(edit, FactKind::GroupCreated, format!("group:{}", group.name), json!({})).await?;
        Ok(group)
    }

    /// Groups in order of name after `after`.
    ///
    /// # Errors
    /// The store's.
    pub async fn groups(&self, after: &str, limit: i64) -> Result<Vec<Group>, AdminError> {
        Ok(groups::list(&mut self.read().await?, after, limit.min(PAGE_MAX)).await?)
    }

    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn group(&self, name: &Slug) -> Result<Group, AdminError> {
        find(&mut self.read().await?, name).await
    }

    /// Puts a person, client or group into a group, possibly for a time.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Taken`] when it is in already, [`AdminError::Cycle`] or
    /// [`AdminError::TooDeep`] for a group.
    pub async fn add_group_member(
        &self,
        group: &Slug,
        member: &PrincipalRef,
        interval: Interval,
        reason: Option<&Reason>,
    ) -> Result<Revision, AdminError> {
        let mut edit = self.store.edit().await?;
        let group = find(&mut edit, group).await?;
        let Named { principal, label, .. } = member.resolve(&mut edit).await?;
        if let Principal::Group(inner) = principal {
            check_nesting(&mut edit, inner, &group).await?;
        }
        let reach = Reach::Group(Principal::Group(group.id), interval.expires_at);
        self.check_reach(&mut edit, reach).await?;
        let administered = self.administered_by(&mut edit, group.id).await?;
        let given_by = self.actor.to_string();
        let new = NewMember {
            group: group.id,
            member: principal,
            interval,
            reason: reason.map(Reason::as_str),
            given_by: &given_by,
        };
        let taken = AdminError::taken("member", &label);
        groups::add_member(&mut edit, &new, self.now()).await.map_err(taken)?;
        // A group that something is denied to could shut its new member out.
        self.check_still(&mut edit, administered).await?;
        let after = json!({ "member": label, "interval": interval, "reason": reason });
        self.log_member(&mut edit, principal, States::created(after.clone())).await?;
        self.conclude(edit, FactKind::GroupMemberAdded, format!("group:{}", group.name), after).await
    }

    /// # Errors
    /// [`AdminError::NotFound`], also when it is not in the group, or [`AdminError::LastAdmin`].
    pub async fn remove_group_member(&self, group: &Slug, member: &PrincipalRef) -> Result<Revision, AdminError> {
        let mut edit = self.store.edit().await?;
        let group = find(&mut edit, group).await?;
        let Named { principal, label, .. } = member.resolve(&mut edit).await?;
        self.check_reach(&mut edit, Reach::Group(Principal::Group(group.id), None)).await?;
        let administered = self.administered_by(&mut edit, group.id).await?;
        if !groups::remove_member(&mut edit, group.id, principal).await? {
            return Err(AdminError::not_found("member", &member.to_string()));
        }
        self.check_still(&mut edit, administered).await?;
        let before = json!({ "member": label });
        self.log_member(&mut edit, principal, States::removed(before.clone())).await?;
        self.conclude(edit, FactKind::GroupMemberRemoved, format!("group:{}", group.name), before).await
    }

    /// Puts a group into a group for good, within an edit.
    pub(super) async fn nest(&self, edit: &mut Edit, outer: &Slug, inner: &Slug) -> Result<(), AdminError> {
        let (outer, inner) = (find(edit, outer).await?, find(edit, inner).await?);
        // A conflict would end the whole edit, and say less.
        if groups::nesting(edit).await?.contains(&(inner.id, outer.id)) {
            let problem = format!("{} is in {} for a time: take it out first", inner.name, outer.name);
            return Err(AdminError::invalid("groups", problem));
        }
        check_nesting(edit, inner.id, &outer).await?;
        let given_by = self.actor.to_string();
        let member = Principal::Group(inner.id);
        let new = NewMember { group: outer.id, member, interval: Interval::ALWAYS, reason: None, given_by: &given_by };
        groups::add_member(edit, &new, self.now()).await?;
        self.log_member(edit, member, States::created(json!({ "member": format!("group:{}", inner.name) }))).await
    }

    /// Takes a group out of a group, within an edit.
    pub(super) async fn unnest(&self, edit: &mut Edit, outer: &Slug, inner: &Slug) -> Result<(), AdminError> {
        let (outer, inner) = (find(edit, outer).await?, find(edit, inner).await?);
        let member = Principal::Group(inner.id);
        groups::remove_member(edit, outer.id, member).await?;
        self.log_member(edit, member, States::removed(json!({ "member": format!("group:{}", inner.name) }))).await
    }

    async fn log_member(&self, edit: &mut Edit, member: Principal, states: States) -> Result<(), AdminError> {
        Ok(edit.log(&Changed::Memberships(member), &self.actor, self.now(), states).await?)
    }

    /// The members of a group, as operators read them, in order of identifier after one of them.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn group_members(&self, group: &Slug, after: uuid::Uuid, limit: i64) -> Result<Vec<Value>, AdminError> {
        let mut conn = self.read().await?;
        let group = find(&mut conn, group).await?;
        let members = groups::members(&mut conn, group.id, after, limit.min(PAGE_MAX)).await?;
        let principals: Vec<_> = members.iter().map(|(member, _)| *member).collect();
        let names = names(&mut conn, &principals).await?;
        let view = |(member, interval): &(Principal, Interval)| {
            let label = names.get(member).map(|named| &named.label);
            json!({ "member": label, "id": member.uuid(), "interval": interval })
        };
        Ok(members.iter().map(view).collect())
    }
}

/// All groups, each with the groups that are in it for good.
pub(super) async fn named_groups(conn: &mut Conn) -> Result<NamedGroups, AdminError> {
    let mut names = HashMap::new();
    let mut after = String::new();
    loop {
        let page = groups::list(conn, &after, PAGE_MAX).await?;
        let Some(last) = page.last() else { break };
        last.name.as_str().clone_into(&mut after);
        names.extend(page.into_iter().map(|group| (group.id, group.name)));
    }
    let mut listed: NamedGroups = names.values().map(|name| (name.clone(), NamedGroup::default())).collect();
    for (inner, outer) in groups::nesting_for_good(conn).await? {
        if let (Some(inner), Some(outer)) = (names.get(&inner), names.get(&outer).and_then(|name| listed.get_mut(name)))
        {
            outer.groups.insert(inner.clone());
        }
    }
    Ok(listed)
}

async fn find(conn: &mut Conn, name: &Slug) -> Result<Group, AdminError> {
    groups::by_name(conn, name.as_str()).await?.ok_or_else(|| AdminError::not_found("group", name.as_str()))
}

/// Keeps groups free of cycles and within the depth a decision walks. Edits are one after the other (each holds the
/// revision), so two of them cannot close a cycle together.
async fn check_nesting(conn: &mut Conn, inner: GroupId, outer: &Group) -> Result<(), AdminError> {
    let mut above: HashMap<GroupId, Vec<GroupId>> = HashMap::new();
    let mut below: HashMap<GroupId, Vec<GroupId>> = HashMap::new();
    for (member, group) in groups::nesting(conn).await? {
        above.entry(member).or_default().push(group);
        below.entry(group).or_default().push(member);
    }
    if reaches(outer.id, inner, |g| above.get(&g).cloned().unwrap_or_default()) {
        return Err(AdminError::Cycle { what: "group", name: outer.name.as_str().to_owned() });
    }
    if depth(inner, &below) + 1 + depth(outer.id, &above) >= GROUP_DEPTH_MAX {
        return Err(AdminError::TooDeep { what: "groups", max: GROUP_DEPTH_MAX });
    }
    Ok(())
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
