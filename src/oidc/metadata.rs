//! Metadata: what this provider really does, and nothing else (OpenID Connect Discovery §3, RFC 8414 §2, AuthZEN §9).

use serde_json::{Value, json};

use crate::domain::client::AuthMethod;
use crate::domain::issuer::Issuer;

/// The algorithms a client assertion may be signed with.
const ASSERTION_ALGORITHMS: [&str; 4] = ["RS256", "PS256", "ES256", "EdDSA"];

/// `/.well-known/openid-configuration` and `/.well-known/oauth-authorization-server`.
#[must_use]
pub fn authorization_server(issuer: &Issuer) -> Value {
    let methods: Vec<_> = AuthMethod::ALL.iter().map(|m| m.as_str()).collect();
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
        "introspection_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
        "grant_types_supported": ["client_credentials"],
        // No response_types_supported: there is no authorization endpoint yet, and a member without elements must be left
        // out (RFC 8414 §3.2).
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        // Its default when absent is true (OpenID Connect Discovery §3).
        "request_uri_parameter_supported": false,
    })
}

/// `/.well-known/authzen-configuration`.
#[must_use]
pub fn policy_decision_point(issuer: &Issuer) -> Value {
    json!({
        "policy_decision_point": issuer.as_str(),
        "access_evaluation_endpoint": issuer.at("/access/v1/evaluation"),
        "access_evaluations_endpoint": issuer.at("/access/v1/evaluations"),
    })
}
