//! The AuthZEN Authorization API 1.0. Each file is one endpoint and translates only.

pub(super) mod evaluation;
pub(super) mod evaluations;
mod page;
mod request;
pub(super) mod search;
