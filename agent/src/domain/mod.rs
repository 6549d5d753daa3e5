//! What a scan means and what follows from it: pure functions over plain data.
//!
//! [`decide`] takes facts, a scan and `now`, and returns events, changed aggregates and an answer. Nothing here
//! reads a clock, a file or a socket, and nothing can fail: a wrong scan is an answer, not an error.
//! Aggregates change only through their `apply`, one `match` that refuses illegal moves, live and on replay.

pub mod name;
pub mod sscc;
pub mod code;
pub mod signal;
pub mod carrier;
pub mod stock;
pub mod order;
pub mod manifest;
pub mod station;
pub mod event;
pub mod notice;
pub mod rules;
pub mod decide;
pub mod command;
pub mod replay;
