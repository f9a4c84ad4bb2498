//! API keys: what a program shows in somebody's name, worth a part of what they hold at Doorward's own resource server.

use std::time::Duration;

use serde::Serialize;

use super::assignment::Principal;
use super::id::ApiKeyId;
use super::name::DisplayName;
use super::permission::Permission;
use super::secret::Secret;
use super::time::Instant;

/// A key lives so long unless its maker says otherwise.
pub const API_KEY_LIFETIME: Duration = Duration::from_hours(24 * 90);
/// No key lives longer: one that was forgotten ends by itself.
pub const API_KEY_LIFETIME_MAX: Duration = Duration::from_hours(24 * 366);
/// A key carries so many permissions at most.
pub const API_KEY_PERMISSIONS_MAX: usize = 64;

/// A key as it is kept: without the secret.
#[derive(Clone, Debug, Serialize)]
pub struct ApiKey {
    pub id: ApiKeyId,
    /// The first characters of the secret: enough to know it by, too few to guess the rest.
    pub prefix: String,
    /// What it is for, in the words of whoever made it.
    pub name: DisplayName,
    /// Whose name it acts in: a person or a client.
    #[serde(skip)]
    pub owner: Principal,
    /// What it may at most: the owner must hold it, too, whenever the key is used.
    pub permissions: Vec<Permission>,
    pub created_by: String,
    pub created_at: Instant,
    pub expires_at: Instant,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Instant>,
}

const PREFIX_CHARS: usize = 12;

impl ApiKey {
    /// What is shown of a secret in lists.
    #[must_use]
    pub fn prefix_of(secret: &Secret) -> String {
        secret.reveal().chars().take(PREFIX_CHARS).collect()
    }

    /// Whether it carries a permission for this.
    #[must_use]
    pub fn carries(&self, action: &str, resource_type: &str) -> bool {
        self.permissions.iter().any(|permission| permission.matches(action, resource_type))
    }
}
