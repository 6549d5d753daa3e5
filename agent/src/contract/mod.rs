//! The MQTT contract v1, in Rust: the one place where the domain meets JSON.
//!
//! The log keeps each event's `data` exactly as it is published, so what was committed is what is sent, however
//! often. v1 only ever gains optional fields. Wire types stay private here; domain types go in and out.

pub mod command;
pub mod envelope;
pub mod event;
mod object;
mod order;
pub mod promise;
pub mod receipt;
pub mod report;
mod returns;
pub mod state;
pub mod topic;

/// Version of the contract, as in topics, types and schemas.
pub const VERSION: &str = "v1";

/// What every message is.
pub const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// No message is larger.
pub const MESSAGE_BYTES_MAX: usize = 128 * 1024;

/// No command is larger: the event that repeats an order's terms has an envelope and defaults to add.
pub const COMMAND_BYTES_MAX: usize = 96 * 1024;

#[cfg(test)]
mod tests;
