//! What a store can answer instead of rows.

use diesel::result::{DatabaseErrorKind, Error as Diesel};

/// No SQL type rises above this room.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A unique or foreign key said no; which one, where the database names it.
    #[error("conflict with {0}")]
    Conflict(String),
    /// The database has no connection or no lock to give in time; the same call may work later.
    #[error("the database is busy")]
    Busy(#[source] Fault),
    /// One write would change more than fits in one.
    #[error("more than {max} changes in one write")]
    TooManyChanges { max: i64 },
    #[error("the database failed")]
    Failed(#[source] Fault),
}

/// The cause, for the log only.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;

impl StoreError {
    /// Whether the same call may work in a moment.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        matches!(self, Self::Busy(_))
    }

    pub(super) fn failed(cause: impl Into<Fault>) -> Self {
        Self::Failed(cause.into())
    }

    /// The database holds something this code never writes.
    pub(super) fn corrupt(what: impl std::fmt::Display) -> Self {
        Self::Failed(format!("stored data is not what it should be: {what}").into())
    }
}

/// How both databases say that the same call may work in a moment.
const PASSING: [&str; 5] =
    ["database is locked", "canceling statement", "deadlock detected", "connection closed", "terminating connection"];

impl From<Diesel> for StoreError {
    fn from(error: Diesel) -> Self {
        match error {
            Diesel::DatabaseError(
                DatabaseErrorKind::UniqueViolation | DatabaseErrorKind::ForeignKeyViolation,
                ref info,
            ) => Self::Conflict(info.constraint_name().map_or_else(|| info.message().to_owned(), str::to_owned)),
            Diesel::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => Self::Busy(error.into()),
            Diesel::DatabaseError(DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand, _) => {
                Self::Busy(error.into())
            }
            // What diesel has no kind for: a lock or a statement that took too long, a deadlock.
            Diesel::DatabaseError(_, ref info) if PASSING.iter().any(|text| info.message().contains(text)) => {
                Self::Busy(error.into())
            }
            other => Self::Failed(other.into()),
        }
    }
}
