//! The handbook says which test holds what; each of them is there.

use std::collections::BTreeSet;
use std::path::Path;

use crate::none;
use crate::source::{Source, files, sources, text};

/// Where tests are named, and from which heading on.
const PAGES: [(&str, &str); 2] =
    [("src/docs/security.md", "# Held by"), ("tests/protocol/README.md", "## Which line is held by which tests")];

#[test]
fn every_test_the_handbook_names_is_there() {
    let tests = tests();
    let mut findings = Vec::new();
    for (page, heading) in PAGES {
        let (_, told) = text(page).split_once(heading).map(|(a, b)| (a.to_owned(), b.to_owned())).expect("the heading");
        let named = named(&told);
        assert!(named.len() > 50, "{page}: only {} tests", named.len());
        findings.extend(named.difference(&tests).map(|name| format!("{page}: no test is called {name}")));
    }
    none(&findings);
}

#[test]
fn every_line_of_the_protocol_has_a_test_or_is_said_not_to_be_there() {
    let readme = text("tests/protocol/README.md");
    let rows = readme.lines().filter(|line| line.starts_with("| ") && *line != "| Line | Tests |");
    let bare = rows.filter(|row| {
        let held = row.rsplit(" | ").next().unwrap_or_default();
        !held.contains('`') && held != "not there yet |"
    });
    none(&bare.map(str::to_owned).collect::<Vec<_>>());
}

#[test]
fn a_test_nobody_wrote_is_found() {
    let text = "| 1 | a | `a_test_that_is_there`, `src/a_b_c_d.rs`, `jwks_uri`, `a_test_nobody_wrote` (`x`) |";
    let source = Source::new(
        "tests/it/a.rs",
        "both! { async fn a_test_that_is_there(h: H) {} } on_both! { a_test_of_both: run, }",
    );
    let tests = functions(&source).into_iter().collect();
    assert_eq!(named(text).difference(&tests).collect::<Vec<_>>(), ["a_test_nobody_wrote"]);
    assert!(tests.contains("a_test_of_both"));
}

/// What stands in backquotes and reads like a sentence.
fn named(text: &str) -> BTreeSet<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    let is_sentence = |name: &&str| {
        name.matches('_').count() >= 3 && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    // Parameters and claims of the standards are written like tests.
    let standard = ["sector_identifier_uri", "token_endpoint_auth_method", "post_logout_redirect_uri"];
    quoted.filter(is_sentence).filter(|name| !standard.contains(name)).map(str::to_owned).collect()
}

fn tests() -> BTreeSet<String> {
    let rust = ["src", "tests"].into_iter().flat_map(sources).flat_map(|source| functions(&source));
    let is_python = |path: &String| Path::new(path).extension().is_some_and(|extension| extension == "py");
    let python = files("tests/protocol").into_iter().filter(is_python).map(|path| text(&path));
    let python = python.flat_map(|text| {
        let names = text.lines().filter_map(|line| line.strip_prefix("def test_")?.split_once('('));
        names.map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
    });
    rust.chain(python).collect()
}

/// The names of all functions, those inside macros included, and what `on_both!` calls them.
fn functions(source: &Source) -> Vec<String> {
    let is_function = |at: usize| at > 0 && source.text(at - 1) == "fn";
    let is_listed = |at: usize| source.text(at + 1) == ":" && source.is_word(at + 2) && source.text(at + 3) == ",";
    let named = (0..source.tokens.len()).filter(|at| source.is_word(*at) && (is_function(*at) || is_listed(*at)));
    named.map(|at| source.text(at).to_owned()).collect()
}
