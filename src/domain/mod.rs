//! Types that cannot be wrong, state machines and pure rules.
//!
//! Here: identifiers, names, intervals, secrets, API keys, clients, people, resource servers, roles, assignments, grants, signing
//! keys, changes. Never: async, I/O, SQL, HTTP, a clock or randomness of its own (both are arguments, [`time::Clock`] and
//! [`entropy::Entropy`]).

pub mod api_key;
pub mod assignment;
pub mod attribute;
pub mod authorization;
pub mod chain;
pub mod change;
pub mod client;
pub mod entropy;
pub mod fact;
pub mod grant;
pub mod group;
pub mod id;
pub mod issuer;
pub mod listing;
pub mod model;
pub mod name;
pub mod object;
pub mod password;
pub mod permission;
pub mod person;
pub mod pkce;
pub mod profile;
pub mod redirect;
pub mod resource_server;
pub mod role;
pub mod scope;
pub mod secret;
pub mod session;
pub mod signing_key;
pub mod subject_name;
pub mod time;
