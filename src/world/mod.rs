//! The outside: the real clock and the operating system's randomness. Guarded outbound HTTP.
//!
//! Never: rules, SQL, wire formats. Only `boot` makes these; everybody else takes [`Clock`] and [`Entropy`] as arguments.

mod outbound;

use std::time::{Duration, SystemTime};

pub use self::outbound::{Outbound, OutboundError};

use crate::domain::entropy::Entropy;
use crate::domain::time::{Clock, Instant};

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    started: std::time::Instant,
}

impl SystemClock {
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one real clock")]
    pub fn new() -> Self {
        Self { started: std::time::Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one real clock")]
    fn now(&self) -> Instant {
        SystemTime::now().into()
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// The cryptographic generator of aws-lc, seeded by the operating system.
#[derive(Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "this is the one real source of randomness")]
    fn fill(&self, buffer: &mut [u8]) {
        // The generator cannot fail once the process is up; going on without randomness would be worse than stopping.
        if aws_lc_rs::rand::fill(buffer).is_err() {
            tracing::error!("the operating system gave no randomness");
            std::process::abort();
        }
    }
}
