//! Single-use gates: of any number at the same instant exactly one wins.

use std::time::Duration;

use doorward::domain::client::{Client, ClientCredential, GrantTypes};
use doorward::domain::grant::{Grant, GrantState};
use doorward::domain::id::{ClientId, FamilyId, GrantId, OutboxId, PersonId, SessionId, TokenId};
use doorward::domain::name::{ClientName, Sub, Username};
use doorward::domain::person::Person;
use doorward::domain::profile::Profile;
use doorward::domain::scope::Scopes;
use doorward::domain::secret::Digest;
use doorward::domain::session::Authentication;
use doorward::domain::signing_key::{KeyState, SigningKey};
use doorward::store::refresh::{Rotated, Successor};
use doorward::store::signing_keys::StoredKey;
use doorward::store::{
    StoreError, clients, decisions, grants, outbox, people, refresh, setup_links, signing_keys, tokens,
};
use doorward::world::SystemEntropy;
use serde_json::json;

use crate::support::{Fresh, both, now, random};

const MANY: usize = 32;

/// How many of many parallel attempts said yes.
async fn winners<F, T>(attempt: F) -> usize
where
    F: Fn(usize) -> T,
    T: Future<Output = bool> + Send + 'static,
{
    let tasks: Vec<_> = (0..MANY).map(|i| tokio::spawn(attempt(i))).collect();
    let mut won = 0;
    for task in tasks {
        won += usize::from(task.await.unwrap());
    }
    won
}

pub fn person(name: &str) -> Person {
    Person {
        id: PersonId::mint(now(), &SystemEntropy),
        sub: Sub::parse(&format!("sub-{name}")).unwrap(),
        username: Username::parse(name).unwrap(),
        name: None,
        email: None,
        email_verified: false,
        profile: Profile::default(),
        updated_at: now(),
        disabled: false,
        locked: false,
    }
}

pub fn client(name: &str) -> Client {
    Client {
        id: ClientId::mint(now(), &SystemEntropy),
        client_id: ClientName::parse(name).unwrap(),
        name: None,
        credential: ClientCredential::SecretBasic(Digest::of(b"x")),
        scopes: Scopes::default(),
        resources: Vec::new(),
        speaks_for: vec![],
        disabled: false,
        grant_types: GrantTypes::default(),
        redirect_uris: Vec::new(),
        post_logout_redirect_uris: Vec::new(),
        first_party: false,
        pkce_optional: false,
        default_max_age: None,
        backchannel_logout_uri: None,
        sector: None,
    }
}

fn key(state: KeyState) -> StoredKey {
    let kid = doorward::domain::id::FactId::mint(now(), &SystemEntropy).to_string();
    let key = SigningKey { kid, created_at: now(), state };
    StoredKey { key, public_jwk: json!({ "kty": "RSA" }), sealed: Some(vec![1, 2, 3]) }
}

both! {
    async fn an_assertion_is_spent_once(fresh: Fresh) {
        let digest = Digest::from_bytes(random());
        let won = winners(|_| {
            let store = fresh.store.clone();
            async move {
                let mut tx = store.begin().await.unwrap();
                let first = tokens::spend_assertion(&mut tx, &digest, now()).await.unwrap();
                tx.commit().await.unwrap();
                first
            }
        }).await;
        assert_eq!(won, 1);
    }

    async fn a_token_is_denied_once_and_the_list_is_read_whole(fresh: Fresh) {
        let id = TokenId::mint(now(), &SystemEntropy);
        let until = now().plus(Duration::from_mins(1));
        let won = winners(|_| {
            let store = fresh.store.clone();
            async move {
                let mut tx = store.begin().await.unwrap();
                let first = tokens::deny(&mut tx, id, until, now()).await.unwrap();
                tx.commit().await.unwrap();
                first
            }
        }).await;
        assert_eq!(won, 1);
        let (_, denied) = tokens::denied(&mut fresh.store.read().await.unwrap(), now()).await.unwrap();
        assert_eq!(denied, [(id, until)]);
        let (_, denied) = tokens::denied(&mut fresh.store.read().await.unwrap(), until).await.unwrap();
        assert!(denied.is_empty(), "what has expired need not be known");
        let mut tx = fresh.store.begin().await.unwrap();
        assert_eq!(tokens::sweep(&mut tx, until.plus(Duration::from_secs(1))).await.unwrap(), 1);
        tx.commit().await.unwrap();
    }

    async fn one_first_signing_key_and_one_pending_one(fresh: Fresh) {
        for state in [KeyState::Signing { since: now() }, KeyState::Pending { signs_from: now() }] {
            let won = winners(|_| {
                let (store, key) = (fresh.store.clone(), key(state));
                async move {
                    let mut tx = store.begin().await.unwrap();
                    let first = signing_keys::insert(&mut tx, &key).await.unwrap();
                    tx.commit().await.unwrap();
                    first
                }
            }).await;
            assert_eq!(won, 1, "{state}");
        }
        assert_eq!(signing_keys::all(&mut fresh.store.read().await.unwrap()).await.unwrap().len(), 2);
    }

    async fn a_key_changes_its_state_once_and_loses_its_private_half_when_it_signs_no_more(fresh: Fresh) {
        let key = key(KeyState::Signing { since: now() });
        let kid = key.key.kid.clone();
        let mut tx = fresh.store.begin().await.unwrap();
        signing_keys::insert(&mut tx, &key).await.unwrap();
        tx.commit().await.unwrap();
        let won = winners(|_| {
            let (store, kid) = (fresh.store.clone(), kid.clone());
            async move {
                let mut tx = store.begin().await.unwrap();
                let retired = KeyState::Retired { unpublish_at: now() };
                let first = signing_keys::transition(&mut tx, &kid, "signing", retired).await.unwrap();
                tx.commit().await.unwrap();
                first
            }
        }).await;
        assert_eq!(won, 1);
        let stored = signing_keys::all(&mut fresh.store.read().await.unwrap()).await.unwrap();
        assert!(stored[0].sealed.is_none());
        assert_eq!(stored[0].public_jwk, json!({ "kty": "RSA" }));
    }

    async fn a_set_up_link_is_spent_once(fresh: Fresh) {
        let digest = Digest::from_bytes(random());
        let mut tx = fresh.store.begin().await.unwrap();
        setup_links::replace(&mut tx, &digest, now(), now().plus(Duration::from_mins(1))).await.unwrap();
        tx.commit().await.unwrap();
        let won = winners(|_| {
            let store = fresh.store.clone();
            async move {
                let mut tx = store.begin().await.unwrap();
                let first = setup_links::spend(&mut tx, &digest, now()).await.unwrap();
                tx.commit().await.unwrap();
                first
            }
        }).await;
        assert_eq!(won, 1);
    }

    async fn a_grant_ends_once_and_its_state_is_read_by_key(fresh: Fresh) {
        let (person, client) = (person("gina"), client("app"));
        let grant = Grant {
            sub: None,
            id: GrantId::mint(now(), &SystemEntropy),
            client: client.id,
            person: person.id,
            scopes: Scopes::parse("openid").unwrap(),
            resources: Vec::new(),
            session: SessionId::mint(now(), &SystemEntropy),
            offline: false,
            authentication: Authentication::by_password(now()),
            claims: None,
        };
        let mut tx = fresh.store.begin().await.unwrap();
        people::insert(&mut tx, &person, now()).await.unwrap();
        clients::insert(&mut tx, &client, now()).await.unwrap();
        grants::insert(&mut tx, &grant, now()).await.unwrap();
        tx.commit().await.unwrap();
        let unknown = GrantId::mint(now(), &SystemEntropy);
        let state = async || {
            let mut conn = fresh.store.read().await.unwrap();
            decisions::grants(&mut conn, &[grant.id, unknown]).await.unwrap().values
        };
        assert_eq!(state().await.get(&grant.id), Some(&GrantState::Live));
        assert_eq!(state().await.get(&unknown), None);
        assert_eq!(grants::live_of_person(&mut fresh.store.read().await.unwrap(), person.id).await.unwrap().len(), 1);
        let won = winners(|_| {
            let (store, id) = (fresh.store.clone(), grant.id);
            async move {
                let mut tx = store.begin().await.unwrap();
                let first = grants::end(&mut tx, id, "test", now()).await.unwrap();
                tx.commit().await.unwrap();
                first
            }
        }).await;
        assert_eq!(won, 1);
        assert_eq!(state().await.get(&grant.id), Some(&GrantState::Ended));
        let mut tx = fresh.store.begin().await.unwrap();
        assert!(grants::end_of_person(&mut tx, person.id, "again", now()).await.unwrap().is_empty());
        tx.commit().await.unwrap();
    }

    async fn a_sealed_successor_is_wiped_when_its_grace_is_over(fresh: Fresh) {
        let (person, client) = (person("gina"), client("app"));
        let grant = Grant {
            sub: None,
            id: GrantId::mint(now(), &SystemEntropy),
            client: client.id,
            person: person.id,
            scopes: Scopes::default(),
            resources: Vec::new(),
            session: SessionId::mint(now(), &SystemEntropy),
            offline: false,
            authentication: Authentication::by_password(now()),
            claims: None,
        };
        let later = now().plus(Duration::from_hours(1));
        let family = refresh::Family {
            id: FamilyId::mint(now(), &SystemEntropy),
            grant: grant.id,
            idle_expires_at: later,
            expires_at: later,
            ended: false,
        };
        let (token, successor) = (Digest::from_bytes(random()), Digest::from_bytes(random()));
        let spent_at = now();
        let mut tx = fresh.store.begin().await.unwrap();
        people::insert(&mut tx, &person, now()).await.unwrap();
        clients::insert(&mut tx, &client, now()).await.unwrap();
        grants::insert(&mut tx, &grant, now()).await.unwrap();
        refresh::insert_family(&mut tx, &family, now()).await.unwrap();
        refresh::insert(&mut tx, &token, family.id, now()).await.unwrap();
        let to = |digest, sealed| Successor { digest, sealed, idle_expires_at: later };
        let first = refresh::rotate(&mut tx, &token, family.id, to(&successor, b"sealed"), spent_at).await.unwrap();
        tx.commit().await.unwrap();
        let (other, mut tx) = (Digest::from_bytes(random()), fresh.store.begin().await.unwrap());
        let second = refresh::rotate(&mut tx, &token, family.id, to(&other, b"again"), spent_at).await.unwrap();
        tx.rollback().await.unwrap();
        assert_eq!((first, second), (Rotated::Done, Rotated::Spent));
        let mut tx = fresh.store.begin().await.unwrap();
        assert_eq!(refresh::wipe_past_grace(&mut tx, spent_at).await.unwrap(), 0, "not before");
        assert_eq!(refresh::wipe_past_grace(&mut tx, spent_at.plus(Duration::from_secs(1))).await.unwrap(), 1);
        tx.commit().await.unwrap();
        let stored = refresh::find(&mut fresh.store.read().await.unwrap(), &token).await.unwrap().unwrap();
        assert!(stored.successor_sealed.is_none() && stored.successor.is_some());
    }

    async fn a_name_is_taken_once(fresh: Fresh) {
        let won = winners(|_| {
            let (store, person) = (fresh.store.clone(), person("same"));
            async move {
                let mut tx = store.begin().await.unwrap();
                match people::insert(&mut tx, &person, now()).await {
                    Ok(()) => tx.commit().await.is_ok(),
                    Err(StoreError::Conflict(_)) => false,
                    Err(other) => panic!("{other:?}"),
                }
            }
        }).await;
        assert_eq!(won, 1);
        let mut conn = fresh.store.read().await.unwrap();
        assert!(people::is_taken(&mut conn, &["SAME"]).await.unwrap(), "in any case");
        assert!(!people::is_taken(&mut conn, &["other"]).await.unwrap());
    }

    async fn outbox_items_are_claimed_by_one_worker_and_come_back_when_it_dies(fresh: Fresh) {
        let start = now();
        let mut tx = fresh.store.begin().await.unwrap();
        for i in 0..10 {
            outbox::enqueue(&mut tx, OutboxId::mint(start, &SystemEntropy), "test", json!({ "i": i }), start).await.unwrap();
        }
        tx.commit().await.unwrap();
        let lease = Duration::from_secs(30);
        let claim = |at| {
            let store = fresh.store.clone();
            async move {
                let mut tx = store.begin().await.unwrap();
                let items = outbox::claim(&mut tx, at, lease, 4).await.unwrap();
                tx.commit().await.unwrap();
                items
            }
        };
        let at = start.plus(Duration::from_millis(1));
        let tasks: Vec<_> = (0..5).map(|_| tokio::spawn(claim(at))).collect();
        let mut claimed = Vec::new();
        for task in tasks {
            claimed.extend(task.await.unwrap());
        }
        // Nobody claims what another holds; a pass over locked rows may leave some for the next.
        claimed.extend(claim(at).await);
        claimed.extend(claim(at).await);
        let mut ids: Vec<_> = claimed.iter().map(|item| item.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((claimed.len(), ids.len()), (10, 10), "each once");
        let mut tx = fresh.store.begin().await.unwrap();
        assert!(outbox::finish(&mut tx, &claimed[0]).await.unwrap());
        assert!(!outbox::finish(&mut tx, &claimed[0]).await.unwrap());
        assert!(outbox::postpone(&mut tx, &claimed[1], at.plus(lease * 10)).await.unwrap());
        tx.commit().await.unwrap();
        let later = at.plus(lease + Duration::from_secs(1));
        let mut again = claim(later).await;
        again.extend(claim(later).await);
        assert_eq!(again.len(), 8, "what was neither finished nor postponed comes back");
        assert!(again.iter().all(|item| item.attempts == 1));
        // The first holder lost its claim: it can neither finish nor postpone.
        let mut tx = fresh.store.begin().await.unwrap();
        assert!(!outbox::finish(&mut tx, &claimed[2]).await.unwrap());
        assert!(!outbox::postpone(&mut tx, &claimed[2], later).await.unwrap());
        tx.commit().await.unwrap();
    }
}
