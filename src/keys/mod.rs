//! Keys: the master key and what it seals, signing keys and their life, the JWKS, signatures made and checked.
//!
//! The only room that speaks JOSE. Never: HTTP, rules of clients or grants.

mod assertion;
mod error;
mod jws;
mod master;
mod page;
mod ring;
mod rotation;
mod rsa;
mod successor;

pub use self::assertion::{Assertion, AssertionError, PublicKeys};
pub use self::error::KeysError;
pub use self::jws::{TokenKind, Unverified};
pub use self::master::{MasterKeys, generate_master_key};
pub use self::ring::{JwksDocument, KeyRing};
pub use self::rotation::Keys;
pub use self::successor::{open_successor, seal_successor};
