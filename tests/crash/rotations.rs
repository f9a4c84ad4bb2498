//! Killed outright in the middle of a thousand rotations of refresh tokens, several times over: no family ever has two live
//! successors, and nobody who holds the last token they received is signed out.
//!
//! What is shown is the clients' view: each family has a client that presents the newest token it received, twice at the
//! same moment, and presents it again when both answers were lost: with the server, or, for some in each life of it, on
//! the way. Only how many rotations were done without anybody
//! hearing of it, and that nobody was given a token behind the clients' backs, is read from the rows.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use doorward::admin::Admin;
use doorward::admin::clients::NewClient;
use doorward::domain::client::{Client, GrantTypes};
use doorward::domain::grant::Grant;
use doorward::domain::id::{FamilyId, GrantId, SessionId};
use doorward::domain::redirect::RedirectUri;
use doorward::domain::scope::Scopes;
use doorward::domain::secret::{Secret, SecretKind};
use doorward::domain::session::{Authentication, Session};
use doorward::store::refresh::Family;
use doorward::store::{Store, grants, refresh, sessions};
use doorward::world::SystemEntropy;
use futures_util::future::join_all;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::database::{Kind, Rows};
use crate::site::{Server, Site, library, random};
use crate::world::{client, notes, notes_server, person};

const PEOPLE: usize = 20;
const FAMILIES: usize = 500;
/// So many present the same token at once.
const TWICE: usize = 2;
const KILLS: usize = 5;
/// One client in so many hears nothing of its answers while a server lives.
const DEAF_ONE_IN: usize = 8;
/// A server lives until so many have their answer, from the shortest to the longest life: never until all have.
const LIFE: (u64, u64) = (1, 120);

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_amid_a_thousand_rotations_signs_nobody_out_on_sqlite() {
    rotate(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_amid_a_thousand_rotations_signs_nobody_out_on_postgres() {
    rotate(Kind::Postgres).await;
}

/// One client's refresh tokens: all it ever received, the newest last.
struct Held {
    received: Vec<String>,
}

impl Held {
    fn newest(&self) -> &str {
        self.received.last().unwrap()
    }
}

/// Whose token was presented, which one, and what came back.
type Answered = (usize, String, Option<(u16, String)>);

struct Trial {
    site: Arc<Site>,
    secret: String,
    held: Vec<Held>,
    lost: usize,
    busy: usize,
}

async fn rotate(kind: Kind) {
    let started = Instant::now();
    let mut trial = Trial::new(Arc::new(Site::new(kind).await)).await;
    let mut unheard = 0;
    for life in 0..KILLS {
        let server = trial.site.start().await;
        trial.wave(server, life).await;
        unheard += trial.unheard().await;
    }
    assert!(trial.lost > 0 && unheard > 0, "no answer was lost: nothing was shown");
    let _server = trial.site.start().await;
    trial.everybody_gets_an_answer().await;
    trial.each_has_one_live_token().await;
    trial.everybody_gets_an_answer().await;
    let rotations: usize = trial.held.iter().map(|held| held.received.len() - 1).sum();
    println!(
        "{kind:?}: {KILLS} kills, {FAMILIES} families, {rotations} rotations answered, {} requests lost, {unheard} \
         rotations done unheard, {} told to come back; {:.1} s",
        trial.lost,
        trial.busy,
        started.elapsed().as_secs_f64()
    );
}

impl Trial {
    async fn new(site: Arc<Site>) -> Self {
        let store = site.store().await;
        let admin = library(&store);
        notes_server(&admin).await;
        let (app, secret) = app(&admin).await;
        let mut held = Vec::new();
        for i in 0..PEOPLE {
            let person = person(&admin, &format!("p{i}")).await;
            for _ in 0..FAMILIES / PEOPLE {
                let first = sign_in(&store, person.id, &app).await;
                held.push(Held { received: vec![first] });
            }
        }
        Self { site, secret, held, lost: 0, busy: 0 }
    }

    fn ask(&self, asked: &mut JoinSet<Answered>, family: usize) {
        let (site, secret) = (self.site.clone(), self.secret.clone());
        let token = self.held[family].newest().to_owned();
        asked.spawn(async move {
            let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
            (family, token.clone(), site.form("/oauth2/token", ("app", &secret), &form).await)
        });
    }

    /// Everybody rotates at once, and in the middle of it the server is gone.
    async fn wave(&mut self, server: Server, turn: usize) {
        let (mut asked, mut server) = (JoinSet::new(), Some(server));
        for i in 0..FAMILIES * TWICE {
            self.ask(&mut asked, i % FAMILIES);
        }
        let mut life = LIFE.0 + random(LIFE.1);
        while let Some(answered) = asked.join_next().await {
            let (family, presented, answer) = answered.unwrap();
            let is_deaf = family % DEAF_ONE_IN == turn % DEAF_ONE_IN;
            if self.take((family, presented, answer.filter(|_| !is_deaf))).is_none() {
                life = life.saturating_sub(1);
            }
            if let Some(server) = if life == 0 { server.take() } else { None } {
                server.kill().await;
            }
        }
        // On a machine too slow to answer so many in time.
        if let Some(server) = server {
            server.kill().await;
        }
    }

    /// Nobody is killed, and everybody rotates until it is done, some at a time.
    async fn everybody_gets_an_answer(&mut self) {
        let mut waiting: Vec<_> = (0..FAMILIES).collect();
        let mut asked = JoinSet::new();
        loop {
            while asked.len() < 32
                && let Some(family) = waiting.pop()
            {
                self.ask(&mut asked, family);
            }
            let Some(answered) = asked.join_next().await else { return };
            waiting.extend(self.take(answered.unwrap()));
        }
    }

    /// What a client makes of an answer; says which family has none yet.
    fn take(&mut self, (family, presented, answer): Answered) -> Option<usize> {
        let held = &mut self.held[family].received;
        match answer {
            None => self.lost += 1,
            Some((503, _)) => self.busy += 1,
            Some((200, body)) => {
                let body: Value = serde_json::from_str(&body).unwrap();
                let given = body["refresh_token"].as_str().unwrap().to_owned();
                if *held.last().unwrap() == presented {
                    held.push(given);
                } else {
                    assert_eq!(*held.last().unwrap(), given, "two successors of one token");
                }
                return None;
            }
            Some((status, body)) => panic!("the holder of the newest token is signed out: {status} {body}"),
        }
        Some(family)
    }

    /// Rotations that were done and that no client has heard of; and in any case one live token in each family.
    async fn unheard(&self) -> usize {
        let mut rows = Rows::open(&self.site.url).await;
        let live = rows
            .select(&["family_id:id", "count(*)"], "refresh_tokens WHERE spent_at IS NULL GROUP BY family_id")
            .await;
        assert_eq!(live.len(), FAMILIES, "families with a live token");
        assert!(live.iter().all(|row| row[1] == 1), "a family has two live tokens: {live:?}");
        let done = rows.select(&["count(*)"], "refresh_tokens").await[0][0].as_u64().unwrap();
        usize::try_from(done).unwrap() - self.held.iter().map(|held| held.received.len()).sum::<usize>()
    }

    /// Every token ever received is tried: of each family's only the newest lives.
    async fn each_has_one_live_token(&self) {
        for some in self.held.chunks(32) {
            join_all(some.iter().map(async |held| {
                for (i, token) in held.received.iter().enumerate() {
                    let form = [("token", token.as_str())];
                    let (status, body) =
                        self.site.form("/oauth2/introspect", ("app", &self.secret), &form).await.unwrap();
                    assert_eq!(status, 200, "{body}");
                    let active = &serde_json::from_str::<Value>(&body).unwrap()["active"];
                    assert_eq!(*active, i + 1 == held.received.len(), "token {i} of {}", held.received.len());
                }
            }))
            .await;
        }
    }
}

async fn app(admin: &Admin) -> (Client, String) {
    let new = NewClient {
        scopes: Scopes::parse("openid notes:read").unwrap(),
        resources: vec![notes()],
        grant_types: GrantTypes { authorization_code: true, refresh_token: true, client_credentials: false },
        redirect_uris: vec![RedirectUri::parse("https://app.example/cb").unwrap()],
        ..client("app")
    };
    let made = admin.create_client(new).await.unwrap();
    (made.client, made.secret.unwrap().reveal().to_owned())
}

/// A session with a grant and its first refresh token: made by the store, without a browser.
async fn sign_in(store: &Store, person: doorward::domain::id::PersonId, app: &Client) -> String {
    let now = SystemTime::now().into();
    let later = doorward::domain::time::Instant::from(SystemTime::now() + Duration::from_hours(24));
    let mint = |kind| Secret::mint(kind, &SystemEntropy);
    let authentication = Authentication::by_password(now);
    let session = Session {
        id: SessionId::mint(now, &SystemEntropy),
        person,
        authentication: authentication.clone(),
        seen_at: now,
        expires_at: later,
    };
    let grant = Grant {
        sub: None,
        id: GrantId::mint(now, &SystemEntropy),
        client: app.id,
        person,
        scopes: app.scopes.clone(),
        resources: vec!["https://notes.example/api".to_owned()],
        session: session.id,
        offline: false,
        authentication,
        claims: None,
    };
    let family = Family {
        id: FamilyId::mint(now, &SystemEntropy),
        grant: grant.id,
        idle_expires_at: later,
        expires_at: later,
        ended: false,
    };
    let token = mint(SecretKind::RefreshToken);
    let mut tx = store.begin().await.unwrap();
    sessions::insert(&mut tx, &session, &mint(SecretKind::Session).digest(), now).await.unwrap();
    grants::insert(&mut tx, &grant, now).await.unwrap();
    refresh::insert_family(&mut tx, &family, now).await.unwrap();
    refresh::insert(&mut tx, &token.digest(), family.id, now).await.unwrap();
    tx.commit().await.unwrap();
    token.reveal().to_owned()
}
