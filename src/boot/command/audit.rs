//! `doorward audit`

use clap::Args;
use serde_json::{Value, json};

use super::super::node::BootError;
use super::super::output::table;
use super::Context;
use crate::admin::audit::{AuditFilter, AuditRecord, Concerned, Newest, narrow};
use crate::domain::id::FactId;
use crate::domain::listing::Order;
use crate::domain::name::Slug;
use crate::domain::time::Instant;

#[derive(Args)]
#[command(after_help = "\
Examples:
  doorward audit --actor user:alice --from 2026-11-22T00:00:00Z --until 2026-11-23T00:00:00Z
  doorward audit --kind assignment.added --resource resource-server:notes
  doorward audit --resource document:7 --resource-server documents --order asc")]
pub(in crate::boot) struct AuditArgs {
    /// Only what is about this subject, such as client:notes-bot.
    #[arg(long)]
    subject: Option<String>,
    /// Only what was done by this actor, such as user:alice or command-line.
    #[arg(long)]
    actor: Option<String>,
    /// What was done: only facts of this kind, such as assignment.added.
    #[arg(long)]
    kind: Option<String>,
    /// Only what concerns this resource server: its roles, rules, assignments, resources.
    #[arg(long, value_name = "NAME")]
    resource_server: Option<Slug>,
    /// Only what concerns this resource, as type:id, or resource-server:NAME.
    #[arg(long, value_name = "TYPE:ID")]
    resource: Option<Concerned>,
    /// Only what happened at this moment or later (2026-11-22T15:00:00Z).
    #[arg(long, value_parser = Instant::parse, value_name = "TIME")]
    from: Option<Instant>,
    /// Only what happened before this moment.
    #[arg(long, value_parser = Instant::parse, value_name = "TIME")]
    until: Option<Instant>,
    /// desc for the newest first, asc for the oldest.
    #[arg(long, default_value = "desc", value_name = "asc|desc")]
    order: Order,
    /// Begin after this fact, by its id in --json.
    #[arg(long, value_name = "ID")]
    after: Option<FactId>,
    /// So many facts at most.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=1000))]
    limit: i64,
}

pub(super) async fn run(cx: &Context<'_>, args: AuditArgs) -> Result<(), BootError> {
    let mut filter = AuditFilter {
        actor: args.actor,
        subject: args.subject,
        kind: args.kind,
        resource_server: args.resource_server,
        resource: None,
        from: args.from,
        until: args.until,
        newest: match args.order {
            Order::Descending => Newest::First,
            Order::Ascending => Newest::Last,
        },
    };
    narrow(&mut filter, args.resource);
    let facts = cx.admin.audit(&filter, args.after, args.limit).await?;
    let view = |fact: &AuditRecord| {
        json!({
            "id": fact.id, "at": fact.at, "kind": fact.kind, "actor": fact.actor, "subject": fact.subject,
            "revision": fact.revision, "request_id": fact.request_id, "detail": fact.detail,
        })
    };
    let values: Vec<Value> = facts.iter().map(view).collect();
    cx.output.show(&json!({ "facts": values }), || {
        let row =
            |fact: &AuditRecord| vec![fact.at.to_string(), fact.kind.clone(), fact.actor.clone(), fact.subject.clone()];
        table(&["at", "what", "by", "about"], &facts.iter().map(row).collect::<Vec<_>>())
    });
    Ok(())
}
