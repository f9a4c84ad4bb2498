#![doc = include_str!("docs/architecture.md")]

pub mod admin;
pub mod boot;
pub mod config;
pub mod decision;
pub mod docs;
pub mod domain;
pub mod events;
pub mod http;
pub mod jobs;
pub mod keys;
pub mod login;
pub mod oidc;
pub mod store;
pub mod telemetry;
pub mod world;
