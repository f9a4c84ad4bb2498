//! Doorward through its public doors: a running server, a real socket, both databases.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, and says why")]
#![expect(clippy::indexing_slicing, reason = "a missing member of an answer fails the test")]
#![expect(clippy::print_stdout, reason = "what was measured is worth reading")]
#![expect(clippy::disallowed_methods, reason = "tests wait in real time and make what attackers would make")]

mod admin;
mod api;
mod authzen;
mod backchannel;
mod bulk;
mod codes;
mod config;
mod enumeration;
mod grants;
mod http;
mod keys;
mod logs;
mod nodes;
mod oidc;
mod outbound;
mod protocol;
mod races;
mod sessions;
mod setup;
mod signin;
mod support;
mod throttling;
