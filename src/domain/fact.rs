//! Facts: what happened, once, for the audit trail and for whoever is told of it.

use serde_json::Value;

use super::change::{Actor, Revision};
use super::entropy::Entropy;
use super::id::{FactId, ResourceServerId};
use super::object::ObjectRef;
use super::time::Instant;

/// The closed list of what is recorded. The name on the right is stored and searched for; it never changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FactKind {
    TokenIssued,
    TokenRevoked,
    PersonCreated,
    PersonDisabled,
    PersonEnabled,
    PersonChanged,
    PersonLocked,
    PersonUnlocked,
    ClientCreated,
    ClientDisabled,
    ClientEnabled,
    ClientSecretRotated,
    ResourceServerCreated,
    PermissionDeclared,
    RoleCreated,
    RoleChanged,
    RoleDeleted,
    GroupCreated,
    GroupMemberAdded,
    GroupMemberRemoved,
    AssignmentAdded,
    AssignmentRemoved,
    ModelChanged,
    PoliciesChanged,
    RulesStored,
    AuthorizationApplied,
    ResourcesChanged,
    RelationsChanged,
    SubjectsChanged,
    GrantEnded,
    SigningKeyCreated,
    SigningKeyPromoted,
    SigningKeyForgotten,
    SigningKeyRevoked,
    KeysResealed,
    SetupLinkCreated,
    SetupLinkUsed,
    PasswordSet,
    SignedIn,
    SignInFailed,
    SignedOut,
    LogoutUndelivered,
    ConsentGiven,
    ConsentWithdrawn,
    CodeIssued,
    CodeReused,
    RefreshReused,
    ApiKeyCreated,
    ApiKeyRevoked,
}

impl FactKind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TokenIssued => "token.issued",
            Self::TokenRevoked => "token.revoked",
            Self::PersonCreated => "person.created",
            Self::PersonDisabled => "person.disabled",
            Self::PersonEnabled => "person.enabled",
            Self::PersonChanged => "person.changed",
            Self::PersonLocked => "person.locked",
            Self::PersonUnlocked => "person.unlocked",
            Self::ClientCreated => "client.created",
            Self::ClientDisabled => "client.disabled",
            Self::ClientEnabled => "client.enabled",
            Self::ClientSecretRotated => "client.secret_rotated",
            Self::ResourceServerCreated => "resource_server.created",
            Self::PermissionDeclared => "permission.declared",
            Self::RoleCreated => "role.created",
            Self::RoleChanged => "role.changed",
            Self::RoleDeleted => "role.deleted",
            Self::GroupCreated => "group.created",
            Self::GroupMemberAdded => "group.member_added",
            Self::GroupMemberRemoved => "group.member_removed",
            Self::AssignmentAdded => "assignment.added",
            Self::AssignmentRemoved => "assignment.removed",
            Self::ModelChanged => "model.changed",
            Self::PoliciesChanged => "policies.changed",
            Self::RulesStored => "rules.stored",
            Self::AuthorizationApplied => "authorization.applied",
            Self::ResourcesChanged => "resources.changed",
            Self::RelationsChanged => "relations.changed",
            Self::SubjectsChanged => "subjects.changed",
            Self::GrantEnded => "grant.ended",
            Self::SigningKeyCreated => "signing_key.created",
            Self::SigningKeyPromoted => "signing_key.promoted",
            Self::SigningKeyForgotten => "signing_key.forgotten",
            Self::SigningKeyRevoked => "signing_key.revoked",
            Self::KeysResealed => "signing_key.resealed",
            Self::SetupLinkCreated => "setup_link.created",
            Self::SetupLinkUsed => "setup_link.used",
            Self::PasswordSet => "password.set",
            Self::SignedIn => "session.signed_in",
            Self::SignInFailed => "session.sign_in_failed",
            Self::SignedOut => "session.signed_out",
            Self::LogoutUndelivered => "logout.undelivered",
            Self::ConsentGiven => "consent.given",
            Self::ConsentWithdrawn => "consent.withdrawn",
            Self::CodeIssued => "code.issued",
            Self::CodeReused => "code.reused",
            Self::RefreshReused => "refresh.reused",
            Self::ApiKeyCreated => "api_key.created",
            Self::ApiKeyRevoked => "api_key.revoked",
        }
    }
}

/// One fact. `detail` never holds a secret, a token or a personal datum beyond the identifiers beside it.
#[derive(Clone, Debug)]
pub struct Fact {
    pub id: FactId,
    pub at: Instant,
    pub kind: FactKind,
    pub actor: Actor,
    /// Whom or what it is about, as `type:id`.
    pub subject: String,
    /// The write of authorization data it went with.
    pub revision: Option<Revision>,
    pub request_id: Option<String>,
    pub detail: Value,
    /// Resource servers, and resources of them, that it is found by.
    pub concerns: Vec<Concern>,
}

/// A resource server as a whole, or one resource of it.
pub type Concern = (ResourceServerId, Option<ObjectRef>);

impl Fact {
    #[must_use]
    pub fn new(now: Instant, entropy: &dyn Entropy, kind: FactKind, actor: Actor, subject: String) -> Self {
        let id = FactId::mint(now, entropy);
        Self {
            id,
            at: now,
            kind,
            actor,
            subject,
            revision: None,
            request_id: None,
            detail: Value::Null,
            concerns: Vec::new(),
        }
    }

    #[must_use]
    pub fn at_revision(mut self, revision: Revision) -> Self {
        self.revision = Some(revision);
        self
    }

    #[must_use]
    pub fn for_request(mut self, request_id: Option<&str>) -> Self {
        self.request_id = request_id.map(str::to_owned);
        self
    }

    #[must_use]
    pub fn concerning(mut self, concerns: Vec<Concern>) -> Self {
        self.concerns = concerns;
        self
    }

    #[must_use]
    pub fn with(mut self, detail: Value) -> Self {
        self.detail = detail;
        self
    }
}
