//! The verbs that have the running agent do something: one line tells how it went.

use super::terminal::{self, plain};
use super::{Exit, agent};
use crate::action::{Action, Outcome, Told, in_words};
use crate::config::Config;
use crate::control::{Refusal, Unreached};
use crate::journal::backup;
use crate::report::Language;
use std::io;
use std::path::Path;
use std::time::Duration;

/// Longer than any action waits for others; a backup of a large database takes a while.
const DONE_WITHIN: Duration = Duration::from_secs(300);

/// Has `action` done, and prints how it went.
pub fn print(config: &Config, action: Action, json: bool) -> io::Result<Exit> {
    match ask(config, action) {
        Ok(told) => show(&told, json),
        Err(error) => Ok(complain(&error)),
    }
}

/// Has the configuration read again.
pub fn reload(config: &Config, json: bool) -> io::Result<Exit> {
    match ask(config, Action::Reload) {
        Ok(told) => match (show(&told, json)?, told.outcome) {
            (_, Outcome::ReloadedInPart) => Ok(Exit::Attention),
            (exit, _) => Ok(exit),
        },
        Err(error) => Ok(complain(&error)),
    }
}

/// The new token alone goes to stdout.
pub fn new_token(config: &Config) -> io::Result<Exit> {
    let told = match ask(config, Action::NewToken) {
        Ok(told) => told,
        Err(error) => return Ok(complain(&error)),
    };
    match told.values.get("token").filter(|_| told.outcome == Outcome::TokenMade) {
        Some(token) => {
            terminal::complain("the old token opens nothing any more; this one is shown this once");
            terminal::print(&plain(token))?;
            Ok(Exit::Well)
        }
        None => show(&told, false),
    }
}

/// Copies the database to `to` itself, as whoever runs this; the agent, where it runs, records it.
pub fn back_up_to(config: &Config, to: &Path, json: bool) -> io::Result<Exit> {
    let copy = match backup::copy(&config.storage.path, to) {
        Ok(copy) => copy,
        Err(error) => {
            terminal::complain(&format!("no copy was made: {error}"));
            return Ok(Exit::Failed);
        }
    };
    let path = copy.path.canonicalize().unwrap_or(copy.path);
    if let Err(error) = ask(config, Action::BackupMade { path: path.display().to_string(), bytes: copy.bytes }) {
        terminal::complain(&format!("the copy is not in the log of events: {error}"));
    }
    terminal::print(&match json {
        true => serde_json::json!({"path": path, "bytes": copy.bytes}).to_string(),
        false => plain(&path.display().to_string()),
    })?;
    Ok(Exit::Well)
}

fn ask(config: &Config, action: Action) -> Result<Told, Unreached> {
    agent::reach(config, DONE_WITHIN)?.act(action)
}

fn show(told: &Told, json: bool) -> io::Result<Exit> {
    let is_well = told.outcome.is_well();
    if json {
        terminal::print(&terminal::plain_json(&serde_json::to_string(told)?))?;
    } else if is_well {
        terminal::print(&plain(&in_words(told, Language::ENGLISH)))?;
    } else {
        terminal::complain(&in_words(told, Language::ENGLISH));
    }
    Ok(if is_well { Exit::Well } else { Exit::Failed })
}

pub fn complain(error: &Unreached) -> Exit {
    terminal::complain(&error.to_string());
    match error {
        Unreached::NotRunning { .. } | Unreached::Refused(Refusal::Busy) => Exit::Attention,
        _ => Exit::Failed,
    }
}
