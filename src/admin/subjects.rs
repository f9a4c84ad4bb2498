//! What a resource server registers of subjects: those that only it knows, and attributes of any.

use serde_json::{Map, Value, json};

use super::known_subjects::{KnownSubjects, unknown};
use super::required::Required;
use super::resource_servers::find;
use super::resources::check_size;
use super::{Admin, AdminError, Edit, PAGE_MAX, PrincipalRef, rules};
use crate::domain::assignment::Principal;
use crate::domain::attribute::known_here;
use crate::domain::change::{Changed, Revision};
use crate::domain::fact::FactKind;
use crate::domain::id::ExternalSubjectId;
use crate::domain::model::{Model, SubjectSpace};
use crate::domain::name::Slug;
use crate::domain::object::ObjectRef;
use crate::domain::resource_server::ResourceServer;
use crate::store::changes::{CHANGES_MAX, States};
use crate::store::decisions;
use crate::store::subjects::{self, ExternalSubject};

/// What is registered of one subject.
#[derive(Clone, Debug)]
pub struct SubjectPut {
    pub subject: PrincipalRef,
    /// `None` leaves them as they are.
    pub attributes: Option<Map<String, Value>>,
    /// Whether an external subject may act; people and clients are disabled elsewhere.
    pub disabled: Option<bool>,
}

/// A subject that only the resource server knows.
#[derive(Clone, Debug, serde::Serialize)]
pub struct RegisteredSubject {
    pub subject: ObjectRef,
    /// Whether it is shut out.
    pub disabled: bool,
    pub attributes: Map<String, Value>,
}

impl Admin {
    /// Registers subjects that only the resource server knows, and attributes of any subject; all of it, or nothing.
    ///
    /// # Errors
    /// See [`Self::write_subjects`].
    pub async fn put_subjects(&self, server: &Slug, put: &[SubjectPut]) -> Result<Revision, AdminError> {
        self.write_subjects(server, &Required::default(), &[], put).await
    }

    /// The same, if what is required is so: subjects of which something is registered, and such as nothing is; before it,
    /// what is registered of others is taken away.
    ///
    /// # Errors
    /// [`AdminError::Item`] for a type the model does not have or somebody unknown, and for a [`AdminError::Precondition`];
    /// more than 10,000 changes.
    pub async fn write_subjects(
        &self,
        server: &Slug,
        required: &Required<PrincipalRef>,
        delete: &[PrincipalRef],
        put: &[SubjectPut],
    ) -> Result<Revision, AdminError> {
        // Counted as if each of them were new, so that what is accepted does not depend on what is there.
        let count = required.len() + delete.len() + put.iter().map(changes).sum::<usize>();
        if i64::try_from(count).unwrap_or(i64::MAX) > CHANGES_MAX {
            let problem = format!("{} items come to more than {CHANGES_MAX} changes; make several writes", put.len());
            return Err(AdminError::invalid("put", problem));
        }
        let mut edit = self.edit().await?;
        let server = find(&mut edit, server).await?;
        let model = rules::required_model(&mut edit, &server).await?;
        let named = required.each().map(|(_, _, name, _)| name).chain(delete).chain(put.iter().map(|put| &put.subject));
        let named: Vec<_> = named.collect();
        let mut known = KnownSubjects::read(&mut edit, &server, named.iter().copied()).await?;
        for (list, index, name, wanted) in required.each() {
            Self::check_subject(&known, name, wanted).map_err(|error| error.at(list, index))?;
        }
        for (index, name) in delete.iter().enumerate() {
            let deleted = self.delete_subject(&mut edit, &server, &mut known, name).await;
            deleted.map_err(|error| error.at("delete", index))?;
        }
        for (index, item) in put.iter().enumerate() {
            let put = self.put_subject(&mut edit, &server, &model, &mut known, item).await;
            put.map_err(|error| error.at("put", index))?;
        }
        let subject = format!("resource-server:{}", server.name);
        let detail = json!({ "put": put.len(), "deleted": delete.len() });
        self.conclude(edit, FactKind::SubjectsChanged, subject, detail).await
    }

    fn check_subject(known: &KnownSubjects, name: &PrincipalRef, wanted: bool) -> Result<(), AdminError> {
        let principal = known.principal(name);
        if principal.is_none() && !matches!(name, PrincipalRef::External(_)) {
            return Err(unknown(name));
        }
        if known.is_registered(name) == wanted {
            return Ok(());
        }
        Err(AdminError::Precondition { what: name.to_string() })
    }

    async fn put_subject(
        &self,
        edit: &mut Edit,
        server: &ResourceServer,
        model: &Model,
        known: &mut KnownSubjects,
        item: &SubjectPut,
    ) -> Result<(), AdminError> {
        let principal = match (&item.subject, item.disabled) {
            (PrincipalRef::External(name), _) => {
                self.register(edit, server, model, known, (name, item.disabled)).await?
            }
            (_, Some(_)) => {
                let problem = "only a subject of the resource server's own is disabled here";
                return Err(AdminError::invalid("disabled", problem));
            }
            (name, None) => known.principal(name).ok_or_else(|| unknown(name))?,
        };
        let Some(attributes) = &item.attributes else { return Ok(()) };
        check_size(attributes)?;
        if let (Principal::Person(_), Some(name)) = (principal, known_here(attributes)) {
            let problem = format!("{name:?} of people is known here, and not the resource server's to say");
            return Err(AdminError::invalid("attributes", problem));
        }
        let before = known.attributes(principal);
        if before == Some(attributes) {
            return Ok(());
        }
        subjects::put_attributes(edit, server.id, principal, Value::Object(attributes.clone())).await?;
        let label = item.subject.to_string();
        let after = json!({ "subject": label, "attributes": attributes });
        let states = match before {
            None => States::created(after),
            Some(before) => States::changed(json!({ "subject": label, "attributes": before }), after),
        };
        edit.log(&Changed::Attributes(server.id, principal), &self.actor, self.now(), states).await?;
        known.put(principal, attributes.clone());
        Ok(())
    }

    /// A subject that only the resource server knows, registered now if it was not.
    async fn register(
        &self,
        edit: &mut Edit,
        server: &ResourceServer,
        model: &Model,
        known: &mut KnownSubjects,
        (name, disabled): (&ObjectRef, Option<bool>),
    ) -> Result<Principal, AdminError> {
        if model.subject_space(name.object_type()) != Some(SubjectSpace::External) {
            let problem = format!("the model has no external subject type {:?}", name.object_type());
            return Err(AdminError::invalid("subject", problem));
        }
        let now = self.now();
        let changed = Changed::ExternalSubject(server.id, name.clone());
        let view = |disabled: bool| json!({ "subject": name, "disabled": disabled });
        let found = known.principal(&PrincipalRef::External(name.clone()));
        let (Some(principal), Some(before)) = (found, known.is_disabled(name)) else {
            let id = ExternalSubjectId::mint(now, self.entropy.as_ref());
            let new = ExternalSubject { id, subject: name.clone(), disabled: disabled.unwrap_or(false) };
            subjects::insert(edit, server.id, &new, now).await?;
            edit.log(&changed, &self.actor, now, States::created(view(new.disabled))).await?;
            known.registered(name, Principal::External(id), new.disabled);
            return Ok(Principal::External(id));
        };
        if let Some(disabled) = disabled.filter(|disabled| *disabled != before) {
            subjects::set_disabled(edit, ExternalSubjectId::from_uuid(principal.uuid()), disabled, now).await?;
            edit.log(&changed, &self.actor, now, States::changed(view(before), view(disabled))).await?;
            known.registered(name, principal, disabled);
        }
        Ok(principal)
    }

    /// External subjects of one type, in order of identifier after one of them.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn external_subjects(
        &self,
        server: &Slug,
        subject_type: &str,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<RegisteredSubject>, AdminError> {
        let mut conn = self.read().await?;
        let server = find(&mut conn, server).await?;
        let all = subjects::list(&mut conn, server.id, subject_type, after, limit.min(PAGE_MAX)).await?;
        let principals: Vec<_> = all.iter().map(|known| Principal::External(known.id)).collect();
        let mut attributes = decisions::attributes(&mut conn, server.id, &principals).await?.values;
        let registered = |ExternalSubject { id, subject, disabled }| RegisteredSubject {
            subject,
            disabled,
            attributes: attributes.remove(&id.uuid()).unwrap_or_default(),
        };
        Ok(all.into_iter().map(registered).collect())
    }
}

/// How much an item can change: a subject of the resource server's own is registered, and its attributes are another value.
fn changes(item: &SubjectPut) -> usize {
    let is_registered = matches!(item.subject, PrincipalRef::External(_));
    usize::from(is_registered) + usize::from(item.attributes.is_some())
}
