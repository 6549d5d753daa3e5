//! The cards of the status page: one for each part of the agent, bad ones first.

use crate::contract;
use crate::report::{Printer, ReceiptsSeen, Report, Scanner, Severity, State, Topic};
use crate::web::frame::encoded;
use crate::web::look::{Light, Sight, quiet};
use crate::web::words::Words;
use crate::words::fill;
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
            self.jobs(),
        ];
        cards.extend(self.certificate());
        cards.extend(self.printers());
        cards.extend([self.board(), self.agent()]);
        let badness = |card: &Card| match card.light.class {
            "stop" => 0,
            "warn" => 1,
            _ => 2,
        };
        cards.sort_by_key(badness);
        cards
    }

    fn scanning(&self) -> Card {
        let (words, sight, report) = (self.sight.words, self.sight, self.report);
        let scanning = &report.scanning;
        let given = |word: &str| report.signals.get(word).copied().unwrap_or_default();
        let not_counted = ["wrong", "over", "already", "unknown", "refused"].into_iter().map(given).sum();
        let saves = if report.storage.error.is_none() { State::Well } else { State::Stopped };
        let slowest = scanning.slowest_today_us.map(milliseconds);
        Card {
            key: sight.number(scanning.scans_today),
            note: fill(words.scans_today, &[("hour", &sight.number(scanning.scans_last_hour))]),
            facts: vec![
                fact(words.slowest, slowest.unwrap_or_else(|| "–".to_owned())),
                fact(words.not_saved, sight.number(scanning.not_saved_today)),
                fact(words.unreadable_codes, sight.number(scanning.unreadable_today)),
                fact(words.not_counted, sight.number(not_counted)),
            ],
            ..Card::new("scanning", words.scanning, sight.light(saves))
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
        let space = &storage.space;
        let (key, note) = match (&storage.error, space.runway_days) {
            (Some(error), _) => (words.saves_not.to_owned(), error.clone()),
            (None, Some(days)) => (format!("{} {}", sight.number(days), words.runway_days), words.runway_is.to_owned()),
            (None, None) => (words.saves.to_owned(), words.each_scan.to_owned()),
        };
        let bytes = |bytes: Option<u64>| bytes.map(|bytes| sight.bytes(bytes));
        let backup = match &space.last_backup {
            Some(backup) if backup.verified => sight.shown(backup.at).people,
            Some(backup) => format!("{}, {}", sight.shown(backup.at).people, words.not_verified),
            None => words.never.to_owned(),
        };
        let facts = [
            (words.free, bytes(space.free_bytes)),
            (words.ours, bytes(space.ours_bytes)),
            (words.written_today, bytes(space.written_today_bytes)),
            (words.backup, Some(backup)),
            (words.head, Some(sight.number(self.report.log.head))),
        ];
        Card {
            key,
            note,
            meter: used(words, space.free_bytes, space.total_bytes),
            facts: known(facts),
            ..Card::new("storage", words.storage, self.about(&[Topic::Storage]))
        }
    }

    fn backlog(&self) -> Card {
        let (words, sight) = (self.sight.words, self.sight);
        let (log, backlog) = (&self.report.log, &self.report.backlog);
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
            spark: self.spark(),
            facts: known([
                (words.oldest, Some(log.oldest_at.map_or("–".into(), |at| sight.age(at)))),
                (words.rate_out, backlog.out_per_s.map(|rate| sight.rate(rate))),
                (words.rate_in, backlog.in_per_s.map(|rate| sight.rate(rate))),
                (words.empty_in, backlog.empty_in_s.filter(|_| 0 < log.backlog).map(|left| sight.seconds(left))),
                (words.last_receipt, Some(last_receipt)),
            ]),
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
        facts.extend(broker.round_trip_us.map(|took_us| fact(words.round_trip, milliseconds(took_us))));
        facts.extend([
            fact(words.reconnects, sight.number(broker.reconnects_today)),
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
        let clock = &self.report.clock;
        let step = clock.last_step.map(|step| format!("{}, {}\u{a0}ms", sight.shown(step.at).people, step.by_ms));
        Card {
            key: words.clock_states.get(clock.state.as_str()).copied().unwrap_or(words.clock_untrusted).into(),
            note: words.clock_is.into(),
            facts: known([
                (words.now, Some(sight.shown(sight.now).people)),
                (words.clock_shows, clock.shows.filter(|_| !clock.trusted).map(|at| at.to_string())),
                (words.clock_since, clock.since.map(|at| sight.shown(at).people)),
                (words.synchronized, clock.synchronized_at.map(|at| sight.shown(at).people)),
                (words.last_step, Some(step.unwrap_or_else(|| words.no_step.to_owned()))),
                (words.zone, Some(clock.zone.clone()).filter(|zone| !zone.is_empty())),
            ]),
            ..Card::new("clock", words.clock, self.about(&[Topic::Clock]))
        }
    }

    fn jobs(&self) -> Card {
        let (words, sight) = (self.sight.words, self.sight);
        let jobs = &self.report.jobs;
        let shown = |at| sight.shown(at).people;
        let (key, note) = match &jobs.next_cut_off {
            Some(next) => {
                let values = [("carrier", next.name.as_str()), ("left", &sight.left(next.cut_off_at))];
                (shown(next.cut_off_at), fill(words.cut_off_is, &values))
            }
            None => ("–".to_owned(), words.no_collection.to_owned()),
        };
        let collections = jobs.collections.iter().map(|next| fact(&next.name, shown(next.at)));
        let others = known([
            (words.day_closes, jobs.day_closes_at.map(shown)),
            (words.day_closed, jobs.day_closed_at.map(shown)),
            (words.promises_judged, jobs.promises_judged_at.map(shown)),
        ]);
        let facts = collections.chain(others).collect();
        Card { key, note, facts, ..Card::new("jobs", words.jobs, sight.light(State::Well)) }
    }

    /// None where the connection stands on none that is known.
    fn certificate(&self) -> Option<Card> {
        let (words, sight) = (self.sight.words, self.sight);
        let first = self.report.certificates.first()?;
        let facts =
            self.report.certificates.iter().map(|known| fact(&known.what, sight.shown(known.expires_at).people));
        Some(Card {
            key: sight.left(first.expires_at),
            note: words.certificate_is.to_owned(),
            facts: facts.collect(),
            ..Card::new("certificate", words.certificate, self.about(&[Topic::Broker]))
        })
    }

    fn board(&self) -> Card {
        let (words, sight) = (self.sight.words, self.sight);
        let board = &self.report.board;
        let temperature = board.temperature_c.map(|degrees| format!("{degrees:.0}\u{a0}°C"));
        let voltage = match (board.under_voltage, board.under_voltage_seen) {
            (Some(true), _) => Some(words.voltage_low),
            (_, Some(true)) => Some(words.voltage_was_low),
            (Some(false), _) | (_, Some(false)) => Some(words.voltage_well),
            (None, None) => None,
        };
        let versions = &self.report.versions;
        Card {
            key: temperature.unwrap_or_else(|| "–".to_owned()),
            note: voltage.unwrap_or(words.voltage_unknown).to_owned(),
            facts: known([
                (words.model, board.model.clone()),
                (words.up, board.up_s.map(|up| sight.seconds(up))),
                ("SQLite", Some(versions.sqlite.clone()).filter(|version| !version.is_empty())),
            ]),
            ..Card::new("board", words.board, quiet(words.facts))
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
                fact(words.configuration, self.configuration()),
            ],
            ..Card::new("agent", words.agent, self.about(&[Topic::Configuration]))
        }
    }

    /// How what runs stands to its files.
    fn configuration(&self) -> String {
        let (words, seen) = (self.sight.words, &self.report.configuration);
        let sentence = match seen.state.as_str() {
            "refused" => words.config_refused,
            "changed" => words.config_changed,
            "needs_restart" => words.config_needs_restart,
            _ => words.config_current,
        };
        let at = seen.read_at.map(|at| self.sight.shown(at).people).unwrap_or_default();
        fill(sentence, &[("at", &at)])
    }

    /// How many events waited in the last hour.
    fn spark(&self) -> Option<Spark> {
        let points = &self.report.backlog.history;
        let (first, last) = (points.first()?, points.last().filter(|_| 1 < points.len())?);
        let most = points.iter().map(|point| point.events).max()?;
        let events: Vec<u64> = points.iter().map(|point| point.events).collect();
        let [first, last, most] = [first.events, last.events, most].map(|events| self.sight.number(events));
        let said = fill(self.sight.words.spark, &[("first", &first), ("last", &last), ("most", &most)]);
        Some(Spark { path: path(&events), said })
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

fn known<const N: usize>(facts: [(&str, Option<String>); N]) -> Vec<Fact> {
    facts.into_iter().filter_map(|(name, value)| Some(fact(name, value?))).collect()
}

/// How much of the disk is in use.
fn used(words: &Words, free: Option<u64>, total: Option<u64>) -> Option<Meter> {
    let (free, total) = (free?, total.filter(|total| *total != 0)?);
    let percent = (total.saturating_sub(free) as f64 / total as f64 * 100.0).round() as u8;
    Some(Meter { percent, said: fill(words.used, &[("percent", &percent.to_string())]) })
}

/// The points as a line in a field of 240 by 44, from left to right, with the most at the top.
fn path(events: &[u64]) -> String {
    let most = events.iter().copied().max().unwrap_or_default().max(1) as f64;
    let step = 240.0 / (events.len().saturating_sub(1).max(1)) as f64;
    let point = |(index, events): (usize, &u64)| {
        let (x, y) = (index as f64 * step, 40.0 - *events as f64 / most * 36.0);
        format!("{}{x:.1} {y:.1}", if index == 0 { "M" } else { "L" })
    };
    events.iter().enumerate().map(point).collect()
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
        crate::report::tests::distrust(&mut facts);
        facts.storage = crate::journal::Storage::Failing { error: "full".into() };
        let report = Report::new(&facts, Language::ENGLISH);
        let looks = Looks { language: Language::ENGLISH, timezone: TimeZone::UTC };
        let sight = Sight::new(&looks, report.now);
        let order: Vec<_> = Cards { sight: &sight, report: &report }.all().iter().map(|card| card.id).collect();
        let good = ["scanners", "backlog", "broker", "jobs", "board", "agent"];
        assert_eq!(order[..3], ["scanning", "storage", "clock"]);
        assert_eq!(order[3..], good);
    }

    #[test]
    fn a_line_has_its_most_at_the_top() {
        for (events, expected) in
            [(&[0, 0][..], "M0.0 40.0L240.0 40.0"), (&[0, 5, 10], "M0.0 40.0L120.0 22.0L240.0 4.0"), (&[7], "M0.0 4.0")]
        {
            assert_eq!(path(events), expected);
        }
    }

    #[test]
    fn spans_of_an_answer_are_as_exact_as_they_are_short() {
        for (us, shown) in [(0, "0.0 ms"), (1_449, "1.4 ms"), (9_999, "9.9 ms"), (38_000, "38 ms")] {
            assert_eq!(milliseconds(us).replace('\u{a0}', " "), shown);
        }
    }
}
