//! However many grants a person has, an end of them all comes at once.

use std::time::Duration;

use doorward::domain::grant::Grant;
use doorward::domain::id::{GrantId, SessionId};
use doorward::domain::scope::Scopes;
use doorward::domain::session::Authentication;
use doorward::domain::time::Clock as _;
use doorward::store::{Opener, Store, StoreOptions, grants};
use doorward::world::SystemEntropy;

use crate::support::{Browser, House, Tokens, both, claims_of, eventually};

/// More than one write may change.
const MANY: usize = 10_050;

/// What piles up over the years: grants of alice to `app` in one session.
async fn pile_up(house: &House, session: SessionId) {
    let options = StoreOptions {
        url: house.database_url.clone(),
        connections_max: 2,
        checkout_timeout: Duration::from_secs(10),
        statement_timeout: Duration::from_secs(30),
        tls_ca_file: None,
    };
    let store = Store::open(&options, Opener::Command).await.unwrap();
    let admin = house.node().admin();
    let (person, client) = (admin.person("alice").await.unwrap(), admin.client("app").await.unwrap());
    let now = house.clock.now();
    let mut tx = store.begin().await.unwrap();
    for _ in 0..MANY {
        let grant = Grant {
            id: GrantId::mint(now, &SystemEntropy),
            client: client.id,
            person: person.id,
            sub: None,
            scopes: Scopes::parse("openid").unwrap(),
            resources: Vec::new(),
            session,
            offline: false,
            authentication: Authentication::by_password(now),
            claims: None,
        };
        grants::insert(&mut tx, &grant, now).await.unwrap();
    }
    tx.commit().await.unwrap();
}

both! {
    async fn any_number_of_grants_ends_at_once_and_on_every_node(house: House) {
        // Two servers do not share one SQLite file.
        let neighbour = if house.database_url.starts_with("postgres") { Some(house.neighbour().await) } else { None };
        let nodes: Vec<_> = std::iter::once(&house).chain(&neighbour).collect();
        let admin = house.node().admin();
        for end in ["a new password", "signed out by an operator", "consent withdrawn", "signed out", "disabled"] {
            house.give_password("alice").await;
            let mut browser = Browser::new(&house);
            let tokens = Tokens::of(&house.exchange(&browser.code("alice", &[]).await).await).unwrap();
            for node in &nodes {
                assert_eq!(node.userinfo(&tokens.access).await.status, 200, "{end}");
            }
            let sid = claims_of(&tokens.id)["sid"].as_str().unwrap().parse().unwrap();
            pile_up(&house, sid).await;
            match end {
                "a new password" => house.give_password("alice").await,
                "signed out by an operator" => drop(admin.sign_out_person("alice").await.unwrap()),
                "consent withdrawn" => drop(admin.withdraw_consent("alice", "app").await.unwrap()),
                "disabled" => drop(admin.disable_person("alice").await.unwrap()),
                _ => {
                    let out = browser.get(&format!("/oauth2/logout?id_token_hint={}", tokens.id)).await;
                    assert_eq!(out.at, "/signed-out");
                }
            }
            for node in &nodes {
                eventually(end, async || node.userinfo(&tokens.access).await.status == 401).await;
            }
            assert_eq!(house.refresh(&tokens.refresh).await.refusal(), (400, "invalid_grant".into()), "{end}");
        }
    }
}
