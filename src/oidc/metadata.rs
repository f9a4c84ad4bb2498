//! Metadata: what this provider really does, and nothing else (OpenID Connect Discovery §3, RFC 8414 §2, AuthZEN §9).

use serde_json::{Value, json};

use super::userinfo;
use crate::domain::client::AuthMethod;
use crate::domain::issuer::Issuer;
use crate::domain::session::ACR_VALUES;

/// The algorithms a client assertion may be signed with.
const ASSERTION_ALGORITHMS: [&str; 4] = ["RS256", "PS256", "ES256", "EdDSA"];

/// `/.well-known/openid-configuration` and `/.well-known/oauth-authorization-server`. The languages are those of the pages.
#[must_use]
pub fn authorization_server(issuer: &Issuer, ui_locales: &[&str]) -> Value {
    let claims: Vec<_> = ["sub", "auth_time", "acr", "amr", "sid"].into_iter().chain(userinfo::names()).collect();
    let methods: Vec<_> = AuthMethod::ALL.iter().map(|m| m.as_str()).collect();
    let confidential: Vec<_> = methods.iter().filter(|m| **m != AuthMethod::None.as_str()).collect();
    json!({
        "issuer": issuer.as_str(),
        "jwks_uri": issuer.at("/oauth2/jwks"),
        "token_endpoint": issuer.at("/oauth2/token"),
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
        "revocation_endpoint": issuer.at("/oauth2/revoke"),
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
        "introspection_endpoint": issuer.at("/oauth2/introspect"),
        "introspection_endpoint_auth_methods_supported": confidential,
        "introspection_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
        "authorization_endpoint": issuer.at("/oauth2/authorize"),
        "userinfo_endpoint": issuer.at("/oauth2/userinfo"),
        "end_session_endpoint": issuer.at("/oauth2/logout"),
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "scopes_supported": ["openid", "profile", "email", "address", "phone", "offline_access"],
        "claims_supported": claims,
        "ui_locales_supported": ui_locales,
        "claims_parameter_supported": true,
        "request_parameter_supported": false,
        "acr_values_supported": ACR_VALUES,
        "subject_types_supported": ["public", "pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        // Its default when absent is true (OpenID Connect Discovery §3).
        "request_uri_parameter_supported": false,
    })
}

/// `/.well-known/authzen-configuration`.
#[must_use]
pub fn policy_decision_point(issuer: &Issuer, base: &str) -> Value {
    let at = |path: &str| issuer.at(&format!("{base}{path}"));
    json!({
        "policy_decision_point": at(""),
        "access_evaluation_endpoint": at("/access/v1/evaluation"),
        "access_evaluations_endpoint": at("/access/v1/evaluations"),
        "search_subject_endpoint": at("/access/v1/search/subject"),
        "search_resource_endpoint": at("/access/v1/search/resource"),
        "search_action_endpoint": at("/access/v1/search/action"),
    })
}
