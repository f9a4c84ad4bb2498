//! The crate `casbin` under role checks: reads rules, an empty line, and questions with their answers; prints the median.

use std::io::Read as _;
use std::time::Instant;

use casbin::prelude::*;

/// Roles in domains: a role holds in the domain of everything, or in that of one resource. What is cheap comes first.
const MODEL: &str = "
[request_definition]
r = sub, dom, act, typ
[policy_definition]
p = sub, act, typ
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.act == p.act && r.typ == p.typ && (g(r.sub, p.sub, \"everywhere\") || g(r.sub, p.sub, r.dom))
";

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let (rules, questions) = input.split_once("\n\n").unwrap();
    let started = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let enforcer = runtime.block_on(async {
        let model = DefaultModel::from_str(MODEL).await.unwrap();
        Enforcer::new(model, StringAdapter::new(rules)).await.unwrap()
    });
    let loaded = started.elapsed();
    let mut took = Vec::new();
    for question in questions.lines() {
        let [sub, dom, act, typ, expected] = question.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let started = Instant::now();
        let allowed = enforcer.enforce((sub, dom, act, typ)).unwrap();
        took.push(started.elapsed());
        assert_eq!(allowed.to_string(), expected, "casbin: {question}");
    }
    took.sort_unstable();
    let median = took[took.len() / 2].as_secs_f64() * 1e6;
    println!("{median:.0} us, of {} rules, loaded in {:.1} s", rules.lines().count(), loaded.as_secs_f64());
}
