//! The single writes that a load is a series of.

use super::assignments::NewAssignment;
use super::load::Resource;
use super::relations::{NewEdge, RelationWrite};
use super::resources::ResourceWrite;
use super::subjects::SubjectPut;
use super::{Admin, AdminError};
use crate::domain::name::Slug;

/// One write of a load, of at most [`super::load::WRITE_MAX`] items: what is there already is left out of it. Each says how many were
/// not, and names an item that is refused by its place in the list.
impl Admin {
    /// # Errors
    /// See [`Self::put_subjects`].
    pub async fn load_subjects(&self, server: &Slug, items: &[SubjectPut], dry: bool) -> Result<usize, AdminError> {
        let new = self.pending_subjects(server, items).await?;
        if !dry && !new.is_empty() {
            let written = self.put_subjects(server, &picked(items, &new)).await;
            written.map_err(|error| placed(error, "subjects", &new))?;
        }
        Ok(new.len())
    }

    /// # Errors
    /// See [`Self::write_resources`].
    pub async fn load_resources(&self, server: &Slug, items: &[Resource], dry: bool) -> Result<usize, AdminError> {
        let new = self.pending_resources(server, items).await?;
        if !dry && !new.is_empty() {
            let write = ResourceWrite { put: picked(items, &new), delete: Vec::new() };
            let written = self.write_resources(server, &write).await;
            written.map_err(|error| placed(error, "resources", &new))?;
        }
        Ok(new.len())
    }

    /// # Errors
    /// See [`Self::write_relations`].
    pub async fn load_relations(&self, server: &Slug, items: &[NewEdge], dry: bool) -> Result<usize, AdminError> {
        let new = self.pending_relations(server, items).await?;
        if !dry && !new.is_empty() {
            let write = RelationWrite { write: picked(items, &new), ..RelationWrite::default() };
            let written = self.write_relations(server, &write).await;
            written.map_err(|error| placed(error, "relations", &new))?;
        }
        Ok(new.len())
    }

    pub(super) async fn load_assignments(
        &self,
        server: &Slug,
        items: &[NewAssignment],
        dry: bool,
    ) -> Result<usize, AdminError> {
        let new = self.pending_assignments(server, items).await?;
        if !dry && !new.is_empty() {
            let written = self.add_assignments(server, &picked(items, &new)).await;
            written.map_err(|error| placed(error, "assignments", &new))?;
        }
        Ok(new.len())
    }
}

/// An item of those that were written, by its place among all.
fn placed(error: AdminError, list: &'static str, new: &[usize]) -> AdminError {
    match error {
        AdminError::Item { index, problem, .. } => {
            AdminError::Item { list, index: new.get(index).copied().unwrap_or(index), problem }
        }
        other => other,
    }
}

fn picked<T: Clone>(items: &[T], which: &[usize]) -> Vec<T> {
    which.iter().filter_map(|index| items.get(*index)).cloned().collect()
}
