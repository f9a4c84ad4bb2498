//! SQLite: one writer, a pool of readers, write-ahead log, durable commits.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use diesel::{Connection as _, ConnectionResult, SqliteConnection};
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::{AsyncConnection as _, SimpleAsyncConnection as _};
use futures_util::FutureExt as _;

use super::conn::Lite;
use super::error::StoreError;
use super::writer::Writer;
use super::{Opener, StoreOptions, migrate};

/// Statements every connection starts with. `synchronous=FULL` makes a commit durable before it is acknowledged.
const SETUP: &str = "PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; \
                     PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF; PRAGMA cache_size=-16384;";

pub(super) async fn open(
    options: &StoreOptions,
    opener: Opener,
) -> Result<(Writer, Pool<Lite>, Pool<Lite>, Option<File>), StoreError> {
    let path = PathBuf::from(options.url.trim_start_matches("sqlite://"));
    let server = tokio::task::spawn_blocking(move || prepare(&path, opener)).await.map_err(StoreError::failed)??;
    let writer = Writer::new(options.url.clone(), options.checkout_timeout);
    let readers = pool(options, options.connections_max)?;
    let log = pool(options, 1)?;
    Ok((writer, readers, log, server))
}

/// Makes the folder, takes the server's lock, migrates.
fn prepare(path: &Path, opener: Opener) -> Result<Option<File>, StoreError> {
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(|e| StoreError::failed(format!("the folder {} cannot be made: {e}", folder.display())))?;
    }
    // By its real place, so that a link does not let two servers share one file.
    let real = real_path(path);
    let path = real.as_path();
    let server = match opener {
        Opener::Server => Some(lock_for_server(path)?),
        Opener::Command => None,
    };
    // Commands and the server may start at the same moment; the schema is brought up to date by one of them.
    let migration_lock = lock_file(path, "migrate-lock")?;
    migration_lock.lock().map_err(StoreError::failed)?;
    let url = path.to_string_lossy();
    let mut conn = SqliteConnection::establish(&url)
        .map_err(|e| StoreError::failed(format!("the database {url} cannot be opened: {e}")))?;
    diesel::connection::SimpleConnection::batch_execute(&mut conn, SETUP)?;
    owner_only(path)?;
    migrate::sqlite(&mut conn)?;
    Ok(server)
}

/// Whether a server is running on this SQLite file.
#[must_use]
pub fn is_served(path: &Path) -> bool {
    let mut name = real_path(path).into_os_string();
    name.push("-server-lock");
    // No lock file, no server; a lock that cannot be had is a server's.
    File::open(&name).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

fn real_path(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| {
        match (path.parent().and_then(|p| p.canonicalize().ok()), path.file_name()) {
            (Some(folder), Some(name)) => folder.join(name),
            _ => path.to_owned(),
        }
    })
}

fn lock_for_server(path: &Path) -> Result<File, StoreError> {
    let file = lock_file(path, "server-lock")?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::failed(format!(
            "another Doorward server is running on {}; several nodes need PostgreSQL",
            path.display()
        ))),
        Err(TryLockError::Error(e)) => Err(StoreError::failed(e)),
    }
}

fn lock_file(path: &Path, ending: &str) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!("-{ending}"));
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&name)
        .map_err(|e| StoreError::failed(format!("the lock {} cannot be made: {e}", Path::new(&name).display())))
}

/// The database holds digests and personal data: nobody else on the machine reads it.
fn owner_only(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(StoreError::failed)
}

pub(super) async fn connect(url: &str) -> ConnectionResult<Lite> {
    let mut conn = Lite::establish(url.trim_start_matches("sqlite://")).await?;
    conn.batch_execute(SETUP).await.map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
    Ok(conn)
}

fn pool(options: &StoreOptions, size: usize) -> Result<Pool<Lite>, StoreError> {
    let mut config = ManagerConfig::<Lite>::default();
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(|url| {
        let url = url.to_owned();
        async move { connect(&url).await }.boxed()
    });
    let manager = AsyncDieselConnectionManager::<Lite>::new_with_config(options.url.clone(), config);
    Pool::builder(manager)
        .max_size(size)
        .wait_timeout(Some(options.checkout_timeout))
        .runtime(deadpool::Runtime::Tokio1)
        .build()
        .map_err(StoreError::failed)
}
