//! What a provider must do, line by line: each numbered line of the authorization endpoint, and each rule of codes, tokens
//! and claims, has a test named for it.

mod authorization;
mod claims;
mod pairwise;
mod tokens;

use doorward::admin::clients::NewClient;
use doorward::domain::client::{AuthMethod, GrantTypes};
use doorward::domain::redirect::RedirectUri;
use doorward::domain::scope::Scopes;

use crate::support::{Auth, House, REDIRECT, new_client, slug};

/// A client like `app`, with what a test wants to be different.
async fn register(house: &House, client_id: &str, change: impl FnOnce(NewClient) -> NewClient) -> Auth {
    let usual = NewClient {
        scopes: Scopes::parse("openid profile email address phone offline_access notes:read").unwrap(),
        resources: vec![slug("notes")],
        grant_types: GrantTypes { authorization_code: true, refresh_token: true, client_credentials: false },
        redirect_uris: vec![RedirectUri::parse(REDIRECT).unwrap()],
        ..new_client(client_id, AuthMethod::ClientSecretBasic)
    };
    let created = house.node().admin().create_client(change(usual)).await.unwrap();
    created.secret.map_or(Auth::None, |secret| Auth::basic(client_id, secret.reveal()))
}
