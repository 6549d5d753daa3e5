//! What is said about each fault.

use super::fault::{Dates, Whose};
use super::{Fault, Log};
use crate::clock::Believed;
use crate::sync::{Refusal, Trouble};
use crate::words::{Language, Part, fill};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

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

/// A certificate's name, and what to do where its time is over.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Renewal {
    whose: &'static str,
    renew: &'static str,
}

static TROUBLES: Part<BTreeMap<&str, &str>> = Part::new("trouble");
static CERTIFICATES: Part<BTreeMap<&str, Renewal>> = Part::new("certificate");
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
    let (name, mut values) = special(fault, language, counted);
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
fn special(
    fault: &Fault,
    language: Language,
    counted: impl Fn(&str, u64) -> String,
) -> (&'static str, Vec<(&'static str, String)>) {
    match fault {
        Fault::StorageFailing { error }
        | Fault::DiskFull { error }
        | Fault::DatabaseUnreadable { error }
        | Fault::DatabaseLeft { error } => (fault.word(), vec![("error", error.clone())]),
        Fault::DatabaseSalvaged { path, count } => {
            (fault.word(), vec![("path", path.clone()), ("files", counted("files", *count as u64))])
        }
        Fault::BackupOverdue { last, why } => {
            let last = last.map_or_else(|| "—".to_owned(), |at| at.strftime("%Y-%m-%d").to_string());
            (fault.word(), vec![("last", last), ("why", why.clone().unwrap_or_else(|| "—".to_owned()))])
        }
        Fault::LowSpace { free_bytes, runway_days } => {
            let mib = (free_bytes >> 20).to_string();
            match runway_days {
                Some(days) => (fault.word(), vec![("mib", mib), ("days", counted("days", *days))]),
                None => ("low_space_only", vec![("mib", mib)]),
            }
        }
        Fault::LogHeld { bytes } => (fault.word(), vec![("mib", (bytes >> 20).to_string())]),
        Fault::ScannerGarbled { scanner, reason, frames, settings } => {
            let values = vec![
                ("scanner", scanner.clone()),
                ("reason", reason.clone()),
                ("frames", frames.to_string()),
                ("settings", settings.clone()),
            ];
            (fault.word(), values)
        }
        Fault::ScannersLost { station, lost, all, denied } => {
            let name = match (denied, all) {
                (true, _) => "scanners_denied",
                (false, true) => "scanners_lost_all",
                (false, false) => "scanners_lost",
            };
            (name, vec![("station", station.clone()), ("lost", each(lost))])
        }
        Fault::ScannerNotSetUp { scanner, reason } => {
            (fault.word(), vec![("scanner", scanner.clone()), ("reason", reason.clone())])
        }
        Fault::PrinterFaulty { printer, station, reason } => {
            let values = vec![("printer", printer.clone()), ("station", station.clone()), ("reason", reason.clone())];
            (fault.word(), values)
        }
        Fault::BrokerDown { url, trouble: Some(trouble), .. } => {
            (fault.word(), vec![("url", url.clone()), ("trouble", reason(trouble, language))])
        }
        Fault::Certificate { whose, dates } => {
            let renewal = renewal(*whose, language);
            let mut values = vec![("whose", renewal.whose.to_owned()), ("renew", renewal.renew.to_owned())];
            values.extend(match dates {
                Dates::Expired { at } | Dates::ExpiresSoon { at } => vec![("at", at.to_string())],
                Dates::NotYetValid { from, now } => vec![("at", from.to_string()), ("now", now.to_string())],
            });
            (fault.word(), values)
        }
        Fault::BrokerDown { url, trouble: None, attempts } => {
            ("broker_silent", vec![("url", url.clone()), ("attempts", counted("attempts", (*attempts).into()))])
        }
        Fault::PublishRefused { topic, reason, count } => {
            let refusals = counted("refusals", *count);
            (fault.word(), vec![("refusals", refusals), ("topic", topic.clone()), ("reason", reason.clone())])
        }
        Fault::NewFilesUnfit { trouble } => (fault.word(), vec![("trouble", reason(trouble, language))]),
        Fault::NoSubscriber { count, kept: true } => (fault.word(), vec![("times", counted("times", *count))]),
        Fault::NoSubscriber { count, kept: false } => {
            ("no_subscriber_lost", vec![("events", counted("events", *count))])
        }
        Fault::ClockUntrusted { believed } => {
            let name = match believed {
                Believed::Awaited => "clock_awaited",
                Believed::Stepped => "clock_stepped",
                Believed::Behind | Believed::Plausible | Believed::Synchronized => "clock_untrusted",
            };
            (name, Vec::new())
        }
        Fault::ClockBlocksBroker { url, trouble } => {
            (fault.word(), vec![("url", url.clone()), ("trouble", reason(trouble, language))])
        }
        Fault::ConfigRefused { why, more, at_start } => {
            let name = if *at_start { "config_refused_at_start" } else { fault.word() };
            let more = if 0 < *more { format!(" (+ {more})") } else { String::new() };
            (name, vec![("why", why.clone()), ("more", more)])
        }
        Fault::ConfigNeedsRestart { keys } => (fault.word(), vec![("keys", keys.join(", "))]),
        Fault::ConfigNotRead { file } => (fault.word(), vec![("file", file.clone())]),
        Fault::Quarantined { count } => (fault.word(), vec![("messages", counted("messages", *count as u64))]),
        Fault::DiskReadOnly
        | Fault::NoScanner
        | Fault::ReceiptsNeverCame
        | Fault::ReceiptsMissing
        | Fault::WeakPromise => (fault.word(), Vec::new()),
    }
}

/// Why there is no connection. What the system and the broker say themselves stays in their words.
fn reason(trouble: &Trouble, language: Language) -> String {
    let file = |file: &Path| ("file", file.display().to_string());
    let (name, values) = match trouble {
        Trouble::Unreachable(why) => ("unreachable", vec![("why", why.clone())]),
        Trouble::Busy(why) => ("busy", vec![("why", why.clone())]),
        Trouble::Broken(why) => ("broken", vec![("why", why.clone())]),
        Trouble::LoginRefused(why) => ("login_refused", vec![("why", why.clone())]),
        Trouble::NoPassword { file: name, why } => ("no_password", vec![file(name), ("why", why.clone())]),
        Trouble::FileUnusable { file: name, why } => ("file_unusable", vec![file(name), ("why", why.clone())]),
        Trouble::AuthorityUnknown { ca_file } => ("authority_unknown", vec![file(ca_file)]),
        Trouble::OtherName { host, names } if names.is_empty() => ("unnamed", vec![("host", host.clone())]),
        Trouble::OtherName { host, names } => ("other_name", vec![("host", host.clone()), ("names", names.join(", "))]),
        Trouble::Expired { at } => ("expired", vec![("at", at.to_string())]),
        Trouble::NotYetValid { from, now } => {
            ("not_yet_valid", vec![("at", from.to_string()), ("now", now.to_string())])
        }
        Trouble::Revoked { crl_file } => ("revoked", vec![file(crl_file)]),
        Trouble::Unusable(why) => ("unusable", vec![("why", why.clone())]),
        Trouble::CertificateRefused(why) => refusal(why),
        Trouble::CertificateWanted => ("certificate_wanted", Vec::new()),
        Trouble::NoTls(why) => ("no_tls", vec![("why", why.clone())]),
        Trouble::HungUp(why) => ("hung_up", vec![("why", why.clone())]),
        Trouble::SubscribeDenied { topic } | Trouble::PublishDenied { topic, .. } => {
            ("topic_denied", vec![("topic", topic.clone())])
        }
        Trouble::TakenOver { client_id } => ("taken_over", vec![("client_id", client_id.clone())]),
        Trouble::AnotherAgent { version, epoch } => {
            ("another_agent", vec![("version", version.clone()), ("epoch", epoch.to_string())])
        }
    };
    let values: Vec<(&str, &str)> = values.iter().map(|(place, value)| (*place, value.as_str())).collect();
    fill(TROUBLES.of(language)[name], &values)
}

/// Why the broker refuses this site's certificate.
fn refusal(refusal: &Refusal) -> (&'static str, Vec<(&'static str, String)>) {
    match refusal {
        Refusal::Revoked => ("certificate_revoked", Vec::new()),
        Refusal::AuthorityUnknown => ("certificate_unknown", Vec::new()),
        Refusal::Expired { at } => ("certificate_expired", vec![("at", at.to_string())]),
        Refusal::NotYetValid { from, now } => {
            ("certificate_not_yet_valid", vec![("at", from.to_string()), ("now", now.to_string())])
        }
        Refusal::CalledExpired { until } => ("certificate_called_expired", vec![("at", until.to_string())]),
        Refusal::Said(why) => ("certificate_refused", vec![("why", why.clone())]),
        Refusal::Unsaid(why) => ("certificate_perhaps", vec![("why", why.clone())]),
    }
}

fn renewal(whose: Whose, language: Language) -> &'static Renewal {
    let name = match whose {
        Whose::Site => "site",
        Whose::Broker => "broker",
        Whose::Authority => "authority",
        Whose::Revocations => "revocations",
    };
    &CERTIFICATES.of(language)[name]
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
        let at = jiff::Timestamp::UNIX_EPOCH;
        let mut faults = vec![
            Fault::StorageFailing { error: why() },
            Fault::DatabaseUnreadable { error: why() },
            Fault::DatabaseSalvaged { path: why(), count: 1 },
            Fault::DatabaseLeft { error: why() },
            Fault::BackupOverdue { last: Some(at), why: Some(why()) },
            Fault::LowSpace { free_bytes: 1, runway_days: Some(1) },
            Fault::LowSpace { free_bytes: 1, runway_days: None },
            Fault::LogHeld { bytes: 1 },
            Fault::DiskFull { error: why() },
            Fault::DiskReadOnly,
            Fault::ScannersLost { station: why(), lost: vec![(why(), why())], all: true, denied: false },
            Fault::ScannersLost { station: why(), lost: vec![(why(), why())], all: false, denied: false },
            Fault::ScannersLost { station: why(), lost: vec![(why(), why())], all: false, denied: true },
            Fault::ScannerGarbled { scanner: why(), reason: why(), frames: 3, settings: why() },
            Fault::NoScanner,
            Fault::ScannerNotSetUp { scanner: why(), reason: why() },
            Fault::PrinterFaulty { printer: why(), station: why(), reason: why() },
            Fault::BrokerDown { url: why(), trouble: None, attempts: 2 },
            Fault::PublishRefused { topic: why(), reason: why(), count: 1 },
            Fault::NoSubscriber { count: 1, kept: true },
            Fault::NoSubscriber { count: 2, kept: false },
            Fault::ReceiptsNeverCame,
            Fault::ReceiptsMissing,
            Fault::ClockUntrusted { believed: Believed::Awaited },
            Fault::ClockUntrusted { believed: Believed::Stepped },
            Fault::ClockUntrusted { believed: Believed::Behind },
            Fault::ClockBlocksBroker { url: why(), trouble: Trouble::NotYetValid { from: at, now: at } },
            Fault::Quarantined { count: 2 },
            Fault::WeakPromise,
            Fault::ConfigRefused { why: why(), more: 0, at_start: false },
            Fault::ConfigRefused { why: why(), more: 2, at_start: true },
            Fault::ConfigNeedsRestart { keys: vec![why(), why()] },
            Fault::ConfigNotRead { file: why() },
        ];
        for (trouble, _) in crate::report::tests::troubles() {
            faults.push(Fault::NewFilesUnfit { trouble: trouble.clone() });
            faults.push(Fault::BrokerDown { url: why(), trouble: Some(trouble), attempts: 1 });
        }
        for whose in [Whose::Site, Whose::Broker, Whose::Authority, Whose::Revocations] {
            for dates in [Dates::Expired { at }, Dates::ExpiresSoon { at }, Dates::NotYetValid { from: at, now: at }] {
                faults.push(Fault::Certificate { whose, dates });
            }
        }
        for language in Language::all() {
            for fault in &faults {
                let said = say(fault, &Log::default(), language);
                let texts = [&said.what, &said.reason].into_iter().chain(&said.todo).chain(&said.safe);
                for text in texts {
                    assert!(!text.is_empty() && !text.contains(['{', '}']), "{language:?} {fault:?}: {text}");
                }
                assert!(!said.todo.is_empty(), "{language:?} {fault:?}");
            }
            let used = faults.iter().map(|fault| special(fault, language, |_, _| String::new()).0);
            let used: std::collections::BTreeSet<_> = used.collect();
            assert_eq!(FAULTS.of(language).keys().copied().collect::<std::collections::BTreeSet<_>>(), used);
        }
    }
}
