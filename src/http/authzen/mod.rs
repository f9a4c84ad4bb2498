//! The AuthZEN Authorization API 1.0, and what is told of its decisions beside. Each file is one endpoint and translates
//! only.

pub(super) mod describe;
pub(super) mod evaluation;
pub(super) mod evaluations;
pub(super) mod explain;
mod page;
mod request;
pub(super) mod search;
pub(super) mod watch;
