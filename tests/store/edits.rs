//! Revisions and the change log: revision order is commit order.

use std::time::Duration;

use doorward::domain::change::{Actor, Changed, Revision};
use doorward::domain::object::EdgeSubject;
use doorward::domain::time::Instant;
use doorward::store::changes::{self, States};
use serde_json::json;

use crate::support::{Fresh, both, now};

both! {
    async fn every_edit_has_a_revision_of_its_own_and_none_is_seen_out_of_order(fresh: Fresh) {
        let before = changes::position(&mut fresh.store.read().await.unwrap()).await.unwrap();
        let store = fresh.store.clone();
        let watching = tokio::spawn(async move {
            // Whoever reads the log to its end and then again from there misses nothing.
            let (mut at, mut seen) = (before.revision, Vec::new());
            while seen.len() < 60 {
                let batch = changes::since(&mut store.read().await.unwrap(), at, 1000).await.unwrap();
                for (revision, _) in batch {
                    assert!(revision > at, "{revision:?} after {at:?}");
                    at = revision;
                    seen.push(revision.0);
                }
            }
            seen
        });
        let tasks: Vec<_> = (0..60)
            .map(|i| {
                let store = fresh.store.clone();
                tokio::spawn(async move {
                    let mut edit = store.edit().await.unwrap();
                    tokio::time::sleep(Duration::from_millis(i % 3)).await;
                    let states = States::created(json!({ "i": i }));
                    edit.log(&Changed::User(format!("u{i}")), &Actor::System, now(), states).await.unwrap();
                    edit.commit().await.unwrap().0
                })
            })
            .collect();
        let mut revisions = Vec::new();
        for task in tasks {
            revisions.push(task.await.unwrap());
        }
        revisions.sort_unstable();
        let expected: Vec<_> = (1..=60).map(|i| before.revision.0 + i).collect();
        assert_eq!(revisions, expected);
        assert_eq!(watching.await.unwrap(), expected);
    }

    async fn an_edit_that_is_dropped_leaves_nothing_and_no_gap(fresh: Fresh) {
        let before = changes::position(&mut fresh.store.read().await.unwrap()).await.unwrap();
        for _ in 0..10 {
            let mut edit = fresh.store.edit().await.unwrap();
            edit.log(&Changed::ResourceServers, &Actor::System, now(), States::default()).await.unwrap();
            drop(edit);
        }
        assert_eq!(changes::position(&mut fresh.store.read().await.unwrap()).await.unwrap(), before);
        let edit = fresh.store.edit().await.unwrap();
        assert_eq!(edit.revision(), Revision(before.revision.0 + 1));
        edit.rollback().await.unwrap();
        let edit = fresh.store.edit().await.unwrap();
        assert_eq!(edit.commit().await.unwrap(), Revision(before.revision.0 + 1));
    }

    async fn changes_read_back_as_they_were_written(fresh: Fresh) {
        let moment = Instant::from_micros(1_795_364_706_123_456);
        let token = Changed::DeniedToken { id: "01a20413-57c8-7332-9494-7b5d4da9a5c2".parse().unwrap(), expires_at: moment };
        let rs = "01a20413-57c8-7332-9494-7b5d4da9a5c3".parse().unwrap();
        let principal: doorward::domain::assignment::Principal = "group:01a20413-57c8-7332-9494-7b5d4da9a5c4".parse().unwrap();
        let written = [
            Changed::User("a b/ü".into()), Changed::Client("c".into()), Changed::ResourceServers, Changed::Roles(rs),
            Changed::Memberships(principal), Changed::Assignments(rs, principal, None), token, Changed::SigningKeys,
            Changed::Person("01a20413-57c8-7332-9494-7b5d4da9a5c6".parse().unwrap()),
            Changed::Assignments(rs, principal, Some("folder:a/b#c".parse().unwrap())),
            Changed::Resource(rs, "document:ü:/\"7".parse().unwrap()),
            Changed::ExternalSubject(rs, "employee:4/2".parse().unwrap()),
            Changed::Attributes(rs, principal),
            Changed::Relations(rs, "document:a#b".parse().unwrap(), EdgeSubject::External("employee:\"x\"/,#y".parse().unwrap())),
            Changed::Relations(rs, "document:7".parse().unwrap(), EdgeSubject::Principal(principal)),
            Changed::Grant("01a20413-57c8-7332-9494-7b5d4da9a5c5".parse().unwrap()),
        ];
        let before = changes::position(&mut fresh.store.read().await.unwrap()).await.unwrap().revision;
        let mut edit = fresh.store.edit().await.unwrap();
        for changed in &written {
            edit.log(changed, &Actor::CommandLine, moment, States::default()).await.unwrap();
        }
        edit.commit().await.unwrap();
        let read = changes::since(&mut fresh.store.read().await.unwrap(), before, 100).await.unwrap();
        let read: Vec<_> = read.into_iter().map(|(_, changed)| changed.unwrap()).collect();
        assert_eq!(read, written);
    }
}
