//! The store: all SQL, both databases, one file per aggregate.
//!
//! Here: connections and pools, the transaction, rows, one conditional statement for each single-use gate. Never: a clock
//! or randomness (moments and identifiers are arguments), rules, wire formats.
//!
//! Reads take `&mut Conn` (a plain read connection or a transaction), writes take `&mut Tx`, and writes of authorization
//! data take `&mut Edit`, which has taken the next revision first.

pub mod api_keys;
pub mod assignments;
mod begins;
pub mod changes;
pub mod clients;
pub mod codes;
mod conn;
pub mod consents;
pub mod decisions;
pub mod edges;
mod error;
pub mod facts;
pub mod grants;
pub mod groups;
mod guard;
mod in_place;
pub mod interactions;
mod lite;
mod migrate;
pub mod outbox;
pub mod pairwise;
pub mod passwords;
pub mod people;
mod pg;
pub mod refresh;
pub mod resource_servers;
pub mod resources;
pub mod roles;
pub mod rules;
mod schema;
pub mod search;
pub mod sessions;
pub mod setup_links;
pub mod signing_keys;
pub mod subjects;
pub mod throttles;
pub mod tokens;
pub mod trail;
mod types;
mod writer;

use std::time::Duration;

use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::deadpool::{Pool, PoolError};

pub use self::changes::Edit;
pub use self::conn::{Conn, Tx};
use self::conn::{Lite, LiteConn};
pub use self::error::StoreError;
pub use self::guard::debug_assert_outside_transaction;
pub use self::lite::is_served;
use self::writer::Writer;

/// How to reach the database.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// `sqlite://path/to/file` or `postgres://…`.
    pub url: String,
    /// Connections at most (PostgreSQL), or readers beside the one writer (SQLite).
    pub connections_max: usize,
    /// How long a caller waits for a connection before it is told the database is busy.
    pub checkout_timeout: Duration,
    /// How long one statement, or one wait for a lock, may take.
    pub statement_timeout: Duration,
    /// PEM file of authorities to trust for PostgreSQL over TLS, beside the system's.
    pub tls_ca_file: Option<std::path::PathBuf>,
}

enum Back {
    Pg { pool: Pool<AsyncPgConnection>, log: Pool<AsyncPgConnection>, notices: pg::Notices },
    Lite { writer: Writer, readers: Pool<Lite>, log: Pool<Lite>, _server: Option<std::fs::File> },
}

/// The database. Cheap to share behind an `Arc`.
pub struct Store {
    back: Back,
}

/// Who opens the store: two servers may not share one SQLite file, a command may work beside a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opener {
    Server,
    Command,
}

impl Store {
    /// Connects, brings the schema up to date (safely when several nodes start at once) and makes sure a history exists.
    ///
    /// # Errors
    /// The database cannot be reached or migrated, or another server has this SQLite file.
    pub async fn open(options: &StoreOptions, opener: Opener) -> Result<Self, StoreError> {
        let back = if options.url.starts_with("postgres://") || options.url.starts_with("postgresql://") {
            let (pool, log, notices) = pg::open(options).await?;
            Back::Pg { pool, log, notices }
        } else {
            let (writer, readers, log, server) = lite::open(options, opener).await?;
            Back::Lite { writer, readers, log, _server: server }
        };
        Ok(Self { back })
    }

    /// What kind of database this is, for people.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self.back {
            Back::Pg { .. } => "PostgreSQL",
            Back::Lite { .. } => "SQLite",
        }
    }

    /// Runs reads, or a transaction, as one piece: SQLite then takes the thread once and not for each statement.
    pub fn in_one_piece<T>(&self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        // Boxed, since callers hold it beside their own: their futures would double with each layer.
        let work = Box::pin(work);
        async move {
            match &self.back {
                Back::Pg { .. } => work.await,
                Back::Lite { .. } => in_place::in_one_piece(work).await,
            }
        }
    }

    /// A connection for single reads, each of them its own moment.
    ///
    /// # Errors
    /// Busy or failed.
    pub async fn read(&self) -> Result<Conn, StoreError> {
        debug_assert_outside_transaction("a second connection");
        Ok(match &self.back {
            Back::Pg { pool, .. } => Conn::Pg(pool.get().await.map_err(pool_error)?),
            Back::Lite { readers, .. } => Conn::Lite(LiteConn::Reader(readers.get().await.map_err(pool_error)?)),
        })
    }

    /// The connection for following the change log: apart from the others, so that no load on them delays a revocation.
    ///
    /// # Errors
    /// Busy or failed.
    pub async fn read_log(&self) -> Result<Conn, StoreError> {
        Ok(match &self.back {
            Back::Pg { log, .. } => Conn::Pg(log.get().await.map_err(pool_error)?),
            Back::Lite { log, .. } => Conn::Lite(LiteConn::Reader(log.get().await.map_err(pool_error)?)),
        })
    }

    /// Whether other sessions' writes are told, see [`Self::listen`].
    #[must_use]
    pub const fn tells(&self) -> bool {
        matches!(self.back, Back::Pg { .. })
    }

    /// Calls `told` at once and then after each write of authorization data, by whichever session, until the connection is
    /// lost. Waits for ever with SQLite, which tells nobody.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn listen(&self, told: impl FnMut()) -> Result<(), StoreError> {
        match &self.back {
            Back::Pg { notices, .. } => notices.listen(told).await,
            Back::Lite { .. } => std::future::pending().await,
        }
    }

    /// Reads that all see one moment. Commit it when done, to give its connection back.
    ///
    /// # Errors
    /// Busy or failed.
    pub async fn snapshot(&self) -> Result<Tx, StoreError> {
        let conn = self.read().await?;
        let sql = match conn {
            Conn::Pg(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Conn::Lite(_) => "BEGIN",
        };
        Tx::begin(conn, sql).await
    }

    /// A transaction that writes.
    ///
    /// # Errors
    /// Busy or failed.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        debug_assert_outside_transaction("a second transaction");
        match &self.back {
            Back::Pg { pool, .. } => {
                let conn = Conn::Pg(pool.get().await.map_err(pool_error)?);
                Tx::begin(conn, "BEGIN ISOLATION LEVEL READ COMMITTED").await
            }
            Back::Lite { writer, .. } => Ok(Tx::on_writer(writer.begin().await?)),
        }
    }

    /// A transaction that writes authorization data: it takes the next revision first.
    ///
    /// # Errors
    /// Busy or failed.
    pub async fn edit(&self) -> Result<Edit, StoreError> {
        Edit::begin(self.begin().await?).await
    }
}

fn pool_error(error: PoolError) -> StoreError {
    match error {
        // No connection in time, or none that the database would open: both may be over in a moment.
        PoolError::Timeout(_) | PoolError::Backend(_) => StoreError::Busy(error.into()),
        other => StoreError::failed(other),
    }
}
