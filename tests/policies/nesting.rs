//! Text that nests deep is refused with its place, before a parser that calls itself for each level meets it; what is not
//! refused is compiled and evaluated on the small stack of any thread.

use std::thread;

use doorward::decision::policies::{POLICY_BRACKETS_MAX, POLICY_LINKS_MAX, Policies};
use serde_json::json;

use crate::ask::{ask, library, refusal};

/// What threads of the runtime have.
const STACK_BYTES: usize = 2 * 1024 * 1024;

fn around(open: &str, inner: &str, close: &str, times: usize) -> String {
    format!("{}{inner}{}", open.repeat(times), close.repeat(times))
}

fn policy(condition: &str) -> String {
    format!("permit (principal, action == Action::\"read\", resource)\nwhen {{ {condition} }};")
}

/// Each way to nest, so many times.
fn nested(times: usize) -> Vec<(&'static str, String)> {
    let record = around("{a: ", "1", "}", times);
    let set = around("[", "1", "]", times);
    let names = vec!["context has n"; times];
    vec![
        ("brackets", around("(", "context has n", ")", times)),
        ("negations", around("!(", "context has n", ")", times)),
        ("minuses", format!("{} == 1", around("-(", "1", ")", times))),
        ("bare negations", around("!", "context has n", "", times)),
        ("sets", format!("{set} == {set}")),
        ("records", format!("{record} == {record}")),
        ("members", format!("{record}{} == 1", ".a".repeat(times))),
        ("indices", format!("{record}{} == 1", "[\"a\"]".repeat(times))),
        ("calls", around("[true].contains(", "true", ")", times)),
        ("ors", names.join(" || ")),
        ("ands", names.join(" && ")),
        ("sums", format!("context has n && context.n == {}", vec!["context.n"; times].join(" + "))),
        ("differences", format!("context has n && context.n == {}", vec!["context.n"; times].join(" - "))),
        ("products", format!("context has n && context.n == {}", vec!["context.n"; times].join(" * "))),
        ("conditions", around("if context has n then true else ", "true", "", times)),
        ("conditions of conditions", around("if ", "context has n", " then true else false", times)),
        ("whens", around("context has n } when { ", "true", "", times)),
        ("mixed", around("(context has n || !(", "context has n", "))", times)),
        ("hidden behind comments", around("// \"\n( // \"\r", "context has n", ")", times)),
        ("hidden behind strings", format!("\"\\\"\" == \"// \" && {}", around("(", "context has n", ")", times))),
        ("never closed", "(".repeat(times)),
        ("wrongly closed", "( ] ".repeat(times)),
        ("after a semicolon", around("( ; ", "context has n", ")", times)),
    ]
}

fn on_a_small_stack<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    thread::Builder::new().stack_size(STACK_BYTES).spawn(run).unwrap().join().unwrap()
}

#[test]
fn what_nests_too_deep_is_refused_by_its_line() {
    on_a_small_stack(|| {
        for (how, condition) in nested(20_000) {
            let refused = refusal(&library(), &policy(&condition));
            let expected = ["brackets within brackets, more than", "an expression of more than"];
            let is_told = expected.iter().any(|expected| refused.contains(expected));
            assert!(is_told && refused.starts_with("line "), "{how}: {refused}");
        }
    });
}

#[test]
fn the_line_is_the_one_from_which_on_it_is_too_deep() {
    let text = format!("permit (principal, action, resource);\n\n{}", policy(&around("(", "true", ")", 65)));
    assert_eq!(refusal(&library(), &text), "line 4: brackets within brackets, more than 64 deep");
    let text = policy(&vec!["true"; 502].join(" ||\n"));
    let expected =
        "line 502: an expression of more than 500 operators and members in a row: make several policies of it";
    assert_eq!(refusal(&library(), &text), expected);
}

#[test]
fn what_is_allowed_is_compiled_and_evaluated_on_a_small_stack() {
    // Each time takes up to two brackets and three links.
    let times = [8, POLICY_BRACKETS_MAX / 2 - 1, POLICY_LINKS_MAX / 3 - 2];
    let all: Vec<_> = times.into_iter().flat_map(nested).collect();
    for (how, condition) in all {
        on_a_small_stack(move || {
            let Ok(policies) = Policies::compile(&library(), &policy(&condition)) else { return };
            for question in ["user:alice read document:7", "robot:r read folder:1"] {
                let outcome = ask(question).context(&json!({ "n": 1 })).of(&policies);
                let told = format!("{how}: {outcome:?}").chars().take(400).collect::<String>();
                assert!(!told.contains("recursion"), "{told}");
            }
        });
    }
}

#[test]
fn long_lists_are_not_deep() {
    let names: Vec<_> = (0..2_000).map(|n| format!("Resource::document::\"{n}\"")).collect();
    let listed = policy(&format!("resource in [{}]", names.join(", ")));
    on_a_small_stack(move || {
        let policies = Policies::compile(&library(), &listed).unwrap();
        assert!(ask("robot:r read document:1999").allows(&policies));
        assert!(!ask("robot:r read document:2000").allows(&policies));
    });
    let many = policy("context has n && (context.n == 1 || context.n == 2)").repeat(200);
    assert!(Policies::compile(&library(), &many).is_ok());
}
