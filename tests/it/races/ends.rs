//! Whatever ends a grant beats every use of it at the same moment: once it is done, nothing that was ever received works.
//! `DOORWARD_TEST_ROUNDS` says how often each end is raced (6 times without it).

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;

use super::{Nodes, a_moment, no_grant, raced};
use crate::support::{Answer, Browser, Code, House, Pkce, Tokens, eventually};

/// What is there to be ended: alice, signed in to `app` in one browser.
struct Scene<'a> {
    nodes: &'a Nodes,
    browser: tokio::sync::Mutex<Browser<'a>>,
    /// Spent for `first`.
    code: Code,
    /// Its refresh token was used more than the grace ago.
    first: Tokens,
    /// What it was used for: the newest.
    second: Tokens,
}

/// Something that ends the grant of a scene. It is over when this returns.
struct End {
    name: &'static str,
    act: for<'a> fn(&'a Scene<'_>) -> Pin<Box<dyn Future<Output = ()> + 'a>>,
    /// What a refresh is told from then on.
    refusal: (u16, &'static str),
    /// Whether a code that has not been exchanged yet ends with it.
    ends_codes: bool,
    /// What a silent request in the same session is told once it is undone.
    afterwards: Option<&'static str>,
    /// Whether what was granted stays ended once it is undone.
    is_for_good: bool,
}

static ENDS: [End; 11] = [
    End {
        act: |scene| Box::pin(async { drop(scene.house().node().admin().disable_person("alice").await.unwrap()) }),
        ..End::of_sessions("disabled")
    },
    End {
        act: |scene| {
            let house = scene.house().clone();
            let command = move || drop(house.command(&["user", "disable", "alice"]));
            Box::pin(async { tokio::task::spawn_blocking(command).await.unwrap() })
        },
        ..End::of_sessions("disabled by the command line")
    },
    End {
        act: |scene| Box::pin(async { scene.house().give_password("alice").await }),
        ..End::of_sessions("password set by an operator")
    },
    End {
        act: |scene| Box::pin(async { drop(scene.house().node().admin().sign_out_person("alice").await.unwrap()) }),
        ..End::of_sessions("signed out by an operator")
    },
    End {
        act: |scene| {
            Box::pin(async {
                let path = format!("/oauth2/logout?id_token_hint={}", scene.second.id);
                let out = scene.browser.lock().await.get(&path).await;
                assert_eq!(out.at, "/signed-out", "silently");
            })
        },
        ..End::of_sessions("logout initiated by the relying party")
    },
    End {
        act: |scene| {
            Box::pin(async { drop(scene.house().node().admin().withdraw_consent("alice", "app").await.unwrap()) })
        },
        afterwards: Some("consent_required"),
        ..End::of_sessions("consent withdrawn")
    },
    End {
        act: |scene| {
            Box::pin(async { drop(scene.house().node().admin().set_person_locked("alice", true).await.unwrap()) })
        },
        afterwards: None,
        is_for_good: false,
        ..End::of_sessions("locked")
    },
    End {
        act: |scene| {
            Box::pin(async {
                let (house, form) = (scene.house(), [("token", scene.first.refresh.as_str())]);
                assert_eq!(house.form("/oauth2/revoke", &house.app(), &form).await.status, 200);
            })
        },
        ..End::of_this_grant("refresh token revoked")
    },
    End {
        act: |scene| {
            Box::pin(async { assert_eq!(scene.house().refresh(&scene.first.refresh).await.refusal(), no_grant()) })
        },
        ..End::of_this_grant("refresh token replayed after the grace")
    },
    End {
        act: |scene| Box::pin(async { assert_eq!(scene.house().exchange(&scene.code).await.refusal(), no_grant()) }),
        ..End::of_this_grant("code spent again")
    },
    End {
        act: |scene| {
            Box::pin(async {
                scene.house().node().admin().set_client_disabled("app", true).await.unwrap();
                for node in &scene.nodes.0 {
                    eventually("a disabled client", async || node.refresh("x").await.status == 401).await;
                }
            })
        },
        refusal: (401, "invalid_client"),
        afterwards: None,
        ..End::of_sessions("client disabled")
    },
];

impl End {
    const fn of_sessions(name: &'static str) -> Self {
        let act = |_: &Scene<'_>| -> Pin<Box<dyn Future<Output = ()>>> { Box::pin(std::future::ready(())) };
        let (refusal, afterwards) = ((400, "invalid_grant"), Some("login_required"));
        Self { name, act, refusal, ends_codes: true, afterwards, is_for_good: true }
    }

    const fn of_this_grant(name: &'static str) -> Self {
        Self { ends_codes: false, afterwards: None, ..Self::of_sessions(name) }
    }

    fn is_refusal(&self, answer: &Answer) -> bool {
        let (status, error) = answer.refusal();
        (status, error.as_str()) == self.refusal
    }
}

/// Undoes what would be in the way of the next round, and brings nothing back that was ended for good.
async fn restore(house: &House) {
    house.node().admin().enable_person("alice").await.unwrap();
    house.node().admin().set_person_locked("alice", false).await.unwrap();
    house.node().admin().set_client_disabled("app", false).await.unwrap();
}

async fn every_round(nodes: &Nodes, of: impl AsyncFn(&'static End)) {
    let rounds = std::env::var("DOORWARD_TEST_ROUNDS").map_or(6, |text| text.parse().unwrap());
    for end in &ENDS {
        for _ in 0..rounds {
            of(end).await;
            restore(nodes.first()).await;
            for node in &nodes.0 {
                eventually("app is let in", async || node.refresh("x").await.status == 400).await;
                eventually("alice is let in", async || node.may("alice", "read").await).await;
            }
        }
    }
}

impl<'a> Scene<'a> {
    async fn set(nodes: &'a Nodes) -> Self {
        let house = nodes.first();
        let mut browser = Browser::new(house);
        let code = browser.code("alice", &[]).await;
        let first = Tokens::of(&house.exchange(&code).await).unwrap();
        let second = Tokens::of(&house.refresh(&first.refresh).await).unwrap();
        house.advance(Duration::from_secs(61));
        for node in &nodes.0 {
            // From here on each node remembers that the grant lives, and has to hear that it does not.
            assert_eq!(node.worth(&second.access).await, [true; 3], "before the end");
        }
        Self { nodes, browser: tokio::sync::Mutex::new(browser), code, first, second }
    }

    fn house(&self) -> &Arc<House> {
        self.nodes.first()
    }

    /// Nothing of this works any more, on any node.
    async fn is_over(&self, end: &End, received: &[Tokens]) {
        for (i, tokens) in received.iter().enumerate() {
            let answer = self.nodes.at(i).refresh(&tokens.refresh).await;
            assert!(end.is_refusal(&answer), "{}: {answer:?}", end.name);
            self.nodes.is_dead_soon(&tokens.access, end.name).await;
        }
    }
}

/// All that a client ever received.
#[derive(Default)]
struct Received(Mutex<Vec<Tokens>>);

impl Received {
    fn newest(&self) -> Tokens {
        self.0.lock().unwrap().last().unwrap().clone()
    }

    fn add(&self, tokens: Tokens) {
        let mut all = self.0.lock().unwrap();
        let is_new = all.iter().all(|other| other.refresh != tokens.refresh);
        // An answer given again brings another access token.
        let at = if is_new { all.len() } else { 0 };
        all.insert(at, tokens);
    }
}

/// Uses the newest token over and over, until one more time after the end.
async fn keep_refreshing(house: Arc<House>, received: Arc<Received>, ended: Arc<AtomicBool>, end: &'static End) {
    loop {
        let is_over = ended.load(Ordering::SeqCst);
        let answer = house.refresh(&received.newest().refresh).await;
        match Tokens::of(&answer) {
            Some(_) if is_over => panic!("{}: refreshed after the end", end.name),
            Some(tokens) => received.add(tokens),
            None => assert!(end.is_refusal(&answer) || answer.refusal() == no_grant(), "{}: {answer:?}", end.name),
        }
        if is_over {
            return;
        }
        a_moment(3_000).await;
    }
}

async fn refresh_against(nodes: &Nodes, end: &'static End) {
    let scene = Scene::set(nodes).await;
    let (received, ended) = (Arc::new(Received::default()), Arc::new(AtomicBool::new(false)));
    received.add(scene.second.clone());
    let mut refreshing = JoinSet::new();
    for i in 0..4 {
        refreshing.spawn(keep_refreshing(nodes.at(i).clone(), received.clone(), ended.clone(), end));
    }
    a_moment(20_000).await;
    (end.act)(&scene).await;
    ended.store(true, Ordering::SeqCst);
    refreshing.join_all().await;
    let all = [vec![scene.first.clone()], std::mem::take(&mut *received.0.lock().unwrap())].concat();
    scene.is_over(end, &all).await;
    if end.is_for_good && end.refusal == (400, "invalid_grant") {
        restore(nodes.first()).await;
        scene.is_over(end, &all[all.len() - 1..]).await;
    }
}

/// Exchanges a code at some moment, and asks for another one in the same session, which it exchanges too.
async fn exchange_against(nodes: &Nodes, end: &'static End) {
    let scene = Scene::set(nodes).await;
    let code = scene.browser.lock().await.code("alice", &[]).await;
    let (mut tab, pkce) = (scene.browser.lock().await.tab(), Pkce::new());
    let ended = AtomicBool::new(false);
    let exchange = async |i: usize, code: Code| {
        let is_over = ended.load(Ordering::SeqCst);
        let tokens = Tokens::of(&nodes.at(i).exchange(&code).await);
        assert!(!is_over || tokens.is_none(), "{}: a code was exchanged after the end", end.name);
        tokens
    };
    let waiting = async {
        a_moment(8_000).await;
        exchange(1, code).await
    };
    let coming = async {
        a_moment(4_000).await;
        let is_over = ended.load(Ordering::SeqCst);
        let back = tab.come("nobody", &pkce, &[("prompt", "none")]).await;
        let code = back.parameter("code")?;
        assert!(!is_over, "{}: a code was issued after the end", end.name);
        exchange(0, Code { code, verifier: pkce.verifier.clone() }).await
    };
    let ending = async {
        a_moment(12_000).await;
        (end.act)(&scene).await;
        ended.store(true, Ordering::SeqCst);
    };
    let (waiting, coming, ()) = tokio::join!(waiting, coming, ending);
    let received: Vec<_> = waiting.into_iter().chain(coming).collect();
    scene.is_over(end, &received).await;
    restore(nodes.first()).await;
    let silent = tab.come("nobody", &Pkce::new(), &[("prompt", "none")]).await;
    assert_eq!(silent.parameter("error").as_deref(), end.afterwards, "{}: {silent:?}", end.name);
}

raced! {
    async fn whatever_ends_a_grant_beats_every_refresh(nodes: Nodes) {
        every_round(&nodes, async |end| refresh_against(&nodes, end).await).await;
    }

    async fn whatever_ends_a_session_beats_every_code(nodes: Nodes) {
        every_round(&nodes, async |end| if end.ends_codes { exchange_against(&nodes, end).await }).await;
    }
}
