//! Transactions: dropped ones roll back at once, whoever goes away and whenever; readers see one moment.

use std::task::Poll;
use std::time::Duration;

use doorward::domain::change::{Actor, Changed};
use doorward::store::changes::{self, States};
use doorward::store::{Opener, Store};

use crate::support::{Fresh, both, now};

/// Polls so many times, then goes away: so every await is one at which the caller has gone.
async fn given_up_after(polls: usize, work: impl Future<Output = ()>) {
    let (mut work, mut left) = (Box::pin(work), polls);
    std::future::poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        work.as_mut().poll(cx)
    })
    .await;
}

both! {
    /// A caller that goes away at any await must not leave its pool a connection that stands in a transaction: its next
    /// user would read the past, or could not begin.
    async fn a_caller_that_goes_away_at_any_moment_poisons_no_connection(fresh: Fresh) {
        let store = fresh.store.clone();
        for polls in (0..60).chain(0..60).chain(0..60) {
            let work = async {
                let tx = store.snapshot().await.unwrap();
                tx.commit().await.unwrap();
                let mut edit = store.edit().await.unwrap();
                edit.log(&Changed::ResourceServers, &Actor::System, now(), States::default()).await.unwrap();
                edit.commit().await.unwrap();
            };
            given_up_after(polls, work).await;
            // At once, before another use could heal it: all connections of the pool see what was just written.
            let revision = store.edit().await.unwrap().commit().await.unwrap();
            let mut held = Vec::new();
            for _ in 0..8 {
                let mut conn = store.read().await.unwrap();
                let seen = changes::position(&mut conn).await.unwrap().revision;
                assert_eq!(seen, revision, "given up after {polls} polls");
                held.push(conn);
            }
        }
    }

    async fn a_dropped_transaction_frees_its_locks_at_once(fresh: Fresh) {
        let started = std::time::Instant::now();
        for _ in 0..20 {
            let edit = fresh.store.edit().await.unwrap();
            drop(edit);
        }
        assert!(started.elapsed() < Duration::from_secs(5), "each waited for the one before: {:?}", started.elapsed());
    }

    async fn a_snapshot_sees_one_moment_whatever_is_written_meanwhile(fresh: Fresh) {
        let mut snapshot = fresh.store.snapshot().await.unwrap();
        let before = changes::position(&mut snapshot).await.unwrap();
        let store = fresh.store.clone();
        tokio::spawn(async move { store.edit().await.unwrap().commit().await.unwrap() }).await.unwrap();
        assert_eq!(changes::position(&mut snapshot).await.unwrap(), before);
        snapshot.commit().await.unwrap();
        assert_ne!(changes::position(&mut fresh.store.read().await.unwrap()).await.unwrap(), before);
    }

    async fn what_was_committed_is_there_for_whoever_opens_the_store_next(fresh: Fresh) {
        let revision = fresh.store.edit().await.unwrap().commit().await.unwrap();
        let again = Store::open(&fresh.options, Opener::Command).await.unwrap();
        assert_eq!(changes::position(&mut again.read().await.unwrap()).await.unwrap().revision, revision);
    }
}
