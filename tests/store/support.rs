//! A fresh store of either kind.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use doorward::domain::entropy::Entropy as _;
use doorward::domain::time::Instant;
use doorward::store::{Opener, Store, StoreOptions};
use doorward::world::SystemEntropy;
use tempfile::TempDir;
use uuid::Uuid;

#[derive(Clone, Copy)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// A store that vanishes with its folder.
pub struct Fresh {
    pub store: Arc<Store>,
    pub options: StoreOptions,
    _folder: TempDir,
}

pub async fn fresh(kind: Kind) -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    let url = match kind {
        Kind::Sqlite => format!("sqlite://{}", folder.path().join("doorward.db").display()),
        Kind::Postgres => schema().await,
    };
    let options = StoreOptions {
        url,
        connections_max: 8,
        checkout_timeout: Duration::from_secs(10),
        statement_timeout: Duration::from_secs(10),
        tls_ca_file: None,
    };
    let store = Arc::new(Store::open(&options, Opener::Command).await.unwrap());
    Fresh { store, options, _folder: folder }
}

async fn schema() -> String {
    let url = std::env::var("DOORWARD_TEST_POSTGRES_URL").expect(
        "DOORWARD_TEST_POSTGRES_URL must name a PostgreSQL server to test with; tests/run starts one and sets it",
    );
    let name = format!("s{}", Uuid::new_v4().simple());
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("CREATE SCHEMA {name}")).await.unwrap();
    format!("{url}?sslmode=disable&options=-csearch_path%3D{name}")
}

pub fn now() -> Instant {
    SystemTime::now().into()
}

pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemEntropy.fill(&mut bytes);
    bytes
}

macro_rules! both {
    ($($(#[$doc:meta])* async fn $name:ident($fresh:ident: $kind:ty) $body:block)*) => {$(
        $(#[$doc])*
        mod $name {
            use super::*;

            async fn check($fresh: $kind) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                check($crate::support::fresh($crate::support::Kind::Sqlite).await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgres() {
                check($crate::support::fresh($crate::support::Kind::Postgres).await).await;
            }
        }
    )*};
}
pub(crate) use both;
