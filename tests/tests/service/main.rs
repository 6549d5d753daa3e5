//! The files below `systemd/`: what systemd's own tools say of them, what the rules for scanners do, and the agent's unit
//! under a systemd of its own.

mod board;
mod rules;
mod units;
