//! What is past its retention is deleted, the oldest first, and nothing else.

use std::time::Duration;

use doorward::domain::change::{Actor, Changed, Revision};
use doorward::domain::fact::{Fact, FactKind};
use doorward::domain::time::Instant;
use doorward::store::changes::{self, States};
use doorward::store::facts;
use doorward::store::trail::{self, Filter, Newest};
use doorward::world::SystemEntropy;

use crate::support::{Fresh, both, now};

/// One write a minute, each of two changes and a fact, the last of them a minute ago; their revisions.
async fn writes(fresh: &Fresh, count: u32) -> Vec<Revision> {
    let mut revisions = Vec::new();
    for nth in (1..=count).rev() {
        let at = ago(nth);
        let mut edit = fresh.store.edit().await.unwrap();
        for name in ["one", "other"] {
            let changed = Changed::User(format!("{name}{nth}"));
            edit.log(&changed, &Actor::System, at, States::default()).await.unwrap();
        }
        let fact = Fact::new(at, &SystemEntropy, FactKind::PersonCreated, Actor::System, format!("user:{nth}"));
        facts::append(&mut edit, &[fact]).await.unwrap();
        revisions.push(edit.commit().await.unwrap());
    }
    revisions
}

/// A moment between two writes: half a minute before the one of so many minutes ago.
fn before(minutes: u32) -> Instant {
    ago(minutes).minus(Duration::from_secs(30))
}

fn ago(minutes: u32) -> Instant {
    now().minus(minutes * Duration::from_mins(1))
}

/// The revisions of which something is in the log.
async fn logged(fresh: &Fresh, from: Revision) -> Vec<Revision> {
    let start = Revision(from.0 - 1);
    let rows = changes::since(&mut fresh.store.read().await.unwrap(), start, 1_000).await.unwrap();
    let mut revisions: Vec<_> = rows.into_iter().map(|(revision, _)| revision).collect();
    revisions.dedup();
    revisions
}

async fn trim_changes(fresh: &Fresh, until: Instant, kept: i64, limit: i64) -> usize {
    let mut tx = fresh.store.begin().await.unwrap();
    let gone = changes::trim(&mut tx, until, kept, limit).await.unwrap();
    tx.commit().await.unwrap();
    gone
}

both! {
    async fn old_changes_go_by_whole_revisions_and_the_latest_stay_whatever_their_age(fresh: Fresh) {
        let all = writes(&fresh, 8).await;
        assert_eq!(logged(&fresh, all[0]).await, all);
        // Three rows are two revisions.
        assert_eq!(trim_changes(&fresh, now(), 4, 3).await, 4);
        assert_eq!(logged(&fresh, all[0]).await, all[2..]);
        assert_eq!(trim_changes(&fresh, now(), 4, 1_000).await, 4);
        assert_eq!(logged(&fresh, all[0]).await, all[4..], "the latest four stay");
        assert_eq!(trim_changes(&fresh, now(), 4, 1_000).await, 0);
        // And what is young stays, however many are to be kept.
        assert_eq!(trim_changes(&fresh, before(2), 0, 1_000).await, 4);
        assert_eq!(logged(&fresh, all[0]).await, all[6..]);
    }

    async fn old_facts_go_the_oldest_first(fresh: Fresh) {
        writes(&fresh, 5).await;
        let trim = async |until, limit| {
            let mut tx = fresh.store.begin().await.unwrap();
            let gone = facts::trim(&mut tx, until, limit).await.unwrap();
            tx.commit().await.unwrap();
            gone
        };
        let left = async || {
            let filter = Filter { kind: Some("person.created".into()), newest: Newest::Last, ..Filter::default() };
            let left = trail::search(&mut fresh.store.read().await.unwrap(), &filter, None, 100).await.unwrap();
            left.into_iter().map(|fact| fact.subject).collect::<Vec<_>>()
        };
        assert_eq!(left().await.len(), 5);
        assert_eq!(trim(now(), 2).await, 2);
        assert_eq!(left().await, ["user:3", "user:2", "user:1"]);
        assert_eq!(trim(before(2), 100).await, 1);
        assert_eq!(left().await, ["user:2", "user:1"]);
    }
}
