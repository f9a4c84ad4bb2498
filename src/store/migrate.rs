//! Brings the schema up to date at start, from files embedded in the binary.

use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::sqlite::Sqlite;
use diesel::{RunQueryDsl, SqliteConnection};
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, SimpleAsyncConnection as _};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::error::StoreError;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// One session at a time migrates; the number is ours alone.
const ADVISORY_LOCK: i64 = 0x646f_6f72_7761_7264;

pub(super) fn sqlite(conn: &mut SqliteConnection) -> Result<(), StoreError> {
    pending::<Sqlite, _>(conn, SQLITE)?;
    diesel::sql_query(
        "INSERT INTO revisions (id, epoch, revision) VALUES (1, randomblob(16), 0) ON CONFLICT DO NOTHING",
    )
    .execute(conn)?;
    Ok(())
}

pub(super) async fn postgres(mut conn: AsyncPgConnection) -> Result<(), StoreError> {
    conn.batch_execute(&format!("SELECT pg_advisory_lock({ADVISORY_LOCK})")).await?;
    let mut harness = AsyncMigrationHarness::new(conn);
    pending::<Pg, _>(&mut harness, POSTGRES)?;
    let mut conn = harness.into_inner();
    conn.batch_execute(
        "INSERT INTO revisions (id, epoch, revision) VALUES (1, gen_random_uuid(), 0) ON CONFLICT DO NOTHING",
    )
    .await?;
    // The lock goes with the connection, which is closed here.
    Ok(())
}

fn pending<B, H>(harness: &mut H, source: impl MigrationSource<B>) -> Result<(), StoreError>
where
    B: diesel::backend::Backend,
    H: MigrationHarness<B>,
{
    harness.run_pending_migrations(source).map(|_| ()).map_err(|e| StoreError::failed(format!("migration: {e}")))
}
