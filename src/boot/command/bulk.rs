//! Data in bulk: items from the command line, or JSON lines from a file or standard input, as a series of writes. What an
//! earlier run wrote is left as it is, so a series that was cut short is simply begun again.

use std::fs::File;
use std::future::Future;
use std::io::{BufRead, BufReader, Read as _};

use clap::Args;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::super::node::BootError;
use super::super::output::note;
use super::Context;
use crate::admin::load::WRITE_MAX;
use crate::admin::{Admin, AdminError};
use crate::domain::change::Revision;
use crate::domain::name::Slug;

/// Longer than any item can be: its attributes are 16 KiB at most, and JSON may write each byte as six.
const LINE_BYTES_MAX: u64 = 256 * 1024;

/// Where items come from that are not on the command line.
#[derive(Args)]
pub(in crate::boot) struct From {
    /// JSON lines, one item each, from a file; - for standard input.
    #[arg(long, value_name = "FILE|-")]
    from: Option<String>,
}

impl From {
    /// # Errors
    /// When items are named, too.
    pub(super) fn refuse_beside(&self, many: &str) -> Result<(), BootError> {
        match self.from {
            Some(_) => Err(format!("name {many}, or give --from; not both").into()),
            None => Ok(()),
        }
    }
}

/// What a line says, and the write it is part of.
pub(super) trait Item: DeserializeOwned + Send + Sync {
    /// What many of them are called.
    const MANY: &str;

    /// Writes at most [`WRITE_MAX`] of them, all or nothing; says how many were not there, or not so.
    fn write(admin: &Admin, server: &Slug, items: &[Self]) -> impl Future<Output = Result<usize, AdminError>> + Send;
}

/// Writes what was named, or else what the lines say.
///
/// # Errors
/// The first item that is refused, by its line; what stands before its write is written.
pub(super) async fn run<T: Item>(cx: &Context<'_>, server: &Slug, named: Vec<T>, from: &From) -> Result<(), BootError> {
    let (items, changed) = match &from.from {
        None if named.is_empty() => return Err(format!("name {}, or give them with --from", T::MANY).into()),
        None => (named.len(), T::write(&cx.admin, server, &named).await?),
        Some(lines) if named.is_empty() => series::<T>(cx, server, lines).await?,
        Some(_) => return from.refuse_beside(T::MANY),
    };
    shown(cx, server, T::MANY, items, changed);
    Ok(())
}

/// What came of it.
pub(super) fn shown(cx: &Context<'_>, server: &Slug, many: &str, items: usize, changed: usize) {
    let value = json!({ "resource_server": server, "items": items, "changed": changed });
    cx.output.show(&value, || format!("{server}: {many}: {items}, of which {changed} changed something"));
}

async fn series<T: Item>(cx: &Context<'_>, server: &Slug, from: &str) -> Result<(usize, usize), BootError> {
    let mut lines = Lines::open(from)?;
    let (mut done, mut changed) = (0, 0);
    loop {
        let (numbers, items) = lines.next::<T>().map_err(|problem| after(&problem, done))?;
        if items.is_empty() {
            return Ok((done, changed));
        }
        let written = T::write(&cx.admin, server, &items).await.map_err(|error| match &error {
            AdminError::Item { index, problem, .. } => {
                let line = numbers.get(*index).copied().unwrap_or_default();
                after(&format!("{}: line {line}: {problem}", lines.name), done)
            }
            _ => after(&error.to_string(), done),
        })?;
        done += items.len();
        changed += written;
        note(&format!("{}: {done}", T::MANY));
    }
}

/// What went wrong, and how far it had come.
fn after(problem: &str, done: usize) -> BootError {
    match done {
        0 => problem.to_owned().into(),
        done => format!("{problem}; the first {done} are written").into(),
    }
}

/// Lines, numbered from 1; empty ones say nothing.
struct Lines {
    name: String,
    reader: Box<dyn BufRead + Send>,
    line: usize,
}

impl Lines {
    fn open(from: &str) -> Result<Self, BootError> {
        if from == "-" {
            let reader = Box::new(BufReader::new(std::io::stdin()));
            return Ok(Self { name: "standard input".to_owned(), reader, line: 0 });
        }
        let file = File::open(from).map_err(|error| format!("{from} cannot be read: {error}"))?;
        Ok(Self { name: from.to_owned(), reader: Box::new(BufReader::new(file)), line: 0 })
    }

    /// The items of one write, each with its line.
    fn next<T: DeserializeOwned>(&mut self) -> Result<(Vec<usize>, Vec<T>), String> {
        let (mut numbers, mut items) = (Vec::new(), Vec::new());
        while items.len() < WRITE_MAX
            && let Some(text) = self.line()?
        {
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

/// Items of which each takes along as much as there is, so that nobody knows beforehand how many one write holds: what is
/// too much for one is tried again by halves.
pub(super) struct Halves<T> {
    open: Vec<Vec<(usize, T)>>,
}

impl<T: Clone> Halves<T> {
    pub(super) fn new(items: impl Iterator<Item = (usize, T)>) -> Self {
        Self { open: vec![items.collect()] }
    }

    /// What to write next, each with its place.
    pub(super) fn next(&mut self) -> Option<(Vec<(usize, T)>, Vec<T>)> {
        let some = self.open.pop().filter(|some| !some.is_empty())?;
        let items = some.iter().map(|(_, item)| item.clone()).collect();
        Some((some, items))
    }

    /// How many of them are written.
    ///
    /// # Errors
    /// The item that is refused, by its place.
    pub(super) fn came(
        &mut self,
        mut some: Vec<(usize, T)>,
        written: Result<Revision, AdminError>,
    ) -> Result<usize, AdminError> {
        match written {
            Ok(_) => Ok(some.len()),
            Err(AdminError::Item { problem, .. })
                if matches!(*problem, AdminError::TooManyChanges { .. }) && some.len() > 1 =>
            {
                let half = some.split_off(some.len() / 2);
                self.open.extend([half, some]);
                Ok(0)
            }
            Err(AdminError::Item { list, index, problem }) => {
                let index = some.get(index).map_or(index, |(index, _)| *index);
                Err(AdminError::Item { list, index, problem })
            }
            Err(error) => Err(error),
        }
    }
}
