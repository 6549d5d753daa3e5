//! The agent's pages as people meet them: in Debian's Chromium, with a real agent, scanners on ptys and a broker.
//!
//! Pictures of every page and state are in `target/tmp/screens`.

mod judge;

mod pages;
mod pictures;
mod station;
mod status;
mod style;
