//! The administration API.

mod assignments;
mod audit;
mod beyond;
mod bodies;
mod clients;
mod delegation;
mod document;
mod escalation;
mod groups;
mod keys;
mod last_admin;
mod lists;
mod malformed;
mod operators;
mod others;
mod registered;
mod rules;
mod servers;
pub mod support;
mod trials;
mod users;
