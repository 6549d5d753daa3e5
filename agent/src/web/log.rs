//! The agent's own log: its newest lines, by level, part and text.

use super::Shared;
use super::frame::{Bar, Made, Page, encoded};
use super::guard::Visitor;
use super::look::{Light, Looks, Shown, Sight, lamp, quiet};
use crate::report::log::{Level, Line, Wanted};
use crate::report::{Gatherer, Language, State};
use crate::words::{Part, fill};
use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State as Extract};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Lines on the page.
const SHOWN_MAX: usize = 200;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    title: &'static str,
    level: &'static str,
    any: &'static str,
    part: &'static str,
    text: &'static str,
    show: &'static str,
    pause: &'static str,
    go_on: &'static str,
    none: &'static str,
    is: &'static str,
    /// One, and more.
    repeated: [&'static str; 2],
    /// The level that is set for a while.
    raised: &'static str,
    #[serde(borrow)]
    levels: BTreeMap<&'static str, &'static str>,
}

impl Words {
    fn of(language: Language) -> &'static Self {
        static WORDS: Part<Words> = Part::new("log");
        WORDS.of(language)
    }
}

#[derive(Template)]
#[template(path = "log.html")]
struct Log<'a> {
    bar: Bar<'a>,
    words: &'static Words,
    is: String,
    /// Empty unless the level is set for a while.
    raised: String,
    levels: Vec<Choice>,
    parts: Vec<Choice>,
    text: String,
    lines: Vec<Row>,
}

struct Choice {
    value: String,
    name: String,
    is_chosen: bool,
}

struct Row {
    number: u64,
    at: Shown,
    light: Light,
    part: String,
    message: String,
}

/// `GET /log`
pub async fn show(
    Extract(shared): Extract<Shared>,
    visitor: Visitor,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    match wanted {
        Ok(Query(wanted)) => Page::Log(wanted).show(shared, &visitor).await,
        Err(_) => {
            (StatusCode::BAD_REQUEST, "Write it like this: /log?level=warn&part=sync&text=receipt\n").into_response()
        }
    }
}

/// What is wanted, as the end of an address.
pub fn query(wanted: &Wanted) -> String {
    let level = wanted.level.map(|level| format!("level={}", level.word()));
    let text = |name: &str, text: &Option<String>| {
        text.as_deref().filter(|text| !text.is_empty()).map(|text| format!("{name}={}", encoded(text)))
    };
    let parts = [level, text("part", &wanted.part), text("text", &wanted.text)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
}

/// The page.
///
/// # Errors
/// A template that fails; none does.
pub fn make(gatherer: &Gatherer, looks: &Looks, wanted: &Wanted) -> askama::Result<Made> {
    let (sight, words) = (Sight::new(looks, gatherer.now()), Words::of(looks.language));
    let kept = gatherer.lines();
    let lines = kept.read(&Wanted { limit: Some(wanted.limit.unwrap_or(SHOWN_MAX).min(SHOWN_MAX)), ..wanted.clone() });
    let level = |(word, level): (&str, Level)| Choice {
        value: word.to_owned(),
        name: named(words, level).to_owned(),
        is_chosen: wanted.level == Some(level),
    };
    let chosen = wanted.part.as_deref().unwrap_or_default();
    let part = |part: String| Choice { is_chosen: part == chosen, name: part.clone(), value: part };
    let about = gatherer.about();
    let raised = gatherer.loudness().raised.map(|(level, until)| {
        fill(words.raised, &[("level", named(words, level)), ("until", &sight.shown(until).people)])
    });
    let page = Log {
        bar: Page::Log(wanted.clone()).bar(&about, &sight),
        words,
        is: fill(words.is, &[("count", &sight.number(crate::report::log::LINES_MAX as u64))]),
        raised: raised.unwrap_or_default(),
        levels: Level::WORDS.into_iter().map(level).collect(),
        parts: kept.parts().into_iter().map(part).collect(),
        text: wanted.text.clone().unwrap_or_default(),
        lines: lines.into_iter().map(|line| row(words, &sight, line)).collect(),
    };
    Made::new(words.title, &page)
}

fn row(words: &'static Words, sight: &Sight<'_>, line: Line) -> Row {
    let word = named(words, line.level);
    let light = match line.level {
        Level::Error => Light { word, ..lamp(State::Stopped) },
        Level::Warn => Light { word, ..lamp(State::Attention) },
        Level::Info | Level::Debug | Level::Trace => quiet(word),
    };
    let repeated = match line.repeated {
        0 => String::new(),
        1 => format!(" ({})", words.repeated[0]),
        times => format!(" ({})", fill(words.repeated[1], &[("count", &sight.number(times))])),
    };
    let message = line.message + &repeated;
    Row { number: line.number, at: sight.shown(line.at), light, part: line.part, message }
}

fn named(words: &'static Words, level: Level) -> &'static str {
    words.levels.get(level.word()).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_the_same_after_it_was_an_address() {
        for (level, part, text) in [(None, None, None), (Some(Level::Warn), Some("sync"), Some("a&b=ö <i>"))] {
            let wanted = Wanted { level, part: part.map(Into::into), text: text.map(Into::into), ..Wanted::default() };
            let address: axum::http::Uri = format!("/log{}", query(&wanted)).parse().unwrap();
            let read = Query::<Wanted>::try_from_uri(&address).unwrap().0;
            assert_eq!((read.level, read.part, read.text), (wanted.level, wanted.part, wanted.text), "{address}");
        }
    }

    #[test]
    fn every_level_has_a_word_in_every_language() {
        for language in Language::all() {
            for (_, level) in Level::WORDS {
                assert_ne!(named(Words::of(language), level), "", "{language:?} {level:?}");
            }
        }
    }
}
