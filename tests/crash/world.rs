//! Who and what is there before the first kill.

use std::sync::Arc;
use std::time::SystemTime;

use doorward::admin::assignments::{HeldRef, NewAssignment};
use doorward::admin::clients::NewClient;
use doorward::admin::people::NewPerson;
use doorward::admin::resource_servers::NewResourceServer;
use doorward::admin::{Admin, PrincipalRef};
use doorward::domain::assignment::Effect;
use doorward::domain::client::{AuthMethod, Client, GrantTypes};
use doorward::domain::grant::Grant;
use doorward::domain::id::{AssignmentId, GrantId, SessionId};
use doorward::domain::name::{ClientName, Slug, Sub, Username};
use doorward::domain::permission::Permission;
use doorward::domain::person::Person;
use doorward::domain::resource_server::TokenClaims;
use doorward::domain::scope::Scopes;
use doorward::domain::session::Authentication;
use doorward::domain::time::Interval;
use doorward::store::{Store, grants};
use doorward::world::SystemEntropy;

use crate::site::{Site, library};

/// So many grants of a person end with them.
pub const GRANTS: usize = 3;

/// The resource server `notes` with roles `reader` (reads) and `shifting` (nothing yet); clients `bot`, which gets tokens,
/// and `notes-api`, which introspects and asks for decisions; the group `crew`, whose members are readers; `rob`, who
/// holds `shifting`, and `dot`, a reader; `ann` and `gus`, who hold nothing yet. For the commands: people `t0`, `t1` …,
/// each with [`GRANTS`] grants, and roles `r0`, `r1` ….
#[derive(Clone)]
pub struct World {
    pub bot: Client,
    bot_secret: String,
    api_secret: String,
}

pub fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

pub fn notes() -> Slug {
    slug("notes")
}

pub fn permission(text: &str) -> Permission {
    Permission::parse(text).unwrap()
}

pub fn client(client_id: &str) -> NewClient {
    NewClient {
        client_id: ClientName::parse(client_id).unwrap(),
        name: None,
        auth_method: AuthMethod::ClientSecretBasic,
        jwks: None,
        scopes: Scopes::default(),
        resources: Vec::new(),
        resource_servers: vec![],
        decision_caller: false,
        grant_types: GrantTypes { client_credentials: true, ..GrantTypes::default() },
        redirect_uris: Vec::new(),
        post_logout_redirect_uris: Vec::new(),
        first_party: false,
        pkce_optional: false,
        default_max_age: None,
        backchannel_logout_uri: None,
        pairwise: false,
    }
}

pub async fn notes_server(admin: &Admin) {
    let new = NewResourceServer {
        name: notes(),
        identifier: "https://notes.example/api".to_owned(),
        scopes: Scopes::parse("notes:read").unwrap(),
        permissions: ["read:note", "update:note", "delete:note"].map(permission).to_vec(),
        claims: TokenClaims { roles: true, permissions: false },
    };
    admin.create_resource_server(new).await.unwrap();
}

pub async fn person(admin: &Admin, name: &str) -> Person {
    let username = Username::parse(name).unwrap();
    let sub = Some(Sub::parse(&format!("sub-{name}")).unwrap());
    admin.create_person(NewPerson { sub, ..NewPerson::named(username) }).await.unwrap()
}

pub async fn assign(admin: &Admin, to: &str, role: &str) -> AssignmentId {
    let new = NewAssignment {
        principal: to.parse::<PrincipalRef>().unwrap(),
        resource_server: notes(),
        held: HeldRef::Role(slug(role)),
        scope: None,
        effect: Effect::Allow,
        interval: Interval::ALWAYS,
        reason: None,
    };
    admin.add_assignment(&new).await.unwrap().0.assignment.id
}

/// Grants of a person to a client: made by the store, without a browser.
pub async fn grant(store: &Store, person: &Person, client: &Client) {
    let now = SystemTime::now().into();
    let mut tx = store.begin().await.unwrap();
    for _ in 0..GRANTS {
        let id = GrantId::mint(now, &SystemEntropy);
        let grant = Grant {
            sub: None,
            id,
            client: client.id,
            person: person.id,
            scopes: Scopes::default(),
            resources: Vec::new(),
            session: SessionId::mint(now, &SystemEntropy),
            offline: false,
            authentication: Authentication::by_password(now),
            claims: None,
        };
        grants::insert(&mut tx, &grant, now).await.unwrap();
    }
    tx.commit().await.unwrap();
}

impl World {
    pub async fn build(site: &Site, targets: usize) -> Self {
        let store = site.store().await;
        let admin = library(&store);
        notes_server(&admin).await;
        admin.create_role(&notes(), slug("reader"), vec![permission("read:note")], &[]).await.unwrap();
        admin.create_role(&notes(), slug("shifting"), Vec::new(), &[]).await.unwrap();
        admin.create_group(slug("crew")).await.unwrap();
        for name in ["ann", "rob", "gus", "dot"] {
            person(&admin, name).await;
        }
        for (to, role) in [("group:crew", "reader"), ("user:rob", "shifting"), ("user:dot", "reader")] {
            assign(&admin, to, role).await;
        }
        let scopes = Scopes::parse("notes:read").unwrap();
        let bot = NewClient { scopes, resources: vec![notes()], ..client("bot") };
        let bot = admin.create_client(bot).await.unwrap();
        let api = NewClient { resource_servers: vec![notes()], decision_caller: true, ..client("notes-api") };
        let api = admin.create_client(api).await.unwrap();
        let secret = |made: Option<doorward::domain::secret::Secret>| made.unwrap().reveal().to_owned();
        let world = Self { bot: bot.client, bot_secret: secret(bot.secret), api_secret: secret(api.secret) };
        world.add_targets(&store, &admin, targets).await;
        world
    }

    async fn add_targets(&self, store: &Arc<Store>, admin: &Admin, targets: usize) {
        for i in 0..targets {
            grant(store, &person(admin, &format!("t{i}")).await, &self.bot).await;
            let held = vec![permission("update:note")];
            admin.create_role(&notes(), slug(&format!("r{i}")), held, &[]).await.unwrap();
        }
    }

    pub fn bot_auth(&self) -> (&str, &str) {
        ("bot", &self.bot_secret)
    }

    pub fn api_auth(&self) -> (&str, &str) {
        ("notes-api", &self.api_secret)
    }
}
