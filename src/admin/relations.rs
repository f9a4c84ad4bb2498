//! Relation edges: written and taken away in bulk, all or nothing; listed.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::chains::{self, Lead};
use super::principal::names;
use super::resource_servers::find;
use super::{Admin, AdminError, Edit, PAGE_MAX, PrincipalRef, rules};
use crate::domain::assignment::Principal;
use crate::domain::change::{Changed, Revision};
use crate::domain::fact::FactKind;
use crate::domain::id::ResourceServerId;
use crate::domain::model::{MEMBER, Model};
use crate::domain::name::{Reason, Segment, Slug};
use crate::domain::object::{Edge, EdgeSubject, ObjectRef};
use crate::domain::resource_server::ResourceServer;
use crate::domain::subject_name::{SubjectName, check_edge};
use crate::domain::time::{Instant, Interval};
use crate::store::changes::{CHANGES_MAX, States};
pub use crate::store::edges::Place;
use crate::store::edges::{self, EdgeKey, Recorded, Which};
use crate::store::{Conn, resources};

/// An edge by the names operators know: `document:7`, `viewer`, `group:staff#member`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EdgeName {
    pub object: ObjectRef,
    pub relation: Segment,
    /// `user:alice`, `user:*`, `client:bot`, `group:staff#member`, `team:1#member`, `folder:9`, `employee:42`.
    pub subject: String,
}

#[derive(Clone, Debug)]
pub struct NewEdge {
    pub name: EdgeName,
    pub interval: Interval,
    pub reason: Option<Reason>,
}

/// Edges to write and to take away; all of it happens, or nothing.
#[derive(Clone, Debug, Default)]
pub struct RelationWrite {
    /// Edges that must count now for the write to happen, and edges that must not.
    pub require_present: Vec<EdgeName>,
    pub require_absent: Vec<EdgeName>,
    pub delete: Vec<EdgeName>,
    pub write: Vec<NewEdge>,
}

/// Which edges to list: those of which all of it holds; what is left out does not matter.
#[derive(Clone, Copy, Debug, Default)]
pub struct RelationFilter<'a> {
    pub object: Option<&'a ObjectRef>,
    pub relation: Option<&'a Segment>,
    /// As in [`EdgeName`].
    pub subject: Option<&'a str>,
}

/// Edges as one write resolves them: each name is looked up once.
pub(super) struct Resolver<'a> {
    pub server: &'a ResourceServer,
    pub model: &'a Model,
    pub known: HashMap<PrincipalRef, Principal>,
}

impl Admin {
    /// Writes and takes away edges. Writing what is there and taking away what is not changes nothing; writing an edge with
    /// another interval changes that. Resources that are mentioned are registered.
    ///
    /// # Errors
    /// [`AdminError::Item`] for what the model does not allow or nobody is called, or what leads too far;
    /// [`AdminError::Precondition`]; more than 10,000 items.
    pub async fn write_relations(&self, server: &Slug, write: &RelationWrite) -> Result<Revision, AdminError> {
        self.change_relations(server, write).await.map(|(_, revision)| revision)
    }

    /// The same; says how many edges it changed.
    ///
    /// # Errors
    /// See [`Self::write_relations`].
    pub async fn change_relations(
        &self,
        server: &Slug,
        write: &RelationWrite,
    ) -> Result<(usize, Revision), AdminError> {
        let required = write.require_present.len() + write.require_absent.len();
        let count = required + write.delete.len() + write.write.len();
        if i64::try_from(count).unwrap_or(i64::MAX) > CHANGES_MAX {
            return Err(AdminError::invalid("write", format!("{count} items; at most {CHANGES_MAX} at once")));
        }
        let mut edit = self.edit().await?;
        let server = find(&mut edit, server).await?;
        let model = rules::required_model(&mut edit, &server).await?;
        let mut resolver = Resolver { server: &server, model: &model, known: HashMap::new() };
        for (list, wanted, names) in
            [("require_present", true, &write.require_present), ("require_absent", false, &write.require_absent)]
        {
            for (index, name) in names.iter().enumerate() {
                let checked = resolver.check(&mut edit, name, wanted, self.now()).await;
                checked.map_err(|error| error.at(list, index))?;
            }
        }
        let changed = self.relate(&mut edit, &mut resolver, write).await?;
        let detail = json!({ "changed": changed, "written": write.write.len(), "deleted": write.delete.len() });
        let subject = format!("resource-server:{}", server.name);
        let revision = self.conclude(edit, FactKind::RelationsChanged, subject, detail).await?;
        Ok((changed, revision))
    }

    /// Takes away and writes what is asked for, within an edit; says how much of it changed something.
    pub(super) async fn relate(
        &self,
        edit: &mut Edit,
        resolver: &mut Resolver<'_>,
        write: &RelationWrite,
    ) -> Result<usize, AdminError> {
        let mut changed = 0;
        for (index, name) in write.delete.iter().enumerate() {
            let deleted = self.delete_edge(edit, resolver, name).await;
            changed += usize::from(deleted.map_err(|error| error.at("delete", index))?);
        }
        let mut leads = Vec::new();
        for (index, new) in write.write.iter().enumerate() {
            let written = self.write_edge(edit, resolver, new).await;
            let Some(subject) = written.map_err(|error| error.at("write", index))? else { continue };
            changed += 1;
            if !subject.is_one() {
                leads.push(Lead { index, object: new.name.object.clone(), to: object_of(&subject).cloned() });
            }
        }
        chains::check(edit, resolver.server.id, &leads).await?;
        Ok(changed)
    }

    async fn delete_edge(
        &self,
        edit: &mut Edit,
        resolver: &mut Resolver<'_>,
        name: &EdgeName,
    ) -> Result<bool, AdminError> {
        let Some(before) = resolver.stored(edit, name).await? else { return Ok(false) };
        let subject = &before.edge.subject;
        let key = EdgeKey { object: &name.object, relation: name.relation.as_str(), subject };
        edges::delete(edit, resolver.server.id, key).await?;
        let changed = changed(resolver.server.id, &name.object, subject);
        let states = States::removed(describe(&before, &name.subject));
        edit.log(&changed, &self.actor, self.now(), states).await?;
        Ok(true)
    }

    /// The subject of the edge, unless the edge was there before.
    async fn write_edge(
        &self,
        edit: &mut Edit,
        resolver: &mut Resolver<'_>,
        new: &NewEdge,
    ) -> Result<Option<EdgeSubject>, AdminError> {
        let (server, name) = (resolver.server.id, &new.name);
        let subject = resolver.subject(edit, &name.subject).await?;
        resolver.check_allowed(name, &subject)?;
        let key = EdgeKey { object: &name.object, relation: name.relation.as_str(), subject: &subject };
        let before = edges::find(edit, server, key).await?;
        if before.as_ref().is_some_and(|before| before.edge.interval == new.interval) {
            return Ok(None);
        }
        if before.is_some() {
            edges::delete(edit, server, key).await?;
        }
        let edge = Edge { relation: name.relation.clone(), subject: subject.clone(), interval: new.interval };
        let recorded = Recorded {
            object: name.object.clone(),
            edge,
            reason: new.reason.as_ref().map(|reason| reason.as_str().to_owned()),
            given_by: self.actor.to_string(),
            created_at: self.now(),
        };
        edges::insert(edit, server, &recorded).await?;
        for mentioned in std::iter::once(&name.object).chain(object_of(&subject)) {
            resources::ensure(edit, server, mentioned, self.now()).await?;
        }
        let after = describe(&recorded, &name.subject);
        let states = match before {
            None => States::created(after),
            Some(before) => States::changed(describe(&before, &name.subject), after),
        };
        edit.log(&changed(server, &name.object, &subject), &self.actor, self.now(), states).await?;
        Ok(Some(subject))
    }

    /// Edges as operators read them, in order of their key after a place, each with its own.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], or a subject that cannot be.
    pub async fn relations(
        &self,
        server: &Slug,
        filter: RelationFilter<'_>,
        after: Option<&Place>,
        limit: i64,
    ) -> Result<Vec<(Place, Value)>, AdminError> {
        let mut conn = self.read().await?;
        let server = find(&mut conn, server).await?;
        let model = rules::required_model(&mut conn, &server).await?;
        let mut resolver = Resolver { server: &server, model: &model, known: HashMap::new() };
        let to = match filter.subject {
            None => None,
            Some(name) => Some(resolver.subject(&mut conn, name).await?),
        };
        let relation = filter.relation.map(Segment::as_str);
        let which = Which { from: filter.object, relation, to: to.as_ref(), to_object: None };
        let all = edges::list(&mut conn, server.id, which, after, limit.min(PAGE_MAX)).await?;
        let described = describe_all(&mut conn, &all).await?;
        Ok(all.iter().map(Place::of).zip(described).collect())
    }
}

impl Resolver<'_> {
    /// An edge that has ended, or has yet to begin, grants nothing: it is not present.
    async fn check(&mut self, conn: &mut Conn, name: &EdgeName, wanted: bool, now: Instant) -> Result<(), AdminError> {
        let subject = self.subject(conn, &name.subject).await?;
        let key = EdgeKey { object: &name.object, relation: name.relation.as_str(), subject: &subject };
        let found = edges::find(conn, self.server.id, key).await?;
        if found.is_some_and(|found| found.edge.interval.contains(now)) == wanted {
            return Ok(());
        }
        Err(AdminError::Precondition { what: format!("{}#{}@{}", name.object, name.relation, name.subject) })
    }

    /// The edge of this name as it is stored: as the model reads it, else as one before it did. What a model no longer
    /// speaks of could not be taken away otherwise.
    async fn stored(&mut self, conn: &mut Conn, name: &EdgeName) -> Result<Option<Recorded>, AdminError> {
        let unread = match self.subject(conn, &name.subject).await {
            Ok(subject) => {
                let key = EdgeKey { object: &name.object, relation: name.relation.as_str(), subject: &subject };
                let found = edges::find(conn, self.server.id, key).await?;
                if found.is_some() {
                    return Ok(found);
                }
                None
            }
            Err(error @ (AdminError::Invalid { .. } | AdminError::NotFound { .. })) => Some(error),
            Err(error) => return Err(error),
        };
        let text = name.subject.as_str();
        let of_userset = text.rsplit_once('#').map(|(object, _)| object);
        let texts: Vec<_> = [Some(text), of_userset, text.strip_suffix(":*")].into_iter().flatten().collect();
        let found = edges::stored_as(conn, self.server.id, &name.object, name.relation.as_str(), &texts).await?;
        let found = found.into_iter().find(|found| found.edge.subject.label().as_deref() == Some(text));
        match (found, unread) {
            (None, Some(error)) => Err(error),
            (found, _) => Ok(found),
        }
    }

    pub(super) async fn subject(&mut self, conn: &mut Conn, text: &str) -> Result<EdgeSubject, AdminError> {
        let name = SubjectName::read(self.model, text).map_err(|problem| AdminError::invalid("subject", problem))?;
        match name {
            SubjectName::Person(name) => self.principal(conn, PrincipalRef::User(name)).await,
            SubjectName::Client(name) => self.principal(conn, PrincipalRef::Client(name)).await,
            SubjectName::Group(name) => self.principal(conn, PrincipalRef::Group(name)).await,
            SubjectName::Known(subject) => Ok(subject),
        }
    }

    async fn principal(&mut self, conn: &mut Conn, name: PrincipalRef) -> Result<EdgeSubject, AdminError> {
        if let Some(known) = self.known.get(&name) {
            return Ok(EdgeSubject::Principal(*known));
        }
        let principal = name.resolve(conn).await?.principal;
        self.known.insert(name, principal);
        Ok(EdgeSubject::Principal(principal))
    }

    fn check_allowed(&self, name: &EdgeName, subject: &EdgeSubject) -> Result<(), AdminError> {
        let allowed = check_edge(self.model, &name.object, name.relation.as_str(), subject, &name.subject);
        allowed.map_err(|(member, problem)| AdminError::invalid(member, problem))
    }
}

fn object_of(subject: &EdgeSubject) -> Option<&ObjectRef> {
    match subject {
        EdgeSubject::Object(object) | EdgeSubject::Userset(object, _) => Some(object),
        EdgeSubject::Principal(_) | EdgeSubject::External(_) | EdgeSubject::Everyone(_) => None,
    }
}

/// The key of the cached value that an edge is part of.
pub(super) fn changed(of: ResourceServerId, object: &ObjectRef, subject: &EdgeSubject) -> Changed {
    if subject.is_one() {
        Changed::Relations(of, object.clone(), subject.clone())
    } else {
        Changed::Resource(of, object.clone())
    }
}

pub(super) fn describe(recorded: &Recorded, subject: &str) -> Value {
    let edge = &recorded.edge;
    json!({
        "object": recorded.object, "relation": edge.relation, "subject": subject, "interval": edge.interval,
        "reason": recorded.reason, "given_by": recorded.given_by, "created_at": recorded.created_at,
    })
}

pub(super) async fn describe_all(conn: &mut Conn, all: &[Recorded]) -> Result<Vec<Value>, AdminError> {
    let principal = |recorded: &Recorded| match recorded.edge.subject {
        EdgeSubject::Principal(principal) => Some(principal),
        _ => None,
    };
    let names = names(conn, &all.iter().filter_map(principal).collect::<Vec<_>>()).await?;
    let label = |subject: &EdgeSubject| match subject {
        EdgeSubject::Principal(of) => {
            let label = names.get(of).map_or_else(|| of.to_string(), |named| named.label.clone());
            if matches!(of, Principal::Group(_)) { format!("{label}#{MEMBER}") } else { label }
        }
        other => other.label().unwrap_or_default(),
    };
    Ok(all.iter().map(|recorded| describe(recorded, &label(&recorded.edge.subject))).collect())
}
