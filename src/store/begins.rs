//! Lists that are narrowed to what begins with a text.

use super::conn::Conn;
use crate::domain::listing::Prefix;

/// What a column must be, as SQL around the two values: not before the one, and before the other.
pub(super) struct Begins {
    pub from: String,
    pub first: String,
    pub until: String,
    pub end: String,
}

impl Begins {
    /// PostgreSQL compares by the database's language unless it is told not to; there an index by bytes serves this.
    pub(super) fn new(conn: &Conn, column: &str, prefix: &Prefix) -> Self {
        let column = match conn {
            Conn::Pg(_) => format!("{column} COLLATE \"C\""),
            Conn::Lite(_) => column.to_owned(),
        };
        Self {
            from: format!("{column} >= "),
            first: prefix.as_str().to_owned(),
            until: format!(" AND {column} < "),
            end: prefix.end(),
        }
    }
}

/// The condition of one column.
macro_rules! begins {
    ($begins:expr) => {
        diesel::dsl::sql::<diesel::sql_types::Bool>(&$begins.from)
            .bind::<diesel::sql_types::Text, _>(&$begins.first)
            .sql(&$begins.until)
            .bind::<diesel::sql_types::Text, _>(&$begins.end)
    };
}
pub(super) use begins;
