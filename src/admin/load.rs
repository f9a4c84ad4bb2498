//! Data in bulk, as files say it: what is there already is left as it is, so that a load that was cut short goes on where
//! it stopped when it is begun again. Nothing is taken away: data belongs to the application.

use serde_json::{Map, Value};

use super::assignments::{HeldRef, NewAssignment};
use super::relations::{EdgeName, NewEdge, RelationWrite};
use super::resources::ResourceWrite;
use super::subjects::SubjectPut;
use super::{Admin, AdminError, PrincipalRef};
use crate::decision::given::{Data, GivenAssignment, GivenHeld, GivenRelation, GivenSubject};
use crate::domain::name::Slug;
use crate::domain::object::ObjectRef;

/// Items of one write: its changes must fit one revision, and a subject makes two.
pub const WRITE_MAX: usize = 5_000;

/// A resource and its attributes.
pub type Resource = (ObjectRef, Map<String, Value>);

/// How far a load has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub list: &'static str,
    /// Items looked at.
    pub done: usize,
    pub of: usize,
    /// Items that were not there, or not so.
    pub new: usize,
}

/// A load of data at one resource server.
pub struct Load<'a> {
    pub admin: &'a Admin,
    pub server: &'a Slug,
    /// Only look.
    pub dry_run: bool,
    /// Told after each write.
    pub progress: &'a (dyn Fn(Progress) + Send + Sync),
}

impl Load<'_> {
    /// Subjects, resources, relations, assignments, in this order: each may name what stands before it.
    ///
    /// # Errors
    /// The first item that is refused, by its list and place; what was written before it stays.
    pub async fn run(&self, data: &Data) -> Result<Vec<Progress>, AdminError> {
        let subjects = subjects(&data.subjects)?;
        let resources: Vec<_> = data.resources.iter().map(|of| (of.resource.clone(), of.attributes.clone())).collect();
        let relations = edges(&data.relations)?;
        let assignments = parsed("assignments", &data.assignments, |given| assignment(self.server, given))?;
        Ok(vec![
            self.subjects(&subjects).await?,
            self.resources(&resources).await?,
            self.relations(&relations).await?,
            self.assignments(&assignments).await?,
        ])
    }

    async fn subjects(&self, items: &[SubjectPut]) -> Result<Progress, AdminError> {
        let mut steps = Steps::new("subjects", items.len());
        for items in items.chunks(WRITE_MAX) {
            let new = self.admin.load_subjects(self.server, items, self.dry_run).await;
            steps.advance(self, items.len(), new)?;
        }
        Ok(steps.progress)
    }

    async fn resources(&self, items: &[Resource]) -> Result<Progress, AdminError> {
        let mut steps = Steps::new("resources", items.len());
        for items in items.chunks(WRITE_MAX) {
            let new = self.admin.load_resources(self.server, items, self.dry_run).await;
            steps.advance(self, items.len(), new)?;
        }
        Ok(steps.progress)
    }

    async fn relations(&self, items: &[NewEdge]) -> Result<Progress, AdminError> {
        let mut steps = Steps::new("relations", items.len());
        for items in items.chunks(WRITE_MAX) {
            let new = self.admin.load_relations(self.server, items, self.dry_run).await;
            steps.advance(self, items.len(), new)?;
        }
        Ok(steps.progress)
    }

    async fn assignments(&self, items: &[NewAssignment]) -> Result<Progress, AdminError> {
        let mut steps = Steps::new("assignments", items.len());
        for items in items.chunks(WRITE_MAX) {
            let new = self.admin.load_assignments(self.server, items, self.dry_run).await;
            steps.advance(self, items.len(), new)?;
        }
        Ok(steps.progress)
    }
}

/// One write of a load, of at most [`WRITE_MAX`] items: what is there already is left out of it. Each says how many were
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

    async fn load_assignments(&self, server: &Slug, items: &[NewAssignment], dry: bool) -> Result<usize, AdminError> {
        let new = self.pending_assignments(server, items).await?;
        if !dry && !new.is_empty() {
            let written = self.add_assignments(server, &picked(items, &new)).await;
            written.map_err(|error| placed(error, "assignments", &new))?;
        }
        Ok(new.len())
    }
}

/// One list on its way.
struct Steps {
    progress: Progress,
}

impl Steps {
    fn new(list: &'static str, of: usize) -> Self {
        Self { progress: Progress { list, done: 0, of, new: 0 } }
    }

    /// An item that is refused is named by its place in the file, not in the write.
    fn advance(&mut self, load: &Load<'_>, done: usize, new: Result<usize, AdminError>) -> Result<(), AdminError> {
        let new = new.map_err(|error| match error {
            AdminError::Item { list, index, problem } => {
                AdminError::Item { list, index: self.progress.done + index, problem }
            }
            other => other,
        })?;
        self.progress.done += done;
        self.progress.new += new;
        (load.progress)(self.progress);
        Ok(())
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

/// # Errors
/// A subject that cannot be, by its place.
pub fn subjects<'a>(given: impl IntoIterator<Item = &'a GivenSubject>) -> Result<Vec<SubjectPut>, AdminError> {
    parsed("subjects", given, subject)
}

/// # Errors
/// An interval that cannot be, by its place.
pub fn edges<'a>(given: impl IntoIterator<Item = &'a GivenRelation>) -> Result<Vec<NewEdge>, AdminError> {
    parsed("relations", given, edge)
}

fn parsed<'a, G: 'a, T>(
    list: &'static str,
    given: impl IntoIterator<Item = &'a G>,
    read: impl Fn(&G) -> Result<T, String>,
) -> Result<Vec<T>, AdminError> {
    let refused = |index, problem| AdminError::invalid("item", problem).at(list, index);
    given.into_iter().enumerate().map(|(index, item)| read(item).map_err(|problem| refused(index, problem))).collect()
}

fn subject(given: &GivenSubject) -> Result<SubjectPut, String> {
    let subject = given.subject.parse::<PrincipalRef>()?;
    Ok(SubjectPut { subject, attributes: given.attributes.clone(), disabled: given.disabled })
}

fn edge(given: &GivenRelation) -> Result<NewEdge, String> {
    let (object, relation, subject) = (given.object.clone(), given.relation.clone(), given.subject.clone());
    Ok(NewEdge { name: EdgeName { object, relation, subject }, interval: given.interval()?, reason: None })
}

fn assignment(server: &Slug, given: &GivenAssignment) -> Result<NewAssignment, String> {
    Ok(NewAssignment {
        principal: given.to.parse()?,
        resource_server: server.clone(),
        held: match given.held()? {
            GivenHeld::Role(role) => HeldRef::Role(role),
            GivenHeld::Permission(permission) => HeldRef::Permission(permission),
        },
        scope: given.on.clone(),
        effect: given.effect(),
        interval: given.interval()?,
        reason: None,
    })
}
