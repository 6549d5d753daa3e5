//! `parceld restore`: a backup in the place of the database.

use super::Exit;
use super::terminal::{self, plain};
use crate::app;
use crate::config::Config;
use crate::journal::Error;
use crate::journal::salvage::restore::{Restored, Unfit};
use std::io;
use std::path::Path;

/// Puts it there, and says what that means.
pub fn put_back(config: &Config, from: &Path, json: bool) -> io::Result<Exit> {
    match app::restore(config, from) {
        Ok(restored) => {
            terminal::print(&if json { in_json(&restored) } else { plain(&in_words(&restored)) })?;
            Ok(Exit::Well)
        }
        Err(error) => {
            let what = if error.is_put_back() { "not finished" } else { "nothing was put back" };
            terminal::complain(&format!("{what}: {error}"));
            Ok(match error {
                Unfit::Database(Error::Locked { .. }) => Exit::Attention,
                _ => Exit::Failed,
            })
        }
    }
}

fn in_json(Restored { events, newest, orders, kept }: &Restored) -> String {
    serde_json::json!({"events": events, "newest": newest, "orders": orders, "kept": kept}).to_string()
}

fn in_words(Restored { events, newest, orders, kept }: &Restored) -> String {
    let until = newest.map(|at| format!(", up to {at}")).unwrap_or_default();
    let kept = kept.as_ref().map(|kept| format!("\nkept: {}", kept.display())).unwrap_or_default();
    format!(
        "restored: {events} events{until}; open orders that wait for the platform: {orders}{kept}\nstart the agent now"
    )
}
