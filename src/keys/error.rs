//! What can go wrong with keys.

use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("{0}")]
    MasterKeyFile(String),
    /// The database was sealed under a master key that this node does not have.
    #[error(
        "the signing keys are sealed under master key {wanted}, but this node has {have}; put the right key at {place}"
    )]
    WrongMasterKey { wanted: String, have: String, place: String },
    #[error("sealed data cannot be opened: it was changed, or belongs elsewhere")]
    Tampered,
    #[error("no signing key of this kid: {0}")]
    UnknownKey(String),
    #[error("a key is {state} already: {hint}")]
    WrongState { state: &'static str, hint: &'static str },
    #[error("no key is signing now")]
    NoSigningKey,
    #[error("the crypto library refused: {0}")]
    Crypto(&'static str),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl KeysError {
    /// Whether the same call may work in a moment.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::NoSigningKey => true,
            Self::Store(fault) => fault.is_busy(),
            _ => false,
        }
    }
}
