//! The one-time link by which the first operator is made.

use std::time::Duration;

use serde_json::json;

use super::assignments::describe;
use super::last_admin::Administered;
use super::people::NewPerson;
use super::resource_servers::find;
use super::roles::by_name;
use super::{Admin, AdminError};
use crate::domain::assignment::{Assignment, Effect, Held, Principal};
use crate::domain::change::Changed;
use crate::domain::fact::FactKind;
use crate::domain::id::{AssignmentId, ResourceServerId, RoleId};
use crate::domain::name::Slug;
use crate::domain::person::Person;
use crate::domain::resource_server::{ADMIN_ROLE, DOORWARD, ResourceServer};
use crate::domain::secret::{Secret, SecretKind};
use crate::domain::time::Interval;
use crate::store::assignments::{self, Recorded};
use crate::store::changes::States;
use crate::store::{Conn, passwords, roles, setup_links};

/// The link works for so long.
pub const SETUP_LINK_LIFETIME: Duration = Duration::from_hours(1);

impl Admin {
    /// A new link, while there is nobody who holds the built-in role `admin` and could use it now; an older link stops
    /// working. `None` while there is somebody.
    ///
    /// # Errors
    /// The store's.
    pub async fn open_setup(&self) -> Result<Option<Secret>, AdminError> {
        let now = self.now();
        let secret = Secret::mint(SecretKind::SetupLink, self.entropy.as_ref());
        let mut edit = self.edit().await?;
        if self.administered(&mut edit).await? != Administered::ByNobody {
            edit.rollback().await?;
            return Ok(None);
        }
        let expires_at = now.plus(SETUP_LINK_LIFETIME);
        setup_links::replace(&mut edit, &secret.digest(), now, expires_at).await?;
        let detail = json!({ "expires_at": expires_at });
        self.conclude(edit, FactKind::SetupLinkCreated, "setup-link".into(), detail).await?;
        Ok(Some(secret))
    }

    /// Whether the link would still work.
    ///
    /// # Errors
    /// [`AdminError::SetupLinkSpent`] when it would not.
    pub async fn check_setup(&self, link: &Secret) -> Result<(), AdminError> {
        let valid = setup_links::is_valid(&mut self.read().await?, &link.digest(), self.now()).await?;
        if valid { Ok(()) } else { Err(AdminError::SetupLinkSpent) }
    }

    /// Uses the link up and makes its holder the first operator, in one transaction: of two at the same instant one wins.
    ///
    /// # Errors
    /// [`AdminError::SetupLinkSpent`], or [`AdminError::Taken`] (the link stays valid then).
    pub async fn complete_setup(&self, link: &Secret, new: NewPerson, hash: &str) -> Result<Person, AdminError> {
        let now = self.now();
        let mut edit = self.edit().await?;
        let (server, admin) = admin_role(&mut edit).await?;
        let roles = roles::all(&mut edit, server.id).await?;
        let spent = setup_links::spend(&mut edit, &link.digest(), now).await?;
        if !spent || self.administered(&mut edit).await? != Administered::ByNobody {
            return Err(AdminError::SetupLinkSpent);
        }
        let person = self.insert_person(&mut edit, new).await?;
        passwords::set(&mut edit, person.id, hash, now).await?;
        let recorded = Recorded {
            assignment: Assignment {
                id: AssignmentId::mint(now, self.entropy.as_ref()),
                held: Held::Role(admin),
                effect: Effect::Allow,
                interval: Interval::ALWAYS,
            },
            resource_server: server.id,
            principal: Principal::Person(person.id),
            scope: None,
            reason: Some("first operator, by the set-up link".into()),
            given_by: self.actor.to_string(),
            created_at: now,
        };
        assignments::insert(&mut edit, &recorded).await?;
        let changed = Changed::Assignments(server.id, recorded.principal, None);
        let after = describe(&recorded, &format!("user:{}", person.username), &server.name, &roles);
        edit.log(&changed, &self.actor, now, States::created(after)).await?;
        self.conclude(edit, FactKind::SetupLinkUsed, format!("user:{}", person.sub), json!({})).await?;
        Ok(person)
    }
}

async fn admin_role(conn: &mut Conn) -> Result<(ResourceServer, RoleId), AdminError> {
    let server = find(conn, &Slug::parse(DOORWARD)?).await?;
    let admin = admin_role_id(conn, server.id).await?;
    Ok((server, admin))
}

/// The built-in role of Doorward's own resource server that may do everything there.
pub(super) async fn admin_role_id(conn: &mut Conn, doorward: ResourceServerId) -> Result<RoleId, AdminError> {
    let roles = roles::all(conn, doorward).await?;
    Ok(by_name(&roles, &Slug::parse(ADMIN_ROLE)?)?.id)
}
