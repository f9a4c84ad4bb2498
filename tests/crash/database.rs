//! A fresh database of either kind, and a look at its rows that owes nothing to Doorward.

use std::path::Path;

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::Text;
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection};
use serde_json::Value;
use uuid::Uuid;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    /// The URL of a new, empty database: a file in `folder`, or a schema of its own.
    pub async fn create(self, folder: &Path) -> String {
        match self {
            Self::Sqlite => format!("sqlite://{}", folder.join("doorward.db").display()),
            Self::Postgres => schema().await,
        }
    }
}

async fn schema() -> String {
    let url = std::env::var("DOORWARD_TEST_POSTGRES_URL").expect(
        "DOORWARD_TEST_POSTGRES_URL must name a PostgreSQL server to test with; tests/run starts one and sets it",
    );
    let name = format!("c{}", Uuid::new_v4().simple());
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("CREATE SCHEMA {name}")).await.unwrap();
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}sslmode=disable&options=-csearch_path%3D{name}")
}

/// A connection that stands in a transaction, so that all it reads is of one moment. Dropped, it undoes what it wrote.
pub enum Rows {
    Lite(SqliteConnection),
    Pg(tokio_postgres::Client),
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

impl Rows {
    pub async fn open(url: &str) -> Self {
        if let Some(path) = url.strip_prefix("sqlite://") {
            let mut conn = SqliteConnection::establish(path).unwrap();
            conn.batch_execute("PRAGMA busy_timeout=5000; PRAGMA foreign_keys=ON; BEGIN").unwrap();
            return Self::Lite(conn);
        }
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ").await.unwrap();
        Self::Pg(client)
    }

    pub async fn run(&mut self, sql: &str) -> usize {
        match self {
            Self::Lite(conn) => diesel::sql_query(sql).execute(conn).unwrap(),
            Self::Pg(client) => usize::try_from(client.execute(sql, &[]).await.unwrap()).unwrap(),
        }
    }

    /// What the database itself finds wrong with its pages; PostgreSQL has no such question to ask.
    pub fn damage(&mut self) -> Vec<String> {
        match self {
            Self::Lite(conn) => {
                let query = "SELECT integrity_check AS line FROM pragma_integrity_check WHERE integrity_check <> 'ok' \
                             UNION ALL SELECT 'a broken reference from ' || \"table\" FROM pragma_foreign_key_check";
                diesel::sql_query(query).load::<Line>(conn).unwrap().into_iter().map(|row| row.line).collect()
            }
            Self::Pg(_) => Vec::new(),
        }
    }

    /// Each row as a JSON array. A column ending in `:id` holds an identifier, in `:json` a document.
    pub async fn select(&mut self, columns: &[&str], from: &str) -> Vec<Value> {
        let array = if matches!(self, Self::Lite(_)) { "json_array" } else { "json_build_array" };
        let columns: Vec<_> = columns.iter().map(|column| self.expression(column)).collect();
        let text = if matches!(self, Self::Lite(_)) { "" } else { "::text" };
        let sql = format!("SELECT {array}({}){text} AS line FROM {from}", columns.join(", "));
        let lines: Vec<String> = match self {
            Self::Lite(conn) => {
                diesel::sql_query(sql).load::<Line>(conn).unwrap().into_iter().map(|row| row.line).collect()
            }
            Self::Pg(client) => client.query(&sql, &[]).await.unwrap().iter().map(|row| row.get("line")).collect(),
        };
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn expression(&self, column: &str) -> String {
        let lite = matches!(self, Self::Lite(_));
        match (column.strip_suffix(":id"), column.strip_suffix(":json")) {
            (Some(id), _) if lite => format!("lower(hex({id}))"),
            (Some(id), _) => format!("replace({id}::text, '-', '')"),
            (None, Some(document)) if lite => format!("json({document})"),
            (None, document) => document.unwrap_or(column).to_owned(),
        }
    }
}
