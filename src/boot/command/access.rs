//! `doorward group …` and `doorward assign …`

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::node::BootError;
use super::super::output::table;
use super::servers::texts;
use super::{Context, PageArgs};
use crate::admin::assignments::{AssignmentFilter, HeldRef, NewAssignment};
use crate::admin::{PAGE_MAX, PrincipalRef};
use crate::domain::assignment::Effect;
use crate::domain::id::AssignmentId;
use crate::domain::name::{Reason, Slug};
use crate::domain::object::ObjectRef;
use crate::domain::permission::Permission;
use crate::domain::time::{Instant, Interval};

/// From when to when something counts.
#[derive(Args)]
pub(in crate::boot) struct When {
    /// Counts from this moment on (2026-11-22T15:00:00Z).
    #[arg(long, value_parser = Instant::parse, value_name = "TIME")]
    not_before: Option<Instant>,
    /// Counts until this moment.
    #[arg(long, value_parser = Instant::parse, value_name = "TIME")]
    expires_at: Option<Instant>,
    /// Why, for whoever reads the audit trail.
    #[arg(long)]
    pub(super) reason: Option<Reason>,
}

impl When {
    pub(super) fn interval(&self) -> Result<Interval, String> {
        Interval::new(self.not_before, self.expires_at)
    }
}

#[derive(Subcommand)]
pub(in crate::boot) enum GroupCommand {
    /// Create a group.
    Create { group: Slug },
    /// List groups, in order of name.
    List {
        #[command(flatten)]
        page: PageArgs,
    },
    /// Put a user, client or group into a group.
    #[command(after_help = "Example:\n  doorward group add editors user:alice --expires-at 2026-12-31T00:00:00Z")]
    Add {
        group: Slug,
        /// user:NAME, client:CLIENT_ID or group:NAME.
        member: PrincipalRef,
        #[command(flatten)]
        when: When,
    },
    /// Take a user, client or group out of a group.
    Remove { group: Slug, member: PrincipalRef },
    /// List who is directly in a group.
    Members {
        group: Slug,
        /// Begin after this identifier.
        #[arg(long, default_value_t = Uuid::nil())]
        after: Uuid,
    },
}

pub(super) async fn run_group(cx: &Context<'_>, command: GroupCommand) -> Result<(), BootError> {
    match command {
        GroupCommand::Create { group } => {
            let group = cx.admin.create_group(group).await?;
            cx.output.show(&json!({ "name": group.name }), || format!("created group {}", group.name));
        }
        GroupCommand::List { page } => {
            let names: Vec<_> =
                cx.admin.groups(page.listing()).await?.into_iter().map(|g| g.name.to_string()).collect();
            cx.output.show(&json!({ "groups": names }), || match names.as_slice() {
                [] => "There are no groups yet: doorward group create NAME".to_owned(),
                names => names.join("\n"),
            });
        }
        GroupCommand::Add { group, member, when } => {
            let revision = cx.admin.add_group_member(&group, &member, when.interval()?, when.reason.as_ref()).await?;
            let value = json!({ "group": group, "member": member.to_string(), "revision": revision });
            cx.output.show(&value, || format!("{member} is in {group}"));
        }
        GroupCommand::Remove { group, member } => {
            let revision = cx.admin.remove_group_member(&group, &member).await?;
            let value = json!({ "group": group, "removed": member.to_string(), "revision": revision });
            cx.output.show(&value, || format!("{member} is no longer in {group}"));
        }
        GroupCommand::Members { group, after } => {
            let members = cx.admin.group_members(&group, after, PAGE_MAX).await?;
            cx.output.show(&json!({ "members": members }), || {
                let row = |m: &Value| {
                    let mut row = vec![texts(m.get("member"))];
                    row.extend(interval(m));
                    row.extend(["given_by", "reason"].map(|member| texts(m.get(member))));
                    row
                };
                table(
                    &["member", "not before", "expires at", "by", "why"],
                    &members.iter().map(row).collect::<Vec<_>>(),
                )
            });
        }
    }
    Ok(())
}

pub(super) fn interval(of: &Value) -> [String; 2] {
    let interval = of.get("interval");
    ["not_before", "expires_at"].map(|edge| texts(interval.and_then(|i| i.get(edge))))
}

#[derive(Subcommand)]
pub(in crate::boot) enum AssignCommand {
    /// Give a role or a permission, or deny it.
    #[command(after_help = "\
Examples:
  doorward assign add user:alice --resource-server notes --role editor
  doorward assign add group:contractors --resource-server notes --role viewer --expires-at 2026-12-31T00:00:00Z
  doorward assign add user:bob --resource-server notes --role editor --on folder:9
  doorward assign add user:mallory --resource-server notes --permission '*:note' --deny --reason 'under review'")]
    Add {
        /// user:NAME, client:CLIENT_ID or group:NAME.
        principal: PrincipalRef,
        #[arg(long, value_name = "NAME")]
        resource_server: Slug,
        #[arg(long, required_unless_present = "permission", conflicts_with = "permission")]
        role: Option<Slug>,
        #[arg(long)]
        permission: Option<Permission>,
        /// Only on this resource and all below it.
        #[arg(long, value_name = "TYPE:ID")]
        on: Option<ObjectRef>,
        /// Deny it instead: a deny outweighs every permit.
        #[arg(long)]
        deny: bool,
        #[command(flatten)]
        when: When,
    },
    /// Take an assignment away, by its id.
    Remove { id: AssignmentId },
    /// List assignments, in the order they were made.
    List {
        /// Only those at this resource server.
        #[arg(long, value_name = "NAME")]
        resource_server: Option<Slug>,
        /// Only those of this user, client or group.
        #[arg(long)]
        principal: Option<PrincipalRef>,
        /// Only those of roles of this name.
        #[arg(long)]
        role: Option<Slug>,
        /// Only those on this resource alone.
        #[arg(long, value_name = "TYPE:ID")]
        on: Option<ObjectRef>,
        /// Begin after this id.
        #[arg(long, default_value_t = Uuid::nil())]
        after: Uuid,
    },
}

pub(super) async fn run(cx: &Context<'_>, command: AssignCommand) -> Result<(), BootError> {
    match command {
        AssignCommand::Add { principal, resource_server, role, permission, on, deny, when } => {
            let held = match (role, permission) {
                (Some(role), _) => HeldRef::Role(role),
                (None, Some(permission)) => HeldRef::Permission(permission),
                (None, None) => return Err("--role or --permission is missing".into()),
            };
            let effect = if deny { Effect::Deny } else { Effect::Allow };
            let (interval, reason) = (when.interval()?, when.reason);
            let new = NewAssignment { principal, resource_server, held, scope: on, effect, interval, reason };
            let (recorded, view) = cx.admin.add_assignment(&new).await?;
            cx.output.show(&view, || {
                format!(
                    "{} for {} at {}: {}",
                    new.effect.as_str(),
                    new.principal,
                    new.resource_server,
                    recorded.assignment.id
                )
            });
        }
        AssignCommand::Remove { id } => {
            let revision = cx.admin.remove_assignment(id).await?;
            cx.output.show(&json!({ "removed": id, "revision": revision }), || format!("removed {id}"));
        }
        AssignCommand::List { resource_server, principal, role, on, after } => {
            let filter = AssignmentFilter { resource_server, principal, role, on };
            let all = cx.admin.assignments(&filter, after, PAGE_MAX).await?;
            cx.output.show(&json!({ "assignments": all }), || {
                let row = |a: &Value| {
                    let held = if a.get("role").is_some() { "role" } else { "permission" };
                    let mut row = ["id", "resource_server", "principal", "effect", held, "scope"]
                        .map(|member| texts(a.get(member)))
                        .to_vec();
                    row.extend(interval(a));
                    row
                };
                let header =
                    ["id", "at", "principal", "effect", "role or permission", "on", "not before", "expires at"];
                table(&header, &all.iter().map(row).collect::<Vec<_>>())
            });
        }
    }
    Ok(())
}
