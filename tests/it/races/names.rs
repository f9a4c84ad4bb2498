//! A name that a person is given while they are being disabled (pairwise subjects, OpenID Connect Core §8.1): it means somebody
//! who is disabled, on every node.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use doorward::admin::clients::NewClient;
use doorward::domain::client::{AuthMethod, GrantTypes};
use doorward::domain::redirect::RedirectUri;
use doorward::domain::scope::Scopes;

use super::{Nodes, a_moment, no_grant, raced};
use crate::support::{Auth, Browser, House, Pkce, Tokens, claims_of, eventually, new_client, slug};

/// Clients of so many sectors are told of alice for the first time, while she is disabled once.
const SECTORS: usize = 4;

/// A client of a host of its own, whose people are not asked.
async fn register(house: &House, client_id: &str, redirect: &str) -> Auth {
    let new = NewClient {
        pairwise: true,
        first_party: true,
        scopes: Scopes::parse("openid notes:read").unwrap(),
        resources: vec![slug("notes")],
        grant_types: GrantTypes { authorization_code: true, refresh_token: true, client_credentials: false },
        redirect_uris: vec![RedirectUri::parse(redirect).unwrap()],
        ..new_client(client_id, AuthMethod::ClientSecretBasic)
    };
    let secret = house.node().admin().create_client(new).await.unwrap().secret.unwrap();
    Auth::basic(client_id, secret.reveal())
}

/// What a client was told of her.
struct Told {
    auth: Auth,
    sub: String,
    tokens: Tokens,
}

async fn one_round(nodes: &Nodes, round: usize) {
    let house = nodes.first();
    house.node().admin().enable_person("alice").await.unwrap();
    for node in &nodes.0 {
        eventually("alice is let in", async || node.may("alice", "read").await).await;
    }
    let mut browser = Browser::new(house);
    browser.code("alice", &[]).await;
    let browser = browser;
    let (ended, told) = (AtomicBool::new(false), Arc::new(Mutex::new(Vec::new())));
    let coming = futures_util::future::join_all((0..SECTORS).map(async |i| {
        let (client_id, redirect) = (format!("p{round}-{i}"), format!("https://s{round}-{i}.example/cb"));
        let auth = register(house, &client_id, &redirect).await;
        let (mut tab, pkce) = (browser.tab(), Pkce::new());
        a_moment(15_000).await;
        let is_over = ended.load(Ordering::SeqCst);
        let request = [
            ("client_id", client_id.as_str()),
            ("redirect_uri", &redirect),
            ("scope", "openid notes:read"),
            ("prompt", "none"),
        ];
        let Some(code) = tab.ask(&pkce, &request).await.parameter("code") else { return };
        assert!(!is_over, "a code was issued to somebody who is disabled");
        let rest = [("redirect_uri", redirect.as_str()), ("code_verifier", pkce.verifier.as_str())];
        let Some(tokens) = Tokens::of(&nodes.at(i).exchange_as(&auth, &code, &rest).await) else { return };
        let sub = claims_of(&tokens.id)["sub"].as_str().unwrap().to_owned();
        // From here on each node has looked her up by this name, too.
        for node in &nodes.0 {
            node.may(&sub, "read").await;
        }
        told.lock().unwrap().push(Told { auth, sub, tokens });
    }));
    let ending = async {
        a_moment(60_000).await;
        house.node().admin().disable_person("alice").await.unwrap();
        ended.store(true, Ordering::SeqCst);
    };
    tokio::join!(coming, ending);
    let told = std::mem::take(&mut *told.lock().unwrap());
    for Told { auth, sub, tokens } in &told {
        for node in &nodes.0 {
            eventually("disabled by the newest name", async || !node.may(sub, "read").await).await;
        }
        nodes.is_dead_soon(&tokens.access, "a token under the newest name").await;
        let form = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh.as_str())];
        assert_eq!(nodes.at(1).form("/oauth2/token", auth, &form).await.refusal(), no_grant());
    }
}

raced! {
    async fn a_disable_beside_the_first_sign_in_to_a_sector_reaches_the_new_name(nodes: Nodes) {
        let rounds = std::env::var("DOORWARD_TEST_ROUNDS").map_or(8, |text| text.parse().unwrap());
        for round in 0..rounds {
            one_round(&nodes, round).await;
        }
    }
}
