//! RSA keys of 2048 bits for RS256 (RFC 7518 §3.3): made, sealed, opened, named.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::error::KeysError;

/// A private key, parsed once: parsing it for each signature costs more than half of the signature itself.
pub(super) struct PrivateKey {
    pub kid: String,
    pair: KeyPair,
    random: SystemRandom,
}

/// A new key: its `kid`, public JWK and private half in PKCS#8.
pub(super) struct NewKey {
    pub kid: String,
    pub public_jwk: Value,
    pub pkcs8: Zeroizing<Vec<u8>>,
}

/// Makes a key. Takes about 140 ms: never on an async thread.
pub(super) fn generate() -> Result<NewKey, KeysError> {
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| KeysError::Crypto("generating an RSA key"))?;
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeysError::Crypto("encoding an RSA key"))?;
    let public = pair.public_key();
    let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let mut jwk = json!({
        "kty": "RSA", "use": "sig", "alg": "RS256",
        "n": number(public.modulus().big_endian_without_leading_zero()),
        "e": number(public.exponent().big_endian_without_leading_zero()),
    });
    let parsed: Jwk = serde_json::from_value(jwk.clone()).map_err(|_| KeysError::Crypto("reading back a JWK"))?;
    let kid = parsed.thumbprint(ThumbprintHash::SHA256).map_err(|_| KeysError::Crypto("a thumbprint"))?;
    if let Some(members) = jwk.as_object_mut() {
        members.insert("kid".into(), kid.clone().into());
    }
    Ok(NewKey { kid, public_jwk: jwk, pkcs8: Zeroizing::new(der.as_ref().to_vec()) })
}

impl PrivateKey {
    pub(super) fn parse(kid: &str, pkcs8: &[u8]) -> Result<Self, KeysError> {
        let pair = KeyPair::from_pkcs8(pkcs8).map_err(|_| KeysError::Crypto("parsing an RSA key"))?;
        Ok(Self { kid: kid.to_owned(), pair, random: SystemRandom::new() })
    }

    /// Signs; takes about 0.4 ms of CPU.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeysError> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &self.random, message, &mut signature)
            .map_err(|_| KeysError::Crypto("signing"))?;
        Ok(signature)
    }
}
