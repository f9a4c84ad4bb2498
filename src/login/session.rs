//! Browser sessions: begun, gone on with, read, ended.

use serde_json::json;

use super::Login;
use crate::domain::change::{Actor, Revision};
use crate::domain::fact::{Fact, FactKind};
use crate::domain::id::SessionId;
use crate::domain::person::Person;
use crate::domain::secret::Secret;
use crate::domain::session::{Authentication, Session};
use crate::events::{self, logout};
use crate::store::{StoreError, Tx, grants, people, sessions};

impl Login {
    /// The live session of a cookie.
    pub(super) async fn session_of(&self, cookie: Option<&Secret>) -> Result<Option<Session>, StoreError> {
        let Some(cookie) = cookie else { return Ok(None) };
        let session = sessions::by_secret(&mut self.store.read().await?, &cookie.digest()).await?;
        Ok(session.filter(|session| session.is_live(self.settings.session, self.clock.now())))
    }

    /// The person goes on in the session this browser has of theirs, under a new secret, or begins one.
    pub(super) async fn begin_session(
        &self,
        tx: &mut Tx,
        person: &Person,
        authentication: Authentication,
        before: Option<&Session>,
        fresh: &Secret,
    ) -> Result<Session, StoreError> {
        let now = self.clock.now();
        let mut session = Session {
            id: SessionId::mint(now, self.entropy.as_ref()),
            person: person.id,
            authentication,
            seen_at: now,
            expires_at: now.plus(self.settings.session.absolute),
        };
        if let Some(before) = before {
            let renewed = Session { id: before.id, ..session.clone() };
            if sessions::renew(tx, &renewed, &fresh.digest()).await? {
                session.id = before.id;
                return Ok(session);
            }
        }
        sessions::insert(tx, &session, &fresh.digest(), now).await?;
        Ok(session)
    }

    /// Ends a session and what was granted in it, offline access excepted. Says the revision, if anything ended.
    ///
    /// # Errors
    /// The store's.
    pub async fn sign_out(&self, session: &Session, request_id: Option<&str>) -> Result<Option<Revision>, StoreError> {
        let now = self.clock.now();
        let mut edit = self.store.edit().await?;
        if !sessions::end(&mut edit, session.id, "signed out", now).await? {
            edit.rollback().await?;
            return Ok(None);
        }
        let sub = people::by_id(&mut edit, session.person).await?.map(|p| p.sub.to_string()).unwrap_or_default();
        let actor = Actor::User(sub.clone());
        let ended = grants::end_of_session(&mut edit, session.id, "signed out", now).await?;
        events::grants::ended(&mut edit, &ended, &actor, now).await?;
        logout::session_ended(&mut edit, self.entropy.as_ref(), session.id, &sub, now).await?;
        let fact = Fact::new(now, self.entropy.as_ref(), FactKind::SignedOut, actor, format!("user:{sub}"))
            .at_revision(edit.revision())
            .for_request(request_id)
            .with(json!({ "sid": session.id }));
        events::record(&mut edit, fact).await?;
        edit.commit().await.map(Some)
    }
}
