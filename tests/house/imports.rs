//! Who imports whom: every path in every file of `src`, in `use` trees, inline, in attributes and in bodies of macros,
//! against the table in [`rooms`](crate::rooms).

use std::path::Path;

use crate::none;
use crate::rooms::{HOMES, PURE, ROOMS};
use crate::source::{Source, sources, text};

/// A path somewhere in a file.
struct Named {
    line: usize,
    /// The module it stands in.
    module: Vec<String>,
    segments: Vec<String>,
    /// The name a `use` gives it; none where it is used in place.
    bound: Option<String>,
}

/// What a path leads to, as far as the table cares.
enum Target {
    Inside(String),
    Root,
    Outside(String),
    Nothing,
}

#[test]
fn rooms_import_only_what_the_table_allows() {
    let crates = dependencies(&text("Cargo.toml"));
    none(&sources("src").iter().flat_map(|source| findings(source, &crates)).collect::<Vec<_>>());
}

#[test]
fn every_room_is_in_the_table_once() {
    let mut rooms: Vec<_> = ROOMS.iter().map(|(room, _)| *room).collect();
    rooms.sort_unstable();
    let twice: Vec<_> = rooms.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].to_owned()).collect();
    none(&twice);
    let strangers: Vec<_> = sources("src")
        .iter()
        .filter(|source| !rooms.contains(&room(&source.path).as_str()))
        .map(|source| format!("{}: not in a room of the table", source.path))
        .collect();
    none(&strangers);
}

#[test]
fn a_use_case_imports_no_other_use_case_and_nobody_imports_boot() {
    let use_cases = ["oidc", "login", "account", "admin"];
    for (room, allowed) in ROOMS {
        assert!(room == "main" || !allowed.contains(&"boot"), "{room} may import boot");
        assert!(room == "boot" || !allowed.contains(&"config"), "{room} may import config");
        let siblings = use_cases.contains(&room) && allowed.iter().any(|allowed| use_cases.contains(allowed));
        assert!(!siblings, "{room} may import a sibling");
        assert!(allowed.iter().all(|allowed| ROOMS.iter().any(|(room, _)| room == allowed)), "{room}: unknown room");
    }
}

#[test]
fn a_file_that_breaks_the_table_is_found() {
    for (path, text, expected) in [
        ("src/http/a.rs", "use crate::store::Tx;", "http imports store"),
        ("src/http/a.rs", "use crate::{domain::id, store};", "http imports store"),
        ("src/http/a.rs", "use {std::fs, crate::{self as root}};", "the root"),
        ("src/http/a.rs", "use crate::*;", "the root"),
        ("src/http/a.rs", "use super::super as root;", "the root"),
        ("src/http/a/b.rs", "use super::super::super::store;", "http imports store"),
        ("src/http/a.rs", "mod tests { use super::super::super::store::Tx; }", "http imports store"),
        ("src/http/a.rs", "fn f() { let _ = 0..crate::store::LIMIT; }", "http imports store"),
        ("src/http/a.rs", "fn f(tx: &mut crate::store::Tx) {}", "http imports store"),
        ("src/http/a.rs", "fn f() { if let crate::store::A = a {} }", "http imports store"),
        ("src/http/a.rs", "fn f() { format!(\"{}\", crate::store::LIMIT) }", "http imports store"),
        ("src/http/a.rs", "macro_rules! m { () => { $crate::store::LIMIT } }", "http imports store"),
        ("src/http/a.rs", "fn f() { doorward::store::open() }", "http imports store"),
        ("src/http/a.rs", "struct A { #[serde(with = \"crate::store::rows\")] a: u8 }", "http imports store"),
        ("src/http/a.rs", "use crate::Tx;", "not a room"),
        ("src/http/a.rs", "#[path = \"../store/mod.rs\"] mod hidden;", "hides"),
        ("src/http/a.rs", "include!(\"../store/mod.rs\");", "hides"),
        ("src/lib.rs", "pub use boot::main;", "lib imports boot"),
        ("src/oidc/a.rs", "use crate::login::Session;", "oidc imports login"),
        ("src/domain/a.rs", "use crate::store::Tx;", "domain imports store"),
        ("src/keys/a.rs", "use crate::boot::main;", "keys imports boot"),
        ("src/http/a.rs", "use crate::config::Settings;", "http imports config"),
        ("src/oidc/a.rs", "use salvo as s;", "oidc uses salvo"),
        ("src/oidc/a.rs", "extern crate salvo;", "oidc uses salvo"),
        ("src/oidc/a.rs", "use ::salvo::Request;", "oidc uses salvo"),
        ("src/admin/a.rs", "#[derive(diesel::Queryable)] struct A;", "admin uses diesel"),
        ("src/admin/a.rs", "fn f() { vec![diesel::sql_query(\"\")] }", "admin uses diesel"),
        ("src/domain/a.rs", "async fn f() { tokio::task::yield_now().await }", "domain uses tokio"),
        ("src/jobs/a.rs", "use reqwest::Client;", "jobs uses reqwest"),
    ] {
        let found = findings(&Source::new(path, text), &["tokio".to_owned(), "url".to_owned()]);
        assert!(found.iter().any(|finding| finding.contains(expected)), "{path}: {text}: {found:?}");
    }
}

#[test]
fn a_file_that_keeps_to_the_table_is_left_in_peace() {
    for (path, text) in [
        ("src/http/a.rs", "pub(super) use super::frame; pub(in crate::http) fn f(&self) { self.store.get() }"),
        ("src/http/a/b.rs", "use super::super::{door, super::domain::id}; use crate::oidc::{self, token as salvo};"),
        ("src/http/a.rs", "mod diesel; fn f() { diesel::g(); g::<u8>::diesel::h(); a.clap::<u8>(); } struct clap;"),
        ("src/oidc/a.rs", "use crate::domain::salvo; fn f() { salvo::g() } fn g<'a>() -> impl A + use<'a> {}"),
        ("src/store/a.rs", "//! See crate::http.\n// crate::http\nconst A: &str = \"crate::http\"; use diesel::*;"),
        ("src/domain/a.rs", "use url::Url; fn f() { std::mem::swap(a, b); Self::tokio() }"),
    ] {
        none(&findings(&Source::new(path, text), &["tokio".to_owned(), "url".to_owned()]));
    }
}

#[test]
fn the_manifest_names_the_crates() {
    let manifest = "[package]\nname = \"a\"\n\n[dependencies]\nserde = \"1\"\ndiesel-async = { version = \"0.9\" }\n\n[dev-dependencies]\nsyn = \"2\"\n";
    assert_eq!(dependencies(manifest), ["serde", "diesel_async"]);
    let crates = dependencies(&text("Cargo.toml"));
    assert!(["tokio", "salvo"].iter().all(|name| crates.iter().any(|known| known == name)), "{crates:?}");
}

fn findings(source: &Source, crates: &[String]) -> Vec<String> {
    let room = room(&source.path);
    let named = names(source);
    let local = local_names(source, &named);
    let imports = named.iter().filter_map(|name| {
        let finding = match target(name) {
            Target::Inside(other) => refused_room(&room, &other)?,
            Target::Root => format!("{room} imports the root"),
            Target::Outside(name) if local.contains(&name) => return None,
            Target::Outside(name) => refused_crate(&room, &name, crates)?,
            Target::Nothing => return None,
        };
        Some(format!("{}:{}: {finding} ({})", source.path, name.line, name.segments.join("::")))
    });
    imports.chain(hidden(source)).collect()
}

fn refused_room(room: &str, other: &str) -> Option<String> {
    if !ROOMS.iter().any(|(room, _)| *room == other) {
        return Some(format!("{room} imports {other}, which is not a room"));
    }
    let allowed = ROOMS.iter().any(|(name, allowed)| *name == room && allowed.contains(&other));
    (room != other && !allowed).then(|| format!("{room} imports {other}"))
}

fn refused_crate(room: &str, name: &str, crates: &[String]) -> Option<String> {
    let is_homeless = HOMES.iter().any(|(home, rooms)| *home == name && !rooms.contains(&room));
    let is_impure = room == "domain" && crates.iter().any(|known| known == name) && !PURE.contains(&name);
    (is_homeless || is_impure).then(|| format!("{room} uses {name}"))
}

/// What would bring in source that this test does not see where it is used.
fn hidden(source: &Source) -> impl Iterator<Item = String> {
    (0..source.tokens.len())
        .filter(|at| source.reads(*at, &["include", "!"]) || source.reads(*at, &["#", "[", "path", "="]))
        .map(|at| format!("{}: hides source from this test", source.place(at)))
}

fn target(name: &Named) -> Target {
    let segments: Vec<_> = name.segments.iter().map(String::as_str).collect();
    let inside = match segments[0] {
        // A visibility, a receiver.
        "crate" | "self" | "super" if segments.len() == 1 && name.bound.is_none() => return Target::Nothing,
        "crate" | "doorward" => segments[1..].to_vec(),
        "self" | "super" => {
            let up = segments.iter().take_while(|segment| **segment == "super").count();
            let rest = segments.iter().skip_while(|segment| ["self", "super"].contains(*segment));
            let depth = name.module.len().saturating_sub(up);
            name.module.iter().take(depth).map(String::as_str).chain(rest.copied()).collect()
        }
        room if name.module.is_empty() && ROOMS.iter().any(|(name, _)| *name == room) => segments,
        other => return Target::Outside(other.to_owned()),
    };
    match inside.first() {
        Some(&room) if room != "*" && room != "self" => Target::Inside(room.to_owned()),
        _ => Target::Root,
    }
}

/// The names a file gives to things of this crate; a crate of the same name is not meant by them.
fn local_names(source: &Source, named: &[Named]) -> Vec<String> {
    let imported = named.iter().filter(|name| ["crate", "self", "super"].contains(&name.segments[0].as_str()));
    let imported = imported.filter_map(|name| name.bound.clone());
    let modules = (0..source.tokens.len()).filter(|at| source.text(*at) == "mod" && source.is_word(at + 1));
    imported.chain(modules.map(|at| source.text(at + 1).to_owned())).collect()
}

/// Every path of a file.
fn names(source: &Source) -> Vec<Named> {
    let mut walk = Walk { source, module: module(&source.path), inline: Vec::new(), found: Vec::new() };
    let mut at = 0;
    while at < source.tokens.len() {
        at = walk.step(at);
    }
    walk.attribute_strings();
    walk.found
}

struct Walk<'a> {
    source: &'a Source,
    /// The module of the file.
    module: Vec<String>,
    /// The modules written inside it that are open here, and the bracket that closes each.
    inline: Vec<(String, usize)>,
    found: Vec<Named>,
}

impl Walk<'_> {
    fn step(&mut self, at: usize) -> usize {
        let source = self.source;
        self.inline.retain(|(_, close)| at <= *close);
        if source.text(at) == "mod" && source.text(at + 2) == "{" {
            self.inline.push((source.text(at + 1).to_owned(), source.tokens[at + 2].partner));
        }
        if source.text(at) == "use" || source.reads(at, &["extern", "crate"]) {
            let first = at + if source.text(at) == "use" { 1 } else { 2 };
            let first = if source.reads(first, &[":", ":"]) { first + 2 } else { first };
            return self.tree(first, &[], true);
        }
        if self.starts_path(at) { self.tree(at, &[], false) } else { at + 1 }
    }

    /// A word that neither follows a path that has stopped at a `<…>`, nor names a field or a method.
    fn starts_path(&self, at: usize) -> bool {
        let before = |back: usize| at.checked_sub(back).map_or("", |at| self.source.text(at));
        let is_member = before(1) == "." && before(2) != ".";
        let continues = before(1) == ":" && before(2) == ":" && [">", ")", "]", "}"].contains(&before(3));
        self.source.is_word(at) && !is_member && !continues
    }

    /// Reads a path, or a tree of paths with a common beginning; returns where it stops.
    fn tree(&mut self, at: usize, before: &[String], is_import: bool) -> usize {
        let source = self.source;
        match source.text(at) {
            "{" => {
                let close = source.tokens[at].partner;
                let mut next = at + 1;
                while next < close {
                    next = self.tree(next, before, is_import);
                }
                close + 1
            }
            text if text == "*" || source.is_word(at) => {
                let path = [before, &[text.to_owned()]].concat();
                let follows = source.reads(at + 1, &[":", ":"]);
                let continues = source.is_word(at + 3) || ["{", "*"].contains(&source.text(at + 3));
                if follows && continues { self.tree(at + 3, &path, is_import) } else { self.leaf(at, path, is_import) }
            }
            _ => at + 1,
        }
    }

    fn leaf(&mut self, at: usize, mut segments: Vec<String>, is_import: bool) -> usize {
        let renamed = is_import && self.source.text(at + 1) == "as";
        if segments.len() > 1 && segments.last().is_some_and(|last| last == "self") {
            segments.pop();
        }
        let bound = if renamed { Some(self.source.text(at + 2).to_owned()) } else { segments.last().cloned() };
        let bound = bound.filter(|_| is_import);
        if is_import || segments.len() > 1 {
            self.found.push(Named { line: self.source.tokens[at].line, module: self.here(), segments, bound });
        }
        if renamed { at + 3 } else { at + 1 }
    }

    fn here(&self) -> Vec<String> {
        self.module.iter().chain(self.inline.iter().map(|(name, _)| name)).cloned().collect()
    }

    /// Paths in strings, such as `#[serde(with = "crate::…")]`.
    fn attribute_strings(&mut self) {
        let source = self.source;
        for at in source.attributes().into_iter().flatten() {
            let path = source.text(at).trim_matches('"');
            let is_path = path.contains("::") && path.chars().all(|c| c.is_alphanumeric() || "_:".contains(c));
            if is_path {
                let segments = path.split("::").map(str::to_owned).collect();
                let line = source.tokens[at].line;
                self.found.push(Named { line, module: self.module.clone(), segments, bound: None });
            }
        }
    }
}

/// `src/http/oidc/token.rs` is the module `http::oidc::token`.
fn module(path: &str) -> Vec<String> {
    let mut module: Vec<_> = Path::new(path).with_extension("").iter().map(|part| part.display().to_string()).collect();
    module.remove(0);
    module.pop_if(|last| ["mod", "lib", "main"].contains(&last.as_str()));
    module
}

fn room(path: &str) -> String {
    let first = module(path).into_iter().next();
    first.unwrap_or_else(|| {
        Path::new(path).with_extension("").iter().skip(1).map(|part| part.display().to_string()).collect()
    })
}

/// The names of `[dependencies]`, as the code spells them.
fn dependencies(manifest: &str) -> Vec<String> {
    let lines = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    lines.filter_map(|line| line.split_once('=')).map(|(name, _)| name.trim().replace('-', "_")).collect()
}
