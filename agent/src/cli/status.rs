//! `parceld status`

use super::terminal::{self, Paint, Tone, plain};
use super::{Exit, agent};
use crate::config::Config;
use crate::control::Unreached;
use crate::journal::{Error, Reader};
use crate::report::{Finding, Log, ReceiptsSeen, Report, Scanner, Severity, State};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::io;
use std::path::Path;
use std::time::Duration;

/// The agent answers at once, or something is wrong with it.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

pub fn print(config: &Config, json: bool) -> io::Result<Exit> {
    let asked = agent::reach(config, ANSWERED_WITHIN).and_then(|mut client| client.status());
    match asked {
        Ok(report) => {
            let text = match json {
                true => terminal::plain_json(&serde_json::to_string_pretty(&report)?),
                false => text(&report, &config.site.timezone, Paint::for_stdout()),
            };
            terminal::print(&text)?;
            Ok(exit(report.verdict.state))
        }
        Err(error) => {
            terminal::complain(&error.to_string());
            print_database(config, json)?;
            Ok(if matches!(error, Unreached::NotRunning { .. }) { Exit::Attention } else { Exit::Failed })
        }
    }
}

fn exit(state: State) -> Exit {
    match state {
        State::Well => Exit::Well,
        State::Attention => Exit::Attention,
        State::Stopped => Exit::Failed,
    }
}

/// What is known without an agent.
fn print_database(config: &Config, json: bool) -> io::Result<()> {
    let log = read(&config.storage.path);
    if let Err(error) = &log {
        terminal::complain(&format!("nor can the database be read: {error}"));
    }
    match (json, log) {
        (true, log) => terminal::print(&serde_json::json!({"running": false, "log": log.ok()}).to_string()),
        (false, Ok(log)) => terminal::print(&row("log", &log_text(&log, &config.site.timezone))),
        (false, Err(_)) => Ok(()),
    }
}

fn read(path: &Path) -> Result<Log, Error> {
    let reader = Reader::open(path)?;
    let cursors = reader.cursors()?;
    let sequence = |place| cursors.epoch.map_or(place, |epoch| epoch.sequence(place));
    let backlog = cursors.head.saturating_sub(cursors.received);
    Ok(Log {
        epoch: cursors.epoch.map(|epoch| epoch.id),
        head: sequence(cursors.head),
        sent: sequence(cursors.sent),
        received: sequence(cursors.received),
        backlog,
        oldest_at: if backlog == 0 { None } else { reader.time_after(cursors.received)? },
    })
}

/// The report for people, without a line end.
fn text(report: &Report, zone: &TimeZone, paint: Paint) -> String {
    let verdict = &report.verdict;
    let (tone, word) = match verdict.state {
        State::Well => (Tone::Go, "WELL"),
        State::Attention => (Tone::Look, "ATTENTION"),
        State::Stopped => (Tone::Stop, "STOPPED"),
    };
    let since = verdict.since.map_or_else(String::new, |since| format!(", since {}", terminal::time(since, zone)));
    let head = format!("{}  {}{since}", paint.paint(tone, word), plain(&verdict.what));
    let mut lines = vec![head, format!("  {}", plain(&verdict.reason))];
    let (worst, others) = match verdict.findings.split_first() {
        Some((worst, others)) if worst.what == verdict.what => (Some(worst), others),
        Some(_) | None => (None, verdict.findings.as_slice()),
    };
    lines.extend(worst.into_iter().flat_map(advice));
    lines.extend(others.iter().flat_map(|finding| finding_lines(finding, zone, paint)));
    lines.push(String::new());
    lines.extend(rows(report, zone));
    lines.join("\n")
}

fn finding_lines(finding: &Finding, zone: &TimeZone, paint: Paint) -> Vec<String> {
    let tone = match finding.severity {
        Severity::Note => Tone::Quiet,
        Severity::Attention => Tone::Look,
        Severity::Stopped => Tone::Stop,
    };
    let since = finding.since.map_or_else(String::new, |since| format!(" (since {})", terminal::time(since, zone)));
    let mut lines = vec![String::new(), format!("  {}{since}", paint.paint(tone, &plain(&finding.what)))];
    lines.push(format!("  {}", plain(&finding.reason)));
    lines.extend(advice(finding));
    lines
}

/// What to do, and what is safe.
fn advice(finding: &Finding) -> impl Iterator<Item = String> {
    let steps = finding.todo.iter().zip(1..).map(|(step, n)| format!("    {n}. {}", plain(step)));
    steps.chain(finding.safe.iter().map(|safe| format!("    {}", plain(safe))))
}

fn rows(report: &Report, zone: &TimeZone) -> Vec<String> {
    let time = |at: Timestamp| terminal::time(at, zone);
    let storage = &report.storage;
    let broker = &report.broker;
    let because = |reason: &Option<String>| reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    let receipts = match report.receipts {
        ReceiptsSeen::None => "none has ever come".to_owned(),
        ReceiptsSeen::Last { at, sequence } => format!("last at {}, up to {sequence}", time(at)),
        ReceiptsSeen::Missing { since } => format!("missing since {}", time(since)),
        ReceiptsSeen::NotExpected => "not expected".to_owned(),
    };
    let broker_text =
        format!("{} {} since {}{}", broker.url, broker.state, time(broker.since), because(&broker.reason));
    let started = time(report.started_at);
    let mut rows = vec![
        row("storage", &format!("{} since {}{}", storage.state, time(storage.since), because(&storage.error))),
        row("broker", &broker_text),
        row("log", &log_text(&report.log, zone)),
        row("receipts", &receipts),
    ];
    rows.extend(report.scanners.iter().map(|scanner| row("scanner", &scanner_text(scanner, zone))));
    rows.push(row("agent", &format!("parceld {} at {}, running since {started}", report.version, report.site.id)));
    rows
}

/// How a scanner's line is, for people.
pub fn scanner_text(scanner: &Scanner, zone: &TimeZone) -> String {
    let last = scanner.last_read_at.map_or_else(|| "none yet".to_owned(), |at| terminal::time(at, zone));
    let reason = scanner.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    format!(
        "{} at {} {}{reason}; {} reads, {} unreadable, last scan {last}",
        scanner.id, scanner.station, scanner.state, scanner.reads, scanner.unreadable
    )
}

fn log_text(log: &Log, zone: &TimeZone) -> String {
    let oldest =
        log.oldest_at.map_or_else(String::new, |at| format!(", the oldest since {}", terminal::time(at, zone)));
    format!(
        "head {}, sent {}, received {}; {} wait for a receipt{oldest}",
        log.head, log.sent, log.received, log.backlog
    )
}

fn row(name: &str, text: &str) -> String {
    format!("{name:<10} {}", plain(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Language;
    use crate::report::tests::{facts, wreck};

    fn shown(facts: &crate::report::Facts) -> String {
        text(&Report::new(facts, Language::ENGLISH), &TimeZone::UTC, Paint::off())
    }

    #[test]
    fn tells_that_all_is_well() {
        let text = shown(&facts());
        assert!(text.starts_with("WELL  All well, since 2026-11-22 14:02:54\n"), "{text}");
        assert!(text.contains("\nlog        head 48, sent 48, received 48; 0 wait for a receipt\n"), "{text}");
    }

    #[test]
    fn tells_every_finding_with_its_steps() {
        let text = shown(&wreck());
        assert!(text.starts_with("STOPPED  Scans are not saved: the disk is full, since "), "{text}");
        for finding in Report::new(&wreck(), Language::ENGLISH).verdict.findings {
            assert!(text.contains(&finding.reason), "{}\n{text}", finding.reason);
        }
    }

    #[test]
    fn escapes_what_others_wrote() {
        let mut facts = facts();
        facts.sync.broker = "mqtt://\u{1b}[2Jbroker".into();
        assert!(!shown(&facts).contains('\u{1b}'));
    }
}
