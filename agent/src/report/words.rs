//! What is said about each fault.

use super::{Fault, Log};
use crate::words::{Language, Part, fill};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A fault in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    pub what: String,
    pub reason: String,
    pub todo: Vec<String>,
    pub safe: Option<String>,
}

/// A fault's texts, with places for what is special this time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Texts {
    what: &'static str,
    reason: &'static str,
    #[serde(borrow)]
    todo: Vec<&'static str>,
    safe: Option<&'static str>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Well {
    what: &'static str,
    reason: &'static str,
    reason_weak: &'static str,
}

/// What is safe while the platform is away.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Safe {
    kept: &'static str,
}

static FAULTS: Part<BTreeMap<&str, Texts>> = Part::new("fault");
/// One, and more.
static COUNTS: Part<BTreeMap<&str, [&str; 2]>> = Part::new("fault_counts");
static SAFE: Part<Safe> = Part::new("fault_safe");
static WELL: Part<Well> = Part::new("well");

/// What to say of `fault`, with the log's figures where they help.
pub fn say(fault: &Fault, log: &Log, language: Language) -> Said {
    let counted = |what: &str, count: u64| {
        let [one, more] = COUNTS.of(language)[what];
        format!("{count}\u{a0}{}", if count == 1 { one } else { more })
    };
    let (name, mut values) = special(fault, counted);
    values.push(("head", log.head.to_string()));
    values.push(("received", log.received.to_string()));
    values.push(("kept", fill(SAFE.of(language).kept, &[("waiting", &counted("waiting", log.backlog))])));
    let values: Vec<(&str, &str)> = values.iter().map(|(place, value)| (*place, value.as_str())).collect();
    let texts = &FAULTS.of(language)[name];
    Said {
        what: fill(texts.what, &values),
        reason: fill(texts.reason, &values),
        todo: texts.todo.iter().map(|step| fill(step, &values)).collect(),
        safe: texts.safe.map(|safe| fill(safe, &values)),
    }
}

/// The name of the fault's texts, and what is special this time.
fn special(fault: &Fault, counted: impl Fn(&str, u64) -> String) -> (&'static str, Vec<(&'static str, String)>) {
    match fault {
        Fault::StorageFailing { error } | Fault::DatabaseUnreadable { error } => {
            (fault.word(), vec![("error", error.clone())])
        }
        Fault::LowSpace { free_bytes, runway_days } => {
            let mib = (free_bytes >> 20).to_string();
            match runway_days {
                Some(days) => (fault.word(), vec![("mib", mib), ("days", counted("days", *days))]),
                None => ("low_space_only", vec![("mib", mib)]),
            }
        }
        Fault::ScannersLost { station, lost, all } => {
            let name = if *all { "scanners_lost_all" } else { "scanners_lost" };
            (name, vec![("station", station.clone()), ("lost", each(lost))])
        }
        Fault::ScannerNotSetUp { scanner, reason } => {
            (fault.word(), vec![("scanner", scanner.clone()), ("reason", reason.clone())])
        }
        Fault::PrinterFaulty { printer, station, reason } => {
            let values = vec![("printer", printer.clone()), ("station", station.clone()), ("reason", reason.clone())];
            (fault.word(), values)
        }
        Fault::BrokerDown { url, reason: Some(reason), .. } => {
            (fault.word(), vec![("url", url.clone()), ("reason", reason.clone())])
        }
        Fault::BrokerDown { url, reason: None, attempts } => {
            ("broker_silent", vec![("url", url.clone()), ("attempts", counted("attempts", (*attempts).into()))])
        }
        Fault::PublishRefused { reason: Some(reason), count } => {
            (fault.word(), vec![("refusals", counted("refusals", *count)), ("reason", reason.clone())])
        }
        Fault::PublishRefused { reason: None, count } => {
            ("publish_refused_unsaid", vec![("refusals", counted("refusals", *count))])
        }
        Fault::NoSubscriber { count, kept: true } => (fault.word(), vec![("times", counted("times", *count))]),
        Fault::NoSubscriber { count, kept: false } => {
            ("no_subscriber_lost", vec![("events", counted("events", *count))])
        }
        Fault::Quarantined { count } => (fault.word(), vec![("messages", counted("messages", *count as u64))]),
        Fault::NoScanner
        | Fault::ReceiptsNeverCame
        | Fault::ReceiptsMissing
        | Fault::ClockUntrusted
        | Fault::WeakPromise => (fault.word(), Vec::new()),
    }
}

/// What to say when nothing is wrong.
pub fn well(weak: bool, language: Language) -> Said {
    let texts = WELL.of(language);
    let reason = if weak { texts.reason_weak } else { texts.reason };
    Said { what: texts.what.to_owned(), reason: reason.to_owned(), ..Said::default() }
}

/// `a: why; b: why`.
fn each(lost: &[(String, String)]) -> String {
    lost.iter().map(|(id, reason)| format!("{id}: {reason}")).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No text asks for what is not there, and every text is used.
    #[test]
    fn every_fault_is_said_in_full_in_every_language() {
        let why = || String::from("why");
        let faults = [
            Fault::StorageFailing { error: why() },
            Fault::DatabaseUnreadable { error: why() },
            Fault::LowSpace { free_bytes: 1, runway_days: Some(1) },
            Fault::LowSpace { free_bytes: 1, runway_days: None },
            Fault::ScannersLost { station: why(), lost: vec![(why(), why())], all: true },
            Fault::ScannersLost { station: why(), lost: vec![(why(), why())], all: false },
            Fault::NoScanner,
            Fault::ScannerNotSetUp { scanner: why(), reason: why() },
            Fault::PrinterFaulty { printer: why(), station: why(), reason: why() },
            Fault::BrokerDown { url: why(), reason: Some(why()), attempts: 1 },
            Fault::BrokerDown { url: why(), reason: None, attempts: 2 },
            Fault::PublishRefused { reason: Some(why()), count: 1 },
            Fault::PublishRefused { reason: None, count: 2 },
            Fault::NoSubscriber { count: 1, kept: true },
            Fault::NoSubscriber { count: 2, kept: false },
            Fault::ReceiptsNeverCame,
            Fault::ReceiptsMissing,
            Fault::ClockUntrusted,
            Fault::Quarantined { count: 2 },
            Fault::WeakPromise,
        ];
        for language in Language::all() {
            for fault in &faults {
                let said = say(fault, &Log::default(), language);
                let texts = [&said.what, &said.reason].into_iter().chain(&said.todo).chain(&said.safe);
                for text in texts {
                    assert!(!text.is_empty() && !text.contains(['{', '}']), "{language:?} {fault:?}: {text}");
                }
                assert!(!said.todo.is_empty(), "{language:?} {fault:?}");
            }
            let used = faults.iter().map(|fault| special(fault, |_, _| String::new()).0);
            let used: std::collections::BTreeSet<_> = used.collect();
            assert_eq!(FAULTS.of(language).keys().copied().collect::<std::collections::BTreeSet<_>>(), used);
        }
    }
}
