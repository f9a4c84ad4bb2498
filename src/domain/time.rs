//! Moments, intervals and the clock as an argument.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::Serialize;

/// Where use cases read the time. Implemented in `world`; tests give one they can advance.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock: for everything that is stored or put on the wire.
    fn now(&self) -> Instant;
    /// Time since some fixed start, never going back: for freshness and waits.
    fn monotonic(&self) -> Duration;
}

/// A moment in UTC, in microseconds since 1970-01-01 (the resolution of both databases).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Instant(i64);

const MICROS_PER_SECOND: i64 = 1_000_000;

impl Instant {
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From whole seconds since 1970-01-01 (a `NumericDate`, RFC 7519 §2).
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(MICROS_PER_SECOND))
    }

    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970-01-01, rounded down.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(MICROS_PER_SECOND)
    }

    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long until `later`; zero when it has passed.
    #[must_use]
    pub fn until(self, later: Self) -> Duration {
        Duration::from_micros(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }

    /// Reads an RFC 3339 timestamp (`2026-11-22T15:00:00Z`).
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        humantime::parse_rfc3339_weak(text)
            .map(Self::from)
            .map_err(|_| format!("{text:?} is not a UTC time such as 2026-11-22T15:00:00Z"))
    }
}

impl std::str::FromStr for Instant {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

impl From<SystemTime> for Instant {
    fn from(time: SystemTime) -> Self {
        let micros = |d: Duration| i64::try_from(d.as_micros()).unwrap_or(i64::MAX);
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => Self(micros(after)),
            Err(before) => Self(micros(before.duration()).saturating_neg()),
        }
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // humantime cannot write years before 1970 or after 9999; neither is a moment this service makes.
        let micros = u64::try_from(self.0).unwrap_or(0).min(253_402_300_799_000_000);
        let time = SystemTime::UNIX_EPOCH + Duration::from_micros(micros);
        write!(f, "{}", humantime::format_rfc3339_seconds(time))
    }
}

impl Serialize for Instant {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// When something counts: `[not_before, expires_at)`, either end open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Interval {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Instant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Instant>,
}

impl Interval {
    pub const ALWAYS: Self = Self { not_before: None, expires_at: None };

    /// # Errors
    /// A sentence when the end is not after the start.
    pub fn new(not_before: Option<Instant>, expires_at: Option<Instant>) -> Result<Self, String> {
        match (not_before, expires_at) {
            (Some(from), Some(until)) if until <= from => {
                Err(format!("expires_at {until} is not after not_before {from}"))
            }
            _ => Ok(Self { not_before, expires_at }),
        }
    }

    #[must_use]
    pub fn contains(&self, now: Instant) -> bool {
        self.not_before.is_none_or(|from| from <= now) && self.expires_at.is_none_or(|until| now < until)
    }

    /// The next moment after `now` at which [`Self::contains`] changes its answer.
    #[must_use]
    pub fn next_edge(&self, now: Instant) -> Option<Instant> {
        [self.not_before, self.expires_at].into_iter().flatten().filter(|edge| *edge > now).min()
    }
}
