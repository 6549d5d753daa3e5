//! The way to the running agent.

use crate::config::Config;
use crate::control::{self, Client, Unreached};
use std::time::Duration;

/// A connection to the agent of this site; each of its answers has to come `within` that time.
///
/// # Errors
/// It can't be reached.
pub fn reach(config: &Config, within: Duration) -> Result<Client, Unreached> {
    let candidates = control::candidates(config.control.socket.as_deref(), &config.storage.path);
    Client::connect(&candidates, &config.site.id, within)
}
