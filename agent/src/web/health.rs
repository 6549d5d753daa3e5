//! Whether all is well, for those who only want a word: load balancers, watchdogs, monitoring.

use super::{Shared, api};
use crate::report::log::plain;
use crate::report::{Language, Report, State, Topic};
use axum::extract::{RawQuery, State as Extract};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::fmt::Write;

/// One part, how it is, and why.
#[derive(Debug, PartialEq, Eq)]
struct Check {
    part: &'static str,
    state: State,
    /// The fault's name and what it says; empty where all is well.
    reason: String,
}

/// `GET /healthz`: a word, and with `?verbose` a line for each check. 503 where it is failing.
pub async fn show(Extract(shared): Extract<Shared>, RawQuery(query): RawQuery) -> Response {
    let asked = shared.gatherer.ask_in_time(|gatherer| Report::new(&gatherer.facts(), Language::ENGLISH)).await;
    let Some(report) = asked else {
        return (StatusCode::INTERNAL_SERVER_ERROR, "the report could not be made\n").into_response();
    };
    let not_ready = api::not_ready(&shared.gatherer).await;
    let checks = checks(&report, not_ready);
    let state = worst(&checks);
    let is_verbose =
        query.is_some_and(|query| query.split('&').any(|key| key == "verbose" || key.starts_with("verbose=")));
    let text = if is_verbose { verbose(&checks) } else { format!("{}\n", word(state)) };
    let status = if state == State::Stopped { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (status, text).into_response()
}

/// `not_ready`: why no scan can be stored now, where none can.
fn checks(report: &Report, not_ready: Option<String>) -> Vec<Check> {
    let writer = Check {
        part: "writer",
        state: if not_ready.is_none() { State::Well } else { State::Stopped },
        reason: not_ready.unwrap_or_default(),
    };
    let of = |topic: Topic| {
        let found = report.verdict.findings.iter().filter(|finding| finding.topic == topic);
        let worst = found.max_by_key(|finding| finding.severity);
        Check {
            part: topic.word(),
            state: worst.map_or(State::Well, |finding| finding.severity.into()),
            reason: worst.map(|finding| format!("{}: {}", finding.fault, finding.reason)).unwrap_or_default(),
        }
    };
    std::iter::once(writer).chain(Topic::ALL.map(of)).collect()
}

fn worst(checks: &[Check]) -> State {
    checks.iter().map(|check| check.state).max().unwrap_or(State::Well)
}

fn verbose(checks: &[Check]) -> String {
    let mut text = format!("{}\n", word(worst(checks)));
    for Check { part, state, reason } in checks {
        let _ = match reason.is_empty() {
            true => writeln!(text, "{part} {}", word(*state)),
            false => writeln!(text, "{part} {}: {}", word(*state), plain(reason)),
        };
    }
    text
}

/// The word that monitoring knows.
fn word(state: State) -> &'static str {
    match state {
        State::Well => "ok",
        State::Attention => "degraded",
        State::Stopped => "failing",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{facts, wreck};

    fn said(report: &Report, not_ready: Option<&str>) -> String {
        verbose(&checks(report, not_ready.map(str::to_owned)))
    }

    #[test]
    fn all_is_ok() {
        let report = Report::new(&facts(), Language::ENGLISH);
        let lines = "writer storage scanners printers broker receipts clock commands configuration";
        let lines: String = lines.split(' ').map(|part| format!("{part} ok\n")).collect();
        assert_eq!(said(&report, None), format!("ok\n{lines}"));
    }

    #[test]
    fn names_each_part_that_is_not_and_why() {
        let mut facts = facts();
        crate::report::tests::distrust(&mut facts);
        facts.about.forget_on_puback = true;
        let text = said(&Report::new(&facts, Language::ENGLISH), None);
        assert!(text.starts_with("degraded\nwriter ok\n"), "{text}");
        assert!(text.contains("\nclock degraded: clock_untrusted: The board hasn't learned the time"), "{text}");
        assert!(text.contains("\nreceipts ok: weak_promise: "), "a note is no fault: {text}");
        let text = said(&Report::new(&wreck(), Language::ENGLISH), None);
        assert!(text.starts_with("failing\n") && text.contains("\nstorage failing: disk_full: "), "{text}");
    }

    #[test]
    fn a_writer_that_does_not_answer_is_failing_whatever_else() {
        let text = said(&Report::new(&facts(), Language::ENGLISH), Some("no answer\nwithin 2 s"));
        assert!(text.starts_with("failing\nwriter failing: no answer\\nwithin 2 s\n"), "{text}");
    }
}
