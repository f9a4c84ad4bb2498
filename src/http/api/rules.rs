//! The model and policies of a resource server: `/api/v1/resource-servers/{server}/rules`.

use serde_json::{Value, json};

use super::super::errors::Problem;
use super::super::ledger::RulesOperation;
use super::answer::{self, anything, flag, moment, text};
use super::body::{Document, body, nullable};
use super::call::{Call, Reply};
use super::cases::trial;
use super::describe::Described;
use crate::admin::AdminError;
use crate::admin::rules::{RuleChange, Versions};
use crate::decision::given::Case;
use crate::domain::model::Model;
use crate::domain::name::Slug;

body! {
    PutRules {
        ---
        model: Option<Document> = "Resource types with their actions, relations and attributes, subject types, and the context; stays as it is when left out",
        policies: Option<String> = "Policies in Cedar, all of them; none for an empty text; stay as they are when left out",
        tests: Vec<Case> = "Decisions that must come out under them, of what is stored; if one does not, nothing is written",
        activate: Option<bool> = "Whether they count at once; they do when left out",
    }
}

body! {
    ActivateRules {
        model: i64 = "The version of the model that is to count; 0 for none",
        policies: i64 = "The version of the policies that is to count; 0 for none",
        ---
        tests: Vec<Case> = "Decisions that must come out under them, of what is stored; if one does not, nothing changes",
    }
}

pub(super) fn describe(operation: RulesOperation) -> Described {
    use RulesOperation as Of;
    match operation {
        Of::Show => Described::shows("The model and the policies that count", rules),
        Of::Put => Described::changes::<PutRules>(
            "Make a model and policies count, or store them, checked against each other and tested, as new versions",
            versions,
        )
        .in_bulk(),
        Of::Versions => Described::shows("The latest versions of model and policies", listed),
        Of::ModelVersion => Described::shows("One version of the model", model_of),
        Of::PoliciesVersion => Described::shows("One version of the policies", policies_of),
        Of::Schema => Described::shows("The schema that the model makes for policies, as Cedar writes it", policies_of),
        Of::Activate => {
            Described::changes::<ActivateRules>("Make stored or earlier versions count, at once", versions).in_bulk()
        }
    }
}

fn number() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn rules() -> Value {
    answer::object(&[("model", model), ("policies", policies)], &[])
}

fn model() -> Value {
    nullable(model_of())
}

fn model_of() -> Value {
    answer::object(&[("version", number), ("document", anything)], &[])
}

fn policies() -> Value {
    nullable(policies_of())
}

fn policies_of() -> Value {
    answer::object(&[("version", number), ("text", text)], &[])
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
        RulesOperation::Versions => shown(call, call.admin.rule_versions(&server).await),
        RulesOperation::ModelVersion => shown(call, call.admin.model_version(&server, call.named("version")?).await),
        RulesOperation::PoliciesVersion => {
            shown(call, call.admin.policies_version(&server, call.named("version")?).await)
        }
        RulesOperation::Schema => shown(call, call.admin.rules_schema(&server, None).await),
        RulesOperation::Activate => activate(call, &server).await,
    }
}

fn shown(call: &Call, found: Result<Value, AdminError>) -> Result<Reply, Problem> {
    found.map(Reply::ok).map_err(|error| match error {
        // Of a version, and of a model, there is nothing else than what the address says.
        AdminError::NotFound { .. } => Problem::not_found(),
        error => call.refused(&error),
    })
}

async fn activate(call: &Call, server: &Slug) -> Result<Reply, Problem> {
    let ActivateRules { model, policies, tests } = call.body()?;
    if let Some((member, _)) = [("model", model), ("policies", policies)].iter().find(|(_, version)| *version < 0) {
        return Err(Problem::member(member, "no version is less than 0"));
    }
    let wanted = Versions { model, policies };
    let activated = call.admin.try_activation(server, wanted, Some(trial(call, &tests))).await;
    activated.map_err(|error| call.refused(&error))?;
    Ok(Reply::ok(json!(wanted)))
}

async fn show(call: &Call, server: &Slug) -> Result<Reply, Problem> {
    let rules = call.admin.rules(server).await.map_err(|error| call.refused(&error))?;
    let model = rules.model.map(|(version, model)| json!({ "version": version, "document": model }));
    let policies = rules.policies.map(|(version, text)| json!({ "version": version, "text": text }));
    Ok(Reply::ok(json!({ "model": model, "policies": policies })))
}

async fn put(call: &Call, server: &Slug) -> Result<Reply, Problem> {
    let PutRules { model, policies, tests, activate } = call.body()?;
    let model = model.map(|Document(document)| Model::parse(&document)).transpose();
    let model = model.map_err(|wrong| Problem::member(&format!("model.{}", wrong.at), &wrong.problem))?;
    let change = RuleChange { model, policies };
    let put = call.admin.try_rules(server, &change, Some(trial(call, &tests)), activate.unwrap_or(true)).await;
    let (versions, _) = put.map_err(|error| call.refused(&error))?;
    Ok(Reply::ok(json!(versions)))
}
