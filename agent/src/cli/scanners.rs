//! `parceld scanners`: how each scanner's line is.

use super::status::scanner_text;
use super::terminal::{self, plain};
use super::{Exit, agent};
use crate::config::Config;
use crate::control::Unreached;
use std::io;
use std::time::Duration;

/// The agent answers at once, or something is wrong with it.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

pub fn print(config: &Config, json: bool) -> io::Result<Exit> {
    let asked = agent::reach(config, ANSWERED_WITHIN).and_then(|mut client| client.status());
    let report = match asked {
        Ok(report) => report,
        Err(error) => {
            terminal::complain(&error.to_string());
            return Ok(if matches!(error, Unreached::NotRunning { .. }) { Exit::Attention } else { Exit::Failed });
        }
    };
    if json {
        terminal::print(&terminal::plain_json(&serde_json::to_string(&report.scanners)?))?;
    } else {
        let zone = &config.site.timezone;
        report.scanners.iter().try_for_each(|scanner| terminal::print(&plain(&scanner_text(scanner, zone))))?;
    }
    let all_open = report.scanners.iter().all(|scanner| scanner.state == "open");
    Ok(if all_open { Exit::Well } else { Exit::Attention })
}
