//! `doorward keys …`

use clap::Subcommand;
use serde_json::json;

use super::super::node::{BootError, master_keys, schedule};
use super::super::output::table;
use super::Context;
use crate::domain::change::Actor;
use crate::domain::signing_key::SigningKey;
use crate::keys::Keys;

#[derive(Subcommand)]
pub(in crate::boot) enum KeysCommand {
    /// List the signing keys and where each stands in its life.
    List,
    /// Publish the next key now; it signs after keys.publish_lead, when every verifier knows it.
    Rotate,
    /// Take a compromised key out at once: every token it signed stops counting here.
    Revoke {
        /// As `keys list` shows it; it may begin with a hyphen.
        #[arg(allow_hyphen_values = true)]
        kid: String,
        /// Why, for whoever reads the audit trail.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Seal every private key under the current master key.
    Reseal,
}

pub(super) async fn run(cx: &Context<'_>, command: KeysCommand) -> Result<(), BootError> {
    let master = master_keys(cx.config, &cx.store, &cx.world).await?;
    let (clock, entropy) = (cx.world.clock.clone(), cx.world.entropy.clone());
    let keys = Keys::unopened(cx.store.clone(), master, clock, entropy, schedule(cx.config));
    match command {
        KeysCommand::List => list(cx, &keys.list().await?),
        KeysCommand::Rotate => {
            let (kid, signs_from) = keys.rotate(&Actor::CommandLine).await?;
            let value = json!({ "kid": kid, "signs_from": signs_from });
            cx.output.show(&value, || format!("published {kid}; it signs from {signs_from}"));
        }
        KeysCommand::Revoke { kid, reason } => {
            let signer = keys.revoke(&kid, reason.as_deref(), &Actor::CommandLine).await?;
            let value = json!({ "revoked": kid, "signing": signer });
            cx.output.show(&value, || format!("revoked {kid}; {signer} signs now"));
        }
        KeysCommand::Reseal => {
            let resealed = keys.reseal(&Actor::CommandLine).await?;
            cx.output.show(&json!({ "resealed": resealed }), || format!("{resealed} keys sealed anew"));
        }
    }
    Ok(())
}

fn list(cx: &Context<'_>, keys: &[SigningKey]) {
    cx.output.show(&json!({ "keys": keys }), || {
        let row = |key: &SigningKey| vec![key.kid.clone(), key.created_at.to_string(), key.state.to_string()];
        table(&["kid", "created", "state"], &keys.iter().map(row).collect::<Vec<_>>())
    });
}
