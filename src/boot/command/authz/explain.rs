//! `doorward authz explain …`

use clap::Args;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::super::node::{BootError, decision_options};
use super::super::Context;
use crate::decision::{Decisions, Explanation, Query, Sent};
use crate::domain::name::Slug;

#[derive(Args)]
#[command(after_help = "\
Examples:
  doorward authz explain user:alice read document:7 --resource-server notes
  doorward authz explain employee:42 approve invoice:9 --resource-server books --context '{\"amount\":100}' --json
  doorward authz explain user:alice share document:7 --resource-server notes \\
      --properties '{\"action\":{\"with\":\"everybody\"},\"resource\":{\"state\":\"draft\"}}'")]
pub(in crate::boot) struct ExplainArgs {
    /// user:NAME, client:CLIENT_ID, or the type and id of a subject that the resource server registered.
    #[arg(value_name = "TYPE:ID", value_parser = entity)]
    subject: Entity,
    action: String,
    #[arg(value_name = "TYPE:ID", value_parser = entity)]
    resource: Entity,
    #[arg(long, value_name = "NAME")]
    resource_server: Slug,
    /// The context of the request, as a JSON object.
    #[arg(long, value_name = "JSON", value_parser = object, default_value = "{}")]
    context: Map<String, Value>,
    /// The properties of the request's subject, action and resource, as a JSON object with members of these names.
    #[arg(long, value_name = "JSON", value_parser = properties, default_value = "{}")]
    properties: Properties,
}

/// What a request says beside the names.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Properties {
    subject: Map<String, Value>,
    action: Map<String, Value>,
    resource: Map<String, Value>,
}

/// A type and an identifier, as a request names them.
#[derive(Clone)]
struct Entity {
    of: String,
    id: String,
}

fn entity(text: &str) -> Result<Entity, String> {
    match text.split_once(':') {
        Some((of, id)) if !of.is_empty() && !id.is_empty() => Ok(Entity { of: of.to_owned(), id: id.to_owned() }),
        _ => Err(format!("{text:?} is not a type and an identifier, such as document:7")),
    }
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("this is no JSON object: {error}"))
}

fn properties(text: &str) -> Result<Properties, String> {
    serde_json::from_str(text).map_err(|error| format!("this is no object of subject, action and resource: {error}"))
}

pub(super) async fn run(cx: &Context<'_>, args: ExplainArgs) -> Result<(), BootError> {
    let options = decision_options(cx.config);
    let (clock, entropy) = (cx.world.clock.clone(), cx.world.entropy.clone());
    let decisions = Decisions::start(cx.store.clone(), clock.clone(), entropy, options).await?;
    let registry = decisions.registry().await?;
    let at = registry.by_name(args.resource_server.as_str());
    let at = at.ok_or_else(|| format!("there is no resource server {:?}", args.resource_server.as_str()))?.id;
    let ExplainArgs { subject, action, resource, mut context, properties, .. } = args;
    // As on the wire, where this asks why and is no policy's to see.
    context.remove("explain");
    let explanation = match decisions.named(at, &subject.of, &subject.id).await? {
        None => {
            let (who, what) =
                (format!("{}:{}", subject.of, subject.id), format!("{action} {}:{}", resource.of, resource.id));
            Explanation::unknown_subject(&who, &what)
        }
        Some(named) => {
            let query = Query::new(named, &action, &resource.of, &resource.id);
            let query = query.with(Sent {
                subject: properties.subject,
                action: properties.action,
                resource: properties.resource,
                context,
            });
            decisions.check_sent(at, &query).await?;
            decisions.explain(at, &query, clock.now()).await?.0
        }
    };
    let Explanation { allowed, valid_until, tree } = explanation;
    let value = json!({ "decision": allowed, "explanation": tree, "valid_until": valid_until });
    cx.output.show(&value, || tree.draw());
    Ok(())
}
