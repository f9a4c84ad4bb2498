//! OAuth scopes (RFC 6749 §3.3).

use std::collections::BTreeSet;
use std::fmt;
use std::sync::LazyLock;

use serde::Serialize;

use super::name::NameError;

/// One scope token: printable ASCII without space, `"` and `\` (RFC 6749 §3.3), at most 128 characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct Scope(String);

impl Scope {
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let token = |b: u8| b == 0x21 || (0x23..=0x5b).contains(&b) || (0x5d..=0x7e).contains(&b);
        if !text.is_empty() && text.len() <= 128 && text.bytes().all(token) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::new("a scope", "1 to 128 printable ASCII characters without space, '\"' and '\\'", text))
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Scope {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl<'de> serde::Deserialize<'de> for Scope {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A set of scopes; prints as the space-separated list of the wire, in alphabetical order.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Scopes(BTreeSet<Scope>);

/// More than any client needs, and little enough to compare on every request.
pub const SCOPES_MAX: usize = 64;

impl Scopes {
    /// Reads the `scope` parameter of the wire.
    ///
    /// # Errors
    /// A token that is none, or more than [`SCOPES_MAX`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let scopes = text.split(' ').filter(|t| !t.is_empty()).map(Scope::parse).collect::<Result<BTreeSet<_>, _>>()?;
        if scopes.len() > SCOPES_MAX {
            return Err(NameError::new("a list of scopes", "at most 64 scopes", "more"));
        }
        Ok(Self(scopes))
    }

    /// The scopes of sign-in itself and of userinfo, whatever resource servers there are beside them (OpenID Connect Core
    /// §5.4, §11).
    #[must_use]
    pub fn openid() -> &'static Self {
        static OPENID: LazyLock<Scopes> = LazyLock::new(|| {
            let names = ["openid", "profile", "email", "address", "phone", "offline_access"];
            names.into_iter().map(|name| Scope(name.to_owned())).collect()
        });
        &OPENID
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn contains(&self, scope: &Scope) -> bool {
        self.0.contains(scope)
    }

    #[must_use]
    pub fn is_subset(&self, of: &Self) -> bool {
        self.0.is_subset(&of.0)
    }

    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// What is in `self` and not in `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).cloned().collect())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, scope) in self.0.iter().enumerate() {
            let space = if i == 0 { "" } else { " " };
            write!(f, "{space}{}", scope.as_str())?;
        }
        Ok(())
    }
}
