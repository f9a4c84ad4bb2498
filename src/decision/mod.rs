//! The decision service: the engine (pure), the snapshots and caches it is fed from, and the follower of the change log
//! that keeps them true.
//!
//! Ground: use cases may ask it. Never: HTTP, tokens, writing. The engine never does I/O, reads a clock or panics.

mod cache;
mod engine;
mod follow;
mod load;
mod service;
mod snapshot;
pub mod standing;

pub use self::engine::{Decision, Held, Key, Outcome, Query, Reason, SubjectRef, SubjectState, World, decide, held};
pub use self::service::{DecisionError, DecisionOptions, Decisions, Registry};
pub use self::snapshot::Snapshot;
