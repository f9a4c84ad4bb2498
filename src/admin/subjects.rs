//! What a resource server registers of subjects: those that only it knows, and attributes of any.

use serde_json::{Map, Value, json};

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

impl Admin {
    /// Registers subjects that only the resource server knows, and attributes of any subject; all of it, or nothing.
    ///
    /// # Errors
    /// [`AdminError::Item`] for a type the model does not have or somebody unknown; more than 10,000 changes.
    pub async fn put_subjects(&self, server: &Slug, put: &[SubjectPut]) -> Result<Revision, AdminError> {
        // Counted as if each of them were new, so that what is accepted does not depend on what is there.
        if i64::try_from(put.iter().map(changes).sum::<usize>()).unwrap_or(i64::MAX) > CHANGES_MAX {
            let problem = format!("{} items come to more than {CHANGES_MAX} changes; make several writes", put.len());
            return Err(AdminError::invalid("put", problem));
        }
        let mut edit = self.edit().await?;
        let server = find(&mut edit, server).await?;
        let model = rules::required_model(&mut edit, &server).await?;
        for (index, item) in put.iter().enumerate() {
            let put = self.put_subject(&mut edit, &server, &model, item).await;
            put.map_err(|error| error.at("put", index))?;
        }
        let subject = format!("resource-server:{}", server.name);
        self.conclude(edit, FactKind::SubjectsChanged, subject, json!({ "put": put.len() })).await
    }

    async fn put_subject(
        &self,
        edit: &mut Edit,
        server: &ResourceServer,
        model: &Model,
        item: &SubjectPut,
    ) -> Result<(), AdminError> {
        let principal = match (&item.subject, item.disabled) {
            (PrincipalRef::External(name), _) => self.register(edit, server, model, name, item.disabled).await?,
            (_, Some(_)) => {
                let problem = "only a subject of the resource server's own is disabled here";
                return Err(AdminError::invalid("disabled", problem));
            }
            (known, None) => known.resolve(edit).await?.principal,
        };
        let Some(attributes) = &item.attributes else { return Ok(()) };
        check_size(attributes)?;
        if let (Principal::Person(_), Some(name)) = (principal, known_here(attributes)) {
            let problem = format!("{name:?} of people is known here, and not the resource server's to say");
            return Err(AdminError::invalid("attributes", problem));
        }
        let attributes = Value::Object(attributes.clone());
        let before = subjects::attributes(edit, server.id, principal).await?;
        if before.as_ref() == Some(&attributes) {
            return Ok(());
        }
        subjects::put_attributes(edit, server.id, principal, attributes.clone()).await?;
        let label = item.subject.to_string();
        let after = json!({ "subject": label, "attributes": attributes });
        let states = match before {
            None => States::created(after),
            Some(before) => States::changed(json!({ "subject": label, "attributes": before }), after),
        };
        Ok(edit.log(&Changed::Attributes(server.id, principal), &self.actor, self.now(), states).await?)
    }

    /// A subject that only the resource server knows, registered now if it was not.
    async fn register(
        &self,
        edit: &mut Edit,
        server: &ResourceServer,
        model: &Model,
        name: &ObjectRef,
        disabled: Option<bool>,
    ) -> Result<Principal, AdminError> {
        if model.subject_space(name.object_type()) != Some(SubjectSpace::External) {
            let problem = format!("the model has no external subject type {:?}", name.object_type());
            return Err(AdminError::invalid("subject", problem));
        }
        let now = self.now();
        let changed = Changed::ExternalSubject(server.id, name.clone());
        let view = |disabled: bool| json!({ "subject": name, "disabled": disabled });
        let Some(found) = subjects::find(edit, server.id, name).await? else {
            let id = ExternalSubjectId::mint(now, self.entropy.as_ref());
            let new = ExternalSubject { id, subject: name.clone(), disabled: disabled.unwrap_or(false) };
            subjects::insert(edit, server.id, &new, now).await?;
            edit.log(&changed, &self.actor, now, States::created(view(new.disabled))).await?;
            return Ok(Principal::External(id));
        };
        if let Some(disabled) = disabled
            && subjects::set_disabled(edit, found.id, disabled, now).await?
        {
            edit.log(&changed, &self.actor, now, States::changed(view(found.disabled), view(disabled))).await?;
        }
        Ok(Principal::External(found.id))
    }

    /// External subjects of one type and whether each is disabled, in order of identifier after one of them.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn external_subjects(
        &self,
        server: &Slug,
        subject_type: &str,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<(ObjectRef, bool)>, AdminError> {
        let mut conn = self.read().await?;
        let server = find(&mut conn, server).await?;
        let all = subjects::list(&mut conn, server.id, subject_type, after, limit.min(PAGE_MAX)).await?;
        Ok(all.into_iter().map(|known| (known.subject, known.disabled)).collect())
    }
}

/// How much an item can change: a subject of the resource server's own is registered, and its attributes are another value.
fn changes(item: &SubjectPut) -> usize {
    let is_registered = matches!(item.subject, PrincipalRef::External(_));
    usize::from(is_registered) + usize::from(item.attributes.is_some())
}
