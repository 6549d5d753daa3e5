//! `parceld config show`

use super::terminal::{self, plain};
use super::{Exit, act, agent, complain};
use crate::config::{Config, Shown, Stack};
use std::io;
use std::time::Duration;

/// The agent answers at once, or something is wrong with it.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// Prints the configuration as the agent would understand it now.
pub fn print(stack: &Stack, changed: bool, json: bool) -> io::Result<Exit> {
    let shown = match stack.load() {
        Ok(loaded) => Shown::of(&loaded),
        Err(error) => return Ok(complain(&error)),
    };
    show(&if changed { shown.changed() } else { shown }, json)?;
    Ok(Exit::Well)
}

/// Prints the configuration that the running agent goes by.
pub fn print_running(config: &Config, changed: bool, json: bool) -> io::Result<Exit> {
    let told = match agent::reach(config, ANSWERED_WITHIN).and_then(|mut agent| agent.configuration()) {
        Ok(told) => told,
        Err(error) => return Ok(act::complain(&error)),
    };
    let shown: Shown = serde_json::from_str(&told)?;
    show(&if changed { shown.changed() } else { shown }, json)?;
    Ok(Exit::Well)
}

fn show(shown: &Shown, json: bool) -> io::Result<()> {
    match json {
        true => terminal::print(&terminal::plain_json(&serde_json::to_string(shown)?)),
        false => shown.to_string().lines().try_for_each(|line| terminal::print(&plain(line))),
    }
}
