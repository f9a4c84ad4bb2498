//! The set-up page: the first operator says who they are.

use std::sync::Arc;

use minijinja::context;
use salvo::http::StatusCode;
use salvo::{Depot, Response, handler};

use super::super::App;
use super::super::door::SetupEntered;
use super::super::errors::ErrorPage;
use super::super::form::Form;
use super::render;
use crate::admin::AdminError;
use crate::admin::people::NewPerson;
use crate::domain::name::{DisplayName, Email, Username};
use crate::domain::password::Password;

#[derive(Clone)]
pub(in crate::http) struct SetupPage;

#[handler]
impl SetupPage {
    fn handle(res: &mut Response) {
        render(res, StatusCode::OK, "setup.html", context! {});
    }
}

#[derive(Clone)]
pub(in crate::http) struct SetupForm(pub Arc<App>);

#[handler]
impl SetupForm {
    async fn handle(&self, depot: &mut Depot, res: &mut Response) {
        let Ok(entered) = depot.get_typed::<SetupEntered>() else {
            return ErrorPage::from(AdminError::SetupLinkSpent).render(res);
        };
        let empty = Form::default();
        let form = entered.form.as_ref().unwrap_or(&empty);
        let again = |res: &mut Response, error: &AdminError| {
            let (field, problem) = match error {
                AdminError::Invalid { member, problem } => (*member, problem.clone()),
                other => ("username", other.to_string()),
            };
            let typed = |name| form.get(name).unwrap_or_default();
            let context = context! { username => typed("username"), name => typed("name"), email => typed("email"), field, problem };
            render(res, StatusCode::BAD_REQUEST, "setup.html", context);
        };
        let new = match new_person(form) {
            Ok(new) => new,
            Err(error) => return again(res, &error),
        };
        let about =
            [new.username.as_str(), form.get("name").unwrap_or_default(), form.get("email").unwrap_or_default()];
        let password = match Password::chosen(form.get("password").unwrap_or_default(), &about) {
            Ok(password) => password,
            Err(error) => return again(res, &AdminError::Invalid { member: "password", problem: error.to_string() }),
        };
        let hash = match self.0.login.hash(password).await {
            Ok(hash) => hash,
            Err(error) => return ErrorPage::unavailable(&error).render(res),
        };
        let (setup, link) = (self.0.setup.clone(), entered.link.clone());
        // In a task of its own: who disconnects does so before the commit or after it.
        match tokio::spawn(async move { setup.complete_setup(&link, new, &hash).await }).await {
            Ok(Ok(person)) => {
                let context = context! { username => person.username.as_str(), sub => person.sub.as_str() };
                render(res, StatusCode::OK, "setup_done.html", context);
            }
            Ok(Err(error @ (AdminError::Taken { .. } | AdminError::Invalid { .. }))) => again(res, &error),
            Ok(Err(error)) => ErrorPage::from(error).render(res),
            Err(_) => ErrorPage::bad_request("Try again in a moment.").render(res),
        }
    }
}

fn new_person(form: &Form) -> Result<NewPerson, AdminError> {
    let invalid = |member: &'static str| {
        move |e: crate::domain::name::NameError| AdminError::Invalid { member, problem: e.to_string() }
    };
    Ok(NewPerson {
        username: Username::parse(form.get("username").unwrap_or_default()).map_err(invalid("username"))?,
        sub: None,
        name: form.get("name").map(DisplayName::parse).transpose().map_err(invalid("name"))?,
        email: form.get("email").map(Email::parse).transpose().map_err(invalid("email"))?,
    })
}
