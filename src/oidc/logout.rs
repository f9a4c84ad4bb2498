//! Logout initiated by a relying party (OpenID Connect RP-Initiated Logout 1.0).

use super::Provider;
use super::claims::IdClaims;
use crate::decision::DecisionError;
use crate::domain::secret::Secret;
use crate::domain::session::Session;
use crate::keys::TokenKind;
use crate::store::{StoreError, people, sessions};

/// What a relying party sends.
#[derive(Clone, Debug, Default)]
pub struct LogoutRequest {
    pub id_token_hint: Option<String>,
    pub client_id: Option<String>,
    pub post_logout_redirect_uri: Option<String>,
    pub state: Option<String>,
    pub ui_locales: Option<String>,
}

/// What happens.
#[derive(Debug)]
pub struct Logout {
    /// The live session of this browser, if there is one.
    pub session: Option<Session>,
    /// Whether the hint proves that the session's own relying party asks; else the person must.
    pub silent: bool,
    /// Where to go afterwards: only a registered address of a known client.
    pub redirect: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum LogoutError {
    #[error("client_id is not the one the ID token was issued to")]
    ClientMismatch,
    #[error(transparent)]
    Decision(#[from] DecisionError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Provider {
    /// Reads a logout request against the browser's session. Nothing ends yet.
    ///
    /// # Errors
    /// See [`LogoutError`].
    pub async fn logout(&self, request: &LogoutRequest, cookie: Option<&Secret>) -> Result<Logout, LogoutError> {
        let hint = request.id_token_hint.as_deref().and_then(|hint| self.hint(hint));
        let audience = hint.as_ref().and_then(|claims| match &claims.aud {
            super::claims::Audience::One(one) => Some(one.clone()),
            super::claims::Audience::Many(_) => None,
        });
        if let (Some(sent), Some(audience)) = (&request.client_id, &audience)
            && sent != audience
        {
            return Err(LogoutError::ClientMismatch);
        }
        let session = self.session(cookie).await?;
        let silent = match (&session, &hint) {
            (Some(session), Some(hint)) => self.is_own(session, hint).await?,
            // Nobody is signed in: there is nothing to ask.
            (None, _) => true,
            (Some(_), None) => false,
        };
        let client = audience.or_else(|| request.client_id.clone());
        let redirect = self.after_logout(request, client.as_deref()).await?;
        Ok(Logout { session, silent, redirect })
    }

    /// A hint we signed, also an expired one.
    fn hint(&self, hint: &str) -> Option<IdClaims> {
        let claims = self.keys.ring().verify::<IdClaims>(TokenKind::Id, hint).ok()?;
        (claims.iss == self.settings.issuer.as_str()).then_some(claims)
    }

    async fn is_own(&self, session: &Session, hint: &IdClaims) -> Result<bool, StoreError> {
        if hint.sid != session.id.to_string() {
            return Ok(false);
        }
        // By whatever name the client knows them.
        let person = people::by_name(&mut self.store.read().await?, &hint.sub).await?;
        Ok(person.is_some_and(|person| person.id == session.person))
    }

    /// The live session of a cookie.
    ///
    /// # Errors
    /// The store's.
    pub async fn session(&self, cookie: Option<&Secret>) -> Result<Option<Session>, StoreError> {
        let Some(cookie) = cookie else { return Ok(None) };
        let session = sessions::by_secret(&mut self.store.read().await?, &cookie.digest()).await?;
        Ok(session.filter(|session| session.is_live(self.settings.session, self.clock.now())))
    }

    /// The registered address to go to, with `state` only if it was sent; anything else is never followed.
    async fn after_logout(
        &self,
        request: &LogoutRequest,
        client: Option<&str>,
    ) -> Result<Option<String>, DecisionError> {
        let (Some(wanted), Some(client)) = (&request.post_logout_redirect_uri, client) else { return Ok(None) };
        let Some(client) = self.decisions.client(client).await? else { return Ok(None) };
        if client.disabled || !client.post_logout_redirect_uris.iter().any(|uri| uri.matches(wanted)) {
            return Ok(None);
        }
        let Ok(mut url) = url::Url::parse(wanted) else { return Ok(None) };
        if let Some(state) = &request.state {
            url.query_pairs_mut().append_pair("state", state);
        }
        Ok(Some(url.to_string()))
    }
}
