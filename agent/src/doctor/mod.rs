//! The doctor: looks at everything that the agent needs, one check each, and says how to mend what is wrong.
//!
//! It changes nothing and needs no running agent; where one runs, it is asked instead of disturbed. At the broker it
//! logs in under a client id of its own. Checks run beside each other, and one that hangs is reported as such: a name
//! server that says nothing must not hide a full disk.

mod broker;
mod scanner;
mod secrets;
mod storage;
mod time;

use crate::clock::Clock;
use crate::config::{self, Config, Stack};
use crate::control::{self, Client, Unreached};
use crate::report::{self, Report};
use serde::Serialize;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    pub check: String,
    pub outcome: Outcome,
    /// What was found, in a sentence.
    pub found: String,
    /// What to do about it.
    pub fix: Option<String>,
}

/// How a check ended, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Ok,
    /// Could not be looked at; that alone is no fault.
    Skipped,
    Warning,
    Error,
}

/// The agent answers at once or not at all.
const AGENT_ANSWERS_WITHIN: Duration = Duration::from_secs(3);

/// How long somebody who waits at a terminal is to wait: the whole stays below ten seconds.
pub const DONE_WITHIN: Duration = Duration::from_secs(9);

/// Looks at something; gives a check for each of its names, in their order.
struct Probe {
    names: Vec<String>,
    look: Box<dyn FnOnce() -> Vec<Check> + Send>,
}

/// Looks at everything that the configuration of `stack` names, or the last one that was right. A check that isn't done `within` that time, the agent's
/// answer included, is told as one that hangs.
#[must_use]
pub fn examine(stack: &Stack, clock: Clock, within: Duration) -> Vec<Check> {
    let until = clock.now().since_start + within;
    let (config, configuration) = match stack.load() {
        Ok(loaded) => {
            let check = right(stack, &loaded.config);
            (Arc::new(loaded.config), check)
        }
        Err(error) => match config::last_good(stack) {
            Some((_, loaded)) => (Arc::new(loaded.config), unusable(&error)),
            None => return vec![unusable(&error)],
        },
    };
    let (agent, report) = ask_agent(&config, within.min(AGENT_ANSWERS_WITHIN));
    let probes = probes(&config, report.map(Arc::new).as_ref(), clock);
    let mut checks = vec![configuration, agent];
    checks.extend(run(probes, clock, until));
    checks
}

/// The worst of `checks`.
#[must_use]
pub fn worst(checks: &[Check]) -> Outcome {
    checks.iter().map(|check| check.outcome).max().unwrap_or(Outcome::Ok)
}

impl Check {
    fn new(check: impl Into<String>, outcome: Outcome, found: impl Into<String>) -> Self {
        Self { check: check.into(), outcome, found: found.into(), fix: None }
    }

    fn fix(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }
}

impl Outcome {
    /// The word for it in interfaces.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

fn right(stack: &Stack, config: &Config) -> Check {
    let (site, stations, scanners) = (&config.site.id, config.stations.len(), config.scanners.len());
    let found = format!("{}: right; site: {site}, stations: {stations}, scanners: {scanners}", stack.path.display());
    Check::new("configuration", Outcome::Ok, found)
}

fn unusable(error: &config::Error) -> Check {
    Check::new("configuration", Outcome::Error, error.to_string())
        .fix("mend the file, then try: parceld check-config FILE")
}

fn ask_agent(config: &Config, within: Duration) -> (Check, Option<Report>) {
    let candidates = control::candidates(config.control.socket.as_deref(), &config.storage.path);
    let asked = Client::connect(&candidates, &config.site.id, within).and_then(|mut client| client.status());
    match asked {
        Ok(report) => (running(&report), Some(report)),
        Err(error @ Unreached::NotRunning { .. }) => {
            let check = Check::new("agent", Outcome::Warning, error.to_string());
            (check.fix("start it: systemctl start parceld, or parceld run --config FILE"), None)
        }
        Err(error @ Unreached::NotAllowed { .. }) => {
            let check = Check::new("agent", Outcome::Warning, error.to_string());
            (check.fix("run the doctor as root or as the agent's user"), None)
        }
        Err(error) => {
            let check = Check::new("agent", Outcome::Error, error.to_string());
            (check.fix("look at its log: journalctl -u parceld; restart it if it hangs"), None)
        }
    }
}

fn running(report: &Report) -> Check {
    let verdict = &report.verdict;
    let found = format!("parceld {} runs: {}", report.version, verdict.what);
    match verdict.state {
        report::State::Well => Check::new("agent", Outcome::Ok, found),
        report::State::Attention | report::State::Stopped => {
            let outcome = if verdict.state == report::State::Stopped { Outcome::Error } else { Outcome::Warning };
            let todo = verdict.findings.first().map(|worst| worst.todo.join(" "));
            Check::new("agent", outcome, format!("{found}. {}", verdict.reason)).fix(todo.unwrap_or_default())
        }
    }
}

fn probes(config: &Arc<Config>, report: Option<&Arc<Report>>, clock: Clock) -> Vec<Probe> {
    let mut probes: Vec<Probe> = Vec::new();
    let mut add = |names: &[&str], look: fn(&Config, Option<&Report>, Clock) -> Vec<Check>| {
        let (config, report) = (Arc::clone(config), report.cloned());
        let look = Box::new(move || look(&config, report.as_deref(), clock));
        probes.push(Probe { names: names.iter().map(ToString::to_string).collect(), look });
    };
    add(&storage::DISK, |config, report, _| {
        storage::disk(&config.storage.path, config.storage.low_space_bytes, report.is_some())
    });
    add(&["sqlite"], |_, _, _| vec![storage::sqlite()]);
    add(&["database"], |config, report, _| vec![storage::database(&config.storage.path, report.is_some())]);
    add(&["clock"], |config, report, clock| vec![time::check(&config.storage.path, report, clock)]);
    add(&broker::NETWORK, |config, _, _| broker::network(&config.broker.url));
    add(&broker::SESSION, broker::session);
    add(&[secrets::NAME], |config, _, _| vec![secrets::check(config)]);
    add(&["receipts"], |config, report, clock| vec![broker::receipts(config, report, clock)]);
    for scanner in config.scanners.clone() {
        let report = report.cloned();
        let names = vec![format!("scanner {}", scanner.id)];
        let look = Box::new(move || vec![scanner::check(&scanner, report.as_deref())]);
        probes.push(Probe { names, look });
    }
    probes
}

/// Runs every probe on a thread of its own; what isn't back by `until`, in running time, is left behind.
fn run(probes: Vec<Probe>, clock: Clock, until: Duration) -> Vec<Check> {
    let (done, results) = mpsc::channel();
    let mut checks: Vec<Vec<Check>> = Vec::new();
    for (index, Probe { names, look }) in probes.into_iter().enumerate() {
        checks.push(names.into_iter().map(hung).collect());
        let done = done.clone();
        let started = std::thread::Builder::new().name("doctor".into()).spawn(move || done.send((index, look())));
        if let Err(error) = started {
            tracing::debug!(%error, "a check could not be started");
        }
    }
    drop(done);
    while let Some(left) = until.checked_sub(clock.now().since_start)
        && let Ok((index, found)) = results.recv_timeout(left)
    {
        checks[index] = found;
    }
    checks.into_iter().flatten().collect()
}

fn hung(name: String) -> Check {
    Check::new(name, Outcome::Warning, "did not finish in time").fix("try again; if it stays so, this part hangs")
}

#[cfg(test)]
mod tests;
