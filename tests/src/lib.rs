//! The harness: real agents, ptys, brokers and the reference platform, driven from tests.
//!
//! - Every part is a value that a test owns. Dropping it ends its process or thread and removes its files; where the
//!   test panics, files are kept and logs printed.
//! - A wish that isn't met is a panic with what was awaited: a harness has no errors to handle.
//! - Nothing sleeps for a fixed time. What takes time is awaited by [`wait::until`], the only place that sleeps.
//! - Everything listens on loopback, on ports outside the range from which the kernel serves clients.

pub mod fake_clock;
pub mod random;
pub mod timekeeper;
pub mod wait;

pub mod disk;
pub mod net;
pub mod network;
pub mod site;
pub mod tempdir;

pub mod binaries;
pub mod process;
pub mod service_manager;
pub mod trace;

pub mod inject;
pub mod power_cut;
pub mod stored;

pub mod paper;
pub mod printer;
pub mod pty;
pub mod scanner;

pub mod cable;
pub mod certificates;
pub mod embedded;
pub mod mosquitto;
pub mod mqtt_client;
pub mod scripted;
pub mod secured;

pub mod contract;
pub mod npm;
pub mod recorder;
pub mod validators;

pub mod goods;
pub mod http;
pub mod labels;

pub mod agent;
pub mod picture;
pub mod platform;
pub mod upstream;

pub mod browser;

pub mod day;

pub mod board;
pub mod fleet;
pub mod machine;
pub mod postgres;
pub mod sink;
