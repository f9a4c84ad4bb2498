//! A house to start, people to put into it, a clock to advance, ways to knock at its doors.

mod ask;
pub mod authz;
mod browser;
mod clock;
mod database;
mod house;
mod jwt;
mod party;
mod world;

pub use ask::{Answer, Auth, evaluation};
pub use browser::{Arrived, Browser, PASSWORD, Pkce};
pub use database::Database;
pub use house::{House, Options, free_port};
pub use jwt::{AssertionKey, claims_of, header_of, unsigned, verify_through_jwks};
pub use party::{Code, REDIRECT, Tokens};
pub use world::{NOTES, World, assign, new_client, permission, slug};

/// What another process or node did is seen within a second.
pub async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let started = std::time::Instant::now();
    while !holds().await {
        assert!(started.elapsed() < std::time::Duration::from_secs(1), "{what}: not within a second");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Runs each test on SQLite and on PostgreSQL, each time in a house of its own.
macro_rules! both {
    ($($(#[$doc:meta])* async fn $name:ident($house:ident: $kind:ty) $body:block)*) => {$(
        $(#[$doc])*
        mod $name {
            use super::*;

            async fn check($house: $kind) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                let options = $crate::support::Options::default();
                check($crate::support::House::start($crate::support::Database::Sqlite, options).await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgres() {
                let options = $crate::support::Options::default();
                check($crate::support::House::start($crate::support::Database::Postgres, options).await).await;
            }
        }
    )*};
}
pub(crate) use both;
