//! Identifiers: UUIDs of version 7 (RFC 9562 §5.7), so that keys made one after the other lie near each other.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use uuid::Uuid;

use super::entropy::{self, Entropy};
use super::time::Instant;

fn v7(now: Instant, entropy: &dyn Entropy) -> Uuid {
    let millis = u64::try_from(now.as_micros() / 1000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &entropy::bytes::<10>(entropy)).into_uuid()
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier: the time first, then 74 random bits.
            #[must_use]
            pub fn mint(now: Instant, entropy: &dyn Entropy) -> Self {
                Self(v7(now, entropy))
            }

            /// The least identifier that can be minted at this moment: for searching by time.
            #[must_use]
            pub fn first_of(moment: Instant) -> Self {
                let millis = u64::try_from(moment.as_micros().div_euclid(1000)).unwrap_or(0);
                Self(Uuid::from_u128(u128::from(millis) << 80))
            }

            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                Uuid::parse_str(text).map(Self).map_err(|_| format!("{text:?} is not a UUID"))
            }
        }
    )*};
}

ids! {
    /// A person known here. Not the `sub`, which is a name of its own ([`super::person::Person`]).
    PersonId,
    /// The row of a client. Not the `client_id` of the wire ([`super::name::ClientName`]).
    ClientId,
    ResourceServerId,
    RoleId,
    GroupId,
    AssignmentId,
    /// What a person or client once agreed to; tokens issued under it die with it.
    GrantId,
    /// A browser session: the `sid` of tokens. Never the value of its cookie.
    SessionId,
    /// An authorization request on its way through the pages.
    InteractionId,
    /// All refresh tokens that descend from one.
    FamilyId,
    /// The `jti` of an access token (RFC 7519 §4.1.7).
    TokenId,
    FactId,
    /// A subject that a resource server registered.
    ExternalSubjectId,
    ApiKeyId,
    OutboxId,
    /// Which history the revisions belong to; a restored backup gets a new one.
    Epoch,
}
