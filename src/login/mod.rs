//! Signing in: passwords (second factors, passkeys and upstream providers add proofs here), browser sessions, throttling.
//!
//! Never: HTTP, what tokens hold, other use cases.

mod crowd;
mod hasher;
pub mod password;
pub mod session;
mod turns;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use self::crowd::Crowd;
pub use self::hasher::{HashError, Hasher};
use self::turns::Turns;
use crate::domain::entropy::Entropy;
use crate::domain::password::Password;
use crate::domain::session::SessionLife;
use crate::domain::time::Clock;
use crate::store::Store;

/// What operators set.
#[derive(Clone, Copy, Debug)]
pub struct LoginSettings {
    pub session: SessionLife,
    /// Attempts within the window, per account and per client address.
    pub attempts_per_account_max: i32,
    pub attempts_per_address_max: i32,
    pub attempts_window: Duration,
}

/// Attempts to sign in at once. Each writes several times: with more of them, tokens would wait behind them all for SQLite's
/// one writer, or for one of few connections.
const ATTEMPTS_AT_ONCE_MAX: usize = 4;

/// What sign-in use cases work with.
#[derive(Clone)]
pub struct Login {
    pub(crate) store: Arc<Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) hasher: Arc<Hasher>,
    pub(crate) settings: LoginSettings,
    crowd: Arc<Crowd>,
    attempts: Arc<Turns>,
}

impl Login {
    #[must_use]
    pub fn new(
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        hasher: Arc<Hasher>,
        settings: LoginSettings,
    ) -> Self {
        let attempts = Arc::new(Turns::new(ATTEMPTS_AT_ONCE_MAX));
        Self { store, clock, entropy, hasher, settings, crowd: Arc::default(), attempts }
    }

    /// The hash of a chosen password, for whoever sets it.
    ///
    /// # Errors
    /// [`HashError::Busy`] when too many are waiting.
    pub async fn hash(&self, password: Password) -> Result<String, HashError> {
        self.hasher.hash(password, self.entropy.as_ref()).await
    }

    #[must_use]
    pub const fn settings(&self) -> &LoginSettings {
        &self.settings
    }
}

/// One place on the network for throttling: an IPv4 address, or the /64 an IPv6 address lies in, of which its holder has
/// them all.
#[must_use]
pub fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(
            || {
                let [a, b, c, d, ..] = v6.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            },
            |v4| v4.to_string(),
        ),
    }
}
