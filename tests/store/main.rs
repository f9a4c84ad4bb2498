//! What the store promises, on both databases: one suite, races included.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, and says why")]
#![expect(clippy::indexing_slicing, reason = "a missing row fails the test")]
#![expect(clippy::disallowed_methods, reason = "tests mint identifiers of their own")]

mod edits;
mod gates;
mod retention;
mod support;
mod sweeps;
mod transactions;
