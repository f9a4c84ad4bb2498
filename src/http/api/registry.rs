//! What a resource server registers, in bulk: relations between resources and subjects, resources and subjects with their
//! attributes. Each write happens whole or not at all, and names the item that was wrong.

use serde_json::{Map, Value, json};

use super::super::errors::Problem;
use super::super::ledger::RegistryOperation;
use super::answer::{self, anything, flag, moment, optional_text, text};
use super::body::{Document, Text, body, values};
use super::call::{Call, Reply, page};
use super::describe::{Described, Parameter};
use super::groups::interval;
use crate::admin::PrincipalRef;
use crate::admin::relations::{EdgeName, NewEdge, Place, RelationFilter, RelationWrite};
use crate::admin::required::Required;
use crate::admin::resources::ResourceWrite;
use crate::admin::subjects::SubjectPut;
use crate::domain::name::{Reason, Segment, Slug};
use crate::domain::object::ObjectRef;
use crate::domain::time::Instant;

body! {
    Edge {
        object: Text<ObjectRef> = "The resource",
        relation: Text<Segment> = "A relation of its type",
        subject: String = "user:NAME, user:*, client:ID, group:NAME#member, type:id of another resource or subject, type:id#relation",
        ---
    }
}

body! {
    EdgeToWrite {
        object: Text<ObjectRef> = "The resource",
        relation: Text<Segment> = "A relation of its type",
        subject: String = "user:NAME, user:*, client:ID, group:NAME#member, type:id of another resource or subject, type:id#relation",
        ---
        not_before: Option<Text<Instant>> = "Counts from this moment on",
        expires_at: Option<Text<Instant>> = "Counts until this moment",
        reason: Option<Reason> = "Why",
    }
}

body! {
    WriteRelations {
        ---
        require_present: Vec<Edge> = "Edges that must count now for the write to happen: they are there, have begun and have not ended",
        require_absent: Vec<Edge> = "Edges that must not count now for the write to happen",
        delete: Vec<Edge> = "Edges to take away; one that is not there is no error",
        write: Vec<EdgeToWrite> = "Edges to write; one that is there takes the new times",
    }
}

body! {
    ResourceToPut {
        resource: Text<ObjectRef> = "The resource",
        ---
        attributes: Document = "What policies may ask for; replaces what was registered",
    }
}

body! {
    WriteResources {
        ---
        require_present: Vec<Text<ObjectRef>> = "Resources that must be registered for the write to happen",
        require_absent: Vec<Text<ObjectRef>> = "Resources that must not be",
        delete: Vec<Text<ObjectRef>> = "Resources to delete, with all their relations and what is given or denied on them alone",
        put: Vec<ResourceToPut> = "Resources to register, or to give other attributes",
    }
}

body! {
    SubjectToPut {
        subject: Text<PrincipalRef> = "Whom",
        ---
        attributes: Option<Document> = "What policies may ask for; stays as it is when left out",
        disabled: Option<bool> = "Whether a subject of the resource server's own is shut out",
    }
}

body! {
    PutSubjects {
        ---
        require_present: Vec<Text<PrincipalRef>> = "Subjects of which something must be registered for the write to happen",
        require_absent: Vec<Text<PrincipalRef>> = "Subjects of which nothing must be",
        delete: Vec<Text<PrincipalRef>> = "Subjects to forget: those of the resource server's own with their relations and what they were given or denied, of others the attributes",
        put: Vec<SubjectToPut> = "Subjects to register, or to change",
    }
}

const EDGE_FILTERS: [Parameter; 3] = [
    Parameter::new("object", "only those from this resource (type:id)"),
    Parameter::new("relation", "only those by this relation"),
    Parameter::new("subject", "only those to this subject"),
];
const TYPE: [Parameter; 1] = [Parameter::new("type", "of this type; it must be said")];

pub(super) fn describe(operation: RegistryOperation) -> Described {
    use RegistryOperation as Of;
    match operation {
        Of::WriteRelations => {
            Described::changes::<WriteRelations>("Write and take away relations, at most 10,000", written).in_bulk()
        }
        Of::ListRelations => Described::lists("List relations", relation).filtered(&EDGE_FILTERS),
        Of::WriteResources => {
            Described::changes::<WriteResources>("Register and delete resources, at most 10,000", written).in_bulk()
        }
        Of::ListResources => Described::lists("List registered resources of a type", resource).filtered(&TYPE),
        Of::PutSubjects => Described::changes::<PutSubjects>(
            "Register and forget subjects and their attributes, at most 10,000 changes",
            written,
        )
        .in_bulk(),
        Of::ListSubjects => {
            Described::lists("List subjects of a type that only the resource server knows", subject).filtered(&TYPE)
        }
    }
}

fn written() -> Value {
    answer::object(&[("revision", || json!({ "type": "integer" }))], &[])
}

fn relation() -> Value {
    answer::object(
        &[
            ("object", text),
            ("relation", text),
            ("subject", text),
            ("interval", answer::interval),
            ("reason", optional_text),
            ("given_by", text),
            ("created_at", moment),
        ],
        &[],
    )
}

fn resource() -> Value {
    answer::object(&[("resource", text), ("attributes", anything)], &[])
}

fn subject() -> Value {
    answer::object(&[("subject", text), ("disabled", flag), ("attributes", anything)], &[])
}

pub(super) async fn run(operation: RegistryOperation, call: &Call) -> Result<Reply, Problem> {
    let server: Slug = call.named("server")?;
    match operation {
        RegistryOperation::WriteRelations => write_relations(call, &server).await,
        RegistryOperation::ListRelations => list_relations(call, &server).await,
        RegistryOperation::WriteResources => write_resources(call, &server).await,
        RegistryOperation::ListResources => list_resources(call, &server).await,
        RegistryOperation::PutSubjects => put_subjects(call, &server).await,
        RegistryOperation::ListSubjects => list_subjects(call, &server).await,
    }
}

fn name(object: Text<ObjectRef>, relation: Text<Segment>, subject: String) -> EdgeName {
    EdgeName { object: object.0, relation: relation.0, subject }
}

pub(super) fn plain(edge: Edge) -> EdgeName {
    name(edge.object, edge.relation, edge.subject)
}

pub(super) fn new_edges(write: Vec<EdgeToWrite>) -> Result<Vec<NewEdge>, Problem> {
    let edges = write.into_iter().enumerate().map(|(index, edge)| {
        let EdgeToWrite { object, relation, subject, not_before, expires_at, reason } = edge;
        let interval =
            interval(not_before, expires_at).map_err(|problem| problem.within(&format!("write[{index}]")))?;
        Ok(NewEdge { name: name(object, relation, subject), interval, reason })
    });
    edges.collect()
}

async fn write_relations(call: &Call, server: &Slug) -> Result<Reply, Problem> {
    let WriteRelations { require_present, require_absent, delete, write } = call.body()?;
    let write = RelationWrite {
        require_present: require_present.into_iter().map(plain).collect(),
        require_absent: require_absent.into_iter().map(plain).collect(),
        delete: delete.into_iter().map(plain).collect(),
        write: new_edges(write)?,
    };
    let written = call.admin.write_relations(server, &write).await;
    written.map(revision).map_err(|error| call.refused(&error))
}

fn revision(revision: crate::domain::change::Revision) -> Reply {
    Reply::ok(json!({ "revision": revision }))
}

async fn list_relations(call: &Call, server: &Slug) -> Result<Reply, Problem> {
    let (object, subject) = (call.query.filter::<ObjectRef>("object")?, call.query.filter::<String>("subject")?);
    let relation = call.query.filter::<Segment>("relation")?;
    let filter = RelationFilter { object: object.as_ref(), relation: relation.as_ref(), subject: subject.as_deref() };
    let after: Option<Place> = match call.query.after() {
        "" => None,
        key => Some(key.parse().map_err(|_| Problem::member("after", "this is no token of this list"))?),
    };
    let all = call.admin.relations(server, filter, after.as_ref(), call.query.rows()).await;
    let all = all.map_err(|error| call.refused(&error))?;
    Ok(page(call, all, |(place, _)| place.key(), |(_, edge)| edge.clone()))
}

async fn write_resources(call: &Call, server: &Slug) -> Result<Reply, Problem> {
    let WriteResources { require_present, require_absent, delete, put } = call.body()?;
    let required = Required { present: values(require_present), absent: values(require_absent) };
    let put = put.into_iter().map(|put| (put.resource.0, members(put.attributes))).collect();
    let write = ResourceWrite { delete: values(delete), put };
    let written = call.admin.write_resources_if(server, &required, &write).await;
    written.map(revision).map_err(|error| call.refused(&error))
}

fn members(document: Document) -> Map<String, Value> {
    match document.0 {
        Value::Object(members) => members,
        // A document is read from an object alone.
        _ => Map::new(),
    }
}

fn of_type(call: &Call) -> Result<Segment, Problem> {
    call.query.filter("type")?.ok_or_else(|| Problem::member("type", "say of which type"))
}

async fn list_resources(call: &Call, server: &Slug) -> Result<Reply, Problem> {
    let after = Some(call.query.after()).filter(|after| !after.is_empty());
    let all = call.admin.resources(server, of_type(call)?.as_str(), after, call.query.rows()).await;
    let view = |(resource, attributes): &(ObjectRef, Value)| json!({ "resource": resource, "attributes": attributes });
    let all = all.map_err(|error| call.refused(&error))?;
    Ok(page(call, all, |(resource, _)| resource.id().to_owned(), view))
}

async fn put_subjects(call: &Call, server: &Slug) -> Result<Reply, Problem> {
    let PutSubjects { require_present, require_absent, delete, put } = call.body()?;
    let required = Required { present: values(require_present), absent: values(require_absent) };
    let item = |put: SubjectToPut| SubjectPut {
        subject: put.subject.0,
        attributes: put.attributes.map(members),
        disabled: put.disabled,
    };
    let put: Vec<_> = put.into_iter().map(item).collect();
    let written = call.admin.write_subjects(server, &required, &values(delete), &put).await;
    written.map(revision).map_err(|error| call.refused(&error))
}

async fn list_subjects(call: &Call, server: &Slug) -> Result<Reply, Problem> {
    let after = Some(call.query.after()).filter(|after| !after.is_empty());
    let all = call.admin.external_subjects(server, of_type(call)?.as_str(), after, call.query.rows()).await;
    let all = all.map_err(|error| call.refused(&error))?;
    Ok(page(call, all, |of| of.subject.id().to_owned(), |of| json!(of)))
}
