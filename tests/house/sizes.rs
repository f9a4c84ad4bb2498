//! Size as a smell: how long functions and files of the program are.

use crate::none;
use crate::source::{Source, sources, text};

const FUNCTION_LINES_MAX: usize = 70;
const FUNCTION_LINES_P90_MAX: usize = 40;
const FUNCTION_LINES_MEDIAN_MAX: usize = 10;
const FILE_LINES_P90_MAX: usize = 400;
const FILE_LINES_MEDIAN_MAX: usize = 120;

/// Functions past the limit: file, function, reason. This list only shrinks: a row that is no longer needed must go.
const LONG: [(&str, &str, &str); 0] = [];

/// A function, from its `fn` to its closing brace.
struct Function {
    path: String,
    line: usize,
    name: String,
    lines: usize,
}

#[test]
fn functions_are_short() {
    let functions: Vec<_> = sources("src").iter().flat_map(functions).collect();
    let lines = Spread::new(functions.iter().map(|function| function.lines));
    println!("functions  {lines}");
    for function in longest(&functions) {
        println!("    {:>4}  {}:{} {}", function.lines, function.path, function.line, function.name);
    }
    let mut found: Vec<_> = too_long(&functions).collect();
    found.extend(lines.over(FUNCTION_LINES_MEDIAN_MAX, FUNCTION_LINES_P90_MAX));
    none(&found);
}

#[test]
fn files_are_short() {
    let mut files: Vec<_> =
        sources("src").into_iter().map(|file| (text(&file.path).lines().count(), file.path)).collect();
    files.sort();
    let lines = Spread::new(files.iter().map(|(lines, _)| *lines));
    println!("files      {lines}");
    for (lines, path) in files.iter().rev().take(5) {
        println!("    {lines:>4}  {path}");
    }
    none(&lines.over(FILE_LINES_MEDIAN_MAX, FILE_LINES_P90_MAX));
}

#[test]
fn the_list_of_long_functions_holds_only_long_functions() {
    let functions: Vec<_> = sources("src").iter().flat_map(functions).collect();
    let stale = LONG.iter().filter(|(path, name, reason)| {
        let is_long = functions.iter().any(|f| f.path == *path && f.name == *name && f.lines > FUNCTION_LINES_MAX);
        !is_long || reason.is_empty()
    });
    none(&stale.map(|(path, name, _)| format!("{path} {name}: needs no row any more")).collect::<Vec<_>>());
}

#[test]
fn a_long_function_is_found() {
    let long =
        format!("fn short() {{}}\nfn long(a: [u8; {{ 3 }}]) {{\n{}}}\ntrait T {{ fn none(); }}", "a();\n".repeat(69));
    let found = functions(&Source::new("src/a.rs", &long));
    let sizes: Vec<_> = found.iter().map(|function| (function.name.as_str(), function.lines)).collect();
    assert_eq!(sizes, [("short", 1), ("long", 71)]);
    assert_eq!(too_long(&found).count(), 1);
    let test = format!("#[cfg(test)]\nmod tests {{ {long} }}");
    assert!(functions(&Source::new("src/a.rs", &test)).is_empty());
    assert_eq!(Spread::new(1..=10).over(4, 8), ["median 5 > 4", "90th percentile 9 > 8"]);
}

fn too_long(functions: &[Function]) -> impl Iterator<Item = String> {
    let is_listed = |f: &Function| LONG.iter().any(|(path, name, _)| *path == f.path && *name == f.name);
    let long = functions.iter().filter(move |f| f.lines > FUNCTION_LINES_MAX && !is_listed(f));
    long.map(|f| format!("{}:{}: `{}` has {} lines", f.path, f.line, f.name, f.lines))
}

fn longest(functions: &[Function]) -> Vec<&Function> {
    let mut functions: Vec<_> = functions.iter().collect();
    functions.sort_by_key(|function| std::cmp::Reverse(function.lines));
    functions.truncate(5);
    functions
}

fn functions(source: &Source) -> Vec<Function> {
    let tests = source.test_items();
    let named = (0..source.tokens.len()).filter(|at| source.text(*at) == "fn" && source.is_word(at + 1));
    let named = named.filter(|at| !tests.iter().any(|item| item.contains(at)));
    named.filter_map(|at| Some(function(source, at, body_end(source, at)?))).collect()
}

fn function(source: &Source, at: usize, end: usize) -> Function {
    let line = source.tokens[at].line;
    let lines = source.tokens[end].line - line + 1;
    Function { path: source.path.clone(), line, name: source.text(at + 1).to_owned(), lines }
}

/// The closing brace; none where only a signature is declared.
fn body_end(source: &Source, mut at: usize) -> Option<usize> {
    loop {
        match source.text(at) {
            "{" => return Some(source.tokens[at].partner),
            ";" | "" | ")" | "]" | "}" => return None,
            "(" | "[" => at = source.tokens[at].partner + 1,
            _ => at += 1,
        }
    }
}

/// How sizes are spread, by nearest rank.
struct Spread(Vec<usize>);

impl Spread {
    fn new(sizes: impl Iterator<Item = usize>) -> Self {
        let mut sizes: Vec<_> = sizes.collect();
        sizes.sort_unstable();
        Self(sizes)
    }

    fn percentile(&self, percent: usize) -> usize {
        let rank = (self.0.len() * percent).div_ceil(100);
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    fn over(&self, median_max: usize, p90_max: usize) -> Vec<String> {
        let limits = [("median", 50, median_max), ("90th percentile", 90, p90_max)];
        let over = limits.iter().map(|(name, percent, max)| (name, self.percentile(*percent), max));
        over.filter(|(_, size, max)| size > max).map(|(name, size, max)| format!("{name} {size} > {max}")).collect()
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [median, p90, max] = [50, 90, 100].map(|percent| self.percentile(percent));
        write!(f, "{}: median {median}, 90th percentile {p90}, max {max} lines", self.0.len())
    }
}
