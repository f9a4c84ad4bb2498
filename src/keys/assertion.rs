//! Client assertions: JWTs a client signs with its own key (RFC 7523 §3, OpenID Connect Core §9).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use super::jws::{signature_only, understood_header};
use crate::domain::time::Instant;

/// Asymmetric algorithms only; never the token's own word.
const ALGORITHMS: [Algorithm; 4] = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];

/// A client registers so many keys at most.
const KEYS_MAX: usize = 16;

/// A client's registered public keys.
#[derive(Debug, Clone)]
pub struct PublicKeys(Vec<Jwk>);

/// The claims of an assertion, all of them required (`aud` one string).
#[derive(Debug, Deserialize)]
pub struct Assertion {
    pub iss: String,
    pub sub: String,
    pub aud: Audience,
    pub exp: NumericDate,
    pub jti: String,
    #[serde(default)]
    pub iat: Option<NumericDate>,
    #[serde(default)]
    pub nbf: Option<NumericDate>,
}

/// Seconds since 1970, possibly with a fraction (RFC 7519 §2).
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct NumericDate(f64);

impl NumericDate {
    /// What lies outside the range of [`Instant`] becomes its end.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "a cast from float to integer saturates")]
    pub fn instant(self) -> Instant {
        Instant::from_micros((self.0 * 1_000_000.0) as i64)
    }
}

/// `aud`, as one string or, wrongly, as several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    #[error("client_assertion is not a signed JWT")]
    Malformed,
    #[error("client_assertion must be signed with RS256, PS256, ES256 or EdDSA")]
    Algorithm,
    #[error("client_assertion is not signed by a registered key, or lacks one of iss, sub, aud, exp and jti")]
    Signature,
}

impl Assertion {
    /// `aud`, if it is one string: an assertion for several audiences could be replayed at another of them.
    #[must_use]
    pub fn audience(&self) -> Option<&str> {
        match &self.aud {
            Audience::One(one) => Some(one),
            Audience::Many(_) => None,
        }
    }
}

impl PublicKeys {
    /// Who the assertion says it is from, unverified: only to find the keys to verify it with.
    ///
    /// # Errors
    /// [`AssertionError::Malformed`].
    pub fn claimed_issuer(assertion: &str) -> Result<String, AssertionError> {
        #[derive(Deserialize)]
        struct Claimed {
            iss: String,
        }
        let claimed = jsonwebtoken::dangerous::insecure_decode::<Claimed>(assertion);
        claimed.map(|data| data.claims.iss).map_err(|_| AssertionError::Malformed)
    }

    /// Reads a JWK Set of public signature keys as a client registers it.
    ///
    /// # Errors
    /// A sentence that names what is wrong; symmetric and private keys are refused.
    pub fn parse(text: &str) -> Result<Self, String> {
        let raw: serde_json::Value = serde_json::from_str(text).map_err(|e| format!("jwks is not JSON: {e}"))?;
        let keys = raw.get("keys").and_then(|k| k.as_array()).ok_or("jwks must be an object with an array \"keys\"")?;
        if keys.is_empty() || keys.len() > KEYS_MAX {
            return Err(format!("jwks must hold 1 to {KEYS_MAX} keys, not {}", keys.len()));
        }
        if keys
            .iter()
            .any(|key| ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|private| key.get(private).is_some()))
        {
            return Err("jwks must hold public keys only; this one holds a private or symmetric key".into());
        }
        let set: JwkSet = serde_json::from_value(raw).map_err(|e| format!("jwks is not a JWK Set: {e}"))?;
        for jwk in &set.keys {
            if algorithms(jwk).is_empty() || DecodingKey::from_jwk(jwk).is_err() {
                return Err("jwks must hold RSA (2048 to 8192 bits), P-256 or Ed25519 keys".into());
            }
            if !is_for_signatures(jwk) {
                let expected = "jwks must hold keys for signatures: use \"sig\", key_ops with \"verify\", alg RS256, \
                                PS256, ES256 or EdDSA, where these are given";
                return Err(expected.into());
            }
        }
        Ok(Self(set.keys))
    }

    /// Checks the signature by one of these keys, picked by `kid` where there is one.
    ///
    /// # Errors
    /// The first thing that is wrong; which key was tried is not said.
    pub fn verify(&self, assertion: &str) -> Result<Assertion, AssertionError> {
        let header = understood_header(assertion).ok_or(AssertionError::Malformed)?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(AssertionError::Algorithm);
        }
        // A token of another kind is no assertion, whoever signed it (RFC 8725 §3.11).
        let kinds = ["jwt", "client-authentication+jwt"];
        if !header.typ.as_deref().is_none_or(|typ| kinds.contains(&typ.to_ascii_lowercase().as_str())) {
            return Err(AssertionError::Malformed);
        }
        // A key without a kid may be meant by any kid; the signature decides.
        let named = |jwk: &&Jwk| match (&header.kid, &jwk.common.key_id) {
            (Some(wanted), Some(kid)) => wanted == kid,
            _ => true,
        };
        for jwk in self.0.iter().filter(named).filter(|jwk| algorithms(jwk).contains(&header.alg)) {
            let Ok(key) = DecodingKey::from_jwk(jwk) else { continue };
            if let Ok(data) = jsonwebtoken::decode::<Assertion>(assertion, &key, &signature_only(header.alg)) {
                return Ok(data.claims);
            }
        }
        Err(AssertionError::Signature)
    }
}

/// The algorithms a key may be used with: by its type, so that an RSA key never checks an ECDSA signature or an HMAC.
fn algorithms(jwk: &Jwk) -> &'static [Algorithm] {
    use jsonwebtoken::jwk::EllipticCurve::{Ed25519, P256};
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
    match &jwk.algorithm {
        AlgorithmParameters::RSA(rsa) if is_strong(&bytes(&rsa.n), &bytes(&rsa.e)) => {
            &[Algorithm::RS256, Algorithm::PS256]
        }
        AlgorithmParameters::EllipticCurve(ec)
            if ec.curve == P256 && bytes(&ec.x).len() == 32 && bytes(&ec.y).len() == 32 =>
        {
            &[Algorithm::ES256]
        }
        AlgorithmParameters::OctetKeyPair(okp) if okp.curve == Ed25519 && bytes(&okp.x).len() == 32 => {
            &[Algorithm::EdDSA]
        }
        _ => &[],
    }
}

/// An RSA key of 2048 to 8192 bits, whatever zeros stand before it, with an odd exponent from 3 on (RFC 8017 §3.1).
fn is_strong(modulus: &[u8], exponent: &[u8]) -> bool {
    let significant = |bytes: &[u8]| bytes.iter().copied().skip_while(|b| *b == 0).collect::<Vec<_>>();
    let (modulus, exponent) = (significant(modulus), significant(exponent));
    let odd = |bytes: &[u8]| bytes.last().is_some_and(|b| b % 2 == 1);
    (256..=1024).contains(&modulus.len()) && odd(&modulus) && odd(&exponent) && exponent != [1] && exponent.len() <= 8
}

/// What the key says of its use must not speak against checking signatures (RFC 7517 §4.2 to §4.4).
fn is_for_signatures(jwk: &Jwk) -> bool {
    let common = &jwk.common;
    let allowed = [KeyAlgorithm::RS256, KeyAlgorithm::PS256, KeyAlgorithm::ES256, KeyAlgorithm::EdDSA];
    common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|operations| operations.contains(&KeyOperations::Verify))
        && common.key_algorithm.is_none_or(|algorithm| allowed.contains(&algorithm))
}
