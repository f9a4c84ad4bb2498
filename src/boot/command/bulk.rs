//! Data in bulk: items from the command line, or JSON lines from a file or standard input, as a series of writes. What an
//! earlier run wrote is left as it is, so a series that was cut short is simply begun again.

use std::future::Future;

use clap::Args;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::super::node::BootError;
use super::super::output::note;
use super::Context;
use super::lines::Lines;
use crate::admin::{Admin, AdminError};
use crate::domain::name::Slug;

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
