//! The house rules, held over the text of this repository: who may import whom, what answers to whom, what no line may
//! say, how large things may grow.
//!
//! Each rule is data (a table, a list) and a sentence (the name of a test). A rule that bites is a finding about the code:
//! change the code, or change the rule in one deliberate step and say why in `src/docs/decisions.md`.
//!
//! `cargo test --test house -- --nocapture` prints the size report.

#[cfg(test)]
mod charters;
#[cfg(test)]
mod handbook;
#[cfg(test)]
mod imports;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod outbound;
#[cfg(test)]
mod rooms;
#[cfg(test)]
mod sizes;
#[cfg(test)]
mod source;
#[cfg(test)]
mod tree;
#[cfg(test)]
mod words;

/// All findings at once, a line each: one run shows everything there is to mend.
#[cfg(test)]
fn none(findings: &[String]) {
    assert!(findings.is_empty(), "{} finding(s):\n{}\n", findings.len(), findings.join("\n"));
}
