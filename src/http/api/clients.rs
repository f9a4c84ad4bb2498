//! Clients: `/api/v1/clients`. A secret is answered once, when it is made.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::errors::Problem;
use super::super::ledger::ClientOperation;
use super::answer::{self, flag, optional_number, optional_text, text, texts};
use super::body::{Text, body, values};
use super::call::{Call, Reply, page};
use super::describe::{Described, ORDER, Parameter};
use crate::admin::AdminError;
use crate::admin::clients::{CreatedClient, NewClient, view};
use crate::domain::client::{AuthMethod, Client, GrantTypes};
use crate::domain::name::{ClientName, DisplayName, Slug};
use crate::domain::redirect::{BackchannelUri, RedirectUri};
use crate::domain::scope::{SCOPES_MAX, Scope};

body! {
    CreateClient {
        client_id: ClientName = "Its name on the wire",
        ---
        name: Option<DisplayName> = "A name for people",
        auth_method: Option<Text<AuthMethod>> = "How it proves to be itself; client_secret_basic when left out",
        jwks: Option<Value> = "Its public keys (a JWK Set), for private_key_jwt",
        resources: Vec<Slug> = "Names of the resource servers whose tokens it may ask for",
        scopes: Vec<Text<Scope>> = "What it may ask for at most",
        resource_servers: Vec<Slug> = "The resource servers it speaks for",
        decision_caller: bool = "Let it ask for the decisions of the resource servers it speaks for",
        grant_types: Option<Vec<String>> = "authorization_code, refresh_token, client_credentials; without it: the first two where there is a redirect URI, else the third",
        redirect_uris: Vec<Text<RedirectUri>> = "Where people may be sent back to, compared exactly",
        post_logout_redirect_uris: Vec<Text<RedirectUri>> = "Where people may be sent after signing out",
        first_party: bool = "One of your own: people are not asked for consent",
        pkce_optional: bool = "Let it do without PKCE, never if it is public",
        default_max_age: Option<u32> = "People sign in again when their sign-in is older than so many seconds",
        backchannel_logout_uri: Option<Text<BackchannelUri>> = "Where it is told that a session has ended",
        pairwise: bool = "Tell it a subject of its own for each person",
    }
}

const FILTERS: [Parameter; 2] = [Parameter::new("q", "only those whose client_id begins so"), ORDER];

pub(super) fn describe(operation: ClientOperation) -> Described {
    use ClientOperation as Of;
    match operation {
        Of::Create => {
            Described::creates::<CreateClient>("Create a client; its secret is answered this once", with_secret)
        }
        Of::List => Described::lists("List clients, by client_id", client).filtered(&FILTERS),
        Of::Show => Described::shows("Show a client", client),
        Of::Disable => Described::acts("Refuse a client and every token issued to it", client),
        Of::Enable => Described::acts("Let a disabled client in again", client),
        Of::RotateSecret => {
            Described::acts("Give a client a new secret; the old one stops working at once", with_secret)
        }
    }
}

const ALWAYS: answer::Members = &[
    ("client_id", text),
    ("name", optional_text),
    ("auth_method", text),
    ("scopes", texts),
    ("resources", texts),
    ("resource_servers", texts),
    ("grant_types", text),
    ("redirect_uris", texts),
    ("post_logout_redirect_uris", texts),
    ("first_party", flag),
    ("pkce_optional", flag),
    ("disabled", flag),
    ("default_max_age", optional_number),
    ("backchannel_logout_uri", optional_text),
    ("subject_type", text),
];

fn client() -> Value {
    answer::object(ALWAYS, &[])
}

fn with_secret() -> Value {
    answer::object(ALWAYS, &[("client_secret", text)])
}

pub(super) async fn run(operation: ClientOperation, call: &Call) -> Result<Reply, Problem> {
    use ClientOperation as Of;
    let (admin, client_id) = (&call.admin, call.path("client"));
    match operation {
        Of::Create => {
            let created = admin.create_client(new_client(call.body()?)?).await;
            let location = |client: &Client| format!("/api/v1/clients/{}", client.client_id);
            let created = created.map_err(|error| call.refused(&error))?;
            Ok(Reply::created(location(&created.client), secret_once(call, created).await?))
        }
        Of::RotateSecret => {
            let rotated = admin.rotate_client_secret(client_id).await.map_err(|error| call.refused(&error))?;
            Ok(Reply::ok(secret_once(call, rotated).await?))
        }
        Of::List => list(call).await,
        Of::Show => show(call, admin.client(client_id).await).await,
        Of::Disable => show(call, admin.set_client_disabled(client_id, true).await).await,
        Of::Enable => show(call, admin.set_client_disabled(client_id, false).await).await,
    }
}

fn new_client(new: CreateClient) -> Result<NewClient, Problem> {
    let redirect_uris = values(new.redirect_uris);
    let grant_types = match (&new.grant_types, redirect_uris.as_slice()) {
        (Some(named), _) => named.join(" "),
        (None, []) => "client_credentials".to_owned(),
        (None, _) => "authorization_code refresh_token".to_owned(),
    };
    if new.scopes.len() > SCOPES_MAX {
        return Err(Problem::member("scopes", &format!("at most {SCOPES_MAX} scopes")));
    }
    Ok(NewClient {
        client_id: new.client_id,
        name: new.name,
        auth_method: new.auth_method.map_or(AuthMethod::ClientSecretBasic, |Text(method)| method),
        jwks: new.jwks.map(|keys| keys.to_string()),
        scopes: values(new.scopes).into_iter().collect(),
        resources: new.resources,
        resource_servers: new.resource_servers,
        decision_caller: new.decision_caller,
        grant_types: GrantTypes::parse(&grant_types).map_err(|problem| Problem::member("grant_types", &problem))?,
        redirect_uris,
        post_logout_redirect_uris: values(new.post_logout_redirect_uris),
        first_party: new.first_party,
        pkce_optional: new.pkce_optional,
        default_max_age: new.default_max_age.map(|seconds| Duration::from_secs(seconds.into())),
        backchannel_logout_uri: new.backchannel_logout_uri.map(|Text(uri)| uri),
        pairwise: new.pairwise,
    })
}

async fn show(call: &Call, client: Result<Client, AdminError>) -> Result<Reply, Problem> {
    let client = client.map_err(|error| call.refused(&error))?;
    let servers = call.admin.resource_servers().await.map_err(|error| call.refused(&error))?;
    Ok(Reply::ok(view(&client, &servers)))
}

async fn secret_once(call: &Call, created: CreatedClient) -> Result<Value, Problem> {
    let servers = call.admin.resource_servers().await.map_err(|error| call.refused(&error))?;
    let mut value = view(&created.client, &servers);
    if let (Some(secret), Some(members)) = (created.secret, value.as_object_mut()) {
        members.insert("client_secret".into(), json!(secret.reveal()));
    }
    Ok(value)
}

async fn list(call: &Call) -> Result<Reply, Problem> {
    let prefix = call.query.prefix()?;
    let clients = call.admin.clients(call.query.listing(prefix.as_ref())?).await;
    let clients = clients.map_err(|error| call.refused(&error))?;
    let servers = call.admin.resource_servers().await.map_err(|error| call.refused(&error))?;
    Ok(page(call, clients, |client| client.client_id.to_string(), |client| view(client, &servers)))
}
