//! Many at the same instant, on one node of either database and on two nodes of one PostgreSQL. One SQLite file has one
//! server (`nodes::a_second_server_on_one_sqlite_file_is_refused`), so two nodes of it cannot be.

mod attempts;
mod codes;
mod ends;
mod families;
mod names;

use std::sync::Arc;
use std::time::Duration;

use doorward::domain::entropy::Entropy as _;
use doorward::world::SystemEntropy;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::support::{Answer, Database, House, Options, eventually};

/// The nodes a race runs on.
struct Nodes(Vec<Arc<House>>);

impl Nodes {
    async fn start(database: Database, count: usize) -> Self {
        let first = House::start(database, Options::default()).await;
        first.give_password("alice").await;
        let mut nodes = vec![Arc::new(first)];
        while nodes.len() < count {
            nodes.push(Arc::new(nodes[0].neighbour().await));
        }
        Self(nodes)
    }

    fn first(&self) -> &Arc<House> {
        &self.0[0]
    }

    /// A node for the `i`th, in turns.
    fn at(&self, i: usize) -> &Arc<House> {
        &self.0[i % self.0.len()]
    }

    /// So many ask at once, spread over the nodes.
    async fn all<F>(&self, many: usize, ask: impl Fn(usize, Arc<House>) -> F) -> Vec<Answer>
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let start = Arc::new(Barrier::new(many));
        let mut asked = JoinSet::new();
        for i in 0..many {
            let (start, asking) = (start.clone(), ask(i, self.at(i).clone()));
            asked.spawn(async move {
                start.wait().await;
                asking.await
            });
        }
        asked.join_all().await
    }

    /// An access token is worth nothing: at once where there is one node, else within a second on each.
    async fn is_dead(&self, access: &str, what: &str) {
        if self.0.len() == 1 {
            assert_eq!(self.first().worth(access).await, [false; 3], "{what}: at userinfo, introspection, decisions");
        }
        self.is_dead_soon(access, what).await;
    }

    /// Within a second: for what was ended beside the node.
    async fn is_dead_soon(&self, access: &str, what: &str) {
        for node in &self.0 {
            eventually(what, async || node.worth(access).await == [false; 3]).await;
        }
    }
}

fn no_grant() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

/// A short while, another one each time.
async fn a_moment(micros_max: u64) {
    let mut bytes = [0; 8];
    SystemEntropy.fill(&mut bytes);
    tokio::time::sleep(Duration::from_micros(u64::from_le_bytes(bytes) % micros_max)).await;
}

/// Runs each race in its three places.
macro_rules! raced {
    ($($(#[$doc:meta])* async fn $name:ident($nodes:ident: $kind:ty) $body:block)*) => {$(
        $(#[$doc])*
        mod $name {
            use super::*;
            use crate::support::Database;

            async fn check($nodes: $kind) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                check(Nodes::start(Database::Sqlite, 1).await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgres() {
                check(Nodes::start(Database::Postgres, 1).await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_two_nodes() {
                check(Nodes::start(Database::Postgres, 2).await).await;
            }
        }
    )*};
}
use raced;
