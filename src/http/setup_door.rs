//! The door of the first operator.

use std::sync::Arc;

use salvo::{Depot, FlowCtrl, Handler, Request, Response, async_trait};

use super::App;
use super::errors::ErrorPage;
use super::form::Form;
use crate::domain::secret::Secret;

/// Lets in whoever holds the set-up link; leaves the link and the form in the depot.
#[derive(Clone)]
pub(super) struct SetupDoor(pub Arc<App>);

/// What the set-up door let in.
pub(super) struct SetupEntered {
    pub link: Secret,
    pub form: Option<Form>,
}

#[async_trait]
impl Handler for SetupDoor {
    async fn handle(&self, req: &mut Request, depot: &mut Depot, res: &mut Response, ctrl: &mut FlowCtrl) {
        let link = Secret::new(req.param::<String>("link").unwrap_or_default());
        let entered = match self.0.setup.check_setup(&link).await {
            Ok(()) if req.method() == salvo::http::Method::POST => {
                Form::read(req, self.0.limits.body_max_bytes).await.map(Some).map_err(ErrorPage::from)
            }
            Ok(()) => Ok(None),
            Err(error) => Err(ErrorPage::from(error)),
        };
        match entered {
            Ok(form) => {
                depot.insert_typed(SetupEntered { link, form });
                ctrl.call_next(req, depot, res).await;
            }
            Err(page) => {
                page.render(req, res);
                ctrl.skip_rest();
            }
        }
    }
}
