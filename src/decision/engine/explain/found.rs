//! What assignments say, each with the groups, roles and resources through which it counts.

use super::super::holdings::List;
use super::super::pass::{Pass, Principals};
use super::super::{Query, Scope, World};
use super::node::{Kind, Node};
use crate::domain::assignment::{Assignment, Effect, Held, Principal};
use crate::domain::model::PARENT;
use crate::domain::object::{EdgeSubject, ObjectRef};
use crate::domain::time::{Instant, Interval};

/// What one evaluation has found before it comes to policies and relations.
pub(super) struct Found<'a, W> {
    pub world: &'a W,
    pub query: &'a Query,
    pub now: Instant,
    /// The subject as it was asked for.
    pub who: &'a str,
    pub principals: &'a Principals,
    pub scopes: &'a [Scope],
    /// For each principal in turn what it holds at each scope.
    pub lists: &'a [List<'a>],
}

/// An assignment that covers the action, and where it was found.
pub(super) struct Row<'a> {
    pub assignment: &'a Assignment,
    holder: usize,
    scope: usize,
}

impl<'a, W: World> Found<'a, W> {
    /// All assignments that cover the action, whatever their time.
    pub(super) fn all_rows(&self) -> impl Iterator<Item = Row<'a>> {
        let covering = self.world.snapshot().covering(&self.query.action, &self.query.resource_type);
        let width = self.scopes.len().max(1);
        let all = self.lists.iter().enumerate().flat_map(move |(index, list)| {
            let (holder, scope) = (index / width, index % width);
            list.iter().map(move |assignment| Row { assignment, holder, scope })
        });
        let covering: Vec<_> = all.filter(|row| covering.covers(&row.assignment.held)).collect();
        covering.into_iter()
    }

    /// What counts now and has this effect.
    pub(super) fn rows(&self, effect: Effect, pass: &mut Pass) -> impl Iterator<Item = Row<'a>> {
        let of_effect = self.all_rows().filter(move |row| row.assignment.effect == effect);
        of_effect.filter(|row| pass.is_active(&row.assignment.interval))
    }

    pub(super) fn assignment(&self, row: &Row<'_>) -> Node {
        let kind = match row.assignment.effect {
            Effect::Allow => Kind::Assignment,
            Effect::Deny => Kind::DenyAssignment,
        };
        let until = row.assignment.interval.expires_at.map(|until| format!(", until {until}")).unwrap_or_default();
        let steps = [self.membership(row.holder), Some(self.holds(row.assignment)), self.scope(row.scope)];
        self.row(kind, row, &until).over(steps.into_iter().flatten().collect())
    }

    /// One line about an assignment.
    pub(super) fn row(&self, kind: Kind, row: &Row<'_>, rest: &str) -> Node {
        let scope = self.scopes.get(row.scope).and_then(Option::as_ref);
        let node = self.held(kind, row.assignment, &self.holder(row.holder), scope, rest);
        Node { group: self.group(row.holder).map(str::to_owned), ..node }
    }

    /// `role "editor" is assigned to group:staff on folder:9`
    pub(super) fn held(
        &self,
        kind: Kind,
        assignment: &Assignment,
        holder: &str,
        scope: Option<&ObjectRef>,
        rest: &str,
    ) -> Node {
        let role = match &assignment.held {
            Held::Role(role) => self.world.snapshot().name_of(*role),
            Held::Permission(_) => None,
        };
        let held = match &assignment.held {
            Held::Role(_) => format!("role {:?}", role.unwrap_or_default()),
            Held::Permission(permission) => format!("permission \"{permission}\""),
        };
        let given = match assignment.effect {
            Effect::Allow => "is assigned",
            Effect::Deny => "is denied",
        };
        let on = scope.map(|scope| format!(" on {scope}")).unwrap_or_default();
        Node {
            assignment: Some(assignment.id),
            role: role.map(str::to_owned),
            resource: scope.map(ToString::to_string),
            ..Node::new(kind, format!("{held} {given} to {holder}{on}{rest}"))
        }
    }

    /// Who holds an assignment: the subject, or one of its groups.
    pub(super) fn holder(&self, holder: usize) -> String {
        self.group(holder).map_or_else(|| self.who.to_owned(), |group| format!("group:{group}"))
    }

    fn group(&self, holder: usize) -> Option<&str> {
        holder.checked_sub(1).and_then(|group| self.principals.groups.get(group)).map(AsRef::as_ref)
    }

    /// `user:alice is in group:inner, which is in group:staff`; none for the subject itself.
    pub(super) fn membership(&self, holder: usize) -> Option<Node> {
        let group = self.group(holder)?;
        let mut way = vec![holder];
        let mut at = holder;
        // Each group was found through one that stands before it.
        while let Some(before) = (0..at).find(|before| self.is_member(*before, at)) {
            way.push(before);
            at = before;
        }
        way.reverse();
        let groups: Vec<_> = way.iter().filter_map(|at| self.group(*at)).map(|name| format!("group:{name}")).collect();
        let text = format!("{} is in {}", self.who, groups.join(", which is in "));
        Some(Node { group: Some(group.to_owned()), ..Node::new(Kind::Membership, text) })
    }

    /// The place of a group among the principals.
    pub(super) fn place(&self, principal: Principal) -> Option<usize> {
        self.principals.all.iter().position(|known| *known == principal)
    }

    fn is_member(&self, member: usize, group: usize) -> bool {
        let all = &self.principals.all;
        let (Some(member), Some(Principal::Group(group))) = (all.get(member), all.get(group)) else { return false };
        let memberships = self.world.memberships(*member);
        memberships.iter().flat_map(|list| list.iter()).any(|m| m.group == *group && self.is_active(&m.interval))
    }

    fn is_active(&self, interval: &Interval) -> bool {
        interval.contains(self.now)
    }

    /// How what is assigned comes to cover the action.
    fn holds(&self, assignment: &Assignment) -> Node {
        let Query { action, resource_type, .. } = self.query;
        match &assignment.held {
            Held::Permission(permission) => {
                Node::new(Kind::Holds, format!("\"{permission}\" covers {action} on {resource_type}"))
            }
            Held::Role(role) => match self.world.snapshot().way_to(*role, action, resource_type) {
                Some((roles, permission)) => {
                    let quoted: Vec<_> = roles.iter().map(|role| format!("{role:?}")).collect();
                    let way = quoted.join(", which includes ").replacen(", which includes ", " includes ", 1);
                    let which = if roles.len() > 1 { ", which holds" } else { " holds" };
                    let last = roles.last().map(|role| (*role).to_owned());
                    Node { role: last, ..Node::new(Kind::Holds, format!("role {way}{which} \"{permission}\"")) }
                }
                None => Node::new(Kind::Holds, "the role holds the permission"),
            },
        }
    }

    /// `document:7 is in folder:a, which is in folder:9`; none where it goes without saying.
    fn scope(&self, scope: usize) -> Option<Node> {
        let scoped = self.scopes.get(scope)?.as_ref()?;
        let mut way = vec![scoped];
        let mut at = scope;
        while let Some(before) = (1..at).find(|before| self.is_in(*before, at)) {
            way.extend(self.scopes.get(before).and_then(Option::as_ref));
            at = before;
        }
        way.reverse();
        let (inner, outer) = way.split_first()?;
        let outer: Vec<_> = outer.iter().map(ToString::to_string).collect();
        let text = format!("{inner} is in {}", outer.join(", which is in "));
        let node = Node { resource: Some(scoped.to_string()), ..Node::new(Kind::Scope, text) };
        (!outer.is_empty()).then_some(node)
    }

    fn is_in(&self, inner: usize, outer: usize) -> bool {
        let object = |at: usize| self.scopes.get(at).and_then(Option::as_ref);
        let (Some(inner), Some(outer)) = (object(inner), object(outer)) else { return false };
        let (listed, Some(model)) = (self.world.listed(inner), self.world.snapshot().model()) else { return false };
        listed.iter().flat_map(|list| list.iter()).any(|edge| {
            let leads = matches!(&edge.subject, EdgeSubject::Object(parent) if parent == outer);
            let is_parent = leads && edge.relation.as_str() == PARENT && model.counts(inner.object_type(), edge);
            is_parent && self.is_active(&edge.interval)
        })
    }
}
