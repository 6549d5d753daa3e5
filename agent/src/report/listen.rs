//! Listening to a scanner's line, for whoever shows it.

pub use crate::floor::ear::{Heard, Listener, Told, What};
