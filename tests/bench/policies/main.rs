//! What a conditional decision costs beside a plain one: policies that can apply to a request, out of 1, 12 and 1,000.
//!
//! `cargo bench --locked --bench policies` prints the figures of one core; it judges nothing.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a bench that goes wrong stops")]
#![expect(clippy::print_stdout, reason = "the figures are the result")]
#![expect(clippy::disallowed_methods, reason = "a bench measures real time")]

use std::time::{Duration, Instant};

use doorward::decision::policies::{Given, Policies, PolicyRequest};
use doorward::domain::model::Model;
use serde_json::{Map, Value, json};

const ROUNDS: u32 = 20_000;
/// Types beside the one asked about, each with policies of its own.
const TYPES: usize = 50;

fn main() {
    for (what, many, all_apply) in [
        ("1 policy, which can apply", 1, false),
        ("12 policies, 4 can apply", 12, false),
        ("1,000 policies, 4 can apply", 1_000, false),
        ("12 policies, all can apply", 12, true),
        ("1,000 policies, all can apply", 1_000, true),
    ] {
        measure(what, many, all_apply);
    }
}

fn model() -> Model {
    let other = || json!({"actions": {"read": {}, "write": {}}, "attributes": {"level": {"type": "integer"}}});
    let mut resources: Map<_, _> = (0..TYPES).map(|i| (format!("type{i}"), other())).collect();
    let folder = json!({"relations": {"parent": {"subjects": ["folder"]}}});
    resources.insert("folder".to_owned(), folder);
    resources.insert(
        "document".to_owned(),
        json!({
            "actions": {"read": {}, "write": {"properties": {"soft": {"type": "boolean"}}}},
            "relations": {"parent": {"subjects": ["folder"]}},
            "attributes": {
                "status": {"type": "string", "source": "request"}, "level": {"type": "integer"},
                "labels": {"type": "strings"}, "owner": {"type": "string"},
            },
        }),
    );
    let user =
        json!({"kind": "directory", "attributes": {"email": {"type": "string"}, "department": {"type": "string"}}});
    let context = json!({"ip": {"type": "ip"}, "hour": {"type": "integer"}});
    Model::parse(&json!({"subjects": {"user": user}, "resources": resources, "context": context})).unwrap()
}

/// The four that matter, of each effect, and others that speak of other types.
fn text(many: usize, all_apply: bool) -> String {
    let document = "action == Action::\"write\", resource is Resource::document";
    let own = [
        format!(
            "permit (principal in Role::\"editor\", {document}) when {{ resource has status && resource.status == \"open\" }};"
        ),
        format!(
            "permit (principal in Group::\"staff\", {document}) when {{ resource has level && resource.level < 2 }};"
        ),
        format!(
            "forbid (principal, {document}) when {{ resource has labels && resource.labels.contains(\"frozen\") }};"
        ),
        "forbid (principal, action, resource) when { context has ip && context.ip.isInRange(ip(\"203.0.113.0/24\")) };"
            .to_owned(),
    ];
    let other = |i: usize| {
        let head = format!("action == Action::\"write\", resource is Resource::type{}", i % TYPES);
        let head = if all_apply { document } else { &head };
        format!("permit (principal is Subject::user, {head}) when {{ resource has level && resource.level == {i} }};")
    };
    own.into_iter().chain((0..many).map(other)).take(many).collect::<Vec<_>>().join("\n")
}

fn measure(what: &str, many: usize, all_apply: bool) {
    let started = Instant::now();
    let policies = Policies::compile(&model(), &text(many, all_apply)).unwrap_or_else(|errors| panic!("{errors:?}"));
    let compiled = started.elapsed();
    let object = |value: Value| value.as_object().unwrap().clone();
    let principal = object(json!({"email": "alice@example.com", "department": "research"}));
    let resource = object(json!({"status": "closed", "level": 1, "labels": ["draft", "internal"], "owner": "alice"}));
    let (status, context) = (object(json!({"status": "open"})), object(json!({"ip": "192.0.2.7", "hour": 9})));
    let (none, soft) = (Map::new(), object(json!({"soft": true})));
    let request = PolicyRequest {
        principal_type: "user",
        principal_id: "alice",
        principal: Given { stored: &principal, sent: &none },
        roles: &["reader", "editor", "auditor", "clerk", "guest"],
        groups: &["staff", "research", "everybody"],
        action: "write",
        action_properties: &soft,
        resource_type: "document",
        resource_id: "7",
        resource: Given { stored: &resource, sent: &status },
        ancestors: &[("folder", "drafts"), ("folder", "top")],
        context: &context,
    };
    let outcome = policies.evaluate(&request);
    assert!(outcome.allows() && outcome.errors.is_empty(), "{outcome:?}");
    let rounds = if all_apply { ROUNDS / 20 } else { ROUNDS };
    let mut took: Vec<Duration> = (0..rounds).map(|_| timed(|| drop(policies.evaluate(&request)))).collect();
    took.sort_unstable();
    let at = |percent: usize| took.get(took.len() * percent / 100).unwrap().as_secs_f64() * 1e6;
    let asked = timed(|| (0..ROUNDS).for_each(|_| assert!(policies.may_apply("write", "document", "user"))));
    let asked = asked.as_secs_f64() * 1e9 / f64::from(ROUNDS);
    println!(
        "{what:32} median {:7.1} µs, p99 {:7.1} µs; whether any can apply {asked:4.0} ns; compiled in {:6.1} ms",
        at(50),
        at(99),
        compiled.as_secs_f64() * 1e3
    );
}

fn timed(act: impl FnOnce()) -> Duration {
    let started = Instant::now();
    act();
    started.elapsed()
}
