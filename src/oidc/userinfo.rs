//! Claims about people: userinfo (OpenID Connect Core §5.3) and what was asked for by name (§5.5).

use serde_json::{Map, Value, json};

use super::Provider;
use super::bearer::BearerError;
use crate::decision::DecisionError;
use crate::domain::person::Person;
use crate::store::{StoreError, grants};

#[derive(Debug, thiserror::Error)]
pub enum UserinfoError {
    #[error(transparent)]
    Bearer(#[from] BearerError),
    /// The token lacks `openid` (RFC 6750 §3.1).
    #[error("the token does not carry the scope openid")]
    Scope,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<DecisionError> for UserinfoError {
    fn from(error: DecisionError) -> Self {
        Self::Bearer(error.into())
    }
}

/// The standard claims by the scope that asks for them (OpenID Connect Core §5.4).
const PROFILE: [&str; 14] = [
    "name",
    "family_name",
    "given_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
];
const EMAIL: [&str; 2] = ["email", "email_verified"];
const ADDRESS: [&str; 1] = ["address"];
const PHONE: [&str; 2] = ["phone_number", "phone_number_verified"];

/// Scopes that ask for claims.
const SCOPES: [(&str, &[&str]); 4] =
    [("profile", &PROFILE), ("email", &EMAIL), ("address", &ADDRESS), ("phone", &PHONE)];

/// The scope that asks for a claim; none for what is no claim about people.
pub(super) fn scope_of(claim: &str) -> Option<&'static str> {
    SCOPES.iter().find(|(_, names)| names.contains(&claim)).map(|(scope, _)| *scope)
}

/// Every claim about people there is (`claims_supported`).
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    SCOPES.iter().flat_map(|(_, names)| names.iter().copied())
}

/// Every claim this provider knows of a person; what has no value is absent.
fn known(person: &Person) -> Map<String, Value> {
    let mut known = person.profile.members();
    if let Some(name) = &person.name {
        known.insert("name".to_owned(), json!(name));
    }
    known.insert("preferred_username".to_owned(), json!(person.username));
    known.insert("updated_at".to_owned(), json!(person.updated_at.as_seconds()));
    if let Some(email) = &person.email {
        known.insert("email".to_owned(), json!(email));
        known.insert("email_verified".to_owned(), json!(person.email_verified));
    }
    if person.profile.phone_number.is_some() {
        known.insert("phone_number_verified".to_owned(), json!(person.profile.phone_number_verified));
    }
    known
}

/// The claims that the `claims` parameter names for `target` (`userinfo` or `id_token`).
pub(super) fn asked(person: &Person, claims: Option<&Value>, target: &str) -> Map<String, Value> {
    let Some(named) = claims.and_then(|claims| claims.get(target)).and_then(Value::as_object) else {
        return Map::new();
    };
    known(person).into_iter().filter(|(name, _)| named.contains_key(name)).collect()
}

impl Provider {
    /// The claims an access token may see.
    ///
    /// # Errors
    /// See [`UserinfoError`].
    pub async fn userinfo(&self, token: &str) -> Result<Value, UserinfoError> {
        let verified = self.accept(token, self.settings.issuer.as_str()).await?;
        let scope: Vec<&str> = verified.claims.scope.split(' ').collect();
        let Some(grant) = verified.grant.filter(|_| scope.contains(&"openid")) else {
            return Err(UserinfoError::Scope);
        };
        let live = grants::live(&mut self.store.read().await?, grant).await?;
        let grants::Live { grant, person, .. } = live.ok_or(BearerError::GrantEnded)?;
        let named = |name: &str| {
            grant.claims.as_ref().is_some_and(|c| c.get("userinfo").is_some_and(|u| u.get(name).is_some()))
        };
        let scoped = |name: &str| SCOPES.iter().any(|(of, names)| scope.contains(of) && names.contains(&name));
        let mut claims = known(&person);
        claims.retain(|name, _| scoped(name) || named(name));
        claims.insert("sub".to_owned(), json!(grant.subject(&person)));
        Ok(Value::Object(claims))
    }
}
