//! The page: a report and the latest events, put into words and places.

use super::Shared;
use super::words::Words;
use crate::contract;
use crate::journal::Stored;
use crate::report::gather::Page as Latest;
use crate::report::{
    AnswerGiven, Finding, Gatherer, Language, Printer, ReceiptsSeen, Report, Scanner, Severity, State, Topic,
};
use crate::words::{Answers, Figures};
use askama::Template;
use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use std::fmt::Display;
use std::sync::Arc;

/// What decides how the same report looks: the language and the zone of the site.
#[derive(Clone, Debug)]
pub struct Looks {
    pub language: Language,
    pub timezone: TimeZone,
}

/// Events on the page.
const EVENTS_SHOWN_MAX: usize = 20;

/// A value from an event's data that is longer is cut.
const DETAIL_CHARS_MAX: usize = 64;

/// What is told of an event beside its kind, where its data has it.
const DETAILS: [&str; 9] =
    ["signal", "code", "name", "sscc", "carrier_name", "milestone", "scanner", "cause", "reason"];

/// `GET /`
pub async fn show(Extract(shared): Extract<Shared>) -> Response {
    let looks = Arc::clone(&shared.looks);
    let page = shared.gatherer.ask(move |gatherer| whole(gatherer, &looks)).await;
    match page {
        Some(Ok(page)) => Html(page).into_response(),
        Some(Err(_)) | None => failed(),
    }
}

/// Where a page can't be made.
pub fn failed() -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, "The page could not be made.\n").into_response()
}

/// The parts that change, as HTML. Blocks while the database is read.
///
/// # Errors
/// A template that fails; none does.
pub fn parts(gatherer: &Gatherer, looks: &Looks) -> askama::Result<String> {
    let report = Report::new(&gatherer.facts(), looks.language);
    render_parts(&report, gatherer.latest(EVENTS_SHOWN_MAX).ok().as_ref(), looks)
}

fn whole(gatherer: &Gatherer, looks: &Looks) -> askama::Result<String> {
    let parts = parts(gatherer, looks)?;
    let about = gatherer.about();
    let words = Words::of(looks.language);
    Whole { language: looks.language.tag(), words, site: &about.site.name, version: &about.version, parts: &parts }
        .render()
}

#[derive(Template)]
#[template(path = "page.html")]
struct Whole<'a> {
    language: &'static str,
    words: &'static Words,
    site: &'a str,
    version: &'a str,
    /// Escaped already.
    parts: &'a str,
}

#[derive(Template)]
#[template(path = "parts.html")]
struct Parts<'a> {
    words: &'static Words,
    report: &'a Report,
    now: Shown,
    verdict: Light,
    verdict_since: Option<Past>,
    /// Those with something to do or to know, worst first.
    findings: Vec<Told<'a>>,
    cards: Vec<Card>,
    answers: Vec<Line>,
    events: Option<Vec<Line>>,
}

/// A state as colour class, icon and word: never one alone.
#[derive(Clone, Copy)]
struct Light {
    class: &'static str,
    icon: &'static str,
    word: &'static str,
}

/// A time for machines and for people.
struct Shown {
    machine: String,
    people: String,
}

/// How long ago, and when.
struct Past {
    age: String,
    at: Shown,
}

struct Told<'a> {
    finding: &'a Finding,
    light: Light,
    since: Option<Past>,
}

struct Card {
    id: &'static str,
    title: &'static str,
    light: Light,
    key: String,
    note: String,
    facts: Vec<(String, String)>,
}

/// A line of a list.
struct Line {
    at: Shown,
    class: &'static str,
    what: String,
    /// Shown literally, as what somebody else wrote.
    literal: Option<String>,
    rest: String,
}

fn render_parts(report: &Report, latest: Option<&Latest>, looks: &Looks) -> askama::Result<String> {
    let view = View::new(report, looks);
    let findings = report.verdict.findings.iter().map(|finding| view.told(finding)).collect();
    Parts {
        words: view.words,
        report,
        now: view.shown(report.now),
        verdict: view.light(report.verdict.state),
        verdict_since: report.verdict.since.map(|since| view.past(since)),
        findings,
        cards: view.cards(),
        answers: report.answers.iter().map(|answer| view.answer(answer)).collect(),
        events: latest.map(|latest| latest.events.iter().map(|event| view.event(event)).collect()),
    }
    .render()
}

/// The report, seen in one language and zone.
struct View<'a> {
    words: &'static Words,
    figures: &'static Figures,
    answers: &'static Answers,
    report: &'a Report,
    timezone: &'a TimeZone,
}

impl<'a> View<'a> {
    fn new(report: &'a Report, looks: &'a Looks) -> Self {
        let Looks { language, timezone } = looks;
        let (figures, answers) = (Figures::of(*language), Answers::of(*language));
        Self { words: Words::of(*language), figures, answers, report, timezone }
    }

    fn number(&self, number: u64) -> String {
        self.figures.number(number)
    }

    fn told(&self, finding: &'a Finding) -> Told<'a> {
        let since = finding.since.map(|since| self.past(since));
        Told { finding, light: self.light(finding.severity.into()), since }
    }

    fn cards(&self) -> Vec<Card> {
        let mut cards = vec![self.scanners(), self.storage(), self.backlog(), self.broker(), self.agent()];
        cards.extend(self.printers());
        let badness = |card: &Card| match card.light.class {
            "stop" => 0,
            "warn" => 1,
            _ => 2,
        };
        cards.sort_by_key(badness);
        cards
    }

    fn scanners(&self) -> Card {
        let words = self.words;
        let scanners = &self.report.scanners;
        let open = scanners.iter().filter(|scanner| scanner.state == "open").count();
        Card {
            id: "scanners",
            title: words.scanners,
            light: self.about(&[Topic::Scanners]),
            key: format!("{open} / {}", scanners.len()),
            note: words.connected.into(),
            facts: scanners.iter().map(|scanner| self.scanner(scanner)).collect(),
        }
    }

    fn scanner(&self, scanner: &Scanner) -> (String, String) {
        let words = self.words;
        let line = match scanner.state.as_str() {
            "open" => None,
            "opening" => Some(words.opening.to_owned()),
            _ => Some(format!("{} {} {}", words.gone, words.since, self.shown(scanner.since).people)),
        };
        let last = scanner.last_read_at.map_or(words.never.to_owned(), |at| self.shown(at).people);
        let unreadable = match scanner.unreadable {
            0 => None,
            count => {
                let last = scanner.last_unreadable.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
                Some(format!("{} {}{last}", self.number(count), words.unreadable))
            }
        };
        let discarded = (0 < scanner.discarded_bytes)
            .then(|| format!("{} {}", self.number(scanner.discarded_bytes), words.discarded));
        let reads = format!("{} {}", self.number(scanner.reads), words.reads);
        let state = line.into_iter().chain([format!("{} {last}", words.last_scan), reads]).chain(unreadable);
        let setup = scanner.setup_failure.as_ref().map(|why| format!("{}: {why}", words.not_set_up));
        let state = state.chain(discarded).chain(setup);
        (format!("{} · {}", scanner.id, scanner.station), state.collect::<Vec<_>>().join(", "))
    }

    /// None at a site without printers.
    fn printers(&self) -> Option<Card> {
        let words = self.words;
        let printers = &self.report.printers;
        let faulty = printers.iter().filter(|printer| printer.state == "faulty").count();
        let fact = |printer: &Printer| {
            let state = match (printer.state.as_str(), &printer.reason) {
                (_, Some(reason)) => reason.clone(),
                ("ready", None) => words.printer_ready.to_owned(),
                _ => words.printer_unused.to_owned(),
            };
            let printed = format!("{} {}", self.number(printer.printed), words.printed);
            let dropped = (0 < printer.dropped).then(|| format!("{} {}", self.number(printer.dropped), words.dropped));
            let rest = [state, printed].into_iter().chain(dropped).collect::<Vec<_>>().join(", ");
            (format!("{} · {}", printer.id, printer.station), rest)
        };
        (!printers.is_empty()).then(|| Card {
            id: "printers",
            title: words.printers,
            light: self.about(&[Topic::Printers]),
            key: format!("{} / {}", printers.len() - faulty, printers.len()),
            note: printers.iter().map(|printer| printer.address.as_str()).collect::<Vec<_>>().join(", "),
            facts: printers.iter().map(fact).collect(),
        })
    }

    fn storage(&self) -> Card {
        let words = self.words;
        let storage = &self.report.storage;
        let not_saved = self.report.signals.get("not_saved").copied().unwrap_or_default();
        Card {
            id: "storage",
            title: words.storage,
            light: self.about(&[Topic::Storage]),
            key: if storage.error.is_none() { words.saves } else { words.saves_not }.into(),
            note: storage.error.clone().unwrap_or_else(|| words.each_scan.into()),
            facts: vec![
                self.fact(words.so_since, self.shown(storage.since).people),
                self.fact(words.head, self.number(self.report.log.head)),
                self.fact(words.not_saved, self.number(not_saved)),
            ],
        }
    }

    fn backlog(&self) -> Card {
        let words = self.words;
        let log = &self.report.log;
        let last_receipt = match self.report.receipts {
            ReceiptsSeen::None => words.no_receipts.to_owned(),
            ReceiptsSeen::Last { at, sequence } => format!("{} · {}", self.shown(at).people, self.number(sequence)),
            ReceiptsSeen::Missing { since } => {
                format!("{} {} {}", words.missing_receipts, words.since, self.shown(since).people)
            }
            ReceiptsSeen::NotExpected => words.no_receipts_expected.to_owned(),
        };
        Card {
            id: "backlog",
            title: words.backlog,
            light: self.about(&[Topic::Receipts]),
            key: self.number(log.backlog),
            note: words.waiting.into(),
            facts: vec![
                self.fact(words.oldest, log.oldest_at.map_or("–".into(), |at| self.age(at))),
                self.fact(words.sent, self.number(log.sent)),
                self.fact(words.received, self.number(log.received)),
                self.fact(words.last_receipt, last_receipt),
            ],
        }
    }

    fn broker(&self) -> Card {
        let words = self.words;
        let broker = &self.report.broker;
        let key = match broker.state.as_str() {
            "up" => words.connection_up,
            "connecting" => words.connecting,
            _ => words.connection_down,
        };
        let mut facts = vec![self.fact(words.so_since, self.shown(broker.since).people)];
        if let Some(retry_at) = broker.retry_at {
            facts.push(self.fact(words.retry, self.shown(retry_at).people));
        }
        if 0 < broker.attempts {
            facts.push(self.fact(words.attempts, self.number(broker.attempts.into())));
        }
        facts.extend([
            self.fact(words.in_flight, self.number(broker.in_flight as u64)),
            self.fact(words.refused, self.number(broker.refused)),
            self.fact(words.rewinds, self.number(broker.rewinds)),
        ]);
        let reason = broker.reason.iter().map(|reason| format!(": {reason}"));
        let note = std::iter::once(broker.url.clone()).chain(reason).collect();
        Card { id: "broker", title: words.broker, light: self.about(&[Topic::Broker]), key: key.into(), note, facts }
    }

    fn agent(&self) -> Card {
        let words = self.words;
        let report = self.report;
        let clock = if report.clock.trusted { words.clock_trusted } else { words.clock_untrusted };
        let quarantine = match report.quarantine.count {
            0 => words.empty.to_owned(),
            count => self.number(count as u64),
        };
        let epoch = report.log.epoch.map_or_else(String::new, |epoch| epoch.to_string());
        Card {
            id: "agent",
            title: words.agent,
            light: self.about(&[Topic::Clock, Topic::Commands]),
            key: self.age(report.started_at),
            note: format!("{}, {} {}", words.running, words.since, self.shown(report.started_at).people),
            facts: vec![
                self.fact(words.clock, clock),
                self.fact(words.quarantine, quarantine),
                self.fact(words.version, &report.version),
                self.fact(words.contract, contract::VERSION),
                self.fact(words.epoch, epoch),
            ],
        }
    }

    fn fact(&self, name: &str, value: impl Display) -> (String, String) {
        (name.to_owned(), value.to_string())
    }

    fn answer(&self, answer: &AnswerGiven) -> Line {
        let told = &answer.told;
        let class = match told.signal.as_str() {
            "accepted" | "completed" => "is-go",
            "opened" => "is-open",
            "already" | "unknown" => "is-warn",
            "silent" => "is-quiet",
            _ => "is-stop",
        };
        let progress = told.progress.map(|progress| format!("{}/{}", progress.done, progress.of));
        let item = told.item.clone().filter(|item| *item != answer.code);
        let why = told
            .reason
            .as_ref()
            .map(|why| self.answers.reason(&why.word, why.detail.as_deref()).unwrap_or_else(|| why.sentence.clone()));
        let expected =
            (!told.expected.is_empty()).then(|| format!("{}: {}", self.words.expected, told.expected.join(", ")));
        let ask = told
            .ask
            .as_ref()
            .map(|ask| self.answers.ask(&ask.word, ask.detail.as_deref()).unwrap_or_else(|| ask.sentence.clone()));
        let rest = [item, told.order.clone(), progress, Some(answer.station.clone()), why, expected, ask];
        Line {
            at: self.shown(answer.at),
            class,
            what: self.answers.signal(&told.signal).to_owned(),
            literal: Some(answer.code.clone()),
            rest: rest.into_iter().flatten().collect::<Vec<_>>().join(" · "),
        }
    }

    fn event(&self, event: &Stored) -> Line {
        let group = event.kind.group();
        let class = if group == "site" { "is-warn" } else { "is-go" };
        let around = [event.subject.clone(), event.station.clone()];
        Line {
            at: self.shown(event.at),
            class: if event.kind.word().starts_with("site.st") { "is-quiet" } else { class },
            what: event.kind.word().to_owned(),
            literal: None,
            rest: around.into_iter().flatten().chain(details(&event.data)).collect::<Vec<_>>().join(" · "),
        }
    }

    /// The worst light of some topics.
    fn about(&self, topics: &[Topic]) -> Light {
        let worst = topics.iter().filter_map(|topic| self.report.worst_about(*topic)).max();
        self.light(worst.unwrap_or(Severity::Note).into())
    }

    fn light(&self, state: State) -> Light {
        let (class, icon) = match state {
            State::Well => ("go", "i-well"),
            State::Attention => ("warn", "i-attention"),
            State::Stopped => ("stop", "i-stopped"),
        };
        Light { class, icon, word: self.words.state(state) }
    }

    fn past(&self, at: Timestamp) -> Past {
        Past { age: self.age(at), at: self.shown(at) }
    }

    /// `14:03:09` today, `16 Nov 09:12` on another day.
    fn shown(&self, at: Timestamp) -> Shown {
        let zoned = |at: Timestamp| -> Zoned { at.to_zoned(self.timezone.clone()) };
        let (there, today) = (zoned(at), zoned(self.report.now).date());
        let people = match there.date() == today {
            true => format!("{:02}:{:02}:{:02}", there.hour(), there.minute(), there.second()),
            false => {
                let month = self.figures.months[usize::try_from(there.month() - 1).unwrap_or_default()];
                format!("{}\u{a0}{month} {:02}:{:02}", there.day(), there.hour(), there.minute())
            }
        };
        Shown { machine: at.to_string(), people }
    }

    /// `15 s`, `12 min`, `1 h 57 min`, `6 d 4 h`.
    fn age(&self, since: Timestamp) -> String {
        let seconds = self.report.now.duration_since(since).as_secs().max(0);
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
        let (d, h) = (self.figures.days, self.figures.hours);
        match (days, hours, minutes) {
            (0, 0, 0) => format!("{seconds}\u{a0}s"),
            (0, 0, _) => format!("{minutes}\u{a0}min"),
            (0, _, _) => format!("{hours}\u{a0}{h} {minutes}\u{a0}min"),
            _ => format!("{days}\u{a0}{d} {hours}\u{a0}{h}"),
        }
    }
}

/// What an event's data tells in a few words.
fn details(data: &str) -> Vec<String> {
    let Ok(data) = serde_json::from_str::<serde_json::Value>(data) else { return Vec::new() };
    let words = DETAILS.iter().filter_map(|name| data[*name].as_str()).map(cut);
    let done = [("picked", "wanted"), ("packed", "wanted"), ("parcel", "of")];
    let done = done.into_iter().find_map(|(done, of)| {
        let (done, of) = (data[done].as_u64()?, data[of].as_u64()?);
        Some(format!("{done}/{of}"))
    });
    words.chain(done).collect()
}

fn cut(text: &str) -> String {
    text.chars().take(DETAIL_CHARS_MAX).map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{facts, now, seconds_ago, wreck};

    fn looks(language: Language) -> Looks {
        Looks { language, timezone: TimeZone::get("Europe/Stockholm").unwrap() }
    }

    fn rendered(facts: &crate::report::Facts, language: Language) -> String {
        render_parts(&Report::new(facts, language), None, &looks(language)).unwrap()
    }

    #[test]
    fn shows_every_finding_with_its_steps() {
        for language in Language::all() {
            let report = Report::new(&wreck(), language);
            let page = rendered(&wreck(), language);
            for finding in &report.verdict.findings {
                let texts = [&finding.what, &finding.reason].into_iter().chain(&finding.todo).chain(&finding.safe);
                for text in texts {
                    let escaped =
                        text.replace('&', "&#38;").replace('<', "&#60;").replace('"', "&#34;").replace('\'', "&#39;");
                    assert!(page.contains(&escaped), "{language:?}: {text}\n{page}");
                }
            }
        }
    }

    #[test]
    fn shows_a_hostile_code_as_text() {
        let page = rendered(&facts(), Language::ENGLISH);
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("&#60;script&#62;alert(1)&#60;/script&#62;"), "{page}");
    }

    #[test]
    fn tells_times_in_the_sites_zone() {
        let report = Report::new(&facts(), Language::ENGLISH);
        let looks = looks(Language::ENGLISH);
        let view = View::new(&report, &looks);
        for (ago, age, shown) in [
            (15, "15 s", "15:03:09"),
            (720, "12 min", "14:51:24"),
            (7_020, "1 h 57 min", "13:06:24"),
            (532_800, "6 d 4 h", "16 Nov 11:03"),
        ] {
            assert_eq!(view.age(seconds_ago(ago)).replace('\u{a0}', " "), age);
            assert_eq!(view.shown(seconds_ago(ago)).people.replace('\u{a0}', " "), shown);
        }
        assert_eq!(view.age(now() + std::time::Duration::from_secs(9)), "0\u{a0}s", "a clock that stepped back");
    }

    #[test]
    fn bad_cards_come_first() {
        let mut facts = facts();
        facts.clock_trusted = false;
        facts.storage = crate::journal::Storage::Failing { error: "full".into() };
        let report = Report::new(&facts, Language::ENGLISH);
        let looks = Looks { language: Language::ENGLISH, timezone: TimeZone::UTC };
        let view = View::new(&report, &looks);
        let order: Vec<_> = view.cards().iter().map(|card| card.id).collect();
        assert_eq!(order, ["storage", "agent", "scanners", "backlog", "broker"]);
    }
}
