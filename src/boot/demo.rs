//! `doorward demo`: a small, realistic world on a fresh SQLite database, and the lines to try it with.

use std::path::{Path, PathBuf};

use clap::Args;

use super::node::{BootError, Node, World};
use super::output::line;
use super::serve;
use crate::admin::assignments::{HeldRef, NewAssignment};
use crate::admin::clients::NewClient;
use crate::admin::people::NewPerson;
use crate::admin::resource_servers::NewResourceServer;
use crate::admin::{Admin, PrincipalRef};
use crate::config::{Config, Layers};
use crate::domain::assignment::Effect;
use crate::domain::client::{AuthMethod, GrantTypes};
use crate::domain::name::{ClientName, DisplayName, Slug, Username};
use crate::domain::permission::Permission;
use crate::domain::resource_server::TokenClaims;
use crate::domain::scope::Scopes;
use crate::domain::secret::Secret;
use crate::domain::time::Interval;

#[derive(Args)]
pub(super) struct DemoArgs {
    /// Where the demo keeps its database and keys; what it left there before is removed at start.
    #[arg(long, default_value = "data/demo", value_name = "FOLDER")]
    folder: PathBuf,
    /// The port to listen on.
    #[arg(long, default_value_t = 8080)]
    port: u16,
}

/// The demo is its own world: whatever is configured, it touches no database or key but its own.
pub(super) fn layers(layers: Layers, args: &DemoArgs) -> Layers {
    let path = |name: &str| args.folder.join(name).display().to_string();
    let quiet = layers.get("log.level").is_some_and(|s| s.source == crate::config::Source::Default);
    let layers = layers
        .with("server.listen", format!("127.0.0.1:{}", args.port))
        .with("server.issuer", format!("http://localhost:{}", args.port))
        .with("server.tls_certificate_file", "")
        .with("server.tls_key_file", "")
        .with("server.shutdown_notice", "0s")
        .with("database.url", format!("sqlite://{}", path("demo.db")))
        .with("keys.master_key", "")
        .with("keys.previous_master_key_files", toml::Value::Array(Vec::new()))
        .with("keys.master_key_file", path("demo.key"));
    if quiet { layers.with("log.level", "warn") } else { layers }
}

const IDENTIFIER: &str = "https://notes.example/api";

/// Secrets the printed lines need.
struct Credentials {
    bot: Secret,
    api: Secret,
}

pub(super) async fn run(config: &Config, args: &DemoArgs) -> Result<(), BootError> {
    clear(&args.folder)?;
    let world = World::system();
    let started = world.clock.monotonic();
    let signals = serve::Signals::listen()?;
    let node = Node::start(config, world.clone()).await?;
    let credentials = populate(node.admin()).await?;
    let took = world.clock.monotonic().saturating_sub(started);
    line(&format!(
        "Doorward demo, ready after {} ms. Everything below works when pasted into another shell.",
        took.as_millis()
    ));
    line(&story(config.server.issuer.as_str(), &credentials));
    serve::until_signal(node, signals).await
}

/// Removes what an earlier demo left. Its files have names of their own, so that a mistyped folder loses nothing.
fn clear(folder: &Path) -> Result<(), BootError> {
    if crate::store::is_served(&folder.join("demo.db")) {
        return Err(format!("another demo is running in {}; stop it, or give --folder", folder.display()).into());
    }
    for name in ["demo.db", "demo.db-wal", "demo.db-shm", "demo.key"] {
        match std::fs::remove_file(folder.join(name)) {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(format!("{} cannot be removed: {e}", folder.join(name).display()).into()),
        }
    }
    Ok(())
}

async fn populate(admin: &Admin) -> Result<Credentials, BootError> {
    let permission = |text| Permission::parse(text);
    let notes = Slug::parse("notes")?;
    let permissions = ["read:note", "create:note", "update:note", "delete:note"].map(permission);
    admin
        .create_resource_server(NewResourceServer {
            name: notes.clone(),
            identifier: IDENTIFIER.to_owned(),
            scopes: Scopes::parse("notes:read notes:write")?,
            permissions: permissions.into_iter().collect::<Result<_, _>>()?,
            claims: TokenClaims { roles: true, permissions: true },
        })
        .await?;
    let (viewer, editor, owner) = (Slug::parse("viewer")?, Slug::parse("editor")?, Slug::parse("owner")?);
    admin.create_role(&notes, viewer.clone(), vec![permission("read:note")?], &[]).await?;
    let writes = vec![permission("create:note")?, permission("update:note")?];
    admin.create_role(&notes, editor.clone(), writes, std::slice::from_ref(&viewer)).await?;
    admin.create_role(&notes, owner.clone(), vec![permission("delete:note")?], std::slice::from_ref(&editor)).await?;

    for (username, name, role) in
        [("alice", "Alice Ames", &owner), ("bob", "Bob Byrne", &editor), ("carol", "Carol Cho", &viewer)]
    {
        let (username, name) = (Username::parse(username)?, Some(DisplayName::parse(name)?));
        let person = admin.create_person(NewPerson { username, sub: None, name, email: None }).await?;
        assign(admin, PrincipalRef::User(person.username.as_str().to_owned()), &notes, role).await?;
    }
    let bot = client("notes-bot", "Notes bot", &notes, false)?;
    let bot = admin.create_client(bot).await?.secret.ok_or("the demo's client has no secret")?;
    assign(admin, PrincipalRef::Client("notes-bot".into()), &notes, &editor).await?;
    let api = admin.create_client(client("notes-api", "The notes API", &notes, true)?).await?;
    Ok(Credentials { bot, api: api.secret.ok_or("the demo's API has no secret")? })
}

fn client(client_id: &str, name: &str, notes: &Slug, is_api: bool) -> Result<NewClient, BootError> {
    Ok(NewClient {
        client_id: ClientName::parse(client_id)?,
        name: Some(DisplayName::parse(name)?),
        auth_method: AuthMethod::ClientSecretBasic,
        jwks: None,
        scopes: if is_api { Scopes::default() } else { Scopes::parse("notes:read notes:write")? },
        resources: if is_api { Vec::new() } else { vec![notes.clone()] },
        resource_server: is_api.then(|| notes.clone()),
        decision_caller: is_api,
        grant_types: GrantTypes { client_credentials: true, ..GrantTypes::default() },
        redirect_uris: Vec::new(),
        post_logout_redirect_uris: Vec::new(),
        first_party: false,
        pkce_optional: false,
    })
}

async fn assign(admin: &Admin, principal: PrincipalRef, notes: &Slug, role: &Slug) -> Result<(), BootError> {
    let held = HeldRef::Role(role.clone());
    let (effect, interval) = (Effect::Allow, Interval::ALWAYS);
    let resource_server = notes.clone();
    admin.add_assignment(&NewAssignment { principal, resource_server, held, effect, interval, reason: None }).await?;
    Ok(())
}

fn story(issuer: &str, credentials: &Credentials) -> String {
    let (bot, api) = (credentials.bot.reveal(), credentials.api.reveal());
    let ask = |who: &str, action: &str| {
        format!(
            "curl -s -u 'notes-api:{api}' {issuer}/access/v1/evaluation -H 'Content-Type: application/json' \\\n  \
             -d '{{\"subject\":{{\"type\":\"user\",\"id\":\"{who}\"}},\"action\":{{\"name\":\"{action}\"}},\"resource\":{{\"type\":\"note\",\"id\":\"42\"}}}}'; echo"
        )
    };
    format!(
        "
  issuer  {issuer}
  world   resource server notes ({IDENTIFIER}); roles owner > editor > viewer
          alice is owner, bob is editor, carol is viewer; clients notes-bot (a service) and notes-api (the API itself)

# 1. A token for the service client
TOKEN=$(curl -s -u 'notes-bot:{bot}' {issuer}/oauth2/token -d grant_type=client_credentials -d scope=notes:read | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/'); echo $TOKEN

# 2. The public keys any backend verifies it with
curl -s {issuer}/oauth2/jwks; echo

# 3. May alice delete note 42? (she may)
{permit}

# 4. May carol delete it? (she may not)
{denial}

# 5. The API asks what the token is worth
curl -s -u 'notes-api:{api}' {issuer}/oauth2/introspect -d token=$TOKEN; echo

# 6. The service gives it back; asked again, it is worth nothing
curl -s -u 'notes-bot:{bot}' {issuer}/oauth2/revoke -d token=$TOKEN; curl -s -u 'notes-api:{api}' {issuer}/oauth2/introspect -d token=$TOKEN; echo

Stop with Ctrl-C. The next demo starts afresh.",
        permit = ask("alice", "delete"),
        denial = ask("carol", "delete"),
    )
}
