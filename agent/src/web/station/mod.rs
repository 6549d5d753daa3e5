//! A station's screen: its page, its stream, and its touches.
//!
//! What a screen shows is made by [`crate::screen`] from what the floor remembers and a snapshot of the journal. Screens
//! read over a connection of their own; nothing here holds up the writer or a port's thread.

mod live;
mod look;
mod tap;

pub use live::{STREAMS_MAX, stream};
pub use look::{Seat, Stations};
pub use tap::tap;

use super::Shared;
use crate::screen::{Below, Big, Lead, Mark, Screen, Stage, Words};
use crate::words::Language;
use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;
use std::sync::Arc;

/// Figures that fit beside the symbol at full size, and at three quarters of it; longer ones are a text.
const FIGURES_LARGE_MAX: usize = 4;
const FIGURES_MAX: usize = 6;

/// Figures of a progress that fit at full size.
const PROGRESS_FIGURES_MAX: usize = 3;

/// Codes that fit in a line or two.
const LITERAL_MAX: usize = 28;

/// Orders that the smallest screen lists.
const ROWS_SHORT: usize = 3;

#[derive(Template)]
#[template(path = "station.html")]
struct Whole<'a> {
    /// The site's, by its IANA name; empty where it has none.
    zone: &'a str,
    words: &'static Words,
    language: &'static str,
    version: &'a str,
    id: &'a str,
    name: &'a str,
    /// Escaped already.
    fragment: &'a str,
}

#[derive(Template)]
#[template(path = "screen.html")]
struct Fragment<'a> {
    words: &'static Words,
    version: &'a str,
    screen: &'a Screen,
    now_ms: i64,
}

#[derive(Template)]
#[template(path = "stations.html")]
struct List<'a> {
    words: &'static Words,
    language: &'static str,
    version: &'a str,
    site: &'a str,
    seats: Vec<&'a Seat>,
    message: Option<(&'static str, &'static str)>,
}

impl Fragment<'_> {
    /// What stands alone at the top, over a list.
    fn is_first(&self, stage: &Stage) -> bool {
        matches!(stage.below, Below::Queue { .. } | Below::Choices(_) | Below::Date(_))
    }

    fn is_long(&self, code: &str) -> bool {
        LITERAL_MAX < code.chars().count()
    }

    /// The class of a number by its length.
    fn size(&self, text: &str) -> &'static str {
        match text.chars().count() {
            length if length <= FIGURES_LARGE_MAX => "",
            length if length <= FIGURES_MAX => " wide",
            _ => " text",
        }
    }

    fn is_wide(&self, done: &u32, of: &u32) -> bool {
        PROGRESS_FIGURES_MAX < done.to_string().len() + of.to_string().len()
    }

    /// What is not listed, for large and for small screens, with the class of each.
    fn more(&self, shown: usize, count: &usize) -> Vec<(&'static str, String)> {
        let more = |shown: usize| count.saturating_sub(shown);
        let lines = [("tall", more(shown)), ("short", more(shown.min(ROWS_SHORT)))];
        lines.into_iter().filter(|(_, more)| 0 < *more).map(|(class, n)| (class, self.words.more.of(n))).collect()
    }

    fn parts_of(&self, date: &jiff::civil::Date) -> [(&'static str, &'static str, String); 3] {
        [
            ("year", self.words.year, date.year().to_string()),
            ("month", self.words.month, format!("{:02}", date.month())),
            ("day", self.words.day, format!("{:02}", date.day())),
        ]
    }
}

/// The screen as HTML.
///
/// # Errors
/// A template that fails; none does.
fn fragment(screen: &Screen, language: Language, version: &str, now: Timestamp) -> askama::Result<String> {
    Fragment { words: Words::of(language), version, screen, now_ms: now.as_millisecond() }.render()
}

/// `GET /station`
pub async fn list(State(shared): State<Shared>) -> Response {
    page_of(&shared, shared.stations.seats().collect(), None, StatusCode::OK)
}

/// `GET /station/{id}`
pub async fn show(State(shared): State<Shared>, Path(id): Path<String>) -> Response {
    let words = Words::of(shared.looks.language);
    let Some(seat) = shared.stations.seat(&id) else {
        return page_of(&shared, shared.stations.seats().collect(), None, StatusCode::NOT_FOUND);
    };
    if !seat.screen {
        return page_of(&shared, Vec::new(), Some((words.no_screen, words.no_screen_what)), StatusCode::OK);
    }
    let (stations, looks, seat) = (Arc::clone(&shared.stations), Arc::clone(&shared.looks), seat.clone());
    let language = looks.language;
    let page = shared.gatherer.ask(move |gatherer| {
        let (screen, now) = stations.look(&seat, None, gatherer, language);
        let about = gatherer.about();
        let version = &about.version;
        let fragment = fragment(&screen, language, version, now)?;
        let words = Words::of(language);
        let language = language.tag();
        let zone = looks.timezone.iana_name().unwrap_or_default();
        Whole { zone, words, language, version, id: &seat.id, name: &seat.name, fragment: &fragment }.render()
    });
    match page.await {
        Some(Ok(page)) => Html(page).into_response(),
        Some(Err(_)) | None => (StatusCode::INTERNAL_SERVER_ERROR, "The page could not be made.\n").into_response(),
    }
}

fn page_of(
    shared: &Shared,
    seats: Vec<&Seat>,
    message: Option<(&'static str, &'static str)>,
    status: StatusCode,
) -> Response {
    let about = shared.gatherer.about();
    let language = shared.looks.language;
    let (version, site) = (about.version.as_str(), about.site.name.as_str());
    let list = List { words: Words::of(language), language: language.tag(), version, site, seats, message };
    match list.render() {
        Ok(page) => (status, Html(page)).into_response(),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "The page could not be made.\n").into_response(),
    }
}
