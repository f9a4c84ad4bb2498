//! What a request names and sends, as the model of its resource server reads it.

use super::engine::{self, Query, Sent, SubjectRef};
use crate::domain::attribute::{AttributeError, coerce};
use crate::domain::model::{Attributes, CLIENT, Model, SubjectSpace, USER};
use crate::domain::name::Segment;
use crate::domain::object::ObjectRef;

/// No name of a person or client is longer, in bytes.
const SUBJECT_LEN_MAX: usize = 255;

/// What a subject type means that needs no model to be known.
pub(super) fn space(subject_type: &str) -> Option<SubjectSpace> {
    match subject_type {
        USER => Some(SubjectSpace::People),
        CLIENT => Some(SubjectSpace::Clients),
        _ => None,
    }
}

/// Whom a name means in a space; `None` for nobody.
pub(super) fn named(space: SubjectSpace, subject_type: &str, id: &str) -> Option<SubjectRef> {
    // No `sub`, username or `client_id` is longer: what is longer is nobody's.
    let is_short = id.len() <= SUBJECT_LEN_MAX;
    match space {
        SubjectSpace::People => is_short.then(|| SubjectRef::User(id.to_owned())),
        SubjectSpace::Clients => is_short.then(|| SubjectRef::Client(id.to_owned())),
        SubjectSpace::External => {
            let of = Segment::parse(subject_type).ok()?;
            ObjectRef::new(&of, id).ok().map(SubjectRef::External)
        }
    }
}

/// Refuses properties and context that are not of the types the model declares; what it does not declare is nobody's.
pub(super) fn check_sent(model: &Model, query: &Query) -> Result<(), AttributeError> {
    let Sent { subject, action, resource, context } = &query.sent;
    let none = Attributes::new();
    let of_subject = model.subjects.get(engine::subject_type(model, &query.subject)).map_or(&none, |of| &of.attributes);
    let of = model.resources.get(query.resource_type.as_str());
    let of_action = of.and_then(|of| of.actions.get(query.action.as_str())).map_or(&none, |of| &of.properties);
    coerce(of_subject, subject, "subject.properties")?;
    coerce(of_action, action, "action.properties")?;
    coerce(of.map_or(&none, |of| &of.attributes), resource, "resource.properties")?;
    coerce(&model.context, context, "context")?;
    Ok(())
}
