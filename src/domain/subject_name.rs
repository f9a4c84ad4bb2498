//! Whom a relation edge points to, by the names people know: `user:alice`, `group:staff#member`, `team:1#member`, `user:*`.

use super::model::{GROUP, MEMBER, Model, SubjectSpace};
use super::name::Segment;
use super::object::{EdgeSubject, ObjectRef};

/// A subject as the model reads its name. Who or what it is, somebody else must look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectName {
    Person(String),
    Client(String),
    /// The members of a group.
    Group(String),
    /// Nobody here need be looked up.
    Known(EdgeSubject),
}

impl SubjectName {
    /// Reads `type:id`, `type:*` and `type:id#relation` as the model means them.
    ///
    /// # Errors
    /// A sentence.
    pub fn read(model: &Model, text: &str) -> Result<Self, String> {
        let unreadable = || format!("{text:?} is not type:id, type:* or type:id#relation");
        let (of, id) = text.split_once(':').ok_or_else(unreadable)?;
        let of = Segment::parse(of).map_err(|error| error.to_string())?;
        if of.as_str() == GROUP {
            return Ok(Self::Group(id.strip_suffix(&format!("#{MEMBER}")).unwrap_or(id).to_owned()));
        }
        let external = |of: &Segment| ObjectRef::new(of, id).map_err(|error| error.to_string());
        match model.subject_space(of.as_str()) {
            Some(_) if id == "*" => Ok(Self::Known(EdgeSubject::Everyone(of))),
            Some(SubjectSpace::People) => Ok(Self::Person(id.to_owned())),
            Some(SubjectSpace::Clients) => Ok(Self::Client(id.to_owned())),
            Some(SubjectSpace::External) => Ok(Self::Known(EdgeSubject::External(external(&of)?))),
            None if model.resources.contains_key(&of) => object(model, &of, id).map(Self::Known),
            None => Err(format!("the model has no type {:?}", of.as_str())),
        }
    }
}

/// A resource, or what is related to it: the last `#` parts the two where a relation of that name exists.
fn object(model: &Model, of: &Segment, id: &str) -> Result<EdgeSubject, String> {
    let named = |id: &str| ObjectRef::new(of, id).map_err(|error| error.to_string());
    if let Some((object, relation)) = id.rsplit_once('#')
        && model.relation(of.as_str(), relation).is_some()
    {
        let relation = Segment::parse(relation).map_err(|error| error.to_string())?;
        return Ok(EdgeSubject::Userset(named(object)?, relation));
    }
    named(id).map(EdgeSubject::Object)
}

/// Refuses an edge that the model does not allow: the member that is wrong, and why.
///
/// # Errors
/// A sentence; `name` is the subject as it was written.
pub fn check_edge(
    model: &Model,
    object: &ObjectRef,
    relation: &str,
    subject: &EdgeSubject,
    name: &str,
) -> Result<(), (&'static str, String)> {
    let of = object.object_type();
    let Some(found) = model.relation(of, relation) else {
        return Err(("relation", format!("the model has no relation {relation:?} on a type {of:?}")));
    };
    if model.accepts(found, subject) {
        return Ok(());
    }
    let allowed = found.subjects.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Err(("subject", format!("{relation} of {of} may not be {name}; it may be {allowed}")))
}
