mod client_auth;
mod discovery;
mod introspect;
mod revoke;
mod token;
