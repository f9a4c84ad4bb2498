//! Policies: what a model makes them of, what is refused of them, what they say to requests, and that leaving out those
//! that cannot apply changes nothing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::panic, reason = "a test fails by panicking, and says why")]

mod ask;
mod certification;
mod compile;
mod evaluate;
mod hostile;
mod nesting;
mod slices;
