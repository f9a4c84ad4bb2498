//! Exchanging an authorization code (RFC 6749 §4.1.3, RFC 7636 §4.6).

use serde_json::json;

use super::Provider;
use super::mint::Holder;
use super::token::{Target, TokenError};
use crate::domain::change::{Actor, Revision};
use crate::domain::client::Client;
use crate::domain::fact::{Fact, FactKind};
use crate::domain::grant::Grant;
use crate::domain::id::{FamilyId, GrantId};
use crate::domain::person::Person;
use crate::domain::pkce;
use crate::domain::scope::Scopes;
use crate::domain::secret::{Secret, SecretKind};
use crate::domain::time::Instant;
use crate::events;
use crate::keys::TokenKind;
use crate::store::refresh::Family;
use crate::store::{StoreError, Tx, codes, grants, refresh};

/// What a client sends.
#[derive(Debug)]
pub struct CodeRequest {
    pub code: Secret,
    pub redirect_uri: Option<String>,
    pub verifier: Option<Secret>,
    /// Narrows this one access token (RFC 8707 §2.2).
    pub resources: Vec<String>,
    pub request_id: Option<String>,
}

/// The tokens of a grant of a person.
#[derive(Debug)]
pub struct Tokens {
    pub access_token: String,
    pub expires_in_seconds: u64,
    pub scope: Scopes,
    pub id_token: Option<String>,
    pub refresh_token: Option<Secret>,
}

/// A live grant with its person, who may act.
pub(super) struct Living {
    pub grant: Grant,
    pub person: Person,
}

const NO_CODE: TokenError = TokenError::InvalidGrant("code: unknown, expired, spent, or not issued to this client");

impl Provider {
    /// Exchanges a code, once. A wrong client, redirect URI or verifier neither spends it nor ends the grant; a second use
    /// ends the grant and everything issued from it.
    ///
    /// # Errors
    /// [`TokenError::InvalidGrant`] and what else can go wrong with tokens.
    pub async fn exchange_code(&self, client: &Client, request: CodeRequest) -> Result<Tokens, TokenError> {
        if !client.grant_types.authorization_code {
            return Err(TokenError::GrantNotAllowed);
        }
        self.store.in_one_piece(self.spend_code(client, request)).await
    }

    async fn spend_code(&self, client: &Client, request: CodeRequest) -> Result<Tokens, TokenError> {
        let now = self.clock.now();
        let digest = request.code.digest();
        let code = codes::find(&mut self.store.read().await?, &digest).await?.ok_or(NO_CODE)?;
        if code.client != client.id {
            return Err(NO_CODE);
        }
        if request.redirect_uri.as_deref() != Some(code.redirect_uri.as_str()) {
            return Err(TokenError::InvalidGrant("redirect_uri: not the one the code was issued for"));
        }
        // Compared before the code is spent: a wrong verifier must not burn the victim's code (RFC 7636 §4.6).
        check_verifier(code.challenge.as_deref(), request.verifier.as_ref())?;
        if code.spent {
            return self.reused(client, code.grant, FactKind::CodeReused, request.request_id.as_deref()).await;
        }
        if code.expires_at <= now {
            return Err(NO_CODE);
        }
        let living = self.living(code.grant).await?.ok_or(NO_CODE)?;
        let scopes = living.grant.scopes.clone();
        let resources = narrowed_resources(&living.grant, &request.resources)?;
        let mut tokens = self.mint_tokens(client, &living, &scopes, &resources, code.nonce.clone(), now).await?;
        let with_refresh = client.grant_types.refresh_token;
        let refresh_token = with_refresh.then(|| Secret::mint(SecretKind::RefreshToken, self.entropy.as_ref()));

        let mut tx = self.store.begin().await?;
        if !codes::spend(&mut tx, &digest, now).await? {
            tx.rollback().await?;
            return self.reused(client, code.grant, FactKind::CodeReused, request.request_id.as_deref()).await;
        }
        if let Some(token) = &refresh_token {
            self.begin_family(&mut tx, living.grant.id, token, now).await?;
        }
        let fact = self.issued(client, &living, "authorization_code", &scopes, now);
        events::record(&mut tx, fact.for_request(request.request_id.as_deref())).await?;
        tx.commit().await?;
        tokens.refresh_token = refresh_token;
        Ok(tokens)
    }

    async fn begin_family(&self, tx: &mut Tx, grant: GrantId, token: &Secret, now: Instant) -> Result<(), StoreError> {
        let family = Family {
            id: FamilyId::mint(now, self.entropy.as_ref()),
            grant,
            idle_expires_at: now.plus(self.settings.refresh_idle),
            expires_at: now.plus(self.settings.refresh_absolute),
            ended: false,
        };
        refresh::insert_family(tx, &family, now).await?;
        refresh::insert(tx, &token.digest(), family.id, now).await
    }

    /// The grant, while it lives and its person may act. Unless it is for offline access, it lives no longer than its session,
    /// which may have been prolonged by signing in again.
    pub(super) async fn living(&self, id: GrantId) -> Result<Option<Living>, StoreError> {
        let now = self.clock.now();
        let live = grants::live(&mut self.store.read().await?, id).await?;
        // Idle is no end of a session for what was granted in it.
        let lasts =
            |live: &grants::Live| live.grant.offline || live.session_ends_at.is_some_and(|ends_at| ends_at > now);
        let live = live.filter(|live| lasts(live) && live.person.may_act());
        Ok(live.map(|live| Living { grant: live.grant, person: live.person }))
    }

    /// Signs an access token, and an ID token beside it where `openid` was granted. Before any transaction.
    pub(super) async fn mint_tokens(
        &self,
        client: &Client,
        living: &Living,
        scopes: &Scopes,
        resources: &[String],
        nonce: Option<String>,
        now: Instant,
    ) -> Result<Tokens, TokenError> {
        let registry = self.decisions.registry().await?;
        let targets: Vec<Target> =
            if resources.is_empty() { Vec::new() } else { self.targets(client, resources, &registry)? };
        // Each audience is told of its own scopes and no other's (RFC 8707 §2.2, RFC 9068 §3).
        let known = targets.iter().fold(Scopes::openid().clone(), |known, target| known.union(&target.server.scopes));
        let scopes = &scopes.intersection(&known);
        let holder = Holder::Person(&living.person, &living.grant);
        let claims = self.access_claims(&holder, client.client_id.as_str(), scopes, &targets, now).await?;
        let access_token = self.keys.sign(TokenKind::Access, &claims).await?;
        let openid = scopes.iter().any(|scope| scope.as_str() == "openid");
        let id_token = if openid {
            let claims = self.id_claims(&living.person, &living.grant, client, nonce, &access_token, now);
            Some(self.keys.sign(TokenKind::Id, &claims).await?)
        } else {
            None
        };
        let expires_in_seconds = u64::try_from(claims.exp - claims.iat).unwrap_or(0);
        Ok(Tokens { access_token, expires_in_seconds, scope: scopes.clone(), id_token, refresh_token: None })
    }

    /// Somebody used what was used before: everything that came of the grant dies at once (RFC 9700 §4.5, §4.14).
    pub(super) async fn reused<T>(
        &self,
        client: &Client,
        grant: GrantId,
        kind: FactKind,
        request_id: Option<&str>,
    ) -> Result<T, TokenError> {
        let actor = Actor::Client(client.client_id.to_string());
        let revision = self.end_grant(grant, kind, &actor, "reuse", request_id).await?;
        if let Some(revision) = revision {
            self.decisions.wait_applied(revision).await?;
        }
        Err(NO_CODE)
    }

    /// Ends a grant with its families; says the revision, if it lived.
    pub(super) async fn end_grant(
        &self,
        grant: GrantId,
        kind: FactKind,
        actor: &Actor,
        reason: &str,
        request_id: Option<&str>,
    ) -> Result<Option<Revision>, StoreError> {
        let now = self.clock.now();
        let mut edit = self.store.edit().await?;
        if !grants::end(&mut edit, grant, reason, now).await? {
            edit.rollback().await?;
            return Ok(None);
        }
        events::grants::ended(&mut edit, &[grant], actor, now).await?;
        let fact = Fact::new(now, self.entropy.as_ref(), kind, actor.clone(), format!("grant:{grant}"))
            .at_revision(edit.revision())
            .for_request(request_id);
        events::record(&mut edit, fact).await?;
        edit.commit().await.map(Some)
    }

    pub(super) fn issued(&self, client: &Client, living: &Living, by: &str, scopes: &Scopes, now: Instant) -> Fact {
        let actor = Actor::Client(client.client_id.to_string());
        let subject = format!("user:{}", living.person.sub);
        Fact::new(now, self.entropy.as_ref(), FactKind::TokenIssued, actor, subject)
            .with(json!({ "grant": by, "grant_id": living.grant.id, "scope": scopes }))
    }
}

/// What a request names of the grant's resource servers, or all of them; never more.
pub(super) fn narrowed_resources(grant: &Grant, asked: &[String]) -> Result<Vec<String>, TokenError> {
    if asked.iter().any(|resource| !grant.resources.contains(resource)) {
        return Err(TokenError::TargetNotAllowed);
    }
    Ok(if asked.is_empty() { grant.resources.clone() } else { asked.to_vec() })
}

/// A code with a challenge needs its verifier; a verifier where there was no challenge is a downgrade (RFC 9700 §4.8).
fn check_verifier(challenge: Option<&str>, verifier: Option<&Secret>) -> Result<(), TokenError> {
    match (challenge, verifier) {
        (None, None) => Ok(()),
        (Some(challenge), Some(verifier)) if pkce::verify(challenge, verifier.reveal()) => Ok(()),
        (Some(_), Some(_)) => Err(TokenError::InvalidGrant("code_verifier: does not belong to the challenge")),
        (Some(_), None) => Err(TokenError::InvalidGrant("code_verifier: missing")),
        (None, Some(_)) => Err(TokenError::InvalidGrant("code_verifier: the code was issued without a challenge")),
    }
}
