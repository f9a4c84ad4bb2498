//! The model and policies of a resource server: `/api/v1/resource-servers/{server}/rules`.

use serde_json::{Value, json};

use super::super::errors::Problem;
use super::super::ledger::RulesOperation;
use super::answer::{self, anything, flag, moment, text};
use super::body::{Document, body, nullable};
use super::call::{Call, Reply};
use super::describe::Described;
use crate::admin::rules::{RuleChange, Versions};
use crate::domain::model::Model;
use crate::domain::name::Slug;

body! {
    PutRules {
        ---
        model: Option<Document> = "Resource types with their actions, relations and attributes, subject types, and the context; stays as it is when left out",
        policies: Option<String> = "Policies in Cedar, all of them; none for an empty text; stay as they are when left out",
    }
}

body! {
    ActivateRules {
        model: i64 = "The version of the model that is to count; 0 for none",
        policies: i64 = "The version of the policies that is to count; 0 for none",
        ---
    }
}

pub(super) fn describe(operation: RulesOperation) -> Described {
    use RulesOperation as Of;
    match operation {
        Of::Show => Described::shows("The model and the policies that count", rules),
        Of::Put => Described::changes::<PutRules>(
            "Make a model and policies count, checked against each other, as new versions",
            versions,
        )
        .in_bulk(),
        Of::Versions => Described::shows("The latest versions of model and policies", listed),
        Of::Activate => Described::changes::<ActivateRules>("Make earlier versions count again, at once", versions),
    }
}

fn number() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn rules() -> Value {
    answer::object(&[("model", model), ("policies", policies)], &[])
}

fn model() -> Value {
    nullable(answer::object(&[("version", number), ("document", anything)], &[]))
}

fn policies() -> Value {
    nullable(answer::object(&[("version", number), ("text", text)], &[]))
}

fn versions() -> Value {
    answer::object(&[("model", number), ("policies", number)], &[])
}

fn listed() -> Value {
    answer::object(&[("model", stamps), ("policies", stamps)], &[])
}

fn stamps() -> Value {
    let stamp =
        answer::object(&[("version", number), ("active", flag), ("given_by", text), ("created_at", moment)], &[]);
    json!({ "type": "array", "items": stamp })
}

pub(super) async fn run(operation: RulesOperation, call: &Call) -> Result<Reply, Problem> {
    let server: Slug = call.named("server")?;
    match operation {
        RulesOperation::Show => show(call, &server).await,
        RulesOperation::Put => put(call, &server).await,
        RulesOperation::Versions => {
            let versions = call.admin.rule_versions(&server).await;
            versions.map(Reply::ok).map_err(|error| call.refused(&error))
        }
        RulesOperation::Activate => {
            let ActivateRules { model, policies } = call.body()?;
            if let Some((member, _)) =
                [("model", model), ("policies", policies)].iter().find(|(_, version)| *version < 0)
            {
                return Err(Problem::member(member, "no version is less than 0"));
            }
            let wanted = Versions { model, policies };
            call.admin.activate_rules(&server, wanted).await.map_err(|error| call.refused(&error))?;
            Ok(Reply::ok(json!(wanted)))
        }
    }
}

async fn show(call: &Call, server: &Slug) -> Result<Reply, Problem> {
    let rules = call.admin.rules(server).await.map_err(|error| call.refused(&error))?;
    let model = rules.model.map(|(version, model)| json!({ "version": version, "document": model }));
    let policies = rules.policies.map(|(version, text)| json!({ "version": version, "text": text }));
    Ok(Reply::ok(json!({ "model": model, "policies": policies })))
}

async fn put(call: &Call, server: &Slug) -> Result<Reply, Problem> {
    let PutRules { model, policies } = call.body()?;
    let model = model.map(|Document(document)| Model::parse(&document)).transpose();
    let model = model.map_err(|wrong| Problem::member(&format!("model.{}", wrong.at), &wrong.problem))?;
    let put = call.admin.put_rules(server, &RuleChange { model, policies }).await;
    let (versions, _) = put.map_err(|error| call.refused(&error))?;
    Ok(Reply::ok(json!(versions)))
}
