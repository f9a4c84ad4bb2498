//! The composition root: the command line, putting the parts together, listeners, shutdown.
//!
//! The only room that may import every other, and that none may import.

mod cli;
mod command;
mod demo;
mod listen;
mod node;
mod output;
mod serve;

pub use self::cli::main;
pub use self::node::{Node, World};
