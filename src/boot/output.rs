//! What commands print: results on standard output, for people or as JSON; everything else on standard error.

use std::io::Write as _;

use serde_json::Value;

/// Standard output, in one of two forms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    pub json: bool,
}

impl Output {
    /// A result: JSON on one line, or its text for people.
    pub(super) fn show(self, value: &Value, text: impl FnOnce() -> String) {
        if self.json { line(&value.to_string()) } else { line(&text()) }
    }
}

/// A line on standard output. A reader that went away (`| head`) is no error of ours.
pub(super) fn line(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// A line on standard error.
pub(super) fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Rows in columns.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|h| h.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let header: Vec<String> = header.iter().map(|h| h.to_uppercase()).collect();
    let lines = std::iter::once(&header).chain(rows).map(|row| {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}
