//! Sealing a refresh token's successor so that only the holder of the token itself can open it: the store keeps digests,
//! and of neither token anything else.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sha2::Digest as _;

use super::error::KeysError;
use crate::domain::secret::Secret;

/// The key is derived from 256 random bits and used for one message, so the nonce may be constant.
fn key(token: &Secret) -> Result<LessSafeKey, KeysError> {
    let digest =
        sha2::Sha256::new().chain_update(b"doorward refresh successor\n").chain_update(token.reveal()).finalize();
    let unbound = UnboundKey::new(&AES_256_GCM, &digest).map_err(|_| KeysError::Crypto("deriving a key"))?;
    Ok(LessSafeKey::new(unbound))
}

const NONCE: [u8; 12] = [0; 12];

/// # Errors
/// The crypto library's.
pub fn seal_successor(token: &Secret, successor: &Secret) -> Result<Vec<u8>, KeysError> {
    let mut sealed = successor.reveal().as_bytes().to_vec();
    key(token)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(NONCE), Aad::empty(), &mut sealed)
        .map_err(|_| KeysError::Crypto("sealing"))?;
    Ok(sealed)
}

/// # Errors
/// [`KeysError::Tampered`] when it was not sealed for this token.
pub fn open_successor(token: &Secret, sealed: &[u8]) -> Result<Secret, KeysError> {
    let mut plain = sealed.to_vec();
    let opened = key(token)?
        .open_in_place(Nonce::assume_unique_for_key(NONCE), Aad::empty(), &mut plain)
        .map_err(|_| KeysError::Tampered)?;
    let text = std::str::from_utf8(opened).map_err(|_| KeysError::Tampered)?;
    Ok(Secret::new(text.to_owned()))
}
