//! Every room says at its door what lives there and what never will.

use crate::none;
use crate::source::{files, text};

#[test]
fn every_mod_rs_opens_with_a_charter() {
    let doors = files("src").into_iter().filter(|path| path.ends_with("/mod.rs"));
    none(&doors.filter_map(|path| missing(&path, &text(&path))).collect::<Vec<_>>());
}

#[test]
fn a_missing_charter_is_found() {
    assert!(missing("src/a/mod.rs", "mod b;\n").is_some());
    assert!(missing("src/a/mod.rs", "\n//! One.\n//! Two.\n").is_some());
    assert!(missing("src/a/mod.rs", "//! One.\n//!\nmod b;\n").is_some());
    assert!(missing("src/a/mod.rs", "//! One.\n//!\n//! Two.\n").is_none());
    assert!(missing("src/a/b/mod.rs", "//! One.\nmod c;\n").is_none());
}

/// A room needs two lines, a folder inside a room one.
fn missing(path: &str, text: &str) -> Option<String> {
    let needed = if path.split('/').count() == 3 { 2 } else { 1 };
    let charter = text.lines().map_while(|line| line.strip_prefix("//!"));
    let lines = charter.filter(|line| !line.trim().is_empty()).count();
    (lines < needed).then(|| format!("{path}: a charter of {lines} line(s), {needed} needed"))
}
