//! The key ring: what this node signs and verifies with now, swapped whole when keys change.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::Jwk;
use serde_json::json;

use super::error::KeysError;
use super::master::MasterKeys;
use super::rsa::PrivateKey;
use crate::domain::secret::Digest;
use crate::domain::signing_key::KeyState;
use crate::domain::time::Instant;
use crate::store::signing_keys::StoredKey;

/// The JWKS as it goes out, made once for each change of keys.
#[derive(Debug)]
pub struct JwksDocument {
    pub body: String,
    /// Weak entity tag, since the document may go out compressed (RFC 9110 §8.8.3).
    pub etag: String,
}

/// One immutable state of the keys.
pub struct KeyRing {
    pub(super) signing: Option<Arc<PrivateKey>>,
    pub(super) verifying: HashMap<String, DecodingKey>,
    /// When the next key leaves the JWKS by the passing of time alone.
    pub(super) unpublish_at: Option<Instant>,
    pub(super) jwks: JwksDocument,
    /// Parsed private keys by `kid`, so that a reload parses only what is new.
    parsed: HashMap<String, Arc<PrivateKey>>,
}

/// What a sealed private key is sealed for.
pub(super) fn context(kid: &str) -> String {
    format!("signing-key:{kid}")
}

impl KeyRing {
    pub(super) fn empty() -> Self {
        Self {
            signing: None,
            verifying: HashMap::new(),
            unpublish_at: None,
            jwks: JwksDocument { body: String::new(), etag: String::new() },
            parsed: HashMap::new(),
        }
    }

    /// Builds the ring of these keys; opens what is sealed and was not parsed before. A private key that cannot be opened
    /// is the second part of the answer and does not keep the rest, a revocation above all, from taking effect.
    pub(super) fn build(
        stored: &[StoredKey],
        master: &MasterKeys,
        before: &Self,
        now: Instant,
    ) -> Result<(Self, Option<KeysError>), KeysError> {
        let mut ring = Self::empty();
        let mut unopened = None;
        for stored in stored.iter().filter(|s| s.key.state.verifies()) {
            let kid = &stored.key.kid;
            let jwk: Jwk = serde_json::from_value(stored.public_jwk.clone())
                .map_err(|_| KeysError::Crypto("reading a stored JWK"))?;
            let key = DecodingKey::from_jwk(&jwk).map_err(|_| KeysError::Crypto("reading a stored JWK"))?;
            ring.verifying.insert(kid.clone(), key);
            if let Some(sealed) = &stored.sealed {
                let parsed = before.parsed.get(kid).cloned();
                let private = match parsed.map_or_else(|| open(kid, sealed, master), Ok) {
                    Ok(private) => private,
                    Err(error) => {
                        unopened = Some(error);
                        continue;
                    }
                };
                if matches!(stored.key.state, KeyState::Signing { .. }) {
                    ring.signing = Some(private.clone());
                }
                ring.parsed.insert(kid.clone(), private);
            }
        }
        let published = stored.iter().filter(|s| s.key.state.is_published(now));
        ring.unpublish_at = published.clone().filter_map(|s| s.key.state.unpublish_at()).min();
        let keys: Vec<_> = published.map(|s| &s.public_jwk).collect();
        let body = json!({ "keys": keys }).to_string();
        let etag = format!("W/\"{}\"", URL_SAFE_NO_PAD.encode(Digest::of(body.as_bytes()).as_bytes()));
        ring.jwks = JwksDocument { body, etag };
        Ok((ring, unopened))
    }

    /// Whether this node can sign.
    #[must_use]
    pub fn can_sign(&self) -> bool {
        self.signing.is_some()
    }

    #[must_use]
    pub fn jwks(&self) -> &JwksDocument {
        &self.jwks
    }
}

fn open(kid: &str, sealed: &[u8], master: &MasterKeys) -> Result<Arc<PrivateKey>, KeysError> {
    Ok(Arc::new(PrivateKey::parse(kid, &master.open(&context(kid), sealed)?)?))
}
