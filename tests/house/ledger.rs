//! The endpoint ledger: every route has one row, every door a test of the caller it refuses, and no route is made anywhere
//! else.

use std::collections::BTreeSet;

use doorward::domain::issuer::Issuer;
use doorward::domain::resource_server::{EVALUATE, EXPLAIN, OWN_PERMISSIONS};
use doorward::http::ledger::{API, Caller, LEDGER, Row, rows};
use doorward::http::openapi::document;

use crate::none;
use crate::source::{Source, sources};

const ROUTES: &str = "src/http/routes.rs";
/// The demo's sample application stands for somebody else's program: what it serves is no endpoint of Doorward.
const SAMPLE: &str = "src/boot/demo/app/";

#[test]
fn every_route_has_one_row() {
    let mut seen = BTreeSet::new();
    let twice = rows().map(route).filter(|route| !seen.insert(route.clone()));
    none(&twice.collect::<Vec<_>>());
}

#[test]
fn every_guarded_route_has_a_test_of_the_caller_it_refuses() {
    let tests: BTreeSet<_> = sources("tests/it").iter().flat_map(functions).collect();
    none(&rows().filter_map(|row| untested(row, &tests)).collect::<Vec<_>>());
}

#[test]
fn every_row_is_in_the_document_and_nothing_else_is() {
    let document = document(&Issuer::localhost());
    let written = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, verbs)| verbs.as_object().unwrap().keys().map(move |verb| format!("{verb} {path}")));
    let written: BTreeSet<_> = written.collect();
    let expected: BTreeSet<_> =
        rows().map(|row| format!("{} {}", format!("{:?}", row.verb).to_lowercase(), row.path)).collect();
    none(&written.symmetric_difference(&expected).cloned().collect::<Vec<_>>());
}

#[test]
fn every_operation_needs_a_permission_that_is_declared_and_every_declared_one_is_needed() {
    let needs = API.iter().filter_map(|row| match row.caller {
        Caller::Operator(need) => Some((need.action, need.resource_type)),
        _ => None,
    });
    let needs: BTreeSet<_> = needs.collect();
    assert_eq!(
        API.iter().filter(|row| !matches!(row.caller, Caller::Operator(_))).count(),
        0,
        "a row without its permission"
    );
    let declared: BTreeSet<_> =
        OWN_PERMISSIONS.into_iter().filter(|permission| ![EVALUATE, EXPLAIN].contains(permission)).collect();
    assert_eq!(needs, declared);
}

#[test]
fn only_the_ledger_makes_routes() {
    let ours = sources("src").into_iter().filter(|source| !source.path.starts_with(SAMPLE));
    none(&ours.flat_map(|source| routers(&source)).collect::<Vec<_>>());
}

#[test]
fn a_row_without_its_test_and_a_router_elsewhere_are_found() {
    let tests = Source::new("tests/it/a.rs", "both! { async fn a_wrong_caller_is_refused(house) {} } fn helper() {}");
    let tests = functions(&tests).into_iter().collect();
    let row = |caller, refused_by| Row { caller, refused_by, ..LEDGER[0] };
    assert!(untested(&row(Caller::Client, "a_wrong_caller_is_refused"), &tests).is_none());
    assert!(untested(&row(Caller::Client, "a_test_nobody_wrote"), &tests).is_some());
    assert!(untested(&row(Caller::Client, ""), &tests).is_some());
    assert!(untested(&row(Caller::Anyone, ""), &tests).is_none());
    assert!(untested(&row(Caller::Anyone, "a_wrong_caller_is_refused"), &tests).is_some());
    assert_eq!(routers(&Source::new("src/http/a.rs", "fn f() { salvo::Router::with_path(\"a\"); }")).len(), 1);
}

fn route(row: &Row) -> String {
    format!("{:?} {}", row.verb, row.path)
}

fn untested(row: &Row, tests: &BTreeSet<String>) -> Option<String> {
    let route = route(row);
    let test = row.refused_by;
    match row.caller {
        Caller::Anyone if test.is_empty() => None,
        Caller::Anyone => Some(format!("{route}: anyone may call it, so nothing is refused by `{test}`")),
        _ if test.is_empty() => Some(format!("{route}: no test of the caller it refuses")),
        _ if tests.contains(test) => None,
        _ => Some(format!("{route}: no `{test}` in tests/it")),
    }
}

/// The names of all functions, those inside macros (`both! { … }`) included.
fn functions(source: &Source) -> Vec<String> {
    let named = (0..source.tokens.len()).filter(|at| source.text(*at) == "fn" && source.is_word(at + 1));
    named.map(|at| source.text(at + 1).to_owned()).collect()
}

/// The type itself, under any of its constructors.
fn routers(source: &Source) -> Vec<String> {
    let named = (0..source.tokens.len()).filter(|at| source.text(*at) == "Router" && source.path != ROUTES);
    named.map(|at| format!("{}: a router outside {ROUTES}", source.place(at))).collect()
}
