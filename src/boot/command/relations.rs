//! `doorward relation …`

use clap::Subcommand;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::node::BootError;
use super::super::output::{note, table};
use super::access::When;
use super::bulk::{self, From, Item};
use super::servers::texts;
use super::{Context, access};
use crate::admin::load::edges;
use crate::admin::relations::{EdgeName, NewEdge, Place, RelationFilter, RelationWrite};
use crate::admin::{Admin, AdminError, PAGE_MAX};
use crate::decision::given::{GivenRelation, Line};
use crate::domain::name::{Segment, Slug};
use crate::domain::object::ObjectRef;

#[derive(Subcommand)]
pub(in crate::boot) enum RelationCommand {
    /// Write relations between resources and subjects; one that is there takes the new times.
    #[command(after_help = "\
Examples:
  doorward relation write --resource-server documents document:7#viewer@user:alice 'document:7#viewer@group:staff#member'
  doorward relation write --resource-server clinic patient:9#doctor@user:dora --expires-at 2026-12-31T00:00:00Z
  doorward relation write --resource-server documents --from relations.jsonl

A line is \"document:7#viewer@user:alice\", or {\"object\":\"document:7\",\"relation\":\"viewer\",\"subject\":\"user:alice\"} with
not_before and expires_at as you like. Many lines are a series of writes; what is there already is left as it is, so begin
again after an interruption.")]
    Write {
        #[arg(long, value_name = "NAME")]
        resource_server: Slug,
        #[arg(value_name = "OBJECT#RELATION@SUBJECT")]
        relations: Vec<GivenRelation>,
        #[command(flatten)]
        when: When,
        #[command(flatten)]
        from: From,
    },
    /// Take relations away; one that is not there is no error.
    #[command(after_help = "\
Examples:
  doorward relation delete --resource-server documents document:7#viewer@user:alice
  doorward relation delete --resource-server documents --from relations.jsonl      lines as for write")]
    Delete {
        #[arg(long, value_name = "NAME")]
        resource_server: Slug,
        #[arg(value_name = "OBJECT#RELATION@SUBJECT")]
        relations: Vec<GivenRelation>,
        #[command(flatten)]
        from: From,
    },
    /// List relations.
    #[command(after_help = "\
Example:
  doorward relation list --resource-server documents --object document:7 --relation viewer")]
    List {
        #[arg(long, value_name = "NAME")]
        resource_server: Slug,
        /// Only those from this resource.
        #[arg(long, value_name = "TYPE:ID")]
        object: Option<ObjectRef>,
        /// Only those by this relation.
        #[arg(long, value_name = "NAME")]
        relation: Option<Segment>,
        /// Only those to this subject.
        #[arg(long)]
        subject: Option<String>,
        /// Begin after this place, which the list before it ended with.
        #[arg(long, value_name = "PLACE")]
        after: Option<Place>,
    },
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Write(Line<GivenRelation>);

impl Item for Write {
    const MANY: &str = "relations";

    async fn write(admin: &Admin, server: &Slug, items: &[Self]) -> Result<usize, AdminError> {
        let items = edges(items.iter().map(|Self(Line(given))| given))?;
        admin.load_relations(server, &items, false).await
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Delete(Line<GivenRelation>);

impl Item for Delete {
    const MANY: &str = "relations to take away";

    async fn write(admin: &Admin, server: &Slug, items: &[Self]) -> Result<usize, AdminError> {
        let name = |Self(Line(given)): &Self| EdgeName {
            object: given.object.clone(),
            relation: given.relation.clone(),
            subject: given.subject.clone(),
        };
        let write = RelationWrite { delete: items.iter().map(name).collect(), ..RelationWrite::default() };
        admin.change_relations(server, &write).await.map(|(changed, _)| changed)
    }
}

pub(super) async fn run(cx: &Context<'_>, command: RelationCommand) -> Result<(), BootError> {
    match command {
        RelationCommand::Write { resource_server, relations, when, from } => {
            write(cx, &resource_server, relations, &when, &from).await
        }
        RelationCommand::Delete { resource_server, relations, from } => {
            let relations = relations.into_iter().map(|given| Delete(Line(given))).collect();
            bulk::run(cx, &resource_server, relations, &from).await
        }
        RelationCommand::List { resource_server, object, relation, subject, after } => {
            let filter =
                RelationFilter { object: object.as_ref(), relation: relation.as_ref(), subject: subject.as_deref() };
            let all = cx.admin.relations(&resource_server, filter, after.as_ref(), PAGE_MAX).await?;
            list(cx, &all);
            Ok(())
        }
    }
}

/// Those that were named have a reason and times on the command line; each line has its own.
async fn write(
    cx: &Context<'_>,
    server: &Slug,
    relations: Vec<GivenRelation>,
    when: &When,
    from: &From,
) -> Result<(), BootError> {
    let interval = when.interval()?;
    if relations.is_empty() {
        return bulk::run::<Write>(cx, server, Vec::new(), from).await;
    }
    from.refuse_beside("relations")?;
    let name =
        |given: GivenRelation| EdgeName { object: given.object, relation: given.relation, subject: given.subject };
    let new = |given| NewEdge { name: name(given), interval, reason: when.reason.clone() };
    let edges: Vec<_> = relations.into_iter().map(new).collect();
    let changed = cx.admin.load_relations(server, &edges, false).await?;
    bulk::shown(cx, server, "relations", edges.len(), changed);
    Ok(())
}

fn list(cx: &Context<'_>, all: &[(Place, Value)]) {
    let values: Vec<_> = all.iter().map(|(_, value)| value).collect();
    let is_full = i64::try_from(all.len()).is_ok_and(|len| len == PAGE_MAX);
    let next = all.last().filter(|_| is_full).map(|(place, _)| place.key());
    cx.output.show(&json!({ "relations": values, "next": next }), || {
        let row = |value: &&Value| {
            let mut row = ["object", "relation", "subject"].map(|member| texts(value.get(member))).to_vec();
            row.extend(access::interval(value));
            row.extend(["given_by", "reason"].map(|member| texts(value.get(member))));
            row
        };
        let header = ["object", "relation", "subject", "not before", "expires at", "by", "why"];
        table(&header, &values.iter().map(row).collect::<Vec<_>>())
    });
    if let Some(next) = next {
        note(&format!("There may be more: --after '{next}'"));
    }
}
