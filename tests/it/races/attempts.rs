//! Attempts to prove a password, many at once (threat class 14).

use std::time::Duration;

use futures_util::future::join_all;

use super::{Nodes, raced};
use crate::support::{Browser, Pkce};

const MANY: usize = 64;
/// `login.attempts_per_account_max` as it comes.
const LIMIT: usize = 10;

raced! {
    async fn of_many_attempts_at_once_no_more_than_the_limit_are_made(nodes: Nodes) {
        for name in ["alice", "nobody"] {
            let mut browsers: Vec<_> = (0..MANY).map(|i| Browser::new(nodes.at(i))).collect();
            let pages = join_all(browsers.iter_mut().map(async |browser| browser.ask(&Pkce::new(), &[]).await)).await;
            let attempts = browsers.iter_mut().zip(&pages);
            let attempts = attempts.map(async |(browser, page)| browser.sign_in(page, name, "wrong password here").await);
            let answers = join_all(attempts).await;
            let told = |status| answers.iter().filter(|page| page.answer.status == status).count();
            assert_eq!((told(400), told(429)), (LIMIT, MANY - LIMIT), "{name}");
            let refused = answers.iter().filter(|page| page.answer.status == 429);
            assert!(refused.map(|page| page.answer.header("retry-after").parse::<u64>().unwrap()).all(|s| s <= 900));
            let mut late = Browser::new(nodes.at(1));
            assert_eq!(late.come(name, &Pkce::new(), &[]).await.answer.status, 429, "{name}: also the right one");
            nodes.first().advance(Duration::from_mins(16));
        }
        assert!(!Browser::new(nodes.at(1)).code("alice", &[]).await.code.is_empty(), "and later she comes in");
    }
}
