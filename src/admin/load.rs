//! Data in bulk, as files say it: what is there already is left as it is, so that a load that was cut short goes on where
//! it stopped when it is begun again. Nothing is taken away: data belongs to the application.

use serde_json::{Map, Value};

use super::assignments::{HeldRef, NewAssignment};
use super::relations::{EdgeName, NewEdge};
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
