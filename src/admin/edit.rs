//! A write of administration: it has taken its revision and then read, before it changes anything, what the operator holds
//! on whose behalf it is done. All its checks measure by that, so no write can raise the measure it is checked by.

use std::collections::{HashMap, HashSet};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::delegation::{doorward, principal};
use super::measure::{Local, Measure};
use super::{Admin, AdminError, Authority, Operator};
use crate::decision::standing::{When, reached, rights, rights_soon};
use crate::domain::assignment::Principal;
use crate::domain::change::Revision;
use crate::domain::id::ResourceServerId;
use crate::domain::permission::Permission;
use crate::domain::resource_server::ResourceServer;
use crate::domain::time::Instant;
use crate::store::{self, StoreError, api_keys, rules};

#[must_use = "an edit that is not committed rolls back"]
pub(super) struct Edit {
    inner: store::Edit,
    /// `None` for whoever nobody stands above.
    measure: Option<Arc<Measure>>,
    /// What they held at applications when it was first asked, which is before the write changes anything there.
    locals: HashMap<ResourceServerId, Arc<Local>>,
}

impl Admin {
    /// Every write of administration begins here.
    ///
    /// # Errors
    /// [`AdminError::OperatorGone`], [`AdminError::NotPermitted`].
    pub(super) async fn edit(&self) -> Result<Edit, AdminError> {
        let mut inner = self.store.edit().await?;
        match self.measure(&mut inner).await {
            Ok(measure) => Ok(Edit { inner, measure: measure.map(Arc::new), locals: HashMap::new() }),
            Err(refused) => {
                inner.rollback().await?;
                Err(refused)
            }
        }
    }

    /// What the operator may not see of a list of all that they may otherwise see: each thing on which it is denied them.
    ///
    /// # Errors
    /// [`AdminError::OperatorGone`], or the store's.
    pub async fn hidden(&self) -> Result<HashSet<String>, AdminError> {
        let Authority::Operator(Operator { subject, .. }, needed) = &self.authority else { return Ok(HashSet::new()) };
        let mut conn = self.read().await?;
        let operator = principal(&mut conn, subject).await?;
        let at = doorward(&mut conn).await?;
        let rights = rights(&mut conn, at, operator, self.now()).await?;
        Ok(rights.excepted(needed.action, needed.resource_type))
    }

    /// The operator as of this transaction, who may have been let in a while ago: whoever was shut out, whose key ended or
    /// who lost the permission meanwhile does nothing any more.
    async fn measure(&self, edit: &mut store::Edit) -> Result<Option<Measure>, AdminError> {
        let Authority::Operator(Operator { subject, key }, needed) = &self.authority else { return Ok(None) };
        let now = self.now();
        let operator = principal(edit, subject).await?;
        let ceiling = match key {
            None => None,
            Some(key) => {
                let found = api_keys::find(edit, key.id).await?;
                let live = found.filter(|key| key.revoked_at.is_none() && now < key.expires_at);
                Some(live.ok_or(AdminError::OperatorGone)?.permissions)
            }
        };
        let at = doorward(edit).await?;
        let by = reached(edit, operator, now, When::Now).await?;
        let later = reached(edit, operator, now, When::Ever).await?;
        let own = rights_soon(edit, at, &by, &later, now).await?;
        let carries = |all: &Vec<Permission>| all.iter().any(|p| p.matches(needed.action, needed.resource_type));
        if !own.permit(&needed.query(subject.clone())) || !ceiling.as_ref().is_none_or(carries) {
            return Err(AdminError::NotPermitted { needed: needed.clone() });
        }
        Ok(Some(Measure { operator, reached: by, later, own, ceiling }))
    }
}

impl Edit {
    pub(super) fn measure(&self) -> Option<Arc<Measure>> {
        self.measure.clone()
    }

    /// What the operator holds at an application. Whatever checks a write asks it before the first change.
    pub(super) async fn local(
        &mut self,
        measure: &Measure,
        server: &ResourceServer,
        now: Instant,
    ) -> Result<Arc<Local>, AdminError> {
        if let Some(known) = self.locals.get(&server.id) {
            return Ok(Arc::clone(known));
        }
        let rights = rights_soon(self, server.id, &measure.reached, &measure.later, now).await?;
        let rules = rules::active(self, server.id).await?;
        let local = Arc::new(Local::new(server, rights, rules));
        self.locals.insert(server.id, Arc::clone(&local));
        Ok(local)
    }

    /// The operator, unless nobody stands above whoever acts.
    pub(super) fn operator(&self) -> Option<Principal> {
        self.measure.as_ref().map(|measure| measure.operator)
    }

    /// See [`store::Edit::rollback`].
    pub(super) async fn rollback(self) -> Result<(), StoreError> {
        self.inner.rollback().await
    }

    /// See [`store::Edit::commit`].
    pub(super) async fn commit(self) -> Result<Revision, StoreError> {
        self.inner.commit().await
    }
}

impl Deref for Edit {
    type Target = store::Edit;
    fn deref(&self) -> &store::Edit {
        &self.inner
    }
}

impl DerefMut for Edit {
    fn deref_mut(&mut self) -> &mut store::Edit {
        &mut self.inner
    }
}
