//! The pages of scanners: the list, and one with its line's live bytes.

mod bytes;

#[cfg(test)]
pub use bytes::LISTENERS_MAX;
pub use bytes::{Listeners, stream};

use super::Shared;
use super::frame::{Bar, Made, Page, encoded};
use super::guard::Visitor;
use super::look::{Light, Looks, Sight, lamp, plain};
use super::status::{Line, answer_line};
use super::told::Piece;
use crate::action;
use crate::report::{Gatherer, Language, Report, Scanner, State};
use crate::words::Part;
use askama::Template;
use axum::extract::{Path, State as Extract};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    pub title: &'static str,
    pub scanner: &'static str,
    pub none: &'static str,
    pub not_there: &'static str,
    pub back: &'static str,
    pub open: &'static str,
    pub opening: &'static str,
    pub lost: &'static str,
    pub since: &'static str,
    pub settings: &'static str,
    pub settings_hint: &'static str,
    pub station: &'static str,
    pub port: &'static str,
    pub driver: &'static str,
    pub line: &'static str,
    pub terminator: &'static str,
    pub idle_gap: &'static str,
    pub answered: &'static str,
    pub yes: &'static str,
    pub no: &'static str,
    pub counters: &'static str,
    pub reads: &'static str,
    pub last_read: &'static str,
    pub never: &'static str,
    pub unreadable: &'static str,
    pub last_unreadable: &'static str,
    pub unanswered: &'static str,
    pub discarded: &'static str,
    pub not_set_up: &'static str,
    pub last_answers: &'static str,
    pub no_answers: &'static str,
    pub bytes: &'static str,
    pub bytes_hint: &'static str,
    pub bytes_without_script: &'static str,
    pub listening: &'static str,
    pub ended: &'static str,
    pub listen: &'static str,
    pub pause: &'static str,
    pub clear: &'static str,
    pub heard_bytes: &'static str,
    pub heard_read: &'static str,
    pub heard_unreadable: &'static str,
    pub heard_opened: &'static str,
    pub heard_lost: &'static str,
    pub heard_not_set_up: &'static str,
    pub heard_set_up: &'static str,
    pub heard_missed: &'static str,
}

#[derive(Template)]
#[template(path = "scanners.html")]
struct List<'a> {
    bar: Bar<'a>,
    words: &'static Words,
    rows: Vec<Row<'a>>,
}

struct Row<'a> {
    scanner: &'a Scanner,
    to: String,
    light: Light,
    facts: Vec<(&'static str, String)>,
}

#[derive(Template)]
#[template(path = "scanner.html")]
struct One<'a> {
    bar: Bar<'a>,
    words: &'static Words,
    act: &'static action::Words,
    title: String,
    scanner: Option<Seen<'a>>,
}

struct Seen<'a> {
    scanner: &'a Scanner,
    light: Light,
    since: String,
    settings: Vec<(&'static str, String)>,
    counters: Vec<(&'static str, String)>,
    answers: Vec<Line>,
    /// Where its bytes come from.
    stream: String,
}

impl Words {
    pub fn of(language: Language) -> &'static Self {
        static WORDS: Part<Words> = Part::new("scanner");
        WORDS.of(language)
    }
}

/// `GET /scanners`
pub async fn show_list(Extract(shared): Extract<Shared>, visitor: Visitor) -> Response {
    Page::Scanners.show(shared, &visitor).await
}

/// `GET /scanners/{id}`
pub async fn show_one(Extract(shared): Extract<Shared>, visitor: Visitor, Path(id): Path<String>) -> Response {
    Page::Scanner { id }.show(shared, &visitor).await
}

/// The list. Blocks while the database is read.
///
/// # Errors
/// A template that fails; none does.
pub fn list(gatherer: &Gatherer, looks: &Looks) -> askama::Result<Made> {
    let report = Report::new(&gatherer.facts(), looks.language);
    let (sight, words) = (Sight::new(looks, report.now), Words::of(looks.language));
    let rows = report.scanners.iter().map(|scanner| row(words, &sight, scanner)).collect();
    let about = gatherer.about();
    Made::new(words.title, &List { bar: Page::Scanners.bar(&about, &sight), words, rows })
}

/// One scanner. Blocks while the database is read.
///
/// # Errors
/// A template that fails; none does.
pub fn one(gatherer: &Gatherer, looks: &Looks, id: &str) -> askama::Result<Made> {
    let report = Report::new(&gatherer.facts(), looks.language);
    let (sight, words) = (Sight::new(looks, report.now), Words::of(looks.language));
    let scanner = report.scanners.iter().find(|scanner| scanner.id == id);
    let title = format!("{} {}", words.scanner, plain(id));
    let answers = report.answers.iter().filter(|answer| answer.scanner == id);
    let seen = scanner.map(|scanner| Seen {
        scanner,
        light: light(words, scanner),
        since: sight.shown(scanner.since).people,
        settings: settings(words, scanner),
        counters: counters(words, &sight, scanner),
        answers: answers.map(|answer| answer_line(&sight, answer)).collect(),
        stream: format!("/api/v1/scanners/{}/bytes", encoded(id)),
    });
    let about = gatherer.about();
    let bar = Page::Scanner { id: id.to_owned() }.bar(&about, &sight);
    let status = if seen.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let act = action::words(looks.language);
    let page = One { bar, words, act, title: title.clone(), scanner: seen };
    Ok(Made::new(&title, &page)?.with_status(status))
}

fn row<'a>(words: &'static Words, sight: &Sight<'_>, scanner: &'a Scanner) -> Row<'a> {
    let facts = [
        (words.last_read, last_read(words, sight, scanner)),
        (words.reads, sight.number(scanner.reads)),
        (words.unreadable, sight.number(scanner.unreadable)),
    ];
    let to = format!("/scanners/{}", encoded(&scanner.id));
    Row { scanner, to, light: light(words, scanner), facts: facts.into() }
}

fn light(words: &'static Words, scanner: &Scanner) -> Light {
    match scanner.state.as_str() {
        "open" if scanner.setup_failure.is_some() => Light { word: words.not_set_up, ..lamp(State::Attention) },
        "open" => Light { word: words.open, ..lamp(State::Well) },
        "opening" => Light { word: words.opening, ..lamp(State::Attention) },
        _ => Light { word: words.lost, ..lamp(State::Stopped) },
    }
}

fn last_read(words: &'static Words, sight: &Sight<'_>, scanner: &Scanner) -> String {
    scanner.last_read_at.map_or_else(|| words.never.to_owned(), |at| sight.shown(at).people)
}

fn settings(words: &'static Words, scanner: &Scanner) -> Vec<(&'static str, String)> {
    let setup = &scanner.setup;
    let all = [
        (words.station, Some(scanner.station.clone())),
        (words.port, Some(scanner.port.clone())),
        (words.driver, Some(format!("{} · {}", setup.driver, setup.model))),
        (words.line, setup.settings.clone()),
        (words.terminator, setup.terminator.clone()),
        (words.idle_gap, setup.idle_gap_ms.map(|gap| format!("{gap}\u{a0}ms"))),
        (words.answered, Some(if setup.answered { words.yes } else { words.no }.to_owned())),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn counters(words: &'static Words, sight: &Sight<'_>, scanner: &Scanner) -> Vec<(&'static str, String)> {
    let all = [
        (words.last_read, Some(last_read(words, sight, scanner))),
        (words.reads, Some(sight.number(scanner.reads))),
        (words.unreadable, Some(sight.number(scanner.unreadable))),
        (words.last_unreadable, scanner.last_unreadable.clone()),
        (words.unanswered, Some(sight.number(scanner.unanswered))),
        (words.discarded, Some(sight.number(scanner.discarded_bytes))),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}
