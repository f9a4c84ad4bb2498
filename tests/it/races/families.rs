//! Refresh tokens (RFC 6749 §6, RFC 9700 §4.14).

use std::collections::HashSet;
use std::time::Duration;

use super::{Nodes, no_grant, raced};
use crate::support::{Answer, Browser, Tokens};

const MANY: usize = 64;

async fn begin(nodes: &Nodes) -> Tokens {
    let code = Browser::new(nodes.first()).code("alice", &[]).await;
    Tokens::of(&nodes.first().exchange(&code).await).unwrap()
}

/// The one successor that every answer which gives any gives.
fn successor(answers: &[Answer]) -> String {
    assert!(answers.iter().all(|a| a.status == 200 || a.refusal() == no_grant()), "{answers:?}");
    let given: HashSet<_> = answers.iter().filter_map(Tokens::of).map(|tokens| tokens.refresh).collect();
    assert_eq!(given.len(), 1, "distinct successors");
    given.into_iter().next().unwrap()
}

async fn all_refresh(nodes: &Nodes, tokens: &[&str]) -> Vec<Answer> {
    nodes
        .all(MANY, |i, node| {
            let token = tokens[i / 2 % tokens.len()].to_owned();
            async move { node.refresh(&token).await }
        })
        .await
}

async fn active(nodes: &Nodes, token: &str) -> bool {
    nodes.at(1).introspect(&nodes.first().app(), token).await["active"].as_bool().unwrap()
}

raced! {
    async fn of_many_refreshes_with_one_token_there_is_one_live_successor(nodes: Nodes) {
        let mut spent = vec![];
        let mut token = begin(&nodes).await.refresh;
        for _ in 0..6 {
            let next = successor(&all_refresh(&nodes, &[&token]).await);
            spent.push(std::mem::replace(&mut token, next));
            assert!(active(&nodes, &token).await, "the successor lives");
            for token in &spent {
                assert!(!active(&nodes, token).await, "and nothing before it");
            }
        }
        let next = Tokens::of(&nodes.at(1).refresh(&token).await).expect("exactly one works afterwards");
        for token in spent {
            assert_eq!(nodes.first().refresh(&token).await.refusal(), no_grant());
        }
        assert!(active(&nodes, &next.refresh).await, "still within the grace: the family lives");
        assert_eq!(nodes.at(1).worth(&next.access).await, [true; 3]);
    }

    async fn replays_beside_the_next_use_never_give_a_second_successor(nodes: Nodes) {
        for _ in 0..4 {
            let first = begin(&nodes).await.refresh;
            let second = Tokens::of(&nodes.first().refresh(&first).await).unwrap().refresh;
            let answers = all_refresh(&nodes, &[&first, &second]).await;
            let given: HashSet<_> = answers.iter().filter_map(Tokens::of).map(|tokens| tokens.refresh).collect();
            assert!(answers.iter().all(|a| a.status == 200 || a.refusal() == no_grant()), "{answers:?}");
            // Who replays the first gets the second, or nothing; who uses the second gets the third.
            let third: Vec<_> = given.iter().filter(|token| **token != second).collect();
            assert_eq!(third.len(), 1, "one successor of the second");
            assert!(active(&nodes, third[0]).await && !active(&nodes, &second).await && !active(&nodes, &first).await);
            assert_eq!(nodes.at(1).refresh(third[0]).await.status, 200, "exactly one works afterwards");
        }
    }

    async fn a_replay_after_the_grace_ends_the_family_and_its_access_tokens_everywhere(nodes: Nodes) {
        let other = begin(&nodes).await;
        let first = begin(&nodes).await;
        let second = Tokens::of(&nodes.first().refresh(&first.refresh).await).unwrap();
        nodes.first().advance(Duration::from_secs(40));
        // Within it the same answer; which does not make the window longer.
        assert_eq!(successor(&all_refresh(&nodes, &[&first.refresh]).await), second.refresh);
        nodes.first().advance(Duration::from_secs(21));
        for access in [&first.access, &second.access] {
            assert_eq!(nodes.at(1).worth(access).await, [true; 3], "until then all is well");
        }
        let answers = all_refresh(&nodes, &[&first.refresh]).await;
        assert!(answers.iter().all(|a| a.refusal() == no_grant()), "{answers:?}");
        for access in [&first.access, &second.access] {
            nodes.is_dead(access, "an access token of the stolen family").await;
        }
        for token in [&first.refresh, &second.refresh] {
            assert!(!active(&nodes, token).await);
            assert_eq!(nodes.at(1).refresh(token).await.refusal(), no_grant());
        }
        assert_eq!(nodes.at(1).worth(&other.access).await, [true; 3], "another grant of the same person is untouched");
        assert_eq!(nodes.at(1).refresh(&other.refresh).await.status, 200);
    }
}
