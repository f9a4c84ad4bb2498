//! `doorward api-key …`

use clap::Subcommand;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::node::BootError;
use super::super::output::table;
use super::Context;
use super::servers::texts;
use crate::admin::api_keys::NewApiKey;
use crate::admin::{PAGE_MAX, PrincipalRef};
use crate::domain::id::ApiKeyId;
use crate::domain::name::DisplayName;
use crate::domain::permission::Permission;

#[derive(Subcommand)]
pub(in crate::boot) enum ApiKeyCommand {
    /// Create a key; it is printed this once.
    #[command(after_help = "\
Examples:
  doorward api-key create client:deployer --name 'deploys notes' --permission create:client --permission read:client
  doorward api-key create client:notes-api --name decisions --permission evaluate:decision --expires-in 30d")]
    Create {
        /// Whose name it acts in: user:NAME or client:CLIENT_ID.
        owner: PrincipalRef,
        /// What it is for.
        #[arg(long)]
        name: DisplayName,
        /// A permission of the resource server doorward that it carries; the owner must hold it, too. May be repeated.
        #[arg(long, required = true)]
        permission: Vec<Permission>,
        /// How long it works, such as 30d; 90 days when left out, 366 at most.
        #[arg(long, value_name = "DURATION")]
        expires_in: Option<humantime::Duration>,
    },
    /// List keys by what they begin with, in the order they were made.
    List {
        /// Only those of this user or client.
        #[arg(long)]
        owner: Option<PrincipalRef>,
        /// Begin after this id.
        #[arg(long, default_value_t = Uuid::nil())]
        after: Uuid,
    },
    /// End a key, at once and on every node.
    Revoke { id: ApiKeyId },
}

pub(super) async fn run(cx: &Context<'_>, command: ApiKeyCommand) -> Result<(), BootError> {
    match command {
        ApiKeyCommand::Create { owner, name, permission, expires_in } => {
            let expires_at = expires_in.map(|duration| cx.world.clock.now().plus(duration.into()));
            let new = NewApiKey { name, owner: Some(owner), permissions: permission, expires_at };
            let (mut view, secret) = cx.admin.create_api_key(new).await?;
            if let Some(members) = view.as_object_mut() {
                members.insert("secret".into(), json!(secret.reveal()));
            }
            cx.output.show(&view, || {
                format!(
                    "created API key {} of {}, until {}\n\n{}\n\nIt is shown this once; only its digest is kept.",
                    texts(view.get("id")),
                    texts(view.get("owner")),
                    texts(view.get("expires_at")),
                    secret.reveal()
                )
            });
        }
        ApiKeyCommand::List { owner, after } => {
            let keys = cx.admin.api_keys(owner.as_ref(), None, after, PAGE_MAX).await?;
            cx.output.show(&json!({ "api_keys": keys }), || list(&keys));
        }
        ApiKeyCommand::Revoke { id } => {
            let revision = cx.admin.revoke_api_key(id).await?;
            cx.output.show(&json!({ "revoked": id, "revision": revision }), || format!("revoked {id}"));
        }
    }
    Ok(())
}

fn list(keys: &[Value]) -> String {
    let columns = ["id", "prefix", "owner", "name", "permissions", "expires_at", "revoked_at"];
    let row = |key: &Value| columns.iter().map(|column| texts(key.get(*column))).collect::<Vec<_>>();
    let header = ["id", "begins", "owner", "name", "permissions", "expires", "revoked"];
    table(&header, &keys.iter().map(row).collect::<Vec<_>>())
}
