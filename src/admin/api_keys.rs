//! API keys: make, list, revoke, and know the owner of one that is shown.

use std::sync::Arc;

use serde_json::{Value, json};

use super::delegation::{Reach, doorward};
use super::principal::{Named, names};
use super::resource_servers::check_declared;
use super::{Admin, AdminError, Edit, Operator, PAGE_MAX, PrincipalRef};
use crate::decision::SubjectRef;
use crate::domain::api_key::{API_KEY_LIFETIME, API_KEY_LIFETIME_MAX, API_KEY_PERMISSIONS_MAX, ApiKey};
use crate::domain::assignment::Principal;
use crate::domain::change::Revision;
use crate::domain::fact::FactKind;
use crate::domain::id::ApiKeyId;
use crate::domain::name::DisplayName;
use crate::domain::permission::Permission;
use crate::domain::resource_server::DOORWARD;
use crate::domain::secret::{Secret, SecretKind};
use crate::domain::time::Instant;
use crate::store::{Conn, api_keys, clients, people, resource_servers};

#[derive(Debug)]
pub struct NewApiKey {
    pub name: DisplayName,
    /// Whose name it acts in; the operator's own where it is left out.
    pub owner: Option<PrincipalRef>,
    pub permissions: Vec<Permission>,
    pub expires_at: Option<Instant>,
}

impl Admin {
    /// A new key; its secret is shown this once.
    ///
    /// # Errors
    /// What is wrong with a member, or [`AdminError::Beyond`].
    pub async fn create_api_key(&self, new: NewApiKey) -> Result<(Value, Secret), AdminError> {
        let now = self.now();
        let secret = Secret::mint(SecretKind::ApiKey, self.entropy.as_ref());
        let expires_at = self.key_end(new.expires_at, now)?;
        let mut edit = self.edit().await?;
        let owner = self.key_owner(&mut edit, new.owner.as_ref()).await?;
        check_permissions(&mut edit, &new.permissions).await?;
        self.check_reach(&mut edit, Reach::Permissions(new.permissions.clone(), Some(now))).await?;
        let key = ApiKey {
            id: ApiKeyId::mint(now, self.entropy.as_ref()),
            prefix: ApiKey::prefix_of(&secret),
            name: new.name,
            owner: owner.principal,
            permissions: new.permissions,
            created_by: self.actor.to_string(),
            created_at: now,
            expires_at,
            revoked_at: None,
        };
        api_keys::insert(&mut edit, &key, &secret.digest()).await?;
        let view = view(&key, &owner.label);
        self.conclude(edit, FactKind::ApiKeyCreated, owner.subject, view.clone()).await?;
        Ok((view, secret))
    }

    /// A key that makes another ends before it or with it: it must not outlive itself.
    fn key_end(&self, wanted: Option<Instant>, now: Instant) -> Result<Instant, AdminError> {
        let own = self.authority.key().map(|key| key.expires_at);
        let usual = [Some(now.plus(API_KEY_LIFETIME)), own].into_iter().flatten().min();
        let end = wanted.or(usual).unwrap_or(now);
        let last = [Some(now.plus(API_KEY_LIFETIME_MAX)), own].into_iter().flatten().min().unwrap_or(now);
        if end <= now || end > last {
            return Err(AdminError::invalid("expires_at", format!("must be later than now and no later than {last}")));
        }
        Ok(end)
    }

    /// Operators make keys for themselves and for clients, never in another person's name.
    async fn key_owner(&self, edit: &mut Edit, wanted: Option<&PrincipalRef>) -> Result<Named, AdminError> {
        let own = edit.operator();
        let owner = match (wanted, own) {
            (Some(wanted), _) => wanted.resolve(edit).await?,
            (None, Some(own)) => named(edit, own).await?,
            (None, None) => return Err(AdminError::invalid("owner", "say whose key it is: user:NAME or client:ID")),
        };
        match owner.principal {
            Principal::Client(_) if own != Some(owner.principal) => {
                let client = clients::by_client_id(edit, owner.label.trim_start_matches("client:")).await?;
                let client = client.ok_or_else(|| AdminError::not_found("client", &owner.label))?;
                self.check_client(edit, &client).await?;
            }
            Principal::Person(_) if own.is_some_and(|own| own != owner.principal) => {
                let problem =
                    "an operator makes keys for themself and for clients; another person's are for the command line";
                return Err(AdminError::invalid("owner", problem));
            }
            Principal::Person(_) | Principal::Client(_) => {}
            Principal::Group(_) => return Err(AdminError::invalid("owner", "a group cannot act")),
            Principal::External(_) => return Err(AdminError::invalid("owner", "only users and clients act here")),
        }
        Ok(owner)
    }

    /// Ends a key, at once and on every node.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], also for one that has been revoked, or [`AdminError::Beyond`].
    pub async fn revoke_api_key(&self, id: ApiKeyId) -> Result<Revision, AdminError> {
        let now = self.now();
        let mut edit = self.edit().await?;
        let not_found = || AdminError::not_found("API key", &id.to_string());
        let key = api_keys::find(&mut edit, id).await?.ok_or_else(not_found)?;
        if edit.operator().is_some_and(|operator| operator != key.owner) {
            self.check_reach(&mut edit, Reach::Permissions(key.permissions.clone(), Some(now))).await?;
        }
        if !api_keys::revoke(&mut edit, id, now).await? {
            return Err(not_found());
        }
        let owner = named(&mut edit, key.owner).await?;
        self.conclude(edit, FactKind::ApiKeyRevoked, owner.subject, view(&key, &owner.label)).await
    }

    /// Keys as operators read them, in the order they were made after one of them; of one owner or of all, of one prefix
    /// or of any.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] for the owner.
    pub async fn api_keys(
        &self,
        owner: Option<&PrincipalRef>,
        prefix: Option<&str>,
        after: uuid::Uuid,
        limit: i64,
    ) -> Result<Vec<Value>, AdminError> {
        let mut conn = self.read().await?;
        let of = match owner {
            None => None,
            Some(named) => Some(named.resolve(&mut conn).await?.principal),
        };
        let keys = api_keys::list(&mut conn, of, prefix, after, limit.min(PAGE_MAX)).await?;
        describe_all(&mut conn, &keys).await
    }

    /// One key as operators read it.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn api_key(&self, id: ApiKeyId) -> Result<Value, AdminError> {
        let mut conn = self.read().await?;
        let key = api_keys::find(&mut conn, id).await?;
        let key = key.ok_or_else(|| AdminError::not_found("API key", &id.to_string()))?;
        Ok(describe_all(&mut conn, &[key]).await?.pop().unwrap_or_default())
    }

    /// Whoever shows this key; `None` for one that is not known, has ended or was revoked. It is looked up each time, so
    /// that a revoked key is worth nothing at once. Whether the owner may act is asked with each decision.
    ///
    /// # Errors
    /// The store's.
    pub async fn bearer_of_key(&self, secret: &Secret) -> Result<Option<Operator>, AdminError> {
        let mut conn = self.read().await?;
        let Some(key) = api_keys::live(&mut conn, &secret.digest(), self.now()).await? else { return Ok(None) };
        let id = key.owner.uuid();
        let subject = match key.owner {
            Principal::Person(_) => {
                let found = people::names(&mut conn, &[id]).await?.remove(&id);
                found.map(|(sub, _)| SubjectRef::User(sub))
            }
            Principal::Client(_) => clients::names(&mut conn, &[id]).await?.remove(&id).map(SubjectRef::Client),
            Principal::Group(_) | Principal::External(_) => None,
        };
        Ok(subject.map(|subject| Operator { subject, key: Some(Arc::new(key)) }))
    }
}

async fn check_permissions(edit: &mut Edit, wanted: &[Permission]) -> Result<(), AdminError> {
    if wanted.is_empty() || wanted.len() > API_KEY_PERMISSIONS_MAX {
        let problem = format!("a key carries 1 to {API_KEY_PERMISSIONS_MAX} permissions");
        return Err(AdminError::invalid("permissions", problem));
    }
    let id = doorward(edit).await?;
    let servers = resource_servers::all(edit).await?;
    let server = servers.iter().find(|rs| rs.id == id);
    check_declared(edit, server.ok_or_else(|| AdminError::not_found("resource server", DOORWARD))?, wanted).await
}

async fn named(conn: &mut Conn, principal: Principal) -> Result<Named, AdminError> {
    let found = names(conn, &[principal]).await?.remove(&principal);
    found.ok_or_else(|| AdminError::not_found("owner", &principal.to_string()))
}

async fn describe_all(conn: &mut Conn, keys: &[ApiKey]) -> Result<Vec<Value>, AdminError> {
    let owners: Vec<_> = keys.iter().map(|key| key.owner).collect();
    let names = names(conn, &owners).await?;
    Ok(keys.iter().filter_map(|key| Some(view(key, &names.get(&key.owner)?.label))).collect())
}

/// What the audit trail and operators see of a key: not the secret, and not its digest.
fn view(key: &ApiKey, owner: &str) -> Value {
    let mut view = json!(key);
    if let Some(members) = view.as_object_mut() {
        members.insert("owner".into(), json!(owner));
    }
    view
}
