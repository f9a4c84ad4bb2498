//! What lies between two states of a resource server's authorization, for people: a line for each member that differs.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::authorization::Authorization;

/// Lines, by what they are about; `+` is added, `-` removed, `~` changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub sections: Vec<Section>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Section {
    pub about: &'static str,
    pub lines: Vec<String>,
}

/// Two texts with more pairs of differing lines than this are shown one after the other.
const LINE_PAIRS_MAX: usize = 4_000_000;

impl Difference {
    /// From what is found (nothing, for a resource server that is not there) to what is wanted.
    #[must_use]
    pub fn between(found: Option<&Authorization>, wanted: &Authorization) -> Self {
        let of = |part: fn(&Authorization) -> Value| {
            let before = found.map_or_else(|| json!({}), part);
            let mut lines = Vec::new();
            compare("", Some(&before), Some(&part(wanted)), &mut lines);
            lines
        };
        let policies = lines(found.map_or("", |found| &found.policies), &wanted.policies);
        let sections = [
            ("resource server", of(|all| json!(all.server))),
            ("roles", of(|all| json!(all.roles))),
            ("model", of(|all| all.model.as_ref().map_or_else(|| json!({}), |model| json!(model)))),
            ("policies", policies),
            ("groups", of(|all| json!(all.groups))),
        ];
        let sections = sections.into_iter().filter(|(_, lines)| !lines.is_empty());
        Self { sections: sections.map(|(about, lines)| Section { about, lines }).collect() }
    }

    /// The same with one more section, if that says anything.
    pub(super) fn and(mut self, about: &'static str, lines: Vec<String>) -> Self {
        self.sections.extend((!lines.is_empty()).then_some(Section { about, lines }));
        self
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sections.is_empty()
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, section) in self.sections.iter().enumerate() {
            let gap = if index == 0 { "" } else { "\n" };
            write!(f, "{gap}{}\n  {}", section.about, section.lines.join("\n  "))?;
        }
        Ok(())
    }
}

/// Member by member; what appears or goes is named whole, then each of its members.
fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, out: &mut Vec<String>) {
    match (before, after) {
        (Some(before), Some(after)) if before == after => {}
        (Some(Value::Object(before)), Some(Value::Object(after))) => members(path, before, after, out),
        (Some(Value::Array(before)), Some(Value::Array(after))) => items(path, before, after, out),
        (Some(before), Some(after)) => out.push(format!("~ {path}: {} to {}", text(before), text(after))),
        (None, Some(after)) => whole("+", path, after, out),
        (Some(before), None) => whole("-", path, before, out),
        (None, None) => {}
    }
}

fn members(path: &str, before: &Map<String, Value>, after: &Map<String, Value>, out: &mut Vec<String>) {
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for name in names {
        compare(&below(path, name), before.get(name), after.get(name), out);
    }
}

fn items(path: &str, before: &[Value], after: &[Value], out: &mut Vec<String>) {
    let count = out.len();
    let missing = |from: &[Value], item: &&Value| !from.contains(item);
    out.extend(before.iter().filter(|item| missing(after, item)).map(|item| format!("- {path}: {}", text(item))));
    out.extend(after.iter().filter(|item| missing(before, item)).map(|item| format!("+ {path}: {}", text(item))));
    if out.len() == count {
        out.push(format!("~ {path}: the same in another order"));
    }
}

fn whole(sign: &str, path: &str, value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            out.push(format!("{sign} {path}"));
            for (name, value) in members {
                whole(sign, &below(path, name), value, out);
            }
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(text).collect();
            out.push(format!("{sign} {path}: {}", items.join(", ")));
        }
        value => out.push(format!("{sign} {path}: {}", text(value))),
    }
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The lines that only one of two texts has, in order; what both have is left out.
fn lines(before: &str, after: &str) -> Vec<String> {
    let (before, after): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
    let head = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
    let (before, after) = (before.get(head..).unwrap_or_default(), after.get(head..).unwrap_or_default());
    let tail = before.iter().rev().zip(after.iter().rev()).take_while(|(a, b)| a == b).count();
    let before = before.get(..before.len() - tail).unwrap_or_default();
    let after = after.get(..after.len() - tail).unwrap_or_default();
    if before.len().saturating_mul(after.len()) > LINE_PAIRS_MAX {
        let gone = before.iter().map(|line| format!("- {line}"));
        return gone.chain(after.iter().map(|line| format!("+ {line}"))).collect();
    }
    walk(before, after, &common(before, after))
}

/// How many lines two texts have in common from each pair of places on (the longest common subsequence).
fn common(before: &[&str], after: &[&str]) -> Vec<Vec<u32>> {
    let mut rows = vec![vec![0_u32; after.len() + 1]];
    for a in before.iter().rev() {
        let mut row = vec![0_u32];
        let below = rows.last().map(Vec::as_slice).unwrap_or_default();
        for (b, pair) in after.iter().rev().zip(below.windows(2).rev()) {
            let right = row.last().copied().unwrap_or_default();
            let (down, diagonal) =
                (pair.first().copied().unwrap_or_default(), pair.last().copied().unwrap_or_default());
            row.push(if a == b { diagonal + 1 } else { down.max(right) });
        }
        row.reverse();
        rows.push(row);
    }
    rows.reverse();
    rows
}

fn walk(before: &[&str], after: &[&str], common: &[Vec<u32>]) -> Vec<String> {
    let at = |i: usize, j: usize| common.get(i).and_then(|row| row.get(j)).copied().unwrap_or_default();
    let (mut i, mut j, mut out) = (0, 0, Vec::new());
    loop {
        match (before.get(i), after.get(j)) {
            (Some(a), Some(b)) if a == b => (i, j) = (i + 1, j + 1),
            (Some(a), Some(_)) if at(i + 1, j) >= at(i, j + 1) => {
                out.push(format!("- {a}"));
                i += 1;
            }
            (_, Some(b)) => {
                out.push(format!("+ {b}"));
                j += 1;
            }
            (Some(a), None) => {
                out.push(format!("- {a}"));
                i += 1;
            }
            (None, None) => return out,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lines_that_differ_are_shown() {
        assert_eq!(lines("a\nb\nc\nd", "a\nc\nx\nd"), ["- b", "+ x"]);
        assert_eq!(lines("", "a\nb"), ["+ a", "+ b"]);
        assert_eq!(lines("a\nb", ""), ["- a", "- b"]);
        assert!(lines("a\nb", "a\nb").is_empty());
        assert_eq!(lines("a\na\nb", "b\na"), ["- a", "- a", "+ a"]);
    }

    #[test]
    fn members_are_named_by_their_path() {
        let mut out = Vec::new();
        let before = json!({ "a": { "is": ["x", "y"], "of": 1 }, "gone": {} });
        let after = json!({ "a": { "is": ["y", "z"], "of": 2 }, "new": { "is": ["p", "q"] } });
        compare("", Some(&before), Some(&after), &mut out);
        assert_eq!(out, ["- a.is: x", "+ a.is: z", "~ a.of: 1 to 2", "- gone", "+ new", "+ new.is: p, q"]);
        out.clear();
        compare("a", Some(&json!(["x", "y"])), Some(&json!(["y", "x"])), &mut out);
        assert_eq!(out, ["~ a: the same in another order"]);
    }
}
