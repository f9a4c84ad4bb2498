//! The decision service: the engine (pure), the snapshots and caches it is fed from, and the follower of the change log
//! that keeps them true.
//!
//! Ground: use cases may ask it. Never: HTTP, tokens, writing. The engine never does I/O, reads a clock or panics.

mod asked;
mod cache;
mod caches;
mod callers;
mod candidates;
mod consistency;
mod engine;
mod error;
mod follow;
pub mod given;
mod load;
pub mod memory;
mod names;
mod narrow;
pub mod policies;
mod registry;
mod search;
mod service;
mod snapshot;
pub mod standing;
pub mod trial;
mod under;
mod watch;

pub use self::consistency::Consistency;
pub use self::engine::{
    ANCESTORS_MAX, Decision, Direct, Elsewhere, Explanation, Gathered, Held, Holdings, Key, Kind, Node,
    OBJECT_DEPTH_MAX, Outcome, PersonFacts, Query, Reason, Scope, Sent, SubjectRef, SubjectState, WHOLE_MAX,
    WiderWorld, World, decide, decide_all, explain, held,
};
pub use self::error::DecisionError;
pub use self::policies::{Policies, PolicyError};
pub use self::registry::Registry;
pub use self::search::{Found, Page, Target};
pub use self::service::{DecisionOptions, Decisions};
pub use self::snapshot::Snapshot;
pub use self::watch::{Affected, Told, Watch};
