//! Clients and what they may ask for.

use std::collections::HashMap;
use std::time::Duration;

use diesel::{ExpressionMethods as _, QueryDsl as _, Queryable};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::begins::{Begins, begins};
use super::conn::{Conn, Tx, on};
use super::error::StoreError;
use super::schema::{client_resources, client_servers, clients};
use super::types::{At, Uid};
use crate::domain::client::{AuthMethod, Client, ClientCredential, GrantTypes};
use crate::domain::id::{ClientId, ResourceServerId};
use crate::domain::listing::{Listing, Order};
use crate::domain::name::{ClientName, DisplayName};
use crate::domain::redirect::{BackchannelUri, RedirectUri};
use crate::domain::scope::Scopes;
use crate::domain::secret::Digest;
use crate::domain::time::Instant;

#[derive(Queryable)]
struct Row {
    id: Uid,
    client_id: String,
    name: Option<String>,
    auth_method: String,
    secret_digest: Option<Vec<u8>>,
    jwks: Option<String>,
    scopes: String,
    _created_at: At,
    disabled_at: Option<At>,
    grant_types: String,
    redirect_uris: String,
    post_logout_redirect_uris: String,
    first_party: bool,
    pkce_optional: bool,
    default_max_age_seconds: Option<i64>,
    backchannel_logout_uri: Option<String>,
    sector: Option<String>,
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

fn duration(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// URIs hold no spaces, so a list of them is words.
fn uris(text: &str) -> Result<Vec<RedirectUri>, StoreError> {
    text.split(' ').filter(|t| !t.is_empty()).map(|t| RedirectUri::parse(t).map_err(StoreError::corrupt)).collect()
}

fn words(uris: &[RedirectUri]) -> String {
    uris.iter().map(RedirectUri::as_str).collect::<Vec<_>>().join(" ")
}

impl Row {
    fn into_domain(
        self,
        resources: Vec<ResourceServerId>,
        speaks_for: Vec<ResourceServerId>,
    ) -> Result<Client, StoreError> {
        let backchannel = self.backchannel_logout_uri.as_deref().map(BackchannelUri::parse);
        let method: AuthMethod = self.auth_method.parse().map_err(StoreError::corrupt)?;
        let credential = credential(method, self.secret_digest, self.jwks)
            .ok_or_else(|| StoreError::corrupt(format!("client {} has no {method} credential", self.client_id)))?;
        Ok(Client {
            id: ClientId::from_uuid(self.id.0),
            client_id: ClientName::parse(&self.client_id).map_err(StoreError::corrupt)?,
            name: self.name.as_deref().map(DisplayName::parse).transpose().map_err(StoreError::corrupt)?,
            credential,
            scopes: Scopes::parse(&self.scopes).map_err(StoreError::corrupt)?,
            resources,
            speaks_for,
            disabled: self.disabled_at.is_some(),
            grant_types: GrantTypes::parse(&self.grant_types).map_err(StoreError::corrupt)?,
            redirect_uris: uris(&self.redirect_uris)?,
            post_logout_redirect_uris: uris(&self.post_logout_redirect_uris)?,
            first_party: self.first_party,
            pkce_optional: self.pkce_optional,
            default_max_age: self.default_max_age_seconds.map(duration),
            backchannel_logout_uri: backchannel.transpose().map_err(StoreError::corrupt)?,
            sector: self.sector,
        })
    }
}

fn credential(method: AuthMethod, secret: Option<Vec<u8>>, jwks: Option<String>) -> Option<ClientCredential> {
    let digest = |bytes: Vec<u8>| bytes.try_into().ok().map(Digest::from_bytes);
    match method {
        AuthMethod::ClientSecretBasic => secret.and_then(digest).map(ClientCredential::SecretBasic),
        AuthMethod::ClientSecretPost => secret.and_then(digest).map(ClientCredential::SecretPost),
        AuthMethod::None => Some(ClientCredential::None),
        AuthMethod::PrivateKeyJwt => jwks.map(|jwks| ClientCredential::PrivateKeyJwt { jwks }),
    }
}

/// The columns that hold a credential.
fn columns(credential: &ClientCredential) -> (Option<&[u8]>, Option<&str>) {
    match credential {
        ClientCredential::SecretBasic(digest) | ClientCredential::SecretPost(digest) => {
            (Some(&digest.as_bytes()[..]), None)
        }
        ClientCredential::PrivateKeyJwt { jwks } => (None, Some(jwks)),
        ClientCredential::None => (None, None),
    }
}

/// Adds a client and the resource servers it may ask for.
///
/// # Errors
/// [`StoreError::Conflict`] when the `client_id` is taken.
pub async fn insert(tx: &mut Tx, client: &Client, now: Instant) -> Result<(), StoreError> {
    let (digest, jwks) = columns(&client.credential);
    let row = (
        clients::id.eq(Uid(client.id.uuid())),
        clients::client_id.eq(client.client_id.as_str()),
        clients::name.eq(client.name.as_ref().map(DisplayName::as_str)),
        clients::auth_method.eq(client.credential.method().as_str()),
        clients::secret_digest.eq(digest),
        clients::jwks.eq(jwks),
        clients::scopes.eq(client.scopes.to_string()),
        clients::created_at.eq(At(now)),
        clients::grant_types.eq(client.grant_types.to_string()),
        clients::redirect_uris.eq(words(&client.redirect_uris)),
        clients::post_logout_redirect_uris.eq(words(&client.post_logout_redirect_uris)),
        clients::first_party.eq(client.first_party),
        clients::pkce_optional.eq(client.pkce_optional),
        clients::default_max_age_seconds.eq(client.default_max_age.map(seconds)),
        clients::backchannel_logout_uri.eq(client.backchannel_logout_uri.as_ref().map(BackchannelUri::as_str)),
        clients::sector.eq(&client.sector),
    );
    on!(&mut **tx, |c| diesel::insert_into(clients::table).values(row).execute(c).await)?;
    for resource in &client.resources {
        let row = (
            client_resources::client_id.eq(Uid(client.id.uuid())),
            client_resources::resource_server_id.eq(Uid(resource.uuid())),
        );
        on!(&mut **tx, |c| diesel::insert_into(client_resources::table).values(row).execute(c).await)?;
    }
    for server in &client.speaks_for {
        let row = (
            client_servers::client_id.eq(Uid(client.id.uuid())),
            client_servers::resource_server_id.eq(Uid(server.uuid())),
        );
        on!(&mut **tx, |c| diesel::insert_into(client_servers::table).values(row).execute(c).await)?;
    }
    Ok(())
}

/// The client of this `client_id`.
///
/// # Errors
/// The database's.
pub async fn by_client_id(conn: &mut Conn, client_id: &str) -> Result<Option<Client>, StoreError> {
    let query = clients::table.filter(clients::client_id.eq(client_id)).limit(1);
    let rows = on!(conn, |c| query.load::<Row>(c).await)?;
    Ok(with_servers(conn, rows).await?.pop())
}

/// The `client_id`s of clients in order of their identifiers, after one of them.
///
/// # Errors
/// The database's.
pub async fn client_ids(conn: &mut Conn, after: Uuid, limit: i64) -> Result<Vec<(ClientId, String)>, StoreError> {
    let query = clients::table
        .filter(clients::id.gt(Uid(after)))
        .order(clients::id)
        .select((clients::id, clients::client_id))
        .limit(limit);
    let rows = on!(conn, |c| query.load::<(Uid, String)>(c).await)?;
    Ok(rows.into_iter().map(|(id, client_id)| (ClientId::from_uuid(id.0), client_id)).collect())
}

/// Clients in order of `client_id`, after one of them.
///
/// # Errors
/// The database's.
pub async fn list(conn: &mut Conn, page: Listing<'_>) -> Result<Vec<Client>, StoreError> {
    let begins = page.prefix.map(|prefix| Begins::new(conn, "clients.client_id", prefix));
    let rows = on!(conn, |c| {
        let mut query = clients::table.limit(page.limit).into_boxed();
        query = match page.order {
            Order::Ascending => query.order(clients::client_id.asc()),
            Order::Descending => query.order(clients::client_id.desc()),
        };
        query = match (page.order, page.after) {
            (_, None) => query,
            (Order::Ascending, Some(after)) => query.filter(clients::client_id.gt(after)),
            (Order::Descending, Some(after)) => query.filter(clients::client_id.lt(after)),
        };
        if let Some(begins) = &begins {
            query = query.filter(begins!(begins));
        }
        query.load::<Row>(c).await
    })?;
    with_servers(conn, rows).await
}

async fn with_servers(conn: &mut Conn, rows: Vec<Row>) -> Result<Vec<Client>, StoreError> {
    let ids: Vec<Uid> = rows.iter().map(|row| row.id).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let query = client_resources::table.filter(client_resources::client_id.eq_any(ids.clone()));
    let mut resources = by_client(on!(conn, |c| query.load::<(Uid, Uid)>(c).await)?);
    let query = client_servers::table.filter(client_servers::client_id.eq_any(ids));
    let mut servers = by_client(on!(conn, |c| query.load::<(Uid, Uid)>(c).await)?);
    rows.into_iter()
        .map(|row| {
            let [resources, servers] =
                [&mut resources, &mut servers].map(|of| of.remove(&row.id.0).unwrap_or_default());
            row.into_domain(resources, servers)
        })
        .collect()
}

fn by_client(pairs: Vec<(Uid, Uid)>) -> HashMap<Uuid, Vec<ResourceServerId>> {
    let mut by_client: HashMap<_, Vec<_>> = HashMap::new();
    for (client, server) in pairs {
        by_client.entry(client.0).or_default().push(ResourceServerId::from_uuid(server.0));
    }
    by_client
}

/// Disables (`Some`) or enables a client; false when it was so already.
///
/// # Errors
/// The database's.
pub async fn set_disabled(tx: &mut Tx, id: ClientId, at: Option<Instant>) -> Result<bool, StoreError> {
    let target = clients::table.find(Uid(id.uuid()));
    let set = clients::disabled_at.eq(at.map(At));
    let changed = if at.is_some() {
        on!(&mut **tx, |c| diesel::update(target.filter(clients::disabled_at.is_null())).set(set).execute(c).await)?
    } else {
        on!(&mut **tx, |c| {
            diesel::update(target.filter(clients::disabled_at.is_not_null())).set(set).execute(c).await
        })?
    };
    Ok(changed == 1)
}

/// Puts a new secret in the place of the old one; false when the client has no secret.
///
/// # Errors
/// The database's.
pub async fn set_secret(tx: &mut Tx, id: ClientId, digest: &Digest) -> Result<bool, StoreError> {
    let target = clients::table.find(Uid(id.uuid())).filter(clients::secret_digest.is_not_null());
    let set = clients::secret_digest.eq(&digest.as_bytes()[..]);
    Ok(on!(&mut **tx, |c| diesel::update(target).set(set).execute(c).await)? == 1)
}

/// The names of clients, by identifier.
///
/// # Errors
/// The database's.
pub async fn names(conn: &mut Conn, ids: &[Uuid]) -> Result<HashMap<Uuid, String>, StoreError> {
    let ids: Vec<Uid> = ids.iter().copied().map(Uid).collect();
    let query = clients::table.filter(clients::id.eq_any(ids)).select((clients::id, clients::client_id));
    let rows = on!(conn, |c| query.load::<(Uid, String)>(c).await)?;
    Ok(rows.into_iter().map(|(id, name)| (id.0, name)).collect())
}
