//! Leaving out the policies that cannot apply changes no answer: the library alone, given all policies, says the same.

use std::collections::BTreeSet;

use cedar_policy::{
    AuthorizationError, Authorizer, Context, Decision, Effect, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    PolicyId, PolicySet, Request, RestrictedExpression,
};
use doorward::decision::policies::Policies;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::json;

use crate::ask::{Ask, ask, library};

const PRINCIPALS: &[&str] = &[
    "principal",
    "principal",
    "principal == Subject::user::\"a\"",
    "principal == Subject::robot::\"a\"",
    "principal in Subject::user::\"b\"",
    "principal in Role::\"r\"",
    "principal in Group::\"g\"",
    "principal is Subject::user",
    "principal is Subject::client",
    "principal is Subject::robot in Role::\"r\"",
];
const ACTIONS: &[&str] = &[
    "action",
    "action",
    "action == Action::\"read\"",
    "action == Action::\"write\"",
    "action in Action::\"read\"",
    "action in [Action::\"read\", Action::\"write\"]",
    "action in [Action::\"write\"]",
];
const RESOURCES: &[&str] = &[
    "resource",
    "resource",
    "resource == Resource::document::\"a\"",
    "resource == Resource::folder::\"a\"",
    "resource in Resource::folder::\"a\"",
    "resource is Resource::document",
    "resource is Resource::folder",
    "resource is Resource::document in Resource::folder::\"b\"",
];
/// The last fails for some requests.
const CONDITIONS: &[&str] = &[
    "",
    "",
    "when { principal in [Role::\"r\", Role::\"s\"] || principal in Group::\"g\" }",
    "unless { resource in Resource::folder::\"b\" }",
    "when { principal is Subject::user }",
    "unless { action == Action::\"read\" }",
    "when { context has n && context.n > 0 }",
    "when { context has n && context.n + 9223372036854775807 > 0 }",
];

/// Those of these policies that the model takes, with their names.
fn texts() -> impl Strategy<Value = String> {
    let parts = (any::<bool>(), select(PRINCIPALS), select(ACTIONS), select(RESOURCES), select(CONDITIONS));
    let one = parts.prop_map(|(permits, principal, action, resource, condition)| {
        let effect = if permits { "permit" } else { "forbid" };
        format!("{effect} ({principal}, {action}, {resource}) {condition};")
    });
    proptest::collection::vec(one, 0..12).prop_map(|policies| {
        let taken = policies.into_iter().filter(|policy| Policies::compile(&library(), policy).is_ok());
        let taken = taken.enumerate().map(|(i, policy)| format!("@id(\"p{i}\") {policy}"));
        taken.collect::<Vec<_>>().join("\n")
    })
}

fn questions() -> impl Strategy<Value = Ask> {
    let ids = || select(&["a", "b", "\"c\n"][..]);
    let some = |names: &'static [&'static str]| subsequence(names, 0..=names.len());
    let kinds = (
        select(&["user", "client", "robot", "ghost"][..]),
        select(&["read", "write", "burn"][..]),
        select(&["document", "folder", "letter"][..]),
    );
    let rest = (ids(), ids(), some(&["r", "s"]), some(&["g", "r"]), some(&["a", "b"]), proptest::option::of(-1..3_i64));
    (kinds, rest).prop_map(|((of, action, to), (who, what, roles, groups, folders, n))| {
        let folders: Vec<_> = folders.into_iter().map(|id| ("folder", id)).collect();
        let asked = ask(&format!("{of}:{who} {action} {to}:{what}")).roles(&roles).groups(&groups).below(&folders);
        asked.context(&json!({"n": n})).subject_has(&json!({"clearance": 1})).action_says(&json!({"reason": "r"}))
    })
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    permits: BTreeSet<String>,
    forbids: BTreeSet<String>,
    failed: BTreeSet<String>,
}

/// The same request put to all policies, by the library alone.
fn whole(text: &str, asked: &Ask) -> Said {
    let parsed: PolicySet = text.parse().unwrap();
    let policies = parsed.policies().map(|policy| policy.new_id(PolicyId::new(policy.annotation("id").unwrap())));
    let set = PolicySet::from_policies(policies).unwrap();
    let uid = |of: &str, id: &str| {
        let of: EntityTypeName = of.parse().unwrap();
        EntityUid::from_type_name_and_id(of, EntityId::new(id))
    };
    let principal = uid(&format!("Subject::{}", asked.principal.0), &asked.principal.1);
    let resource = uid(&format!("Resource::{}", asked.resource.0), &asked.resource.1);
    let above = asked.roles.iter().map(|id| uid("Role", id)).chain(asked.groups.iter().map(|id| uid("Group", id)));
    let folders = asked.ancestors.iter().map(|(of, id)| uid(&format!("Resource::{of}"), id));
    let folders = folders.filter(|folder| *folder != resource);
    let entities = [
        Entity::new_no_attrs(principal.clone(), above.collect()),
        Entity::new_no_attrs(resource.clone(), folders.collect()),
    ];
    let n = asked.context.get("n").and_then(serde_json::Value::as_i64);
    let context = Context::from_pairs(n.map(|n| ("n".to_owned(), RestrictedExpression::new_long(n)))).unwrap();
    let request = Request::new(principal, uid("Action", &asked.action), resource, context, None).unwrap();
    let answer = Authorizer::new().is_authorized(&request, &set, &Entities::from_entities(entities, None).unwrap());

    let mut said = Said::default();
    let reasons = answer.diagnostics().reason().map(ToString::to_string).collect();
    match answer.decision() {
        Decision::Allow => said.permits = reasons,
        Decision::Deny => said.forbids = reasons,
    }
    for AuthorizationError::PolicyEvaluationError(error) in answer.diagnostics().errors() {
        said.failed.insert(error.policy_id().to_string());
        if set.policy(error.policy_id()).unwrap().effect() == Effect::Forbid {
            said.forbids.insert(error.policy_id().to_string());
            said.permits.clear();
        }
    }
    said
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_slice_says_what_the_whole_set_says(text in texts(), asked in proptest::collection::vec(questions(), 1..40)) {
        let policies = Policies::compile(&library(), &text).unwrap();
        for asked in &asked {
            let texts = |ids: Vec<std::sync::Arc<str>>| ids.iter().map(ToString::to_string).collect();
            let outcome = asked.of(&policies);
            let failed = outcome.errors.iter().map(|(id, _)| id.to_string()).collect();
            let said = Said { permits: texts(outcome.permits), forbids: texts(outcome.forbids), failed };
            prop_assert_eq!(&said, &whole(&text, asked), "{:?}", asked);
            let may_apply = policies.may_apply(&asked.action, &asked.resource.0, &asked.principal.0);
            prop_assert!(may_apply || said == Said::default());
        }
    }
}

#[test]
fn more_kinds_of_request_than_are_kept_are_still_answered() {
    let kinds = 40;
    let types = (0..kinds).map(|i| (format!("t{i}"), json!({"actions": {"a": {}, "b": {}}})));
    let subjects = (0..kinds).map(|i| (format!("s{i}"), json!({"kind": "external"})));
    let document = json!({
        "subjects": subjects.collect::<serde_json::Map<_, _>>(),
        "resources": types.collect::<serde_json::Map<_, _>>(),
    });
    let model = crate::ask::model(&document);
    let text = (0..kinds)
        .map(|i| format!("permit (principal is Subject::s{i}, action == Action::\"a\", resource is Resource::t{i});"));
    let text = text.collect::<Vec<_>>().join("\n");
    let policies = crate::ask::policies(&model, &text);
    for _ in 0..2 {
        for (subject, resource) in (0..kinds).flat_map(|s| (0..kinds).map(move |r| (s, r))) {
            assert_eq!(ask(&format!("s{subject}:x a t{resource}:y")).allows(&policies), subject == resource);
        }
    }
}
