//! The userinfo endpoint (OpenID Connect Core §5.3): GET, POST with the header, POST with the token in the form.

use std::sync::Arc;

use salvo::http::StatusCode;
use salvo::{Depot, Response, handler};

use super::super::bearer_door::BearerToken;
use super::super::errors::Problem;
use super::super::{App, reply};

#[derive(Clone)]
pub(in crate::http) struct Userinfo(pub Arc<App>);

#[handler]
impl Userinfo {
    async fn handle(&self, depot: &mut Depot, res: &mut Response) {
        let Ok(token) = depot.get_typed::<BearerToken>() else { return Problem::unauthenticated_bearer().render(res) };
        match self.0.provider.userinfo(token.0.reveal()).await {
            Ok(claims) => reply::json(res, StatusCode::OK, &claims),
            Err(error) => Problem::from(error).render(res),
        }
        reply::no_store(res);
    }
}
