//! What nobody can use is deleted, and nothing else.

use std::time::Duration;

use doorward::domain::grant::Grant;
use doorward::domain::id::{FamilyId, GrantId, SessionId};
use doorward::domain::scope::Scopes;
use doorward::domain::secret::Digest;
use doorward::domain::session::{Authentication, Session};
use doorward::domain::time::Instant;
use doorward::store::codes::{self, Code};
use doorward::store::{Tx, clients, grants, people, refresh, sessions};
use doorward::world::SystemEntropy;

use crate::gates::{client, person};
use crate::support::{Fresh, both, now, random};

/// What a grant stands on, each with the moment it ends.
#[derive(Clone, Copy, Default)]
struct Ground {
    session: Option<Instant>,
    family: Option<Instant>,
    code: Option<Instant>,
    is_session_over: bool,
}

async fn stands(tx: &mut Tx, grant: &Grant, on: Ground) {
    let made = now();
    if let Some(expires_at) = on.session {
        let authentication = Authentication::by_password(made);
        let session = Session { id: grant.session, person: grant.person, authentication, seen_at: made, expires_at };
        sessions::insert(tx, &session, &Digest::from_bytes(random()), made).await.unwrap();
        if on.is_session_over {
            assert!(sessions::end(tx, session.id, "test", made).await.unwrap());
        }
    }
    if let Some(expires_at) = on.family {
        let id = FamilyId::mint(made, &SystemEntropy);
        let family = refresh::Family { id, grant: grant.id, idle_expires_at: expires_at, expires_at, ended: false };
        refresh::insert_family(tx, &family, made).await.unwrap();
    }
    if let Some(expires_at) = on.code {
        let code = Code {
            grant: grant.id,
            client: grant.client,
            redirect_uri: "https://app.example/cb".into(),
            challenge: None,
            nonce: None,
            expires_at,
            spent: false,
        };
        codes::insert(tx, &Digest::from_bytes(random()), &code, expires_at).await.unwrap();
    }
}

both! {
    async fn a_grant_is_swept_once_nothing_it_stands_on_lives(fresh: Fresh) {
        let (person, client) = (person("gil"), client("gil-app"));
        let since = now().minus(Duration::from_hours(1));
        let (dead, alive) = (Some(since.minus(Duration::from_secs(1))), Some(since.plus(Duration::from_secs(1))));
        let nothing = Ground::default();
        let grounds = [
            ("nothing", nothing, false),
            ("an expired session", Ground { session: dead, ..nothing }, false),
            ("a session that was ended", Ground { session: alive, is_session_over: true, ..nothing }, false),
            ("all that has expired", Ground { session: dead, family: dead, code: dead, ..nothing }, false),
            ("a live session", Ground { session: alive, ..nothing }, true),
            ("a live family", Ground { session: dead, family: alive, ..nothing }, true),
            ("a live code", Ground { code: alive, ..nothing }, true),
        ];
        let made = since.minus(Duration::from_hours(1));
        let (mut tx, mut ids) = (fresh.store.begin().await.unwrap(), Vec::new());
        people::insert(&mut tx, &person, made).await.unwrap();
        clients::insert(&mut tx, &client, made).await.unwrap();
        let grant = |made| Grant {
            sub: None,
            id: GrantId::mint(made, &SystemEntropy),
            client: client.id,
            person: person.id,
            scopes: Scopes::default(),
            resources: Vec::new(),
            session: SessionId::mint(made, &SystemEntropy),
            offline: false,
            authentication: Authentication::by_password(made),
            claims: None,
        };
        for (what, ground, stays) in grounds {
            let grant = grant(made);
            grants::insert(&mut tx, &grant, made).await.unwrap();
            stands(&mut tx, &grant, ground).await;
            ids.push((what, grant.id, stays));
        }
        let young = grant(now());
        grants::insert(&mut tx, &young, now()).await.unwrap();
        ids.push(("one that is young", young.id, true));
        tx.commit().await.unwrap();
        // A few at a time, going on where it stopped, until the end.
        let (mut after, mut rounds, mut swept) = (None, 0, 0);
        loop {
            let mut tx = fresh.store.begin().await.unwrap();
            let (next, deleted) = grants::sweep(&mut tx, after, since, 3).await.unwrap();
            tx.commit().await.unwrap();
            (after, rounds, swept) = (next, rounds + 1, swept + deleted);
            if after.is_none() {
                break;
            }
        }
        assert_eq!((swept, rounds), (4, 4), "seven in batches of three, and the end");
        let left = grants::live_of_person(&mut fresh.store.read().await.unwrap(), person.id).await.unwrap();
        let left: Vec<_> = left.into_iter().map(|(id, _)| id).collect();
        for (what, id, stays) in ids {
            assert_eq!(left.contains(&id), stays, "{what}");
        }
    }
}
