//! What holds for the whole tree: the migrations of both databases, and no trace of where it was written.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::none;
use crate::source::{files, root};

/// Hosts that serve packages. In pieces, so that this file does not name what it looks for.
const HOSTS: [&[&str]; 7] = [
    &["crates", "io"],
    &["registry", "npmjs", "org"],
    &["pypi", "org"],
    &["files", "pythonhosted", "org"],
    &["proxy", "golang", "org"],
    &["repo", "maven", "apache", "org"],
    &["deb", "debian", "org"],
];

/// Folders of the machine this was written on.
const PLACES: [&[&str]; 2] = [&["..", "shared"], &["", "work", ""]];

/// Cargo writes the name of its registry there itself, whichever package's it is.
const MADE_BY_CARGO: &str = "Cargo.lock";

#[test]
fn both_databases_have_the_same_migrations_each_way() {
    let [sqlite, postgres] = ["migrations/sqlite", "migrations/postgres"].map(steps);
    none(
        &sqlite
            .symmetric_difference(&postgres)
            .map(|step| format!("{step}: for one database only"))
            .collect::<Vec<_>>(),
    );
    assert!(!sqlite.is_empty(), "no migrations");
    let folders: BTreeSet<_> =
        sqlite.iter().filter_map(|step| step.split_once('/')).map(|(folder, _)| folder).collect();
    let expected = folders.iter().flat_map(|folder| ["up.sql", "down.sql"].map(|file| format!("{folder}/{file}")));
    assert_eq!(expected.collect::<BTreeSet<_>>(), sqlite, "each folder holds up.sql and down.sql, and nothing else");
    let numbers: BTreeSet<_> = folders.iter().filter_map(|folder| folder.split_once('_')).map(|(at, _)| at).collect();
    assert_eq!(numbers.len(), folders.len(), "each migration has a number of its own, or one of two never runs");
}

#[test]
fn no_file_names_a_package_host_or_a_place_on_the_writers_machine() {
    let paths = tracked().into_iter().filter(|path| path.rsplit('/').next() != Some(MADE_BY_CARGO));
    // Other than text, and what is deleted but not yet committed.
    let texts = paths.filter_map(|path| fs::read_to_string(root().join(&path)).ok().map(|text| (path, text)));
    none(&texts.flat_map(|(path, text)| traces(&path, &text)).collect::<Vec<_>>());
}

#[test]
fn a_package_host_and_a_place_are_found() {
    let host = HOSTS[0].join(".");
    let [shared, place] = PLACES.map(|parts| parts.join("/"));
    for (text, expected) in [
        (format!("a\nhttps://static.{host}/b"), 1),
        (format!("path = \"{shared}/a\""), 1),
        (format!("file://{place}a"), 1),
        (format!("{place}a {host}"), 2),
        (format!("https://home.example{place}a"), 0),
        ("crates and io".to_owned(), 0),
    ] {
        assert_eq!(traces("a", &text).len(), expected, "{text}");
    }
}

fn steps(folder: &str) -> BTreeSet<String> {
    let below = |path: String| path.strip_prefix(folder).map(|path| path.trim_start_matches('/').to_owned());
    files(folder).into_iter().filter_map(below).collect()
}

/// The files git knows; none where this is not a checkout, since then nobody can say what belongs to it.
fn tracked() -> Vec<String> {
    if !root().join(".git").exists() {
        println!("not a checkout: no file is looked at");
        return Vec::new();
    }
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().expect("git runs");
    assert!(listed.status.success(), "git: {}", String::from_utf8_lossy(&listed.stderr));
    let listed = String::from_utf8(listed.stdout).expect("names in UTF-8");
    listed.split_terminator('\0').map(str::to_owned).collect()
}

fn traces(path: &str, text: &str) -> Vec<String> {
    let hosts = HOSTS.map(|parts| parts.join("."));
    let places = PLACES.map(|parts| parts.join("/"));
    let mut found = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let hosts = hosts.iter().filter(|host| text.contains(*host));
        let places = places.iter().filter(|place| begins_a_path(text, place));
        found.extend(hosts.chain(places).map(|trace| format!("{path}:{line}: {trace}")));
    }
    found
}

/// A folder of the same name further down a path, or in a URL, is another one.
fn begins_a_path(text: &str, place: &str) -> bool {
    text.match_indices(place).any(|(at, _)| !text[..at].ends_with(|c: char| c.is_alphanumeric() || "_-.".contains(c)))
}
