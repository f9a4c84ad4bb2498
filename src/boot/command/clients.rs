//! `doorward client …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::super::node::BootError;
use super::super::output::table;
use super::servers::texts;
use super::{Context, PageArgs};
use crate::admin::clients::{CreatedClient, NewClient, view};
use crate::domain::client::{AuthMethod, Client, GrantTypes};
use crate::domain::name::{ClientName, DisplayName, Slug};
use crate::domain::redirect::{BackchannelUri, RedirectUri};
use crate::domain::scope::Scope;

#[derive(Args)]
pub(in crate::boot) struct CreateArgs {
    client_id: ClientName,
    /// A name for people.
    #[arg(long)]
    name: Option<DisplayName>,
    /// client_secret_basic, client_secret_post, private_key_jwt or none (public).
    #[arg(long, default_value = "client_secret_basic")]
    auth_method: AuthMethod,
    /// A file with the client's public keys (JWK Set), for private_key_jwt.
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// A resource server whose tokens it may ask for; may be repeated.
    #[arg(long, value_name = "NAME")]
    resource: Vec<Slug>,
    /// A scope it may ask for; may be repeated.
    #[arg(long)]
    scope: Vec<Scope>,
    /// A resource server it speaks for: whose tokens it may introspect; may be repeated.
    #[arg(long, value_name = "NAME")]
    resource_server: Vec<Slug>,
    /// Let it ask for the decisions of the resource servers it speaks for.
    #[arg(long)]
    decision_caller: bool,
    /// A grant it may use: client_credentials, authorization_code, refresh_token; may be repeated. Without it:
    /// authorization_code and refresh_token where a redirect URI is given, else client_credentials.
    #[arg(long, value_name = "GRANT")]
    grant_type: Vec<String>,
    /// Where people may be sent back to, compared exactly; may be repeated.
    #[arg(long, value_name = "URI")]
    redirect_uri: Vec<RedirectUri>,
    /// Where people may be sent after signing out; may be repeated.
    #[arg(long, value_name = "URI")]
    post_logout_redirect_uri: Vec<RedirectUri>,
    /// One of your own: people are not asked for consent.
    #[arg(long)]
    first_party: bool,
    /// Let it do without PKCE (never for public clients).
    #[arg(long)]
    pkce_optional: bool,
    /// People sign in again when their sign-in is older than this, such as 12h, unless a request says otherwise.
    #[arg(long, value_name = "DURATION")]
    default_max_age: Option<humantime::Duration>,
    /// Where to tell it that somebody's session has ended (back-channel logout).
    #[arg(long, value_name = "URI")]
    backchannel_logout_uri: Option<BackchannelUri>,
    /// Tell it a subject of its own for each person, which no client of another host is told. Two clients that compare
    /// the sid of their tokens can still see that it was one session.
    #[arg(long)]
    pairwise: bool,
}

#[derive(Subcommand)]
pub(in crate::boot) enum ClientCommand {
    /// Create a client; its secret is printed this once.
    #[command(after_help = "\
Examples:
  doorward client create notes-bot --resource notes --scope notes:read      asks for tokens of notes
  doorward client create notes-api --resource-server notes --decision-caller   is notes: asks for decisions, introspects
  doorward client create batch --auth-method private_key_jwt --jwks keys.json --resource notes")]
    Create(Box<CreateArgs>),
    /// Show a client.
    Show { client_id: String },
    /// List clients, in order of client_id.
    List {
        #[command(flatten)]
        page: PageArgs,
    },
    /// Refuse a client and every token issued to it, at once.
    Disable { client_id: String },
    /// Let a disabled client in again.
    Enable { client_id: String },
    /// Give a client a new secret; the old one stops working at once.
    RotateSecret { client_id: String },
}

pub(super) async fn run(cx: &Context<'_>, command: ClientCommand) -> Result<(), BootError> {
    match command {
        ClientCommand::Create(args) => {
            created(cx, &cx.admin.create_client(new_client(*args)?).await?, "created").await?;
        }
        ClientCommand::Show { client_id } => show(cx, &cx.admin.client(&client_id).await?).await?,
        ClientCommand::List { page } => list(cx, &cx.admin.clients(page.listing()).await?).await?,
        ClientCommand::Disable { client_id } => {
            show(cx, &cx.admin.set_client_disabled(&client_id, true).await?).await?;
        }
        ClientCommand::Enable { client_id } => {
            show(cx, &cx.admin.set_client_disabled(&client_id, false).await?).await?;
        }
        ClientCommand::RotateSecret { client_id } => {
            created(cx, &cx.admin.rotate_client_secret(&client_id).await?, "new secret for").await?;
        }
    }
    Ok(())
}

fn new_client(args: CreateArgs) -> Result<NewClient, String> {
    let read = |file: PathBuf| {
        std::fs::read_to_string(&file).map_err(|e| format!("--jwks {} cannot be read: {e}", file.display()))
    };
    Ok(NewClient {
        client_id: args.client_id,
        name: args.name,
        auth_method: args.auth_method,
        jwks: args.jwks.map(read).transpose()?,
        scopes: args.scope.into_iter().collect(),
        resources: args.resource,
        resource_servers: args.resource_server,
        decision_caller: args.decision_caller,
        grant_types: grants(&args.grant_type, &args.redirect_uri)?,
        redirect_uris: args.redirect_uri,
        post_logout_redirect_uris: args.post_logout_redirect_uri,
        first_party: args.first_party,
        pkce_optional: args.pkce_optional,
        default_max_age: args.default_max_age.map(Into::into),
        backchannel_logout_uri: args.backchannel_logout_uri,
        pairwise: args.pairwise,
    })
}

fn grants(named: &[String], redirects: &[RedirectUri]) -> Result<GrantTypes, String> {
    match (named, redirects) {
        ([], []) => GrantTypes::parse("client_credentials"),
        ([], _) => GrantTypes::parse("authorization_code refresh_token"),
        (named, _) => GrantTypes::parse(&named.join(" ")),
    }
}

/// What a developer pastes into their application.
async fn created(cx: &Context<'_>, created: &CreatedClient, done: &str) -> Result<(), BootError> {
    let issuer = &cx.config.server.issuer;
    let mut value = view(&created.client, &cx.admin.resource_servers().await?);
    if let Some(members) = value.as_object_mut() {
        members.insert("issuer".into(), json!(issuer.as_str()));
        if let Some(secret) = &created.secret {
            members.insert("client_secret".into(), json!(secret.reveal()));
        }
    }
    cx.output.show(&value, || {
        let mut lines = vec![
            format!("{done} client {}", created.client.client_id),
            String::new(),
            format!("issuer={issuer}"),
            format!("client_id={}", created.client.client_id),
        ];
        if let Some(secret) = &created.secret {
            lines.push(format!("client_secret={}", secret.reveal()));
            lines.push(String::new());
            lines.push("The secret is shown this once; only its digest is kept.".to_owned());
        }
        lines.join("\n")
    });
    Ok(())
}

async fn show(cx: &Context<'_>, client: &Client) -> Result<(), BootError> {
    let value = view(client, &cx.admin.resource_servers().await?);
    cx.output.show(&value, || {
        let state = if client.disabled { "disabled" } else { "active" };
        let lines = [
            ("client_id", client.client_id.to_string()),
            ("state", state.to_owned()),
            ("auth method", client.credential.method().to_string()),
            ("may ask for", texts(value.get("resources"))),
            ("scopes", client.scopes.to_string()),
            ("speaks for", texts(value.get("resource_servers"))),
        ];
        lines.map(|(name, text)| format!("{name:12} {text}").trim_end().to_owned()).join("\n")
    });
    Ok(())
}

async fn list(cx: &Context<'_>, clients: &[Client]) -> Result<(), BootError> {
    let servers = cx.admin.resource_servers().await?;
    let values: Vec<Value> = clients.iter().map(|client| view(client, &servers)).collect();
    cx.output.show(&json!({ "clients": values }), || {
        let row = |c: &Client| {
            let state = if c.disabled { "disabled" } else { "active" };
            vec![c.client_id.to_string(), state.to_owned(), c.credential.method().to_string(), c.scopes.to_string()]
        };
        match clients {
            [] => "There are no clients yet: doorward client create --help".to_owned(),
            clients => {
                table(&["client_id", "state", "auth method", "scopes"], &clients.iter().map(row).collect::<Vec<_>>())
            }
        }
    });
    Ok(())
}
