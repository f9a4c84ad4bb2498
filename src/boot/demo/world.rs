//! Who and what is in the demo.

use crate::admin::assignments::{HeldRef, NewAssignment};
use crate::admin::clients::NewClient;
use crate::admin::people::NewPerson;
use crate::admin::resource_servers::NewResourceServer;
use crate::admin::{Admin, PrincipalRef};
use crate::boot::node::BootError;
use crate::domain::assignment::Effect;
use crate::domain::client::{AuthMethod, GrantTypes};
use crate::domain::entropy::Entropy;
use crate::domain::name::{ClientName, DisplayName, Email, Slug, Username};
use crate::domain::password::Password;
use crate::domain::permission::Permission;
use crate::domain::profile::Profile;
use crate::domain::redirect::RedirectUri;
use crate::domain::resource_server::TokenClaims;
use crate::domain::scope::Scopes;
use crate::domain::secret::Secret;
use crate::domain::time::Interval;
use crate::login::Hasher;

pub(super) const IDENTIFIER: &str = "https://notes.example/api";

/// Secrets that the printed lines and the sample application need.
pub(super) struct Credentials {
    pub(super) bot: Secret,
    pub(super) api: Secret,
    pub(super) web: Secret,
}

/// Somebody in the demo. Their password is printed: the demo listens on this machine alone and forgets everything.
pub(super) struct Someone {
    pub(super) username: &'static str,
    pub(super) password: &'static str,
    pub(super) role: &'static str,
    name: &'static str,
    phone: &'static str,
}

pub(super) const PEOPLE: &[Someone] = &[
    Someone {
        username: "alice",
        password: "amber violin under snow",
        role: "owner",
        name: "Alice Ames",
        phone: "+41310000001",
    },
    Someone {
        username: "bob",
        password: "bright kettle on tuesday",
        role: "editor",
        name: "Bob Byrne",
        phone: "+41310000002",
    },
    Someone {
        username: "carol",
        password: "calm harbour nine owls",
        role: "viewer",
        name: "Carol Cho",
        phone: "+41310000003",
    },
];

/// Builds the world: people with passwords, a resource server, roles, clients.
pub(super) async fn populate(admin: &Admin, entropy: &dyn Entropy, app: &str) -> Result<Credentials, BootError> {
    let permission = |text| Permission::parse(text);
    let notes = Slug::parse("notes")?;
    let permissions = ["read:note", "create:note", "update:note", "delete:note"].map(permission);
    admin
        .create_resource_server(NewResourceServer {
            name: notes.clone(),
            identifier: IDENTIFIER.to_owned(),
            scopes: Scopes::parse("notes:read notes:write")?,
            permissions: permissions.into_iter().collect::<Result<_, _>>()?,
            claims: TokenClaims { roles: true, permissions: true },
        })
        .await?;
    let (viewer, editor, owner) = (Slug::parse("viewer")?, Slug::parse("editor")?, Slug::parse("owner")?);
    admin.create_role(&notes, viewer.clone(), vec![permission("read:note")?], &[]).await?;
    let writes = vec![permission("create:note")?, permission("update:note")?];
    admin.create_role(&notes, editor.clone(), writes, std::slice::from_ref(&viewer)).await?;
    admin.create_role(&notes, owner.clone(), vec![permission("delete:note")?], std::slice::from_ref(&editor)).await?;

    for someone in PEOPLE {
        let role = Slug::parse(someone.role)?;
        let person = admin.create_person(new_person(someone)?).await?;
        let password = Password::typed(someone.password).ok_or("a demo password that nobody can type")?;
        let hash = Hasher::new(entropy).hash(password, entropy).await?;
        admin.set_password(someone.username, &hash).await?;
        assign(admin, PrincipalRef::User(person.username.as_str().to_owned()), &notes, &role).await?;
    }
    let bot = client("notes-bot", "Notes bot", &notes, false)?;
    let bot = admin.create_client(bot).await?.secret.ok_or("the demo's client has no secret")?;
    assign(admin, PrincipalRef::Client("notes-bot".into()), &notes, &editor).await?;
    let api = admin.create_client(client("notes-api", "The notes API", &notes, true)?).await?;
    let web = admin.create_client(web_client(&notes, app)?).await?;
    Ok(Credentials {
        bot,
        api: api.secret.ok_or("the demo's API has no secret")?,
        web: web.secret.ok_or("the demo's application has no secret")?,
    })
}

fn new_person(someone: &Someone) -> Result<NewPerson, BootError> {
    let (given, family) = someone.name.split_once(' ').unwrap_or((someone.name, ""));
    let claims = [
        ("given_name", given),
        ("family_name", family),
        ("locale", "en"),
        ("zoneinfo", "Europe/Zurich"),
        ("phone_number", someone.phone),
        ("address.locality", "Bern"),
        ("address.country", "Switzerland"),
    ];
    let profile =
        claims.iter().try_fold(Profile::default(), |profile, (claim, value)| profile.with(claim, Some(value)))?;
    Ok(NewPerson {
        name: Some(DisplayName::parse(someone.name)?),
        email: Some(Email::parse(&format!("{}@notes.example", someone.username))?),
        email_verified: true,
        profile,
        ..NewPerson::named(Username::parse(someone.username)?)
    })
}

/// The sample application: people sign in to it.
fn web_client(notes: &Slug, app: &str) -> Result<NewClient, BootError> {
    Ok(NewClient {
        scopes: Scopes::parse("openid profile email address phone offline_access notes:read notes:write")?,
        grant_types: GrantTypes { authorization_code: true, refresh_token: true, client_credentials: false },
        redirect_uris: vec![RedirectUri::parse(&format!("{app}/callback"))?],
        post_logout_redirect_uris: vec![RedirectUri::parse(&format!("{app}/signed-out"))?],
        ..client("notes-web", "Notes", notes, false)?
    })
}

fn client(client_id: &str, name: &str, notes: &Slug, is_api: bool) -> Result<NewClient, BootError> {
    Ok(NewClient {
        client_id: ClientName::parse(client_id)?,
        name: Some(DisplayName::parse(name)?),
        auth_method: AuthMethod::ClientSecretBasic,
        jwks: None,
        scopes: if is_api { Scopes::default() } else { Scopes::parse("notes:read notes:write")? },
        resources: if is_api { Vec::new() } else { vec![notes.clone()] },
        resource_servers: is_api.then(|| notes.clone()).into_iter().collect(),
        decision_caller: is_api,
        grant_types: GrantTypes { client_credentials: true, ..GrantTypes::default() },
        redirect_uris: Vec::new(),
        post_logout_redirect_uris: Vec::new(),
        first_party: false,
        pkce_optional: false,
        default_max_age: None,
        backchannel_logout_uri: None,
        pairwise: false,
    })
}

async fn assign(admin: &Admin, principal: PrincipalRef, notes: &Slug, role: &Slug) -> Result<(), BootError> {
    let held = HeldRef::Role(role.clone());
    let (effect, interval) = (Effect::Allow, Interval::ALWAYS);
    let resource_server = notes.clone();
    admin
        .add_assignment(&NewAssignment {
            principal,
            resource_server,
            held,
            scope: None,
            effect,
            interval,
            reason: None,
        })
        .await?;
    Ok(())
}
