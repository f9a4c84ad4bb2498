//! Groups: create, list, who is in them.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::delegation::Reach;
use super::nesting::Nesting;
use super::principal::{Named, names};
use super::{Admin, AdminError, Edit, PAGE_MAX, PrincipalRef};
use crate::domain::assignment::Principal;
use crate::domain::change::{Changed, Revision};
use crate::domain::fact::FactKind;
use crate::domain::group::{Group, NamedGroup, NamedGroups};
use crate::domain::id::GroupId;
use crate::domain::listing::Listing;
use crate::domain::name::{Reason, Slug};
use crate::domain::time::Interval;
use crate::store::Conn;
use crate::store::changes::States;
use crate::store::groups::{self, Joined, NewMember};

impl Admin {
    /// # Errors
    /// [`AdminError::Taken`].
    pub async fn create_group(&self, name: Slug) -> Result<Group, AdminError> {
        let now = self.now();
        let group = Group { id: GroupId::mint(now, self.entropy.as_ref()), name };
        let mut edit = self.edit().await?;
        let taken = AdminError::taken("group", group.name.as_str());
        groups::insert(&mut edit, &group, now).await.map_err(taken)?;
        self.conclude(edit, FactKind::GroupCreated, format!("group:{}", group.name), json!({})).await?;
        Ok(group)
    }

    /// Groups in order of name.
    ///
    /// # Errors
    /// The store's.
    pub async fn groups(&self, page: Listing<'_>) -> Result<Vec<Group>, AdminError> {
        Ok(groups::list(&mut self.read().await?, page.at_most(PAGE_MAX)).await?)
    }

    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn group(&self, name: &Slug) -> Result<Group, AdminError> {
        find(&mut self.read().await?, name).await
    }

    /// Puts a person, client or group into a group, possibly for a time.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Taken`] when it is in already, [`AdminError::TooManyGroups`],
    /// [`AdminError::Cycle`] or [`AdminError::TooDeep`] for a group.
    pub async fn add_group_member(
        &self,
        group: &Slug,
        member: &PrincipalRef,
        interval: Interval,
        reason: Option<&Reason>,
    ) -> Result<Revision, AdminError> {
        let mut edit = self.edit().await?;
        let (subject, after) = self.join(&mut edit, group, member, interval, reason).await?;
        self.conclude(edit, FactKind::GroupMemberAdded, subject, after).await
    }

    /// The same within an edit; gives what the audit trail is told.
    pub(super) async fn join(
        &self,
        edit: &mut Edit,
        group: &Slug,
        member: &PrincipalRef,
        interval: Interval,
        reason: Option<&Reason>,
    ) -> Result<(String, Value), AdminError> {
        let group = find(edit, group).await?;
        let Named { principal, label, .. } = member.resolve(edit).await?;
        let mut nesting = Nesting::read(edit).await?;
        match principal {
            Principal::Group(inner) => nesting.check_group(edit, inner, &group).await?,
            member => nesting.check_member(edit, member, &label, group.id).await?,
        }
        let reach = Reach::Group(Principal::Group(group.id), interval.expires_at);
        self.check_reach(edit, reach).await?;
        let worth = self.worth(edit, group.id).await?;
        if !worth.denied.is_empty() {
            self.check_denied(edit, principal).await?;
        }
        let administered = self.administered_by(edit, &worth).await?;
        let given_by = self.actor.to_string();
        let new = NewMember {
            group: group.id,
            member: principal,
            interval,
            reason: reason.map(Reason::as_str),
            given_by: &given_by,
        };
        let taken = AdminError::taken("member", &label);
        groups::add_member(edit, &new, self.now()).await.map_err(taken)?;
        // A group that something is denied to could shut its new member out.
        self.check_still(edit, administered).await?;
        let joined = Joined { interval, reason: reason.map(|reason| reason.as_str().to_owned()), given_by };
        let after = describe(&label, &group.name, &joined);
        self.log_member(edit, principal, States::created(after.clone())).await?;
        Ok((format!("group:{}", group.name), after))
    }

    /// # Errors
    /// [`AdminError::NotFound`], also when it is not in the group, or [`AdminError::LastAdmin`].
    pub async fn remove_group_member(&self, group: &Slug, member: &PrincipalRef) -> Result<Revision, AdminError> {
        let mut edit = self.edit().await?;
        let (subject, before) = self.leave(&mut edit, group, member).await?;
        self.conclude(edit, FactKind::GroupMemberRemoved, subject, before).await
    }

    /// The same within an edit; gives what the audit trail is told.
    pub(super) async fn leave(
        &self,
        edit: &mut Edit,
        group: &Slug,
        member: &PrincipalRef,
    ) -> Result<(String, Value), AdminError> {
        let group = find(edit, group).await?;
        let Named { principal, label, .. } = member.resolve(edit).await?;
        self.check_reach(edit, Reach::Group(Principal::Group(group.id), None)).await?;
        let worth = self.worth(edit, group.id).await?;
        let administered = self.administered_by(edit, &worth).await?;
        let joined = groups::member(edit, group.id, principal).await?;
        let joined = joined.ok_or_else(|| AdminError::not_found("member", &member.to_string()))?;
        groups::remove_member(edit, group.id, principal).await?;
        self.check_still(edit, administered).await?;
        let before = describe(&label, &group.name, &joined);
        self.log_member(edit, principal, States::removed(before.clone())).await?;
        Ok((format!("group:{}", group.name), before))
    }

    /// Puts a group into a group for good, within an edit.
    pub(super) async fn nest(&self, edit: &mut Edit, outer: &Slug, inner: &Slug) -> Result<(), AdminError> {
        let (outer, inner) = (find(edit, outer).await?, find(edit, inner).await?);
        // A conflict would end the whole edit, and say less.
        let mut nesting = Nesting::read(edit).await?;
        if nesting.contains(inner.id, outer.id) {
            let problem = format!("{} is in {} for a time: take it out first", inner.name, outer.name);
            return Err(AdminError::invalid("groups", problem));
        }
        nesting.check_group(edit, inner.id, &outer).await?;
        let given_by = self.actor.to_string();
        let member = Principal::Group(inner.id);
        let new = NewMember { group: outer.id, member, interval: Interval::ALWAYS, reason: None, given_by: &given_by };
        groups::add_member(edit, &new, self.now()).await?;
        let joined = Joined { interval: Interval::ALWAYS, reason: None, given_by };
        let after = describe(&format!("group:{}", inner.name), &outer.name, &joined);
        self.log_member(edit, member, States::created(after)).await
    }

    /// Takes a group out of a group, within an edit.
    pub(super) async fn unnest(&self, edit: &mut Edit, outer: &Slug, inner: &Slug) -> Result<(), AdminError> {
        let (outer, inner) = (find(edit, outer).await?, find(edit, inner).await?);
        let member = Principal::Group(inner.id);
        let Some(joined) = groups::member(edit, outer.id, member).await? else { return Ok(()) };
        groups::remove_member(edit, outer.id, member).await?;
        let before = describe(&format!("group:{}", inner.name), &outer.name, &joined);
        self.log_member(edit, member, States::removed(before)).await
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
        let view = |(member, joined): &(Principal, Joined)| {
            let label = names.get(member).map(|named| &named.label);
            let Joined { interval, reason, given_by } = joined;
            json!({
                "member": label, "id": member.uuid(), "interval": interval, "reason": reason, "given_by": given_by,
            })
        };
        Ok(members.iter().map(view).collect())
    }
}

/// What the audit trail sees of a membership.
fn describe(member: &str, group: &Slug, joined: &Joined) -> Value {
    let Joined { interval, reason, given_by } = joined;
    json!({ "member": member, "group": group, "interval": interval, "reason": reason, "given_by": given_by })
}

/// All groups, each with the groups that are in it for good.
pub(super) async fn named_groups(conn: &mut Conn) -> Result<NamedGroups, AdminError> {
    let mut names = HashMap::new();
    let mut after = String::new();
    loop {
        let page = groups::list(conn, Listing::after(Some(&after), PAGE_MAX)).await?;
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

pub(super) async fn find(conn: &mut Conn, name: &Slug) -> Result<Group, AdminError> {
    groups::by_name(conn, name.as_str()).await?.ok_or_else(|| AdminError::not_found("group", name.as_str()))
}
