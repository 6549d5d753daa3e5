//! The cards of the status page: one for each part of the agent, bad ones first.

use crate::contract;
use crate::report::{Printer, ReceiptsSeen, Report, Scanner, Severity, State, Topic};
use crate::web::frame::encoded;
use crate::web::look::{Light, Sight};
use std::fmt::Display;

/// One part of the agent.
pub struct Card {
    pub id: &'static str,
    pub title: &'static str,
    pub light: Light,
    pub key: String,
    pub note: String,
    pub meter: Option<Meter>,
    pub spark: Option<Spark>,
    pub facts: Vec<Fact>,
    /// Where more of it is told.
    pub to: Option<&'static str>,
}

/// How full something is.
pub struct Meter {
    pub percent: u8,
    pub said: String,
}

/// How something went, as a line.
pub struct Spark {
    /// An SVG path in a field of 240 by 44.
    pub path: String,
    pub said: String,
}

pub struct Fact {
    pub name: String,
    pub value: String,
    pub to: Option<String>,
}

/// The report as cards.
pub struct Cards<'a> {
    pub sight: &'a Sight<'a>,
    pub report: &'a Report,
}

impl Card {
    fn new(id: &'static str, title: &'static str, light: Light) -> Self {
        let (key, note, facts) = (String::new(), String::new(), Vec::new());
        Self { id, title, light, key, note, meter: None, spark: None, facts, to: None }
    }
}

impl Cards<'_> {
    pub fn all(&self) -> Vec<Card> {
        let mut cards = vec![
            self.scanning(),
            self.scanners(),
            self.storage(),
            self.backlog(),
            self.broker(),
            self.clock(),
            self.agent(),
        ];
        cards.extend(self.printers());
        let badness = |card: &Card| match card.light.class {
            "stop" => 0,
            "warn" => 1,
            _ => 2,
        };
        cards.sort_by_key(badness);
        cards
    }

    fn scanning(&self) -> Card {
        let (words, report) = (self.sight.words, self.report);
        let given = |signals: &[&str]| -> u64 { signals.iter().filter_map(|word| report.signals.get(*word)).sum() };
        let counted = given(&["accepted", "completed", "opened"]);
        let refused = given(&["wrong", "over", "already", "unknown", "refused"]);
        let not_saved = given(&["not_saved"]);
        let saves = if report.storage.error.is_none() { State::Well } else { State::Stopped };
        let slowest = report.answers.iter().map(|answer| answer.took_us).max();
        let unreadable: u64 = report.scanners.iter().map(|scanner| scanner.unreadable).sum();
        let mut facts = vec![
            fact(words.not_counted, self.sight.number(refused)),
            fact(words.not_saved, self.sight.number(not_saved)),
            fact(words.unreadable_codes, self.sight.number(unreadable)),
        ];
        facts.extend(slowest.map(|took_us| fact(words.slowest, milliseconds(took_us))));
        Card {
            key: self.sight.number(counted),
            note: words.scans_counted.to_owned(),
            facts,
            ..Card::new("scanning", words.scanning, self.sight.light(saves))
        }
    }

    fn scanners(&self) -> Card {
        let words = self.sight.words;
        let scanners = &self.report.scanners;
        let open = scanners.iter().filter(|scanner| scanner.state == "open").count();
        Card {
            key: format!("{open} / {}", scanners.len()),
            note: words.connected.into(),
            facts: scanners.iter().map(|scanner| self.scanner(scanner)).collect(),
            to: Some("/scanners"),
            ..Card::new("scanners", words.scanners, self.about(&[Topic::Scanners]))
        }
    }

    fn scanner(&self, scanner: &Scanner) -> Fact {
        let (words, sight) = (self.sight.words, self.sight);
        let line = match scanner.state.as_str() {
            "open" => None,
            "opening" => Some(words.opening.to_owned()),
            _ => Some(format!("{} {} {}", words.gone, words.since, sight.shown(scanner.since).people)),
        };
        let last = scanner.last_read_at.map_or(words.never.to_owned(), |at| sight.shown(at).people);
        let unreadable = match scanner.unreadable {
            0 => None,
            count => {
                let last = scanner.last_unreadable.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
                Some(format!("{} {}{last}", sight.number(count), words.unreadable))
            }
        };
        let setup = scanner.setup_failure.as_ref().map(|why| format!("{}: {why}", words.not_set_up));
        let state = line.into_iter().chain([format!("{} {last}", words.last_scan)]).chain(unreadable).chain(setup);
        Fact {
            name: format!("{} · {}", scanner.id, scanner.station),
            value: state.collect::<Vec<_>>().join(", "),
            to: Some(format!("/scanners/{}", encoded(&scanner.id))),
        }
    }

    /// None at a site without printers.
    fn printers(&self) -> Option<Card> {
        let words = self.sight.words;
        let printers = &self.report.printers;
        let faulty = printers.iter().filter(|printer| printer.state == "faulty").count();
        (!printers.is_empty()).then(|| Card {
            key: format!("{} / {}", printers.len() - faulty, printers.len()),
            note: printers.iter().map(|printer| printer.address.as_str()).collect::<Vec<_>>().join(", "),
            facts: printers.iter().map(|printer| self.printer(printer)).collect(),
            ..Card::new("printers", words.printers, self.about(&[Topic::Printers]))
        })
    }

    fn printer(&self, printer: &Printer) -> Fact {
        let (words, sight) = (self.sight.words, self.sight);
        let state = match (printer.state.as_str(), &printer.reason) {
            (_, Some(reason)) => reason.clone(),
            ("ready", None) => words.printer_ready.to_owned(),
            _ => words.printer_unused.to_owned(),
        };
        let printed = format!("{} {}", sight.number(printer.printed), words.printed);
        let dropped = (0 < printer.dropped).then(|| format!("{} {}", sight.number(printer.dropped), words.dropped));
        let told = [state, printed].into_iter().chain(dropped).collect::<Vec<_>>().join(", ");
        fact(&format!("{} · {}", printer.id, printer.station), told)
    }

    fn storage(&self) -> Card {
        let (words, sight) = (self.sight.words, self.sight);
        let storage = &self.report.storage;
        Card {
            key: if storage.error.is_none() { words.saves } else { words.saves_not }.into(),
            note: storage.error.clone().unwrap_or_else(|| words.each_scan.into()),
            facts: vec![
                fact(words.so_since, sight.shown(storage.since).people),
                fact(words.head, sight.number(self.report.log.head)),
            ],
            ..Card::new("storage", words.storage, self.about(&[Topic::Storage]))
        }
    }

    fn backlog(&self) -> Card {
        let (words, sight) = (self.sight.words, self.sight);
        let log = &self.report.log;
        let last_receipt = match self.report.receipts {
            ReceiptsSeen::None => words.no_receipts.to_owned(),
            ReceiptsSeen::Last { at, sequence } => format!("{} · {}", sight.shown(at).people, sight.number(sequence)),
            ReceiptsSeen::Missing { since } => {
                format!("{} {} {}", words.missing_receipts, words.since, sight.shown(since).people)
            }
            ReceiptsSeen::NotExpected => words.no_receipts_expected.to_owned(),
        };
        Card {
            key: sight.number(log.backlog),
            note: words.waiting.into(),
            facts: vec![
                fact(words.oldest, log.oldest_at.map_or("–".into(), |at| sight.age(at))),
                fact(words.sent, sight.number(log.sent)),
                fact(words.received, sight.number(log.received)),
                fact(words.last_receipt, last_receipt),
            ],
            ..Card::new("backlog", words.backlog, self.about(&[Topic::Receipts]))
        }
    }

    fn broker(&self) -> Card {
        let (words, sight) = (self.sight.words, self.sight);
        let broker = &self.report.broker;
        let key = match broker.state.as_str() {
            "up" => words.connection_up,
            "connecting" => words.connecting,
            _ => words.connection_down,
        };
        let mut facts = vec![fact(words.so_since, sight.shown(broker.since).people)];
        if let Some(retry_at) = broker.retry_at {
            facts.push(fact(words.retry, sight.shown(retry_at).people));
        }
        if 0 < broker.attempts {
            facts.push(fact(words.attempts, sight.number(broker.attempts.into())));
        }
        facts.extend([
            fact(words.in_flight, sight.number(broker.in_flight as u64)),
            fact(words.refused, sight.number(broker.refused)),
            fact(words.rewinds, sight.number(broker.rewinds)),
        ]);
        let reason = broker.reason.iter().map(|reason| format!(": {reason}"));
        let note = std::iter::once(broker.url.clone()).chain(reason).collect();
        Card { key: key.into(), note, facts, ..Card::new("broker", words.broker, self.about(&[Topic::Broker])) }
    }

    fn clock(&self) -> Card {
        let (words, sight) = (self.sight.words, self.sight);
        let zone = sight.looks.timezone.iana_name().unwrap_or("–");
        Card {
            key: if self.report.clock.trusted { words.clock_trusted } else { words.clock_untrusted }.into(),
            note: words.clock_is.into(),
            facts: vec![fact(words.now, sight.shown(sight.now).people), fact(words.zone, zone)],
            ..Card::new("clock", words.clock, self.about(&[Topic::Clock]))
        }
    }

    fn agent(&self) -> Card {
        let (words, sight, report) = (self.sight.words, self.sight, self.report);
        let epoch = report.log.epoch.map_or_else(String::new, |epoch| epoch.to_string());
        Card {
            key: sight.age(report.started_at),
            note: format!("{}, {} {}", words.running, words.since, sight.shown(report.started_at).people),
            facts: vec![
                fact(words.version, &report.version),
                fact(words.contract, contract::VERSION),
                fact(words.epoch, epoch),
            ],
            ..Card::new("agent", words.agent, sight.light(State::Well))
        }
    }

    /// The worst light of some topics.
    fn about(&self, topics: &[Topic]) -> Light {
        let worst = topics.iter().filter_map(|topic| self.report.worst_about(*topic)).max();
        self.sight.severity(worst.unwrap_or(Severity::Note))
    }
}

fn fact(name: &str, value: impl Display) -> Fact {
    Fact { name: name.to_owned(), value: value.to_string(), to: None }
}

/// `1.4 ms`; from 10 ms on without a fraction.
fn milliseconds(us: u64) -> String {
    match us {
        0..10_000 => format!("{}.{}\u{a0}ms", us / 1_000, us % 1_000 / 100),
        _ => format!("{}\u{a0}ms", us / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Language;
    use crate::report::tests::facts;
    use crate::web::look::Looks;
    use jiff::tz::TimeZone;

    #[test]
    fn bad_cards_come_first() {
        let mut facts = facts();
        facts.clock_trusted = false;
        facts.storage = crate::journal::Storage::Failing { error: "full".into() };
        let report = Report::new(&facts, Language::ENGLISH);
        let looks = Looks { language: Language::ENGLISH, timezone: TimeZone::UTC };
        let sight = Sight::new(&looks, report.now);
        let order: Vec<_> = Cards { sight: &sight, report: &report }.all().iter().map(|card| card.id).collect();
        assert_eq!(order, ["scanning", "storage", "clock", "scanners", "backlog", "broker", "agent"]);
    }

    #[test]
    fn spans_of_an_answer_are_as_exact_as_they_are_short() {
        for (us, shown) in [(0, "0.0 ms"), (1_449, "1.4 ms"), (9_999, "9.9 ms"), (38_000, "38 ms")] {
            assert_eq!(milliseconds(us).replace('\u{a0}', " "), shown);
        }
    }
}
