//! `parceld bundle`

use super::terminal::{self, plain};
use super::{Exit, agent};
use crate::action::Action;
use crate::bundle::{self, FromAgent, Secrets};
use crate::clock::Clock;
use crate::config::{Config, Stack};
use crate::control::Unreached;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The agent answers at once, or something is wrong with it.
const ANSWERED_WITHIN: Duration = Duration::from_secs(3);

/// Makes a bundle and writes it to `file`; the agent, where it runs, records it.
pub fn write(config: &Config, stack: &Stack, file: &Path) -> io::Result<Exit> {
    let clock = Clock::start();
    let config = Arc::new(config.clone());
    let (for_report, for_log, for_configuration) = (Arc::clone(&config), Arc::clone(&config), Arc::clone(&config));
    let from_agent = FromAgent {
        report: Box::new(move || {
            let report = agent::reach(&for_report, ANSWERED_WITHIN)
                .and_then(|mut agent| agent.status())
                .map_err(|error| error.to_string())?;
            serde_json::to_string_pretty(&report).map_err(|error| error.to_string())
        }),
        log: Box::new(move || {
            let lines = agent::reach(&for_log, ANSWERED_WITHIN)
                .and_then(|mut agent| agent.log())
                .map_err(|error| error.to_string())?;
            Ok(lines.join("\n") + "\n")
        }),
        configuration: Box::new(move || {
            let told = agent::reach(&for_configuration, ANSWERED_WITHIN)
                .and_then(|mut agent| agent.configuration())
                .map_err(|error| error.to_string())?;
            serde_json::from_str(&told).map_err(|error| error.to_string())
        }),
    };
    let pieces = bundle::pieces(stack, &config, from_agent, clock);
    let bytes = bundle::make(pieces, &Secrets::known(&config), &bundle::folder(&config, clock), clock)?;
    let mut options = File::options();
    let written = options.write(true).create_new(true).mode(0o600).open(file).and_then(|mut file| {
        file.write_all(&bytes)?;
        file.sync_all()
    });
    if let Err(error) = written {
        terminal::complain(&format!("{}: can't be written: {error}", file.display()));
        return Ok(Exit::Failed);
    }
    let made = Action::BundleMade { bytes: bytes.len() as u64 };
    match agent::reach(&config, ANSWERED_WITHIN).and_then(|mut agent| agent.act(made)) {
        Ok(_) | Err(Unreached::NotRunning { .. }) => {}
        Err(error) => terminal::complain(&format!("the bundle is not in the log of events: {error}")),
    }
    terminal::print(&plain(&file.display().to_string()))?;
    Ok(Exit::Well)
}
