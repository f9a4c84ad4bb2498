//! The real program, in a process of its own, under loads that have a bound to keep.
//!
//! `cargo test --release --test load -- --nocapture` prints the figures.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::expect_used, reason = "a test fails by panicking, and says why")]
#![expect(clippy::indexing_slicing, reason = "a missing member of an answer fails the test")]
#![expect(clippy::disallowed_methods, reason = "tests wait in real time")]

mod applications;
mod malice;
mod program;
mod storm;
