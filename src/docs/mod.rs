//! The handbook: pages for the engineer who joins and for whoever runs a node. The architecture is the front page of this
//! documentation.
//!
//! Here: how things hang together and why. Never: code, or what a module says better about itself.

#[doc = include_str!("administration.md")]
pub mod administration {}

#[doc = include_str!("howto.md")]
pub mod howto {}

#[doc = include_str!("operations.md")]
pub mod operations {}

#[doc = include_str!("security.md")]
pub mod security {}

// The table in it is written and checked by the suite it describes; it stands once.
#[doc = include_str!("../../tests/protocol/README.md")]
pub mod protocol {}

#[doc = include_str!("decisions.md")]
pub mod decisions {}
