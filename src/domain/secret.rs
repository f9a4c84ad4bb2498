//! Secrets: do not print, are wiped on drop, are stored only as digests and compared in constant time.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::Digest as _;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::entropy::{self, Entropy};

/// A text nobody may log. [`Self::reveal`] is the one way to it.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

/// A recognisable prefix tells secret scanners, and people, what they found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretKind {
    ClientSecret,
    SetupLink,
    AuthorizationCode,
    RefreshToken,
    /// The cookie of a browser session.
    Session,
    /// The cookie that binds interactions to one browser.
    Browser,
    /// What a program shows at the administration and decision APIs in somebody's name.
    ApiKey,
}

impl SecretKind {
    /// What every secret of this kind begins with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::ClientSecret => "dwcs_",
            Self::SetupLink => "dwsu_",
            Self::AuthorizationCode => "dwac_",
            Self::RefreshToken => "dwrt_",
            Self::Session => "dwse_",
            Self::Browser => "dwbr_",
            Self::ApiKey => "dwk_",
        }
    }
}

impl Secret {
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// 256 random bits in base64url behind the kind's prefix.
    #[must_use]
    pub fn mint(kind: SecretKind, entropy: &dyn Entropy) -> Self {
        let raw = Zeroizing::new(entropy::bytes::<32>(entropy));
        Self::new(format!("{}{}", kind.prefix(), URL_SAFE_NO_PAD.encode(raw.as_slice())))
    }

    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// SHA-256 of a secret of at least 256 random bits: a slow password hash would add nothing.
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

impl Digest {
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}
