//! `parceld config show`

use super::terminal::{self, plain};
use super::{Exit, complain};
use crate::config::{Shown, Stack};
use std::io;

/// Prints the configuration as the agent would understand it now.
pub fn print(stack: &Stack, changed: bool, json: bool) -> io::Result<Exit> {
    let shown = match stack.load() {
        Ok(loaded) => Shown::of(&loaded),
        Err(error) => return Ok(complain(&error)),
    };
    show(&if changed { shown.changed() } else { shown }, json)?;
    Ok(Exit::Well)
}

fn show(shown: &Shown, json: bool) -> io::Result<()> {
    match json {
        true => terminal::print(&terminal::plain_json(&serde_json::to_string(shown)?)),
        false => shown.to_string().lines().try_for_each(|line| terminal::print(&plain(line))),
    }
}
