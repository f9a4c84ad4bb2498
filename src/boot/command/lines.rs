//! JSON lines, read as many at a time as one write takes.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::super::node::BootError;
use crate::admin::load::WRITE_MAX;

/// Longer than any item can be: its attributes are 16 KiB at most, and JSON may write each byte as six.
const LINE_BYTES_MAX: u64 = 256 * 1024;

/// So many bytes of lines are read for one write; as values they take more.
const BATCH_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Lines, numbered from 1; empty ones say nothing.
pub(super) struct Lines {
    pub name: String,
    reader: Box<dyn BufRead + Send>,
    line: usize,
}

impl Lines {
    pub(super) fn open(from: &str) -> Result<Self, BootError> {
        if from == "-" {
            let reader = Box::new(BufReader::new(std::io::stdin()));
            return Ok(Self { name: "standard input".to_owned(), reader, line: 0 });
        }
        let file = File::open(from).map_err(|error| format!("{from} cannot be read: {error}"))?;
        Ok(Self { name: from.to_owned(), reader: Box::new(BufReader::new(file)), line: 0 })
    }

    /// The items of one write, each with its line.
    pub(super) fn next<T: DeserializeOwned>(&mut self) -> Result<(Vec<usize>, Vec<T>), String> {
        let (mut numbers, mut items) = (Vec::new(), Vec::new());
        let mut bytes = 0;
        while items.len() < WRITE_MAX
            && bytes < BATCH_BYTES_MAX
            && let Some(text) = self.line()?
        {
            bytes += text.len();
            if text.trim().is_empty() {
                continue;
            }
            let wrong = |error| format!("{}: line {}: {error}", self.name, self.line);
            items.push(serde_json::from_str(&text).map_err(wrong)?);
            numbers.push(self.line);
        }
        Ok((numbers, items))
    }

    fn line(&mut self) -> Result<Option<String>, String> {
        let mut bytes = Vec::new();
        self.line += 1;
        let at = |problem: &str| format!("{}: line {}: {problem}", self.name, self.line);
        let read = self.reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes);
        match read.map_err(|error| at(&error.to_string()))? {
            0 => Ok(None),
            _ if bytes.len() as u64 == LINE_BYTES_MAX && !bytes.ends_with(b"\n") => {
                Err(at("it is longer than any item"))
            }
            _ => String::from_utf8(bytes).map(Some).map_err(|_| at("it is not UTF-8")),
        }
    }
}

/// An argument that is a JSON object.
pub(super) fn object(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("this is no JSON object: {error}"))
}
