//! One node: a store, keys, decisions and a provider put together from a configuration, and running.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};

use super::listen;
use crate::admin::Admin;
use crate::config::Config;
use crate::decision::{DecisionOptions, Decisions};
use crate::domain::change::Actor;
use crate::domain::entropy::Entropy;
use crate::domain::session::SessionLife;
use crate::domain::signing_key::Schedule;
use crate::domain::time::Clock;
use crate::events::Ledger;
use crate::http::{App, LargeBodies, Limits, Places, Readiness};
use crate::jobs::Deliverer;
use crate::keys::{Keys, MasterKeys};
use crate::login::{Hasher, Login, LoginSettings};
use crate::oidc::{Parts, Provider, Settings};
use crate::store::{Opener, Store, StoreOptions};
use crate::world::{Outbound, SystemClock, SystemEntropy};
use crate::{http, jobs};

/// Time and chance: the machine's, or a test's.
#[derive(Clone)]
pub struct World {
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

impl World {
    #[must_use]
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock::new()), entropy: Arc::new(SystemEntropy) }
    }
}

/// What waits in the ledger at the end has so long to be written.
const WRITE_OUT_MAX: Duration = Duration::from_secs(5);

/// What can go wrong while a node is put together; the text is for whoever starts it.
pub type BootError = Box<dyn std::error::Error + Send + Sync>;

/// A running server.
pub struct Node {
    pub address: SocketAddr,
    app: Arc<App>,
    admin: Admin,
    server: JoinHandle<()>,
    handle: salvo::server::ServerHandle,
    jobs: JoinSet<()>,
    writer: JoinHandle<()>,
    notice: Duration,
    grace: Duration,
}

pub(super) fn store_options(config: &Config) -> StoreOptions {
    StoreOptions {
        url: config.database.url.reveal().to_owned(),
        connections_max: config.database.connections_max,
        checkout_timeout: config.database.checkout_timeout,
        statement_timeout: config.database.statement_timeout,
        tls_ca_file: config.database.tls_ca_file.clone(),
    }
}

/// Tokens signed by a key whose retirement a node has not heard of yet, and clocks that differ.
const PUBLISH_MARGIN: Duration = Duration::from_mins(1);

pub(super) fn schedule(config: &Config) -> Schedule {
    Schedule {
        rotate_every: config.keys.rotate_every,
        publish_lead: config.keys.publish_lead,
        publish_after: config.tokens.access_token_lifetime + PUBLISH_MARGIN,
        keep_after: config.login.session_absolute,
    }
}

/// The master key as configured. A missing file is made only for a store without keys: anywhere else it is lost or
/// misplaced, and a new one would hide that.
pub(super) async fn master_keys(config: &Config, store: &Store, world: &World) -> Result<MasterKeys, BootError> {
    let keys = &config.keys;
    let previous = &keys.previous_master_key_files;
    if let Some(text) = &keys.master_key {
        return Ok(MasterKeys::from_text(text.reveal(), previous)?);
    }
    let file = &keys.master_key_file;
    if !file.exists() {
        let stored = crate::store::signing_keys::all(&mut store.read().await?).await?;
        if stored.iter().any(|key| key.sealed.is_some()) {
            return Err(format!(
                "the database holds sealed signing keys, but the master key {} is not there; put it back, or set \
                 keys.master_key_file to where it is",
                file.display()
            )
            .into());
        }
        if MasterKeys::create_file(file, world.entropy.as_ref())? {
            tracing::info!(file = %file.display(), "made a new master key; back it up apart from the database");
        }
    }
    Ok(MasterKeys::from_file(file, previous)?)
}

impl Node {
    /// Puts everything together and listens.
    ///
    /// # Errors
    /// What the person who starts the server has to put right.
    pub async fn start(config: &Config, world: World) -> Result<Self, BootError> {
        let store = Arc::new(Store::open(&store_options(config), Opener::Server).await.map_err(explain)?);
        let system = |actor| Admin::new(store.clone(), world.clock.clone(), world.entropy.clone(), actor);
        system(Actor::System).ensure_builtin().await?;
        let master = master_keys(config, &store, &world).await?;
        let (clock, entropy) = (world.clock.clone(), world.entropy.clone());
        let keys = Arc::new(Keys::open(store.clone(), master, clock.clone(), entropy.clone(), schedule(config)).await?);
        let decisions =
            Decisions::start(store.clone(), clock.clone(), entropy.clone(), decision_options(config)).await?;

        let mut jobs = JoinSet::new();
        jobs.spawn(jobs::follow_keys(keys.clone(), decisions.signing_keys_changed()));
        jobs.spawn(jobs::rotate_keys(keys.clone()));
        let lives = jobs::Lives {
            refresh_grace: config.tokens.refresh_grace,
            access_token: config.tokens.access_token_lifetime,
        };
        jobs.spawn(jobs::sweep(store.clone(), clock.clone(), lives));
        if let Some(keep_for) = config.audit.keep_for {
            jobs.spawn(jobs::trim(store.clone(), clock.clone(), keep_for));
        }

        let hasher = Hasher::new(entropy.as_ref());
        let (ledger, writer) = Ledger::start(store.clone());
        let parts = Parts {
            ledger,
            settings: settings(config),
            store: store.clone(),
            keys,
            decisions,
            clock: clock.clone(),
            entropy: entropy.clone(),
        };
        let provider = Arc::new(Provider::new(parts));
        let outbound = Outbound::new(config.outbound.private_networks.clone(), config.outbound.timeout);
        jobs.spawn(jobs::deliver(Deliverer {
            store: store.clone(),
            provider: provider.clone(),
            outbound,
            clock: clock.clone(),
            entropy: entropy.clone(),
        }));
        let app = Arc::new(App {
            provider,
            setup: system(Actor::SetupLink),
            admin: system(Actor::System),
            login: Login::new(store.clone(), clock.clone(), entropy.clone(), hasher, login_settings(config)),
            clock,
            entropy,
            limits: limits(config),
            readiness: Readiness::default(),
            places: Arc::new(Places::default()),
            large_bodies: LargeBodies::default(),
            trusted_proxies: config.server.trusted_proxies.clone(),
        });
        let (address, server, handle) = listen::listen(&config.server, http::service(&app)).await?;
        let (notice, grace) = (config.server.shutdown_notice, config.server.shutdown_grace);
        Ok(Self { address, app, admin: system(Actor::System), server, handle, jobs, writer, notice, grace })
    }

    /// Administration as the service itself.
    #[must_use]
    pub const fn admin(&self) -> &Admin {
        &self.admin
    }

    /// Waits for the listener to end, which it does by itself only when something is badly wrong.
    pub async fn ended(&mut self) {
        let _ = (&mut self.server).await;
    }

    /// Stops in order: not ready, then closed to new connections, then what is in flight ends, all within bounds.
    pub async fn stop(mut self) {
        self.app.readiness.drain();
        tokio::time::sleep(self.notice).await;
        self.handle.stop_graceful(self.grace);
        if self.server.await.is_err() {
            tracing::error!("the listener did not end in order");
        }
        self.jobs.shutdown().await;
        // With the last user of the provider gone, what waits to be written is written.
        drop(self.app);
        if tokio::time::timeout(WRITE_OUT_MAX, self.writer).await.is_err() {
            tracing::error!("facts that waited to be written could not be");
        }
    }
}

pub(super) fn decision_options(config: &Config) -> DecisionOptions {
    DecisionOptions {
        freshness_bound: config.decision.freshness_bound,
        poll_every: config.decision.poll_every,
        cache_entries_max: config.decision.cache_max,
        search_reach_max: config.decision.search_reach_max,
        search_keys_max: config.decision.search_keys_max,
    }
}

fn settings(config: &Config) -> Settings {
    Settings {
        issuer: config.server.issuer.clone(),
        access_token_lifetime: config.tokens.access_token_lifetime,
        access_token_claims_max_bytes: config.tokens.claims_max_bytes,
        verified_tokens_max: config.tokens.verified_cache_max,
        session: login_settings(config).session,
        code_lifetime: config.tokens.code_lifetime,
        interaction_lifetime: config.login.interaction_lifetime,
        refresh_idle: config.tokens.refresh_idle,
        refresh_absolute: config.tokens.refresh_absolute,
        refresh_grace: config.tokens.refresh_grace,
    }
}

const fn login_settings(config: &Config) -> LoginSettings {
    let login = &config.login;
    LoginSettings {
        session: SessionLife { idle: login.session_idle, absolute: login.session_absolute },
        attempts_per_account_max: login.attempts_per_account_max,
        attempts_per_address_max: login.attempts_per_address_max,
        attempts_window: login.attempts_window,
    }
}

fn limits(config: &Config) -> Limits {
    Limits {
        body_max_bytes: config.server.body_max_bytes,
        request_timeout: config.server.request_timeout,
        jwks_max_age: config.keys.jwks_max_age,
        batch_body_max_bytes: config.decision.batch_body_max_bytes,
        batch_max: config.decision.batch_max,
    }
}

/// A store error says "the database failed"; whoever starts the server needs the cause.
pub(super) fn explain(error: crate::store::StoreError) -> BootError {
    match error {
        crate::store::StoreError::Failed(cause) | crate::store::StoreError::Busy(cause) => cause,
        other @ (crate::store::StoreError::Conflict(_) | crate::store::StoreError::TooManyChanges { .. }) => {
            other.into()
        }
    }
}
