//! Attempts to prove a password are counted, by account and by address; nothing else is slowed by it.

use std::time::Duration;

use futures_util::future::join_all;

use crate::support::{Browser, Database, House, Options, PASSWORD, Pkce, Tokens, both};

/// `login.attempts_per_address_max` as it comes.
const PER_ADDRESS: usize = 100;

both! {
    async fn many_accounts_tried_from_one_address_are_refused_together(house: House) {
        house.give_password("alice").await;
        let page = Browser::new(&house).ask(&Pkce::new(), &[]).await;
        assert_eq!(page.answer.status, 200);
        let mut tried = 0;
        while tried < PER_ADDRESS {
            let some = join_all((tried..tried + 20).map(async |i| {
                let mut browser = Browser::new(&house);
                let page = browser.ask(&Pkce::new(), &[]).await;
                browser.sign_in(&page, &format!("guess{i}"), "wrong password here").await.answer.status
            }));
            assert!(some.await.iter().all(|status| *status == 400));
            tried += 20;
        }
        for name in ["guess0", "another", "alice"] {
            let refused = Browser::new(&house).come(name, &Pkce::new(), &[]).await.answer;
            assert_eq!(refused.status, 429, "{name}, with whatever password");
            assert!((1..=900).contains(&refused.header("retry-after").parse::<u64>().unwrap()));
        }
        house.advance(Duration::from_mins(16));
        assert!(!Browser::new(&house).code("alice", &[]).await.code.is_empty());
    }

    async fn people_who_share_an_address_and_know_their_passwords_do_not_use_it_up(house: House) {
        for name in ["alice", "bob"] {
            house.give_password(name).await;
        }
        for round in 0..=PER_ADDRESS / 2 {
            for name in ["alice", "bob"] {
                let page = Browser::new(&house).come(name, &Pkce::new(), &[]).await;
                assert!(page.parameter("code").is_some(), "{name}, round {round}: {page:?}");
            }
        }
    }

    async fn throttled_sign_ins_stop_neither_sessions_nor_refreshes_nor_decisions(house: House) {
        house.give_password("alice").await;
        let mut browser = Browser::new(&house);
        let code = browser.code("alice", &[]).await;
        let tokens = Tokens::of(&house.exchange(&code).await).unwrap();
        let mut stranger = Browser::new(&house);
        let page = stranger.ask(&Pkce::new(), &[]).await;
        for _ in 0..12 {
            stranger.sign_in(&page, "alice", "wrong password here").await;
        }
        assert_eq!(stranger.come("alice", &Pkce::new(), &[]).await.answer.status, 429);
        assert_eq!(house.worth(&tokens.access).await, [true; 3]);
        let next = Tokens::of(&house.refresh(&tokens.refresh).await).expect("a refresh proves no password");
        assert_eq!(house.worth(&next.access).await, [true; 3]);
        assert!(house.may("alice", "delete").await, "a decision does not ask how often somebody guessed");
        let silent = browser.come("nobody", &Pkce::new(), &[("prompt", "none")]).await;
        assert!(silent.parameter("code").is_some(), "whoever is signed in stays so");
        assert_eq!(house.ask_token(&house.bot(), &[]).await.status, 200);
    }
}

/// Attempts that are made from one address at the same moment, over and over.
const CONNECTIONS: usize = 120;
const TIMES: usize = 3;

async fn one_crowd_leaves_room(database: Database) {
    let proxies = vec![toml::Value::from("127.0.0.1/32")];
    let options = Options::default().set("server.trusted_proxies", proxies);
    // So that every attempt is looked at: what keeps this crowd back must not be how often it was wrong.
    let options = options.set("login.attempts_per_account_max", 100_000).set("login.attempts_per_address_max", 100_000);
    let house = House::start(database, options).await;
    for name in ["alice", "bob"] {
        house.give_password(name).await;
    }
    let mut crowd: Vec<_> = (0..CONNECTIONS).map(|_| Browser::at(&house, "198.51.100.7")).collect();
    let mut pages = Vec::new();
    for browser in &mut crowd {
        pages.push(browser.ask(&Pkce::new(), &[]).await);
    }
    let pressing = crowd.iter_mut().zip(&pages).map(async |(browser, page)| {
        let mut statuses = Vec::new();
        for _ in 0..TIMES {
            statuses.push(browser.sign_in(page, "alice", "wrong password here").await.answer.status);
        }
        statuses
    });
    let bob = async {
        let mut statuses = Vec::new();
        for _ in 0..4 {
            let mut browser = Browser::at(&house, "203.0.113.5");
            let page = browser.ask(&Pkce::new(), &[]).await;
            statuses.push(browser.sign_in(&page, "bob", PASSWORD).await.answer.status);
        }
        statuses
    };
    let (crowd, bob) = tokio::join!(join_all(pressing), bob);
    assert_eq!(bob, [200; 4], "he is let in, wherever a crowd stands");
    let crowd = crowd.concat();
    assert!(crowd.iter().all(|status| [400, 429].contains(status)), "{crowd:?}");
    assert!([400, 429].iter().all(|status| crowd.contains(status)), "it was a crowd: {crowd:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_with_many_connections_keeps_nobody_else_out_on_sqlite() {
    one_crowd_leaves_room(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_with_many_connections_keeps_nobody_else_out_on_postgres() {
    one_crowd_leaves_room(Database::Postgres).await;
}
