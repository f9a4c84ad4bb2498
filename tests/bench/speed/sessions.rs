//! What many live sessions take: each of a person of its own, with a grant, a refresh token that has been used, and an access
//! token that has been looked at. The rows are made by the store, since as many passwords would take half an hour; all the
//! rest is asked of the server.

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

use doorward::domain::client::Client;
use doorward::domain::grant::Grant;
use doorward::domain::id::{FamilyId, GrantId, PersonId, SessionId};
use doorward::domain::name::{Sub, Username};
use doorward::domain::person::Person;
use doorward::domain::secret::{Secret, SecretKind};
use doorward::domain::session::{Authentication, Session};
use doorward::domain::time::Instant;
use doorward::store::refresh::Family;
use doorward::store::{Opener, Store, StoreOptions, Tx, clients, grants, people, refresh, sessions};
use doorward::world::SystemEntropy;

use crate::site::Site;

const SESSIONS: usize = 100_000;
/// Rows of so many sessions share a commit.
const BATCH: usize = 1_000;
const AT_ONCE: usize = 32;

pub async fn measure() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("doorward.db").display());
    let site = &Site::open(Some(&url)).await;
    let before = site.program.resident_kib();
    println!("  making the rows of {SESSIONS} sessions");
    let tokens = RefCell::new(rows(&url).await);
    let workers = (0..AT_ONCE).map(async |_| {
        loop {
            let (next, left) = {
                let mut tokens = tokens.borrow_mut();
                (tokens.pop(), tokens.len())
            };
            let Some(token) = next else { return };
            site.use_session(&token).await;
            if left.is_multiple_of(SESSIONS / 10) {
                println!("  {} of them used", SESSIONS - left);
            }
        }
    });
    futures_util::future::join_all(workers).await;
    let after = site.program.resident_kib();
    let each = after.saturating_sub(before) * 1024 / SESSIONS as u64;
    println!("  resident memory with {SESSIONS} live sessions, all in use: {} MiB, {each} bytes each", after / 1024);
}

/// The refresh tokens of as many new sessions.
async fn rows(url: &str) -> Vec<String> {
    let wait = Duration::from_mins(1);
    let (url, tls_ca_file) = (url.to_owned(), None);
    let options =
        StoreOptions { url, connections_max: 2, checkout_timeout: wait, statement_timeout: wait, tls_ca_file };
    let store = Store::open(&options, Opener::Command).await.unwrap();
    let app = clients::by_client_id(&mut store.read().await.unwrap(), "app").await.unwrap().unwrap();
    let mut tokens = Vec::with_capacity(SESSIONS);
    for batch in 0..SESSIONS / BATCH {
        let mut tx = store.begin().await.unwrap();
        for row in 0..BATCH {
            tokens.push(session(&mut tx, &app, batch * BATCH + row).await);
        }
        tx.commit().await.unwrap();
    }
    tokens
}

async fn session(tx: &mut Tx, app: &Client, number: usize) -> String {
    let now: Instant = SystemTime::now().into();
    let later = now.plus(Duration::from_hours(24));
    let authentication = Authentication::by_password(now);
    let person = Person {
        id: PersonId::mint(now, &SystemEntropy),
        sub: Sub::generate(&SystemEntropy),
        username: Username::parse(&format!("person-{number}")).unwrap(),
        name: None,
        email: None,
        email_verified: false,
        profile: doorward::domain::profile::Profile::default(),
        updated_at: now,
        disabled: false,
        locked: false,
    };
    let session = Session {
        id: SessionId::mint(now, &SystemEntropy),
        person: person.id,
        authentication: authentication.clone(),
        seen_at: now,
        expires_at: later,
    };
    let grant = Grant {
        sub: None,
        id: GrantId::mint(now, &SystemEntropy),
        client: app.id,
        person: person.id,
        scopes: app.scopes.clone(),
        resources: vec!["https://notes.example/api".to_owned()],
        session: session.id,
        offline: false,
        authentication,
        claims: None,
    };
    let id = FamilyId::mint(now, &SystemEntropy);
    let family = Family { id, grant: grant.id, idle_expires_at: later, expires_at: later, ended: false };
    let [cookie, token] =
        [SecretKind::Session, SecretKind::RefreshToken].map(|kind| Secret::mint(kind, &SystemEntropy));
    people::insert(tx, &person, now).await.unwrap();
    sessions::insert(tx, &session, &cookie.digest(), now).await.unwrap();
    grants::insert(tx, &grant, now).await.unwrap();
    refresh::insert_family(tx, &family, now).await.unwrap();
    refresh::insert(tx, &token.digest(), family.id, now).await.unwrap();
    token.reveal().to_owned()
}
