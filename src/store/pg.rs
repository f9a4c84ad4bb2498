//! PostgreSQL: the pool, its time limits, TLS by rustls.

use std::sync::Arc;

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection as _};
use futures_util::{FutureExt as _, StreamExt as _};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::StoreError;
use super::{StoreOptions, migrate};

pub(super) async fn open(
    options: &StoreOptions,
) -> Result<(Pool<AsyncPgConnection>, Pool<AsyncPgConnection>, Notices), StoreError> {
    let tls = Arc::new(tls_config(options)?);
    let first = connect(&options.url, &tls, "")
        .await
        .map_err(|e| StoreError::failed(format!("PostgreSQL cannot be reached: {}", innermost(&e))))?;
    migrate::postgres(first).await?;

    let (main, log) = (pool(options, &tls, options.connections_max)?, pool(options, &tls, 1)?);
    Ok((main, log, Notices { url: options.url.clone(), tls }))
}

/// What PostgreSQL tells of writes, over a connection of its own. It may be lost, and so may a notice.
pub(super) struct Notices {
    url: String,
    tls: Arc<rustls::ClientConfig>,
}

impl Notices {
    /// See [`super::Store::listen`].
    pub(super) async fn listen(&self, mut told: impl FnMut()) -> Result<(), StoreError> {
        let mut conn = connect(&self.url, &self.tls, "LISTEN doorward").await.map_err(StoreError::failed)?;
        // Whatever was written before the first notice can come.
        told();
        let mut notices = std::pin::pin!(conn.notifications_stream());
        while let Some(notice) = notices.next().await {
            notice?;
            told();
        }
        Ok(())
    }
}

fn pool(
    options: &StoreOptions,
    tls: &Arc<rustls::ClientConfig>,
    size: usize,
) -> Result<Pool<AsyncPgConnection>, StoreError> {
    let (tls, limits) = (tls.clone(), limits(options));
    let mut config = ManagerConfig::<AsyncPgConnection>::default();
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |url| {
        let (url, tls, limits) = (url.to_owned(), tls.clone(), limits.clone());
        async move { connect(&url, &tls, &limits).await }.boxed()
    });
    let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new_with_config(options.url.clone(), config);
    Pool::builder(manager)
        .max_size(size)
        .wait_timeout(Some(options.checkout_timeout))
        .create_timeout(Some(options.checkout_timeout))
        .runtime(deadpool::Runtime::Tokio1)
        .build()
        .map_err(StoreError::failed)
}

fn limits(options: &StoreOptions) -> String {
    let millis = options.statement_timeout.as_millis();
    // All our statements look up by key: planning one anew for its values costs more than it can save.
    // A transaction whose owner vanished must not keep its locks; one that waits for a lock must not wait for ever.
    format!(
        "SET statement_timeout = {millis}; SET lock_timeout = {millis}; \
         SET idle_in_transaction_session_timeout = {millis}; SET plan_cache_mode = force_generic_plan;"
    )
}

async fn connect(url: &str, tls: &Arc<rustls::ClientConfig>, setup: &str) -> ConnectionResult<AsyncPgConnection> {
    let bad = |e: tokio_postgres::Error| ConnectionError::BadConnection(cause(&e));
    let config: tokio_postgres::Config =
        url.parse().map_err(|e: tokio_postgres::Error| ConnectionError::InvalidConnectionUrl(cause(&e)))?;
    let mut conn = if config.get_ssl_mode() == SslMode::Disable {
        let (client, connection) = config.connect(tokio_postgres::NoTls).await.map_err(bad)?;
        AsyncPgConnection::try_from_client_and_connection(client, connection).await?
    } else {
        let connector = MakeRustlsConnect::new(rustls::ClientConfig::clone(tls));
        let (client, connection) = config.connect(connector).await.map_err(bad)?;
        AsyncPgConnection::try_from_client_and_connection(client, connection).await?
    };
    if !setup.is_empty() {
        conn.batch_execute(setup).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    }
    Ok(conn)
}

fn tls_config(options: &StoreOptions) -> Result<rustls::ClientConfig, StoreError> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = &options.tls_ca_file {
        for certificate in CertificateDer::pem_file_iter(file).map_err(StoreError::failed)? {
            roots.add(certificate.map_err(StoreError::failed)?).map_err(StoreError::failed)?;
        }
    }
    Ok(rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

fn cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", cause(source)),
        None => error.to_string(),
    }
}

fn innermost(error: &ConnectionError) -> String {
    match error {
        ConnectionError::BadConnection(text) | ConnectionError::InvalidConnectionUrl(text) => text.clone(),
        other => other.to_string(),
    }
}
