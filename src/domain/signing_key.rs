//! The life of a signing key: pending → signing → retired → gone, and revoked from anywhere.
//!
//! A key is published before it first signs for longer than a verifier may cache the key set, and stays published until
//! the last token it signed has expired: so a verifier that honours `Cache-Control` never misses a key. After that it is kept
//! for hints, unpublished, as long as a session can last.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::time::Instant;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum KeyState {
    /// Published, not signing before `signs_from`.
    Pending { signs_from: Instant },
    /// Signs since `since`. At most one.
    Signing { since: Instant },
    /// Signs no more, is published until `unpublish_at`; its private half is wiped.
    Retired { unpublish_at: Instant },
    /// Compromised: neither signs nor verifies.
    Revoked { at: Instant },
}

impl KeyState {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending { .. } => "pending",
            Self::Signing { .. } => "signing",
            Self::Retired { .. } => "retired",
            Self::Revoked { .. } => "revoked",
        }
    }

    /// The moment each state carries; together with [`Self::as_str`] it is the stored form.
    #[must_use]
    pub const fn moment(self) -> Instant {
        match self {
            Self::Pending { signs_from: at }
            | Self::Signing { since: at }
            | Self::Retired { unpublish_at: at }
            | Self::Revoked { at } => at,
        }
    }

    #[must_use]
    pub fn from_parts(state: &str, moment: Instant) -> Option<Self> {
        match state {
            "pending" => Some(Self::Pending { signs_from: moment }),
            "signing" => Some(Self::Signing { since: moment }),
            "retired" => Some(Self::Retired { unpublish_at: moment }),
            "revoked" => Some(Self::Revoked { at: moment }),
            _ => None,
        }
    }

    /// Whether its signatures count: until it is gone, so that an ID token it signed is a hint as long as a session can last.
    #[must_use]
    pub const fn verifies(self) -> bool {
        !matches!(self, Self::Revoked { .. })
    }

    /// When a retired key leaves the JWKS.
    #[must_use]
    pub const fn unpublish_at(self) -> Option<Instant> {
        match self {
            Self::Retired { unpublish_at } => Some(unpublish_at),
            Self::Pending { .. } | Self::Signing { .. } | Self::Revoked { .. } => None,
        }
    }

    /// Whether it stands in the JWKS.
    #[must_use]
    pub fn is_published(self, now: Instant) -> bool {
        match self {
            Self::Pending { .. } | Self::Signing { .. } => true,
            Self::Retired { unpublish_at } => now < unpublish_at,
            Self::Revoked { .. } => false,
        }
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending { signs_from } => write!(f, "pending (signs from {signs_from})"),
            Self::Signing { since } => write!(f, "signing (since {since})"),
            Self::Retired { unpublish_at } => write!(f, "retired (published until {unpublish_at})"),
            Self::Revoked { at } => write!(f, "revoked (at {at})"),
        }
    }
}

/// A signing key without its private half.
#[derive(Clone, Debug, Serialize)]
pub struct SigningKey {
    /// The `kid`: the SHA-256 thumbprint of the public key (RFC 7638).
    pub kid: String,
    pub created_at: Instant,
    #[serde(flatten)]
    pub state: KeyState,
}

/// How keys follow each other.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// A key signs for so long.
    pub rotate_every: Duration,
    /// A key is published for so long before it signs; longer than the JWKS may be cached.
    pub publish_lead: Duration,
    /// A retired key stays published for so long: the longest life of a token it signed, and a margin.
    pub publish_after: Duration,
    /// And is kept, unpublished, for so long after that: the longest life of a session, for hints.
    pub keep_after: Duration,
}

/// What is due now, at most one step at a time; each is one gated transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyStep {
    /// No key signs and none is pending: create one that signs at once.
    CreateFirst,
    /// Publish the next key; it takes over after the publishing lead.
    Prepare,
    /// The pending key's time has come.
    Promote { pending: String, retiring: Option<String>, unpublish_at: Instant },
    /// Nothing it signed can be of use any more.
    Forget { kid: String },
}

impl Schedule {
    /// The step that is due at `now`.
    #[must_use]
    pub fn next_step(&self, keys: &[SigningKey], now: Instant) -> Option<KeyStep> {
        let mut signing = None;
        let mut pending = None;
        let mut done = None;
        for key in keys {
            match key.state {
                KeyState::Signing { since } => signing = Some((key, since)),
                KeyState::Pending { signs_from } => pending = Some((key, signs_from)),
                KeyState::Retired { unpublish_at } if unpublish_at.plus(self.keep_after) <= now => done = Some(key),
                KeyState::Retired { .. } | KeyState::Revoked { .. } => {}
            }
        }
        match (signing, pending) {
            (None, None) => Some(KeyStep::CreateFirst),
            (signing, Some((key, signs_from))) if signs_from <= now || signing.is_none() => Some(KeyStep::Promote {
                pending: key.kid.clone(),
                retiring: signing.map(|(key, _)| key.kid.clone()),
                unpublish_at: now.plus(self.publish_after),
            }),
            (Some((_, since)), None) if since.plus(self.rotate_every).minus(self.publish_lead) <= now => {
                Some(KeyStep::Prepare)
            }
            _ => done.map(|key| KeyStep::Forget { kid: key.kid.clone() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);
    const SCHEDULE: Schedule = Schedule {
        rotate_every: Duration::from_hours(90 * 24),
        publish_lead: DAY,
        publish_after: Duration::from_hours(1),
        keep_after: DAY,
    };

    fn key(kid: &str, state: KeyState) -> SigningKey {
        SigningKey { kid: kid.into(), created_at: Instant::from_seconds(0), state }
    }

    #[test]
    fn a_key_is_published_a_lead_before_it_takes_over_and_forgotten_after_its_last_token() {
        let start = Instant::from_seconds(1_000_000);
        assert_eq!(SCHEDULE.next_step(&[], start), Some(KeyStep::CreateFirst));

        let mut keys = vec![key("a", KeyState::Signing { since: start })];
        assert_eq!(SCHEDULE.next_step(&keys, start.plus(DAY * 88)), None);
        let due = start.plus(DAY * 89);
        let signs_from = due.plus(DAY);
        assert_eq!(SCHEDULE.next_step(&keys, due), Some(KeyStep::Prepare));

        keys.push(key("b", KeyState::Pending { signs_from }));
        assert_eq!(SCHEDULE.next_step(&keys, due), None);
        let unpublish_at = signs_from.plus(SCHEDULE.publish_after);
        let promote = KeyStep::Promote { pending: "b".into(), retiring: Some("a".into()), unpublish_at };
        assert_eq!(SCHEDULE.next_step(&keys, signs_from), Some(promote));

        let keys = [key("a", KeyState::Retired { unpublish_at }), key("b", KeyState::Signing { since: signs_from })];
        assert_eq!(SCHEDULE.next_step(&keys, signs_from), None);
        assert_eq!(SCHEDULE.next_step(&keys, unpublish_at), None, "kept for hints");
        assert!(keys[0].state.is_published(signs_from) && !keys[0].state.is_published(unpublish_at));
        assert!(keys[0].state.verifies());
        assert_eq!(SCHEDULE.next_step(&keys, unpublish_at.plus(DAY)), Some(KeyStep::Forget { kid: "a".into() }));
    }

    #[test]
    fn after_the_signing_key_was_revoked_the_pending_one_signs_at_once() {
        let now = Instant::from_seconds(5);
        let keys = [key("a", KeyState::Revoked { at: now }), key("b", KeyState::Pending { signs_from: now.plus(DAY) })];
        let step = SCHEDULE.next_step(&keys, now);
        assert!(matches!(step, Some(KeyStep::Promote { pending, retiring: None, .. }) if pending == "b"));
    }
}
