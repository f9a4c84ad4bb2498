mod client_auth;
mod confusion;
mod discovery;
mod introspect;
mod revoke;
mod token;
