//! The small world most tests play in.

use doorward::admin::assignments::{HeldRef, NewAssignment};
use doorward::admin::clients::NewClient;
use doorward::admin::people::NewPerson;
use doorward::admin::resource_servers::NewResourceServer;
use doorward::admin::{Admin, PrincipalRef};
use doorward::domain::assignment::Effect;
use doorward::domain::client::{AuthMethod, GrantTypes};
use doorward::domain::id::AssignmentId;
use doorward::domain::name::{ClientName, Slug, Username};
use doorward::domain::permission::Permission;
use doorward::domain::redirect::RedirectUri;
use doorward::domain::resource_server::TokenClaims;
use doorward::domain::scope::Scopes;
use doorward::domain::time::Interval;

/// The audience of the resource server `notes`.
pub const NOTES: &str = "https://notes.example/api";

/// Resource servers `notes` (roles viewer < editor < owner) and `files` (role viewer); people alice (owner), bob (viewer),
/// carol (nothing); clients `bot` (editor of notes, may ask for notes), `post` (the same by `client_secret_post`),
/// `two` (may ask for notes and files), `notes-api` and `files-api` (speak for them).
#[derive(Clone, Default)]
pub struct World {
    pub alice_sub: String,
    pub bot: String,
    pub post: String,
    pub two: String,
    pub notes_api: String,
    pub files_api: String,
    pub app: String,
}

pub fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

pub fn permission(text: &str) -> Permission {
    Permission::parse(text).unwrap()
}

pub fn new_client(client_id: &str, auth_method: AuthMethod) -> NewClient {
    NewClient {
        client_id: ClientName::parse(client_id).unwrap(),
        name: None,
        auth_method,
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

/// Gives a role, and says under which id.
pub async fn assign(admin: &Admin, to: &str, at: &str, role: &str, effect: Effect, interval: Interval) -> AssignmentId {
    let new = NewAssignment {
        principal: to.parse::<PrincipalRef>().unwrap(),
        resource_server: slug(at),
        held: HeldRef::Role(slug(role)),
        scope: None,
        effect,
        interval,
        reason: None,
    };
    admin.add_assignment(&new).await.unwrap().0.assignment.id
}

async fn server(admin: &Admin, name: &str, identifier: &str, scopes: &str, permissions: &[&str]) {
    let new = NewResourceServer {
        name: slug(name),
        identifier: identifier.to_owned(),
        scopes: Scopes::parse(scopes).unwrap(),
        permissions: permissions.iter().map(|p| permission(p)).collect(),
        claims: TokenClaims { roles: true, permissions: true },
    };
    admin.create_resource_server(new).await.unwrap();
}

async fn secret(admin: &Admin, new: NewClient) -> String {
    admin.create_client(new).await.unwrap().secret.unwrap().reveal().to_owned()
}

impl World {
    pub async fn build(admin: &Admin) -> Self {
        let verbs = ["read:note", "create:note", "update:note", "delete:note"];
        server(admin, "notes", NOTES, "notes:read notes:write", &verbs).await;
        server(admin, "files", "https://files.example/api", "files:read", &["read:file", "read:note"]).await;
        let notes = slug("notes");
        admin.create_role(&notes, slug("viewer"), vec![permission("read:note")], &[]).await.unwrap();
        let writes = vec![permission("create:note"), permission("update:note")];
        admin.create_role(&notes, slug("editor"), writes, &[slug("viewer")]).await.unwrap();
        admin.create_role(&notes, slug("owner"), vec![permission("delete:note")], &[slug("editor")]).await.unwrap();
        let everything = vec![permission("read:*")];
        admin.create_role(&slug("files"), slug("viewer"), everything, &[]).await.unwrap();

        let mut world = Self::default();
        for name in ["alice", "bob", "carol"] {
            let username = Username::parse(name).unwrap();
            let person = admin.create_person(NewPerson::named(username)).await.unwrap();
            if name == "alice" {
                world.alice_sub = person.sub.to_string();
            }
        }
        let scopes = Scopes::parse("notes:read notes:write").unwrap();
        let asks =
            |id, method| NewClient { scopes: scopes.clone(), resources: vec![slug("notes")], ..new_client(id, method) };
        world.bot = secret(admin, asks("bot", AuthMethod::ClientSecretBasic)).await;
        world.post = secret(admin, asks("post", AuthMethod::ClientSecretPost)).await;
        let two = asks("two", AuthMethod::ClientSecretBasic);
        let scopes = Scopes::parse("notes:read files:read").unwrap();
        world.two = secret(admin, NewClient { scopes, resources: vec![slug("notes"), slug("files")], ..two }).await;
        let speaks = |id, name| NewClient {
            resource_servers: vec![slug(name)],
            decision_caller: true,
            ..new_client(id, AuthMethod::ClientSecretBasic)
        };
        world.notes_api = secret(admin, speaks("notes-api", "notes")).await;
        world.files_api = secret(admin, speaks("files-api", "files")).await;

        let redirect = |uri: &str| vec![RedirectUri::parse(uri).unwrap()];
        let app = NewClient {
            scopes: Scopes::parse("openid profile email offline_access notes:read").unwrap(),
            resources: vec![slug("notes")],
            grant_types: GrantTypes { authorization_code: true, refresh_token: true, client_credentials: false },
            redirect_uris: redirect("https://app.example/cb"),
            post_logout_redirect_uris: redirect("https://app.example/bye"),
            ..new_client("app", AuthMethod::ClientSecretBasic)
        };
        world.app = secret(admin, app).await;
        let native = NewClient {
            scopes: Scopes::parse("openid notes:read").unwrap(),
            resources: vec![slug("notes")],
            grant_types: GrantTypes { authorization_code: true, refresh_token: true, client_credentials: false },
            redirect_uris: redirect("http://127.0.0.1/cb"),
            ..new_client("native", AuthMethod::None)
        };
        admin.create_client(native).await.unwrap();

        for (to, role) in [("user:alice", "owner"), ("user:bob", "viewer"), ("client:bot", "editor")] {
            assign(admin, to, "notes", role, Effect::Allow, Interval::ALWAYS).await;
        }
        world
    }
}
