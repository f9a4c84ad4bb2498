//! Making the claims of tokens, whichever grant they come from.

use super::Provider;
use super::claims::{AccessClaims, Audience, IdClaims};
use super::token::{Target, TokenError};
use crate::decision::SubjectRef;
use crate::domain::client::Client;
use crate::domain::grant::Grant;
use crate::domain::id::TokenId;
use crate::domain::person::Person;
use crate::domain::resource_server::ResourceServer;
use crate::domain::scope::Scopes;
use crate::domain::time::Instant;

const NOT_BEFORE_LEAD_SECONDS: i64 = 5;

/// Whom an access token speaks for.
pub(super) enum Holder<'a> {
    Client(&'a Client),
    Person(&'a Person, &'a Grant),
}

impl Holder<'_> {
    fn sub(&self) -> String {
        match self {
            Self::Client(client) => client.client_id.to_string(),
            Self::Person(person, grant) => grant.subject(person).to_string(),
        }
    }

    fn subject(&self) -> SubjectRef {
        match self {
            Self::Client(client) => SubjectRef::Client(client.client_id.to_string()),
            Self::Person(person, _) => SubjectRef::User(person.sub.to_string()),
        }
    }

    const fn grant(&self) -> Option<&Grant> {
        match self {
            Self::Client(_) => None,
            Self::Person(_, grant) => Some(grant),
        }
    }
}

impl Provider {
    /// The claims of an access token (RFC 9068 §2.2). With `openid` the issuer is an audience too, for userinfo alone.
    pub(super) async fn access_claims(
        &self,
        holder: &Holder<'_>,
        client_id: &str,
        scope: &Scopes,
        targets: &[Target],
        now: Instant,
    ) -> Result<AccessClaims, TokenError> {
        let issuer = self.settings.issuer.as_str().to_owned();
        let grant = holder.grant();
        let mut audience: Vec<String> = targets.iter().map(|t| t.audience.clone()).collect();
        if grant.is_some() && scope.iter().any(|s| s.as_str() == "openid") {
            audience.push(issuer.clone());
        }
        let mut claims = AccessClaims {
            iss: issuer,
            sub: holder.sub(),
            aud: Audience::new(audience),
            client_id: client_id.to_owned(),
            iat: now.as_seconds(),
            nbf: now.as_seconds() - NOT_BEFORE_LEAD_SECONDS,
            exp: now.plus(self.settings.access_token_lifetime).as_seconds(),
            jti: TokenId::mint(now, self.entropy.as_ref()).to_string(),
            scope: scope.to_string(),
            grant_id: grant.map(|grant| grant.id.to_string()),
            auth_time: grant.map(|grant| grant.authentication.auth_time.as_seconds()),
            acr: grant.map(|grant| grant.authentication.acr.clone()),
            sid: grant.map(|grant| grant.session.to_string()),
            roles: None,
            permissions: None,
        };
        // Names of roles mean something only at one resource server: a token for several carries none.
        if let [target] = targets {
            self.add_held(&mut claims, &holder.subject(), &target.server, now).await?;
        }
        Ok(claims)
    }

    async fn add_held(
        &self,
        claims: &mut AccessClaims,
        subject: &SubjectRef,
        server: &ResourceServer,
        now: Instant,
    ) -> Result<(), TokenError> {
        let wanted = server.claims;
        if !wanted.roles && !wanted.permissions {
            return Ok(());
        }
        let held = self.decisions.held(server.id, subject, now).await?;
        let size = |names: &[String]| names.iter().map(|name| name.len() + 3).sum::<usize>();
        let (roles, permissions) = (wanted.roles.then_some(held.roles), wanted.permissions.then_some(held.permissions));
        let total = roles.as_deref().map_or(0, size) + permissions.as_deref().map_or(0, size);
        // Past the bound both are left out rather than cut: half a list would be taken for the whole.
        if total <= self.settings.access_token_claims_max_bytes {
            claims.roles = roles;
            claims.permissions = permissions;
            // A claim must not outlive the assignment it tells of.
            if let Some(edge) = held.valid_until {
                claims.exp = claims.exp.min(edge.as_seconds().max(claims.iat + 1));
            }
        }
        Ok(())
    }

    /// The claims of an ID token beside this access token.
    pub(super) fn id_claims(
        &self,
        person: &Person,
        grant: &Grant,
        client: &Client,
        nonce: Option<String>,
        access_token: &str,
        now: Instant,
    ) -> IdClaims {
        IdClaims {
            iss: self.settings.issuer.as_str().to_owned(),
            sub: grant.subject(person).to_string(),
            aud: Audience::new(vec![client.client_id.to_string()]),
            iat: now.as_seconds(),
            exp: now.plus(self.settings.access_token_lifetime).as_seconds(),
            auth_time: grant.authentication.auth_time.as_seconds(),
            nonce,
            acr: grant.authentication.acr.clone(),
            amr: grant.authentication.amr.clone(),
            at_hash: at_hash(access_token),
            sid: grant.session.to_string(),
            asked: super::userinfo::asked(person, grant.claims.as_ref(), "id_token"),
        }
    }
}

/// The left half of the SHA-256 of the access token (OpenID Connect Core §3.1.3.6).
fn at_hash(access_token: &str) -> String {
    use base64::Engine as _;
    let digest = crate::domain::secret::Digest::of(access_token.as_bytes());
    let half: Vec<u8> = digest.as_bytes().iter().take(16).copied().collect();
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(half)
}
