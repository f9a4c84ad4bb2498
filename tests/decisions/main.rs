//! The engine alone, in a world that is held in memory: that a naive evaluator decides as it does, that what explains a
//! decision agrees with what decides it, and how explanations read.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::panic, reason = "a test fails by panicking, and says why")]
#![expect(clippy::indexing_slicing, reason = "a missing line or name fails the test")]

mod agree;
mod bounds;
mod counts;
mod denials;
mod memory;
mod names;
mod narrowed;
mod oracle;
mod permits;
