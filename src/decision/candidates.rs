//! Whom or what a search looks at, in the order of a key that never changes: all of a type, where no way is narrower.

use uuid::Uuid;

use super::engine::{Query, SubjectRef};
use crate::domain::id::ResourceServerId;
use crate::domain::model::{Model, SubjectSpace};
use crate::domain::object::ObjectRef;
use crate::store::{StoreError, Tx, clients, people, resource_servers, resources, subjects};

/// One that is to be decided.
pub(super) struct Candidate {
    /// Its place in the order.
    pub key: String,
    /// What it is called in results.
    pub id: String,
    what: What,
}

enum What {
    Subject(SubjectRef),
    Resource(ObjectRef),
    Action,
}

impl Candidate {
    pub(super) fn person(id: Uuid, sub: String) -> Self {
        Self { key: id.to_string(), what: What::Subject(SubjectRef::User(sub.clone())), id: sub }
    }

    pub(super) fn client(id: Uuid, client_id: String) -> Self {
        Self { key: id.to_string(), what: What::Subject(SubjectRef::Client(client_id.clone())), id: client_id }
    }

    pub(super) fn external(subject: ObjectRef) -> Self {
        let id = subject.id().to_owned();
        Self { key: id.clone(), id, what: What::Subject(SubjectRef::External(subject)) }
    }

    pub(super) fn resource(object: ObjectRef) -> Self {
        let id = object.id().to_owned();
        Self { key: id.clone(), id, what: What::Resource(object) }
    }

    pub(super) fn action(name: &str) -> Self {
        Self { key: name.to_owned(), id: name.to_owned(), what: What::Action }
    }

    /// Makes the query ask about this one.
    pub(super) fn put_into(&self, query: &mut Query) {
        match &self.what {
            What::Subject(subject) => query.subject.clone_from(subject),
            What::Resource(object) => {
                query.resource_id.clone_from(&self.id);
                query.object = Some(object.clone());
            }
            What::Action => query.action.clone_from(&self.id),
        }
    }
}

/// Whether all subjects of a type are such as this one.
pub(super) fn are_like(model: &Model, subject_type: &str, like: &SubjectRef) -> bool {
    match (model.subject_space(subject_type), like) {
        (Some(SubjectSpace::People), SubjectRef::User(_)) | (Some(SubjectSpace::Clients), SubjectRef::Client(_)) => {
            true
        }
        (Some(SubjectSpace::External), SubjectRef::External(like)) => like.object_type() == subject_type,
        _ => false,
    }
}

/// The next subjects like this one, in order.
pub(super) async fn subjects_like(
    tx: &mut Tx,
    at: ResourceServerId,
    like: &SubjectRef,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Candidate>, StoreError> {
    // People and clients have no identifier before the first one.
    let after_id = || after.and_then(|key| key.parse().ok()).unwrap_or_else(Uuid::nil);
    Ok(match like {
        SubjectRef::User(_) => {
            let read = people::subs(tx, after_id(), limit).await?;
            read.into_iter().map(|(id, sub)| Candidate::person(id.uuid(), sub)).collect()
        }
        SubjectRef::Client(_) => {
            let read = clients::client_ids(tx, after_id(), limit).await?;
            read.into_iter().map(|(id, client_id)| Candidate::client(id.uuid(), client_id)).collect()
        }
        SubjectRef::External(like) => {
            let read = subjects::list(tx, at, like.object_type(), after, limit).await?;
            read.into_iter().map(|external| Candidate::external(external.subject)).collect()
        }
    })
}

/// The next registered resources of a type, in order.
pub(super) async fn resources_of(
    tx: &mut Tx,
    at: ResourceServerId,
    resource_type: &str,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Candidate>, StoreError> {
    let read = resources::list(tx, at, resource_type, after, limit).await?;
    Ok(read.into_iter().map(|(object, _)| Candidate::resource(object)).collect())
}

/// The actions that permissions of a resource server declare on a type.
pub(super) async fn declared_actions(
    tx: &mut Tx,
    at: ResourceServerId,
    resource_type: &str,
) -> Result<Vec<String>, StoreError> {
    let declared = resource_servers::permissions(tx, at).await?;
    let of_type = declared.into_iter().filter(|permission| permission.resource_type.as_str() == resource_type);
    Ok(of_type.map(|permission| permission.action.as_str().to_owned()).collect())
}
