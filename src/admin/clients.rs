//! Clients: create, show, list, disable, enable, new secret.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::assignments::describe;
use super::delegation::Reach;
use super::{Admin, AdminError, Edit, PAGE_MAX};
use crate::domain::assignment::{Assignment, Effect, Held, Principal};
use crate::domain::change::Changed;
use crate::domain::client::{AuthMethod, Client, ClientCredential, GrantTypes};
use crate::domain::fact::FactKind;
use crate::domain::id::{AssignmentId, ClientId, ResourceServerId};
use crate::domain::listing::Listing;
use crate::domain::name::{ClientName, DisplayName, Slug};
use crate::domain::permission::Permission;
use crate::domain::redirect::{BackchannelUri, RedirectUri};
use crate::domain::resource_server::{DECISION_CALLER_ROLE, DOORWARD, ResourceServer};
use crate::domain::scope::Scopes;
use crate::domain::secret::{Secret, SecretKind};
use crate::domain::time::Interval;
use crate::keys::PublicKeys;
use crate::store::changes::States;
use crate::store::{assignments, clients, people, resource_servers, roles};

#[derive(Debug)]
pub struct NewClient {
    pub client_id: ClientName,
    pub name: Option<DisplayName>,
    pub auth_method: AuthMethod,
    /// A JWK Set of public keys, for `private_key_jwt`.
    pub jwks: Option<String>,
    pub scopes: Scopes,
    /// Names of the resource servers whose tokens it may ask for.
    pub resources: Vec<Slug>,
    /// The resource servers it speaks for.
    pub resource_servers: Vec<Slug>,
    /// Whether it may ask for the decisions of the resource servers it speaks for.
    pub decision_caller: bool,
    pub grant_types: GrantTypes,
    pub redirect_uris: Vec<RedirectUri>,
    pub post_logout_redirect_uris: Vec<RedirectUri>,
    pub first_party: bool,
    pub pkce_optional: bool,
    pub default_max_age: Option<Duration>,
    pub backchannel_logout_uri: Option<BackchannelUri>,
    /// Whether it is told a name that no client of another host is told (`subject_type`).
    pub pairwise: bool,
}

/// A client just made, or one with a new secret. The secret is shown this once.
#[derive(Debug)]
pub struct CreatedClient {
    pub client: Client,
    pub secret: Option<Secret>,
}

impl Admin {
    /// # Errors
    /// [`AdminError::Taken`], or what is wrong with a member.
    pub async fn create_client(&self, new: NewClient) -> Result<CreatedClient, AdminError> {
        let now = self.now();
        let secret = Secret::mint(SecretKind::ClientSecret, self.entropy.as_ref());
        let (credential, secret) = credential(&new, secret)?;
        let mut edit = self.edit().await?;
        let servers = resource_servers::all(&mut edit).await?;
        let client = self.assemble(&new, credential, &servers)?;
        self.check_client_reach(&mut edit, &client, &servers).await?;
        let client_id = client.client_id.as_str();
        // The revision this edit holds keeps others from creating such a person meanwhile (RFC 9068 §5).
        if people::by_name(&mut edit, client_id).await?.is_some() {
            return Err(AdminError::Taken { what: "name (of a person)", name: client_id.to_owned() });
        }
        clients::insert(&mut edit, &client, now).await.map_err(AdminError::taken("client", client_id))?;
        let changed = Changed::Client(client_id.to_owned());
        edit.log(&changed, &self.actor, now, States::created(view(&client, &servers))).await?;
        if new.decision_caller {
            self.make_decision_caller(&mut edit, &client, &servers).await?;
        }
        let subject = format!("client:{client_id}");
        self.conclude(edit, FactKind::ClientCreated, subject, view(&client, &servers)).await?;
        Ok(CreatedClient { client, secret })
    }

    fn assemble(
        &self,
        new: &NewClient,
        credential: ClientCredential,
        servers: &[ResourceServer],
    ) -> Result<Client, AdminError> {
        let server = |name: &Slug| {
            servers
                .iter()
                .find(|rs| rs.name == *name)
                .ok_or_else(|| AdminError::not_found("resource server", name.as_str()))
        };
        let mut asked = new.resources.iter().map(server).collect::<Result<Vec<_>, _>>()?;
        let speaks_for = new.resource_servers.iter().map(server).collect::<Result<Vec<_>, _>>()?;
        if new.decision_caller {
            if speaks_for.is_empty() {
                return Err(AdminError::invalid("decision_caller", "needs a resource server it speaks for"));
            }
            asked.push(server(&Slug::parse(DOORWARD)?)?);
        }
        check_grants(new)?;
        let openid = if new.grant_types.authorization_code { Scopes::openid().clone() } else { Scopes::default() };
        let known = asked.iter().fold(openid, |known, rs| known.union(&rs.scopes));
        let unknown = new.scopes.minus(&known);
        if !unknown.is_empty() {
            return Err(AdminError::invalid("scope", format!("none of its resource servers knows {unknown}")));
        }
        let ids = |servers: Vec<&ResourceServer>| -> Vec<_> {
            let distinct: BTreeSet<_> = servers.into_iter().map(|rs| rs.id).collect();
            distinct.into_iter().collect()
        };
        Ok(Client {
            id: ClientId::mint(self.now(), self.entropy.as_ref()),
            client_id: new.client_id.clone(),
            name: new.name.clone(),
            credential,
            scopes: new.scopes.clone(),
            resources: ids(asked),
            speaks_for: ids(speaks_for),
            disabled: false,
            grant_types: new.grant_types,
            redirect_uris: new.redirect_uris.clone(),
            post_logout_redirect_uris: new.post_logout_redirect_uris.clone(),
            first_party: new.first_party,
            pkce_optional: new.pkce_optional,
            default_max_age: new.default_max_age,
            backchannel_logout_uri: new.backchannel_logout_uri.clone(),
            sector: if new.pairwise { Some(sector(new)?) } else { None },
        })
    }

    /// A client that people sign in with, and that may ask for tokens of Doorward's own APIs, acts there with all that any
    /// of them holds: whoever makes it, or takes it over, must hold everything.
    async fn check_client_reach(
        &self,
        edit: &mut Edit,
        client: &Client,
        servers: &[ResourceServer],
    ) -> Result<(), AdminError> {
        let doorward = servers.iter().find(|rs| rs.name.as_str() == DOORWARD);
        let reaches_own = doorward.is_some_and(|rs| client.resources.contains(&rs.id));
        if reaches_own && client.grant_types.authorization_code {
            let now = Some(self.now());
            self.check_reach(edit, Reach::Permissions(vec![Permission::ALL], now)).await?;
        }
        Ok(())
    }

    /// The check for acts on a client that exists.
    pub(super) async fn check_client(&self, edit: &mut Edit, client: &Client) -> Result<(), AdminError> {
        let servers = resource_servers::all(edit).await?;
        self.check_client_reach(edit, client, &servers).await?;
        self.check_reach(edit, Reach::Account(Principal::Client(client.id))).await
    }

    async fn make_decision_caller(
        &self,
        edit: &mut Edit,
        client: &Client,
        servers: &[ResourceServer],
    ) -> Result<(), AdminError> {
        let doorward = servers.iter().find(|rs| rs.name.as_str() == DOORWARD);
        let doorward = doorward.ok_or_else(|| AdminError::not_found("resource server", DOORWARD))?;
        let roles = roles::all(edit, doorward.id).await?;
        let role = roles.iter().find(|role| role.name.as_str() == DECISION_CALLER_ROLE);
        let role = role.ok_or_else(|| AdminError::not_found("role", DECISION_CALLER_ROLE))?;
        self.check_held(edit, doorward, &Held::Role(role.id), &roles, None, None).await?;
        let now = self.now();
        let recorded = assignments::Recorded {
            assignment: Assignment {
                id: AssignmentId::mint(now, self.entropy.as_ref()),
                held: Held::Role(role.id),
                effect: Effect::Allow,
                interval: Interval::ALWAYS,
            },
            resource_server: doorward.id,
            principal: Principal::Client(client.id),
            scope: None,
            reason: Some("created as a decision caller".into()),
            given_by: self.actor.to_string(),
            created_at: now,
        };
        assignments::insert(edit, &recorded).await?;
        let changed = Changed::Assignments(doorward.id, recorded.principal, None);
        let label = format!("client:{}", client.client_id);
        let after = describe(&recorded, &label, &doorward.name, &roles);
        edit.log(&changed, &self.actor, now, States::created(after)).await?;
        Ok(())
    }

    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn client(&self, client_id: &str) -> Result<Client, AdminError> {
        let client = clients::by_client_id(&mut self.read().await?, client_id).await?;
        client.ok_or_else(|| AdminError::not_found("client", client_id))
    }

    /// Clients in order of `client_id`.
    ///
    /// # Errors
    /// The store's.
    pub async fn clients(&self, page: Listing<'_>) -> Result<Vec<Client>, AdminError> {
        Ok(clients::list(&mut self.read().await?, page.at_most(PAGE_MAX)).await?)
    }

    /// Disables or enables a client: its authentication, its decisions and every token issued to it.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::LastAdmin`]. Doing it twice is no error.
    pub async fn set_client_disabled(&self, client_id: &str, disabled: bool) -> Result<Client, AdminError> {
        let now = self.now();
        let mut edit = self.edit().await?;
        let before = clients::by_client_id(&mut edit, client_id).await?;
        let before = before.ok_or_else(|| AdminError::not_found("client", client_id))?;
        self.check_client(&mut edit, &before).await?;
        let administered = self.administered(&mut edit).await?;
        if !clients::set_disabled(&mut edit, before.id, disabled.then_some(now)).await? {
            edit.rollback().await?;
            return Ok(before);
        }
        self.check_still(&mut edit, administered).await?;
        let after = Client { disabled, ..before.clone() };
        let states = States::changed(json!({ "disabled": before.disabled }), json!({ "disabled": disabled }));
        edit.log(&Changed::Client(client_id.to_owned()), &self.actor, now, states).await?;
        let kind = if disabled { FactKind::ClientDisabled } else { FactKind::ClientEnabled };
        self.conclude(edit, kind, format!("client:{client_id}"), json!({})).await?;
        Ok(after)
    }

    /// Gives a client a new secret; the old one stops working at once.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], or the client has no secret.
    pub async fn rotate_client_secret(&self, client_id: &str) -> Result<CreatedClient, AdminError> {
        let now = self.now();
        let secret = Secret::mint(SecretKind::ClientSecret, self.entropy.as_ref());
        let mut edit = self.edit().await?;
        let client = clients::by_client_id(&mut edit, client_id).await?;
        let client = client.ok_or_else(|| AdminError::not_found("client", client_id))?;
        self.check_client(&mut edit, &client).await?;
        if !clients::set_secret(&mut edit, client.id, &secret.digest()).await? {
            return Err(AdminError::invalid("client", "it has no secret to replace"));
        }
        edit.log(&Changed::Client(client_id.to_owned()), &self.actor, now, States::default()).await?;
        self.conclude(edit, FactKind::ClientSecretRotated, format!("client:{client_id}"), json!({})).await?;
        Ok(CreatedClient { client, secret: Some(secret) })
    }
}

/// What a client registers must fit together.
fn check_grants(new: &NewClient) -> Result<(), AdminError> {
    let types = new.grant_types;
    let public = new.auth_method == AuthMethod::None;
    let problem = if types == GrantTypes::default() {
        "at least one grant is needed"
    } else if public && types.client_credentials {
        "a public client can prove nothing, so it cannot have client_credentials"
    } else if types.refresh_token && !types.authorization_code {
        "refresh_token needs authorization_code beside it"
    } else if types.authorization_code && new.redirect_uris.is_empty() {
        return Err(AdminError::invalid("redirect_uri", "authorization_code needs at least one"));
    } else if !types.authorization_code && !new.redirect_uris.is_empty() {
        return Err(AdminError::invalid("redirect_uri", "only authorization_code uses redirects"));
    } else if public && new.pkce_optional {
        return Err(AdminError::invalid("pkce_optional", "PKCE is what protects a public client"));
    } else {
        return Ok(());
    };
    Err(AdminError::invalid("grant_type", problem))
}

/// The one host of its redirects (OpenID Connect Core §8.1). A sector document would be fetched for more than one.
fn sector(new: &NewClient) -> Result<String, AdminError> {
    let host = |uri: &RedirectUri| {
        let url = url::Url::parse(uri.as_str()).ok().filter(|url| url.scheme() == "https")?;
        url.host_str().map(str::to_owned)
    };
    let mut hosts: Vec<Option<String>> = new.redirect_uris.iter().map(host).collect();
    hosts.dedup();
    match hosts.as_slice() {
        [Some(host)] => Ok(host.clone()),
        _ => Err(AdminError::invalid("pairwise", "needs redirect URIs by https, all of one host")),
    }
}

fn credential(new: &NewClient, secret: Secret) -> Result<(ClientCredential, Option<Secret>), AdminError> {
    match (new.auth_method, &new.jwks) {
        (AuthMethod::ClientSecretBasic, None) => Ok((ClientCredential::SecretBasic(secret.digest()), Some(secret))),
        (AuthMethod::ClientSecretPost, None) => Ok((ClientCredential::SecretPost(secret.digest()), Some(secret))),
        (AuthMethod::PrivateKeyJwt, Some(jwks)) => {
            PublicKeys::parse(jwks).map_err(|e| AdminError::invalid("jwks", e))?;
            Ok((ClientCredential::PrivateKeyJwt { jwks: jwks.clone() }, None))
        }
        (AuthMethod::None, None) => Ok((ClientCredential::None, None)),
        (AuthMethod::PrivateKeyJwt, None) => Err(AdminError::invalid("jwks", "private_key_jwt needs the public keys")),
        (_, Some(_)) => Err(AdminError::invalid("jwks", "only private_key_jwt has keys; the others have a secret")),
    }
}

/// What the audit trail and operators see of a client: no secret, not even its digest. `servers` are all there are.
#[must_use]
pub fn view(client: &Client, servers: &[ResourceServer]) -> Value {
    let name = |id: &ResourceServerId| servers.iter().find(|rs| rs.id == *id).map(|rs| rs.name.as_str());
    let [resources, speaks_for] =
        [&client.resources, &client.speaks_for].map(|ids| ids.iter().filter_map(name).collect::<Vec<_>>());
    json!({
        "client_id": client.client_id, "name": client.name, "auth_method": client.credential.method(),
        "scopes": client.scopes, "resources": resources, "resource_servers": speaks_for,
        "grant_types": client.grant_types.to_string(), "redirect_uris": client.redirect_uris,
        "post_logout_redirect_uris": client.post_logout_redirect_uris, "first_party": client.first_party,
        "pkce_optional": client.pkce_optional, "disabled": client.disabled,
        "default_max_age": client.default_max_age.map(|age| age.as_secs()),
        "backchannel_logout_uri": client.backchannel_logout_uri,
        "subject_type": if client.sector.is_some() { "pairwise" } else { "public" },
    })
}
