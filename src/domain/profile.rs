//! The standard claims about a person beside names and e-mail (OpenID Connect Core §5.1). What has no value is absent.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::name::{Birthdate, DisplayName, LanguageTag, PhoneNumber, PostalText, WebAddress, ZoneName};

/// What a person, or an operator for them, has said about them.
///
/// Read back leniently: a member that a newer version wrote does not make a person unreadable for an older one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_name: Option<DisplayName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family_name: Option<DisplayName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub middle_name: Option<DisplayName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nickname: Option<DisplayName>,
    /// Their page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<WebAddress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<WebAddress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub website: Option<WebAddress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gender: Option<DisplayName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birthdate: Option<Birthdate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zoneinfo: Option<ZoneName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<LanguageTag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<PhoneNumber>,
    /// Whether the number was shown to be theirs; means nothing without one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub phone_number_verified: bool,
    #[serde(skip_serializing_if = "Address::is_empty")]
    pub address: Address,
}

/// A postal address (§5.1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Address {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formatted: Option<PostalText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub street_address: Option<PostalText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locality: Option<DisplayName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<DisplayName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<DisplayName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<DisplayName>,
}

impl Address {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Every claim that can be set.
const CLAIMS: [&str; 19] = [
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "phone_number",
    VERIFIED,
    "address.formatted",
    "address.street_address",
    "address.locality",
    "address.region",
    "address.postal_code",
    "address.country",
];
/// The one claim whose value is no text.
const VERIFIED: &str = "phone_number_verified";

impl Profile {
    /// The same profile with one claim set (`Some`) or taken out (`None`); an address member is named `address.locality`.
    ///
    /// # Errors
    /// A sentence that says what was expected, or which claims there are.
    pub fn with(&self, claim: &str, value: Option<&str>) -> Result<Self, String> {
        let mut all = self.members();
        if claim == "address" && value.is_none() {
            return Ok(Self { address: Address::default(), ..self.clone() });
        }
        if !CLAIMS.contains(&claim) {
            return Err(format!("is no claim; there are {}", CLAIMS.join(", ")));
        }
        let (object, name) = match claim.split_once('.') {
            Some(("address", member)) => {
                let address = all.entry("address").or_insert_with(|| Value::Object(Map::new()));
                (address.as_object_mut(), member)
            }
            _ => (Some(&mut all), claim),
        };
        let Some(object) = object else { return Err("address holds no members".to_owned()) };
        let value = match value {
            Some(text) if name == VERIFIED => {
                Value::Bool(text.parse().map_err(|_| format!("must be true or false, not {text:?}"))?)
            }
            Some(text) => Value::String(text.to_owned()),
            None => Value::Null,
        };
        object.insert(name.to_owned(), if name == VERIFIED && value.is_null() { Value::Bool(false) } else { value });
        let changed: Self = serde_json::from_value(Value::Object(all)).map_err(|error| error.to_string())?;
        // A number nobody has yet shown to be theirs.
        let verified = claim == VERIFIED || changed.phone_number == self.phone_number;
        let phone_number_verified = changed.phone_number_verified && verified && changed.phone_number.is_some();
        Ok(Self { phone_number_verified, ..changed })
    }

    /// The claims that have a value, under their standard names.
    #[must_use]
    pub fn members(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_set_checked_and_taken_out_by_their_standard_names() {
        let profile = Profile::default().with("given_name", Some("Alice")).unwrap();
        let profile = profile.with("address.locality", Some("Bern")).unwrap();
        let profile = profile.with("phone_number", Some("+41 31 000 00 00")).unwrap();
        let profile = profile.with("phone_number_verified", Some("true")).unwrap();
        let expected = serde_json::json!({
            "given_name": "Alice", "address": { "locality": "Bern" }, "phone_number": "+41310000000",
            "phone_number_verified": true,
        });
        assert_eq!(Value::Object(profile.members()), expected);
        assert_eq!(profile.with("address.locality", None).unwrap().members().get("address"), None, "never empty");
        assert!(!profile.with("phone_number", Some("+41310000001")).unwrap().phone_number_verified);
        for (claim, value, says) in [
            ("picture", "javascript:alert(1)", "https"),
            ("website", "data:text/html,x", "https"),
            ("birthdate", "1.2.1990", "YYYY-MM-DD"),
            ("zoneinfo", "../etc/passwd", "Europe/Zurich"),
            ("locale", "de CH", "de-CH"),
            ("phone_number", "call me", "+41"),
            ("given_name", "", "1 to 200"),
            ("shoe_size", "42", "is no claim"),
            ("address.planet", "Earth", "is no claim"),
            ("phone_number_verified", "yes", "true or false"),
        ] {
            let problem = profile.with(claim, Some(value)).unwrap_err();
            assert!(problem.contains(says), "{claim}: {problem}");
        }
        assert!(profile.with("shoe_size", None).is_err());
    }
}
