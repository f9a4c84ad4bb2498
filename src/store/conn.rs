//! Connections: two databases behind one enum, read connections and the one transaction.

use std::ops::{Deref, DerefMut};

use diesel::sqlite::SqliteConnection;
use diesel_async::pooled_connection::deadpool::Object;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};

use super::error::StoreError;
use super::guard::Held;
use super::in_place::InPlace;
use super::writer::Turn;

pub(super) type Lite = SyncConnectionWrapper<SqliteConnection, InPlace>;

/// A connection to SQLite: one of many that read, or the one that writes.
pub enum LiteConn {
    Reader(Object<Lite>),
    Writer(Turn),
}

impl Deref for LiteConn {
    type Target = Lite;
    fn deref(&self) -> &Lite {
        match self {
            Self::Reader(object) => object,
            Self::Writer(turn) => &turn.conn,
        }
    }
}

impl DerefMut for LiteConn {
    fn deref_mut(&mut self) -> &mut Lite {
        match self {
            Self::Reader(object) => object,
            Self::Writer(turn) => &mut turn.conn,
        }
    }
}

/// A connection to either database.
#[expect(clippy::large_enum_variant, reason = "moved once for each checkout; a box would cost an allocation each time")]
pub enum Conn {
    Pg(Object<AsyncPgConnection>),
    Lite(LiteConn),
}

/// One statement, type-checked once per database; everything around it is ordinary code over `&mut Conn`.
macro_rules! on {
    ($conn:expr, |$c:ident| $body:expr) => {
        match $conn {
            $crate::store::conn::Conn::Pg(object) => {
                let $c = &mut **object;
                $body
            }
            $crate::store::conn::Conn::Lite(object) => {
                let $c = &mut **object;
                $body
            }
        }
    };
}
pub(super) use on;

impl Conn {
    const fn is_writer(&self) -> bool {
        matches!(self, Self::Lite(LiteConn::Writer(_)))
    }

    pub(super) async fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        Ok(on!(self, |c| c.batch_execute(sql).await)?)
    }

    /// Ends its transaction at once: closes the connection instead of giving it back to its pool.
    fn discard(self) {
        match self {
            Self::Pg(object) => drop(Object::take(object)),
            Self::Lite(LiteConn::Reader(object)) => drop(Object::take(object)),
            // Undone, or closed.
            Self::Lite(LiteConn::Writer(turn)) => drop(turn.undo()),
        }
    }
}

/// A connection that holds an open transaction. Dropped without [`Tx::commit`] it rolls back at once, a pooled one by closing
/// its connection: a pool would keep it, and its locks, until its next use.
#[must_use = "a transaction that is not committed rolls back"]
pub struct Tx {
    conn: Option<Conn>,
    _held: Held,
}

impl Tx {
    pub(super) async fn begin(conn: Conn, sql: &str) -> Result<Self, StoreError> {
        // Owned before the first await: a caller that goes away while BEGIN is under way must not give its pool a
        // connection that stands in a transaction.
        let mut tx = Self { conn: Some(conn), _held: Held::new() };
        tx.batch(sql).await?;
        Ok(tx)
    }

    pub(super) fn on_writer(turn: Turn) -> Self {
        Self { conn: Some(Conn::Lite(LiteConn::Writer(turn))), _held: Held::new() }
    }

    /// Makes what was written durable and visible.
    ///
    /// # Errors
    /// Whatever the database says; nothing was written then, but for a lost connection, after which nobody knows.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        if let Some(Conn::Lite(LiteConn::Writer(turn))) = self.conn.take_if(|conn| conn.is_writer()) {
            return turn.commit().await;
        }
        self.deref_mut().batch("COMMIT").await?;
        // Only a connection whose transaction has ended goes back to the pool.
        drop(self.conn.take());
        Ok(())
    }
}

impl Tx {
    /// Undoes what was written and keeps the connection: for the paths where nothing to do is an ordinary answer.
    ///
    /// # Errors
    /// The database's; the connection is closed then.
    pub async fn rollback(mut self) -> Result<(), StoreError> {
        if let Some(Conn::Lite(LiteConn::Writer(turn))) = self.conn.take_if(|conn| conn.is_writer()) {
            return turn.rollback().await;
        }
        self.deref_mut().batch("ROLLBACK").await?;
        drop(self.conn.take());
        Ok(())
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            conn.discard();
        }
    }
}

impl Deref for Tx {
    type Target = Conn;
    #[expect(clippy::expect_used, reason = "the connection is taken only by commit and drop, which own the Tx")]
    fn deref(&self) -> &Conn {
        self.conn.as_ref().expect("a live Tx has its connection")
    }
}

impl DerefMut for Tx {
    #[expect(clippy::expect_used, reason = "the connection is taken only by commit and drop, which own the Tx")]
    fn deref_mut(&mut self) -> &mut Conn {
        self.conn.as_mut().expect("a live Tx has its connection")
    }
}
