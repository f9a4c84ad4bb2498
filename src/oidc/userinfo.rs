//! Claims about people: userinfo (OpenID Connect Core §5.3) and what was asked for by name (§5.5).

use serde_json::{Map, Value, json};

use super::Provider;
use super::bearer::BearerError;
use crate::decision::DecisionError;
use crate::domain::person::Person;
use crate::store::{StoreError, grants, people};

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

/// Every claim this provider knows of a person, by the scope that asks for it; what has no value is absent.
fn known(person: &Person) -> [(&'static str, &'static str, Option<Value>); 4] {
    [
        ("profile", "name", person.name.as_ref().map(|name| json!(name))),
        ("profile", "preferred_username", Some(json!(person.username))),
        ("email", "email", person.email.as_ref().map(|email| json!(email))),
        // Nobody's address has been verified yet.
        ("email", "email_verified", person.email.as_ref().map(|_| json!(false))),
    ]
}

/// The claims that the `claims` parameter names for `target` (`userinfo` or `id_token`).
pub(super) fn asked(person: &Person, claims: Option<&Value>, target: &str) -> Map<String, Value> {
    let named = claims.and_then(|claims| claims.get(target)).and_then(Value::as_object);
    let wanted = |name: &str| named.is_some_and(|named| named.contains_key(name));
    let all = known(person).into_iter().filter(|(_, name, _)| wanted(name));
    all.filter_map(|(_, name, value)| Some((name.to_owned(), value?))).collect()
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
        let mut conn = self.store.read().await?;
        let grant = grants::live(&mut conn, grant).await?.ok_or(BearerError::GrantEnded)?;
        let person = people::by_id(&mut conn, grant.person).await?.ok_or(BearerError::SubjectDisabled)?;
        let mut claims = asked(&person, grant.claims.as_ref(), "userinfo");
        for (of, name, value) in known(&person) {
            if let Some(value) = value.filter(|_| scope.contains(&of)) {
                claims.insert(name.to_owned(), value);
            }
        }
        claims.insert("sub".to_owned(), json!(person.sub));
        Ok(Value::Object(claims))
    }
}
