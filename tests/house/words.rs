//! What no line of the program may say: nothing that ends it on purpose or writes past the log, and no lint turned down
//! without a reason. Clippy denies most of it; this holds what stands in macros and in code it does not compile.

use std::ops::Range;

use crate::none;
use crate::source::{Source, sources};

/// A word, whether it is a macro or a method, and the lint an exception must name.
const REFUSED: [(&str, bool, &str); 11] = [
    ("unwrap", false, "unwrap_used"),
    ("expect", false, "expect_used"),
    ("panic", true, "panic"),
    ("todo", true, "todo"),
    ("unimplemented", true, "unimplemented"),
    ("unreachable", true, "unreachable"),
    ("dbg", true, "dbg_macro"),
    ("print", true, "print_stdout"),
    ("println", true, "print_stdout"),
    ("eprint", true, "print_stderr"),
    ("eprintln", true, "print_stderr"),
];

#[test]
fn the_program_neither_panics_nor_prints_without_a_written_reason() {
    none(&sources("src").iter().flat_map(panics).collect::<Vec<_>>());
}

#[test]
fn no_lint_is_allowed_and_every_expected_one_has_a_reason() {
    none(&sources("src").iter().flat_map(waivers).collect::<Vec<_>>());
}

#[test]
fn a_panic_is_found_and_a_reason_excuses_only_its_own_item() {
    for (text, expected) in [
        ("fn f() { a.unwrap() }", 1),
        ("fn f() { a.map(Option::unwrap) }", 1),
        ("fn f() { a.expect(\"b\") }", 1),
        ("fn f() { std::panic!() }", 1),
        ("fn f() { vec![{ todo!() }] }", 1),
        ("macro_rules! m { () => { println!() } }", 1),
        ("#[expect(clippy::unwrap_used, reason = \"b\")] fn f() { a.unwrap() } fn g() { a.unwrap() }", 1),
        ("#[expect(clippy::panic, reason = \"b\")] fn f() { a.unwrap() }", 1),
        ("#[expect(clippy::unwrap_used)] fn f() { a.unwrap() }", 1),
        ("#[expect(clippy::unwrap_used, reason = \"b\")] const fn f() { let a = {}; a.unwrap() }", 0),
        ("fn f() { #[expect(clippy::unwrap_used, reason = \"b\")] let c = match a {}.unwrap(); }", 0),
        ("#[cfg(test)] mod tests { fn f() { a.unwrap() } }", 0),
        ("fn f() { a.unwrap_or(b); a.expected(); std::panic::catch_unwind(c); todo != d }", 0),
        ("/// `a.unwrap()`\nfn f() {} // panic!\nconst A: &str = \"todo!()\";", 0),
    ] {
        let found = panics(&Source::new("src/a.rs", text));
        assert_eq!(found.len(), expected, "{text}: {found:?}");
    }
}

#[test]
fn an_allow_and_an_expectation_without_a_reason_are_found() {
    for (text, expected) in [
        ("#[allow(dead_code)] fn f() {}", 1),
        ("#![allow(dead_code, reason = \"b\")]", 1),
        ("#[cfg_attr(test, allow(dead_code))] fn f() {}", 1),
        ("#[expect(dead_code)] fn f() {}", 1),
        ("#[expect(dead_code, reason = \"\")] fn f() {}", 1),
        ("#[expect(dead_code, reason = \"b\")] fn f() { allow(c); expect(d) }", 0),
    ] {
        let found = waivers(&Source::new("src/a.rs", text));
        assert_eq!(found.len(), expected, "{text}: {found:?}");
    }
}

fn panics(source: &Source) -> Vec<String> {
    let tests = source.test_items();
    let excuses: Vec<_> = source.attributes().iter().flat_map(|attribute| excuses(source, attribute)).collect();
    let is_excused = |at: usize, lint: &str| {
        let has_reason = excuses.iter().any(|(name, item)| name == lint && item.contains(&at));
        has_reason || tests.iter().any(|item| item.contains(&at))
    };
    let said = (0..source.tokens.len()).filter_map(|at| says(source, at).map(|lint| (at, lint)));
    said.filter(|(at, lint)| !is_excused(*at, lint))
        .map(|(at, _)| format!("{}: `{}`", source.place(at), source.text(at)))
        .collect()
}

/// The lint against what stands here, if it is one of the refused words.
fn says(source: &Source, at: usize) -> Option<&'static str> {
    let (_, is_macro, lint) = REFUSED.iter().find(|(word, _, _)| *word == source.text(at))?;
    let before = at.checked_sub(1).map_or("", |before| source.text(before));
    let said = if *is_macro {
        source.text(at + 1) == "!" && source.text(at + 2) != "="
    } else {
        [".", ":"].contains(&before) && source.is_word(at)
    };
    said.then_some(*lint)
}

/// The lints an attribute expects with a reason, and where.
fn excuses(source: &Source, attribute: &Range<usize>) -> Vec<(String, Range<usize>)> {
    let expects = source.reads(attribute.start, &["#", "[", "expect"]) && has_reason(source, attribute);
    let lints = attribute.clone().filter(|at| expects && source.reads(*at, &["clippy", ":", ":"]));
    lints.map(|at| (source.text(at + 3).to_owned(), source.item(attribute))).collect()
}

fn has_reason(source: &Source, attribute: &Range<usize>) -> bool {
    let mut here = attribute.clone();
    here.any(|at| source.reads(at, &["reason", "="]) && source.text(at + 2).len() > "\"\"".len())
}

fn waivers(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for attribute in source.attributes() {
        for at in attribute.clone() {
            if source.reads(at, &["allow", "("]) {
                found.push(format!("{}: allow", source.place(at)));
            }
            if source.reads(at, &["expect", "("]) && !has_reason(source, &attribute) {
                found.push(format!("{}: expect without a reason", source.place(at)));
            }
        }
    }
    found
}
