//! The set-up page: the first operator says who they are.

use std::sync::Arc;

use minijinja::context;
use salvo::http::StatusCode;
use salvo::{Depot, Request, Response, handler};

use super::super::App;
use super::super::errors::ErrorPage;
use super::super::form::Form;
use super::super::in_own_task;
use super::super::setup_door::SetupEntered;
use super::{Language, render};
use crate::admin::AdminError;
use crate::admin::people::NewPerson;
use crate::domain::name::{DisplayName, Email, Username};
use crate::domain::password::{LENGTH_MAX, LENGTH_MIN, Password, PasswordError};

#[derive(Clone)]
pub(in crate::http) struct SetupPage;

#[handler]
impl SetupPage {
    fn handle(req: &mut Request, res: &mut Response) {
        render(res, Language::of(req), StatusCode::OK, "setup.html", context! { min => LENGTH_MIN });
    }
}

#[derive(Clone)]
pub(in crate::http) struct SetupForm(pub Arc<App>);

/// What is wrong with what somebody typed: the field, and the text that says so.
struct Wrong {
    field: &'static str,
    key: &'static str,
}

#[handler]
impl SetupForm {
    async fn handle(&self, req: &mut Request, depot: &mut Depot, res: &mut Response) {
        let Ok(entered) = depot.get_typed::<SetupEntered>() else {
            return ErrorPage::from(AdminError::SetupLinkSpent).render(req, res);
        };
        let empty = Form::default();
        let form = entered.form.as_ref().unwrap_or(&empty);
        let (new, password) = match read(form) {
            Ok(read) => read,
            Err(wrong) => return again(req, res, form, &wrong),
        };
        let hash = match self.0.login.hash(password).await {
            Ok(hash) => hash,
            Err(error) => return ErrorPage::unavailable(&error).render(req, res),
        };
        let (setup, link) = (self.0.setup.clone(), entered.link.clone());
        match in_own_task(async move { setup.complete_setup(&link, new, &hash).await }).await {
            Ok(person) => {
                let context = context! { username => person.username.as_str(), sub => person.sub.as_str() };
                render(res, Language::of(req), StatusCode::OK, "setup_done.html", context);
            }
            Err(AdminError::Taken { .. }) => {
                again(req, res, form, &Wrong { field: "username", key: "setup-username-taken" });
            }
            Err(error) => ErrorPage::from(error).render(req, res),
        }
    }
}

/// The form again, with what was typed, but for the password.
fn again(req: &Request, res: &mut Response, form: &Form, wrong: &Wrong) {
    let language = Language::of(req);
    let (min, max) = (LENGTH_MIN.to_string(), LENGTH_MAX.to_string());
    let problem = language.text(wrong.key, &[("min", &min), ("max", &max)]);
    let typed = |name| form.get(name).unwrap_or_default();
    let context = context! {
        username => typed("username"), name => typed("name"), email => typed("email"), field => wrong.field, problem, min,
    };
    render(res, language, StatusCode::BAD_REQUEST, "setup.html", context);
}

fn read(form: &Form) -> Result<(NewPerson, Password), Wrong> {
    let wrong = |field, key| move |_| Wrong { field, key };
    let typed = |name| form.get(name).unwrap_or_default();
    let username = Username::parse(typed("username")).map_err(wrong("username", "setup-username-wrong"))?;
    let name = form.get("name").map(DisplayName::parse).transpose().map_err(wrong("name", "setup-name-wrong"))?;
    let email = form.get("email").map(Email::parse).transpose().map_err(wrong("email", "setup-email-wrong"))?;
    let about = [username.as_str(), typed("name"), typed("email")];
    let password = Password::chosen(typed("password"), &about).map_err(|error| {
        let key = match error {
            PasswordError::TooShort => "password-too-short",
            PasswordError::TooLong => "password-too-long",
            PasswordError::TooCommon => "password-too-common",
        };
        Wrong { field: "password", key }
    })?;
    Ok((NewPerson { name, email, ..NewPerson::named(username) }, password))
}
