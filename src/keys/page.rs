//! Tokens that callers carry from one page of an answer to the next: sealed, so that they say nothing and cannot be made
//! up. Every node with the same master key opens them.

use aws_lc_rs::aead::{Aad, NONCE_LEN, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::KeysError;
use super::master::ID_LEN;
use super::rotation::Keys;
use crate::domain::entropy;

/// There may be any number of tokens: each has a key of its own, so that no nonce is ever used twice.
const SALT_LEN: usize = 16;
const NONCE: [u8; NONCE_LEN] = [0; NONCE_LEN];

impl Keys {
    /// Seals where a page ended; only the same `context` opens it again.
    ///
    /// # Errors
    /// The crypto library's.
    pub fn seal_page(&self, context: &[u8], plain: &[u8]) -> Result<String, KeysError> {
        let salt = entropy::bytes::<SALT_LEN>(self.entropy.as_ref());
        let (key, id) = self.master.new_for_one(&salt)?;
        let mut body = plain.to_vec();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(NONCE), Aad::from(context), &mut body)
            .map_err(|_| KeysError::Crypto("sealing"))?;
        Ok(URL_SAFE_NO_PAD.encode([id.as_slice(), &salt, &body].concat()))
    }

    /// Opens what was sealed for the same context; `None` for anything else.
    #[must_use]
    pub fn open_page(&self, context: &[u8], token: &str) -> Option<Vec<u8>> {
        let raw = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (id, rest) = raw.split_at_checked(ID_LEN)?;
        let (salt, body) = rest.split_at_checked(SALT_LEN)?;
        let key = self.master.known_for_one(id, salt)?;
        let mut body = body.to_vec();
        let plain = key.open_in_place(Nonce::assume_unique_for_key(NONCE), Aad::from(context), &mut body).ok()?;
        Some(plain.to_vec())
    }
}
