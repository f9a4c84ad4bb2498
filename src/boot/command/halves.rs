//! Deletions in bulk, of which nobody knows how large they are.

use crate::admin::AdminError;
use crate::domain::change::Revision;

/// Items, each with its place among all.
type Placed<T> = Vec<(usize, T)>;

/// Items of which each takes along as much as there is, so that nobody knows beforehand how many one write holds: what is
/// too much for one is tried again by halves.
pub(super) struct Halves<T> {
    open: Vec<Placed<T>>,
}

impl<T: Clone> Halves<T> {
    pub(super) fn new(items: impl Iterator<Item = (usize, T)>) -> Self {
        Self { open: vec![items.collect()] }
    }

    /// What to write next, each with its place.
    pub(super) fn next(&mut self) -> Option<(Placed<T>, Vec<T>)> {
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
        mut some: Placed<T>,
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
