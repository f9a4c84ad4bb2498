//! A fresh database for each house.

use std::path::Path;

use uuid::Uuid;

/// Which database a house stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    Sqlite,
    Postgres,
}

impl Database {
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
    let name = format!("t{}", Uuid::new_v4().simple());
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("CREATE SCHEMA {name}")).await.unwrap();
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}sslmode=disable&options=-csearch_path%3D{name}")
}
