//! What writes while the server is killed, and what was acknowledged to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorward::admin::roles::RoleChange;
use doorward::admin::{Admin, PrincipalRef};
use doorward::domain::id::AssignmentId;
use doorward::domain::time::Interval;
use doorward::store::Store;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::site::{End, Site, library, random};
use crate::world::{World, assign, grant, notes, permission, person, slug};

/// Tasks that ask the server for tokens, and tasks that revoke what they got.
const ISSUERS: usize = 4;
const REVOKERS: usize = 3;

#[derive(Clone)]
pub struct Token {
    pub text: String,
    /// Without hyphens, as the rows are read.
    pub jti: String,
}

/// What a command did or was about to do, as its fact would say: kind and subject.
pub type Act = (&'static str, String);

/// A command and what became of it.
pub struct Ran {
    pub act: Act,
    pub end: End,
    pub took: Duration,
}

/// What the test was told is done; and of what it was told nothing, because something was killed first.
#[derive(Default)]
pub struct Known {
    pub issued: Vec<Token>,
    pub revoked: Vec<Token>,
    pub commands: Vec<Ran>,
    /// So many acts through the library, none of which was killed.
    pub library: usize,
    /// What should not have happened at all.
    pub refused: Vec<String>,
}

impl Known {
    pub fn add(&mut self, other: Self) {
        self.issued.extend(other.issued);
        self.revoked.extend(other.revoked);
        self.commands.extend(other.commands);
        self.library += other.library;
        self.refused.extend(other.refused);
    }

    /// The acts of the commands that came to this end.
    pub fn commands(&self, end: End) -> impl Iterator<Item = &Act> {
        self.commands.iter().filter(move |ran| ran.end == end).map(|ran| &ran.act)
    }
}

/// Gets a token; nothing once the server is gone.
async fn issue(site: &Site, world: &World, known: &mut Known) -> Option<Token> {
    let form = [("grant_type", "client_credentials")];
    let (status, body) = site.form("/oauth2/token", world.bot_auth(), &form).await?;
    if status != 200 {
        known.refused.push(format!("no token: {status} {body}"));
        return None;
    }
    let text = serde_json::from_str::<Value>(&body).unwrap()["access_token"].as_str().unwrap().to_owned();
    let claims = URL_SAFE_NO_PAD.decode(text.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let token = Token { jti: claims["jti"].as_str().unwrap().replace('-', ""), text };
    known.issued.push(token.clone());
    Some(token)
}

async fn keep_issuing(site: Arc<Site>, world: Arc<World>) -> Known {
    let mut known = Known::default();
    while issue(&site, &world, &mut known).await.is_some() {}
    known
}

async fn keep_revoking(site: Arc<Site>, world: Arc<World>) -> Known {
    let mut known = Known::default();
    while let Some(token) = issue(&site, &world, &mut known).await {
        match site.form("/oauth2/revoke", world.bot_auth(), &[("token", &token.text)]).await {
            Some((200, _)) => known.revoked.push(token),
            Some((status, body)) => known.refused.push(format!("not revoked: {status} {body}")),
            None => break,
        }
    }
    known
}

/// Something that a person may do or not, by turns.
pub struct Toggle {
    by: By,
    pub person: &'static str,
    pub action: &'static str,
    pub allowed: bool,
}

enum By {
    Assignment(Option<AssignmentId>),
    Role,
    Membership,
    Person,
}

impl Toggle {
    pub fn all() -> Vec<Self> {
        let toggle = |by, person, action, allowed| Self { by, person, action, allowed };
        vec![
            toggle(By::Assignment(None), "ann", "read", false),
            toggle(By::Role, "rob", "update", false),
            toggle(By::Membership, "gus", "read", false),
            toggle(By::Person, "dot", "read", true),
        ]
    }

    async fn flip(&mut self, admin: &Admin) {
        let member = PrincipalRef::User(self.person.to_owned());
        match (&mut self.by, self.allowed) {
            (By::Assignment(given), _) => match given.take() {
                Some(id) => drop(admin.remove_assignment(id).await.unwrap()),
                None => *given = Some(assign(admin, &member.to_string(), "reader").await),
            },
            (By::Role, allowed) => {
                // Two rows and an inclusion at once: half of it would show.
                let (held, included) =
                    (vec![permission("update:note"), permission("delete:note")], vec![slug("reader")]);
                let add =
                    RoleChange { add_permissions: held.clone(), add_includes: included.clone(), ..Default::default() };
                let take = RoleChange { remove_permissions: held, remove_includes: included, ..Default::default() };
                admin.change_role(&notes(), &slug("shifting"), if allowed { &take } else { &add }).await.unwrap();
            }
            (By::Membership, false) => {
                admin.add_group_member(&slug("crew"), &member, Interval::ALWAYS, None).await.unwrap();
            }
            (By::Membership, true) => drop(admin.remove_group_member(&slug("crew"), &member).await.unwrap()),
            (By::Person, false) => drop(admin.enable_person(self.person).await.unwrap()),
            (By::Person, true) => drop(admin.disable_person(self.person).await.unwrap()),
        }
        self.allowed = !self.allowed;
    }
}

/// People come, agree to something, and are disabled, which ends their grants.
async fn come_and_go(store: Arc<Store>, world: Arc<World>, round: usize, stop: Arc<AtomicBool>) -> Known {
    let (admin, mut known) = (library(&store), Known::default());
    for i in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let newcomer = person(&admin, &format!("l{round}-{i}")).await;
        grant(&store, &newcomer, &world.bot).await;
        admin.disable_person(newcomer.sub.as_str()).await.unwrap();
        known.library += 2;
    }
    known
}

/// The writes of one round, under way.
pub struct Writes {
    tasks: JoinSet<Known>,
    toggles: JoinSet<(Toggle, usize)>,
    stop: Arc<AtomicBool>,
}

impl Writes {
    pub fn begin(site: &Arc<Site>, world: &Arc<World>) -> Self {
        let mut tasks = JoinSet::new();
        for _ in 0..ISSUERS {
            tasks.spawn(keep_issuing(site.clone(), world.clone()));
        }
        for _ in 0..REVOKERS {
            tasks.spawn(keep_revoking(site.clone(), world.clone()));
        }
        Self { tasks, toggles: JoinSet::new(), stop: Arc::default() }
    }

    /// Operators who change who may do what, through the library and a store of this process.
    pub fn add_operators(&mut self, store: &Arc<Store>, world: &Arc<World>, toggles: Vec<Toggle>, round: usize) {
        for mut toggle in toggles {
            let (admin, stop) = (library(store), self.stop.clone());
            self.toggles.spawn(async move {
                let mut flips = 0;
                while !stop.load(Ordering::Relaxed) {
                    toggle.flip(&admin).await;
                    flips += 1;
                }
                (toggle, flips)
            });
        }
        self.tasks.spawn(come_and_go(store.clone(), world.clone(), round, self.stop.clone()));
    }

    /// A command that is killed, unless it has ended by then.
    pub fn add_command(&mut self, site: &Arc<Site>, serial: usize, kill_after: Duration) {
        let (site, (act, arguments)) = (site.clone(), command(serial));
        self.tasks.spawn(async move {
            let started = Instant::now();
            let end = site.command(&arguments, kill_after).await;
            let mut known = Known::default();
            if end == End::Failed {
                known.refused.push(format!("{arguments:?}: {}", site.complaints()));
            }
            known.commands.push(Ran { act, end, took: started.elapsed() });
            known
        });
    }

    /// Ends what has not ended with the server.
    pub async fn end(self) -> (Known, Vec<Toggle>) {
        self.stop.store(true, Ordering::Relaxed);
        let mut known = Known::default();
        for part in self.tasks.join_all().await {
            known.add(part);
        }
        let mut toggles = Vec::new();
        for (toggle, flips) in self.toggles.join_all().await {
            known.library += flips;
            toggles.push(toggle);
        }
        (known, toggles)
    }
}

/// Commands come in turns of so many kinds.
pub const COMMANDS: usize = 6;

/// The command of this number: each of several rows at once, and none the same twice.
fn command(serial: usize) -> (Act, Vec<String>) {
    let (kind, i) = (serial % COMMANDS, serial / COMMANDS);
    let (kind, subject, line) = match kind {
        0 => ("person.created", format!("user:sub-k{i}"), format!("user create k{i} --sub sub-k{i}")),
        1 => {
            let line = format!("assign add user:t{i} --resource-server notes --role reader");
            ("assignment.added", format!("user:sub-t{i}"), line)
        }
        2 => ("person.disabled", format!("user:sub-t{i}"), format!("user disable t{i}")),
        3 => {
            let held = "--permission read:note --permission delete:note --includes reader --includes shifting";
            ("role.created", format!("role:notes/m{i}"), format!("role create notes m{i} {held}"))
        }
        4 => {
            let change = "--remove update:note --add read:note --add delete:note --include reader";
            ("role.changed", format!("role:notes/r{i}"), format!("role change notes r{i} {change}"))
        }
        _ => {
            let line = format!("client create c{i} --resource notes --resource-server notes --decision-caller");
            ("client.created", format!("client:c{i}"), line)
        }
    };
    ((kind, subject), line.split(' ').map(str::to_owned).collect())
}

/// A few of many.
pub fn sample<T: Clone>(of: &[T], count: u64) -> Vec<T> {
    let length = u64::try_from(of.len()).unwrap();
    if length == 0 {
        return Vec::new();
    }
    (0..count.min(length)).map(|_| of[usize::try_from(random(length)).unwrap()].clone()).collect()
}
