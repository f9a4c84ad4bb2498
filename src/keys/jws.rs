//! Signed tokens in compact form (RFC 7515 §3.1): made with the ring's key, verified by `kid` from an allow-list.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::error::KeysError;
use super::ring::KeyRing;
use super::rsa::PrivateKey;

/// What a token says it is in `typ`, so that one kind can never stand for another (RFC 8725 §3.11).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenKind {
    /// `at+jwt` (RFC 9068 §2.1).
    Access,
    /// An ID token (OpenID Connect Core §2).
    Id,
    /// `logout+jwt` (OpenID Connect Back-Channel Logout §2.4).
    Logout,
}

impl TokenKind {
    const fn typ(self) -> &'static str {
        match self {
            Self::Access => "at+jwt",
            Self::Id => "JWT",
            Self::Logout => "logout+jwt",
        }
    }

    /// `typ` is compared without case, with or without the `application/` prefix (RFC 9068 §4, RFC 7515 §4.1.9).
    fn is(self, typ: &str) -> bool {
        let typ = typ.to_ascii_lowercase();
        typ.strip_prefix("application/").unwrap_or(&typ).eq_ignore_ascii_case(self.typ())
    }
}

/// Why a token's signature or header is not accepted. Never shown to callers in detail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    #[error("not a JWS in compact form")]
    Malformed,
    #[error("wrong typ")]
    Kind,
    #[error("algorithm not allowed")]
    Algorithm,
    #[error("unknown kid")]
    UnknownKey,
    #[error("bad signature or claims of another shape")]
    Signature,
}

/// No token of ours is longer; what is longer is not worth parsing.
const TOKEN_LEN_MAX: usize = 16 * 1024;

impl KeyRing {
    /// What is to be signed and the key that signs it.
    pub(super) fn prepare(
        &self,
        kind: TokenKind,
        claims: &impl Serialize,
    ) -> Result<(String, Arc<PrivateKey>), KeysError> {
        let key = self.signing.clone().ok_or(KeysError::NoSigningKey)?;
        let header = json!({ "alg": "RS256", "typ": kind.typ(), "kid": key.kid }).to_string();
        let claims = serde_json::to_vec(claims).map_err(|_| KeysError::Crypto("writing claims"))?;
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        Ok((input, key))
    }

    /// Checks kind, algorithm, key and signature, and reads the claims. Times, issuer and audience are the caller's.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify<C: DeserializeOwned>(&self, kind: TokenKind, token: &str) -> Result<C, Unverified> {
        if token.len() > TOKEN_LEN_MAX {
            return Err(Unverified::Malformed);
        }
        let header = understood_header(token).ok_or(Unverified::Malformed)?;
        if header.alg != Algorithm::RS256 {
            return Err(Unverified::Algorithm);
        }
        if !header.typ.as_deref().is_some_and(|typ| kind.is(typ)) {
            return Err(Unverified::Kind);
        }
        let key = header.kid.as_deref().and_then(|kid| self.verifying.get(kid)).ok_or(Unverified::UnknownKey)?;
        let decoded = jsonwebtoken::decode::<C>(token, key, &signature_only(Algorithm::RS256));
        decoded.map(|data| data.claims).map_err(|_| Unverified::Signature)
    }
}

impl KeyRing {
    /// Whether the key that a verified token names still counts: a revoked key takes its tokens with it.
    #[must_use]
    pub fn still_counts(&self, token: &str) -> bool {
        let kid = jsonwebtoken::decode_header(token).ok().and_then(|header| header.kid);
        kid.is_some_and(|kid| self.verifying.contains_key(&kid))
    }
}

/// The header, unless it names extensions that must be understood: none is here (RFC 7515 §4.1.11).
pub(super) fn understood_header(token: &str) -> Option<Header> {
    let (first, _) = token.split_once('.')?;
    let raw: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(first).ok()?).ok()?;
    if raw.get("crit").is_some() { None } else { jsonwebtoken::decode_header(token).ok() }
}

/// Validation of the signature alone: claims are checked against our own clock and rules.
pub(super) fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

/// Puts the signature behind what was signed.
pub(super) fn attach(input: &str, signature: &[u8]) -> String {
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}
