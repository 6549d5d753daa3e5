//! What a scan means and what follows from it: pure functions over plain data.
//!
//! [`decide`] takes facts, a scan and `now`, and returns events, changed aggregates and an answer. Nothing here
//! reads a clock, a file or a socket, and nothing can fail: a wrong scan is an answer, not an error.
//! Aggregates change only through their `apply`, one `match` that refuses illegal moves, live and on replay.

pub mod carrier;
pub mod code;
pub mod command;
pub mod decide;
pub mod dispatch;
pub mod event;
pub mod manifest;
pub mod name;
pub mod notice;
pub mod order;
pub mod pattern;
pub mod promise;
pub mod replay;
pub mod returns;
pub mod rules;
pub mod signal;
pub mod sscc;
pub mod station;
pub mod stock;

#[cfg(test)]
mod text;
