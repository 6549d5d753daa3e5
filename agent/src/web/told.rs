//! Events in words: each kind has a sentence in the language's file, filled from the event's own data.
//!
//! `{name}` stands for a value of the data, `{order.number}` for one within; `[, tote {tote}]` is left out where the
//! value within is missing. A value that is a word of the contract is said in the language, a time in the site's zone.

use super::look::{Light, Sight, lamp, plain, quiet};
use crate::journal::Stored;
use crate::report::{Language, State};
use crate::words::Part;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The words for events.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    /// What a kind's group is called.
    #[serde(borrow)]
    groups: BTreeMap<&'static str, &'static str>,
    /// Each kind's sentence.
    #[serde(borrow)]
    kinds: BTreeMap<&'static str, &'static str>,
    /// Values that are words of the contract.
    #[serde(borrow)]
    values: BTreeMap<&'static str, &'static str>,
}

/// A part of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Plain(String),
    /// From the event: its direction of writing is its own.
    Named(String),
    /// What was scanned, in a box of its own.
    Literal(String),
}

/// Values that are shown as they were scanned.
const LITERAL: [&str; 2] = ["code", "voided"];

/// Numbers that are names: no separators in them.
const NAMES: [&str; 4] = ["parcel", "revision", "from", "to"];

/// Kinds to look at, worst last; others are neither good nor bad by themselves where they are about the site.
const ATTENTION: &[&str] = &[
    "dispatch.left_behind",
    "dispatch.missed",
    "order.held",
    "pick.item_short",
    "promise.at_risk",
    "site.courier_late",
    "site.scan_refused",
    "site.scanner_lost",
    "stock.low",
];
const STOPPED: &[&str] = &["promise.missed", "promise.will_miss", "site.storage_salvaged"];

impl Words {
    fn of(language: Language) -> &'static Self {
        static WORDS: Part<Words> = Part::new("event");
        WORDS.of(language)
    }
}

/// What happened.
pub fn sentence(sight: &Sight<'_>, event: &Stored) -> Vec<Piece> {
    let words = Words::of(sight.looks.language);
    let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
    match words.kinds.get(event.kind.word()) {
        Some(template) => filled(template, |name| value(sight, words, &data, name)),
        None => vec![Piece::Plain(event.kind.word().to_owned())],
    }
}

/// Whether it is good, with its group as the word.
pub fn light(sight: &Sight<'_>, event: &Stored) -> Light {
    let words = Words::of(sight.looks.language);
    let word = words.groups.get(event.kind.group()).copied().unwrap_or_default();
    let lit = |state| Light { word, ..lamp(state) };
    match event.kind.word() {
        kind if STOPPED.contains(&kind) => lit(State::Stopped),
        kind if ATTENTION.contains(&kind) => lit(State::Attention),
        _ if matches!(event.kind.group(), "site" | "stock" | "notification") => quiet(word),
        _ => lit(State::Well),
    }
}

/// The sentence with its values; a part in brackets goes where its value is missing, a value outside them is a dash.
fn filled(template: &str, value: impl Fn(&str) -> Option<Piece>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (is_optional, part) in parts(template) {
        let mut said = Vec::new();
        let mut is_whole = true;
        let mut rest = part;
        while let Some((before, after)) = rest.split_once('{') {
            said.push(Piece::Plain(before.to_owned()));
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            let found = value(name);
            is_whole &= found.is_some();
            said.push(found.unwrap_or_else(|| Piece::Plain("–".to_owned())));
            rest = after;
        }
        said.push(Piece::Plain(rest.to_owned()));
        if is_whole || !is_optional {
            pieces.extend(said);
        }
    }
    pieces.retain(|piece| *piece != Piece::Plain(String::new()));
    pieces
}

/// The parts of a sentence, and whether each stands in brackets.
fn parts(template: &str) -> impl Iterator<Item = (bool, &str)> {
    template
        .split('[')
        .enumerate()
        .flat_map(|(index, text)| match text.split_once(']') {
            Some((optional, rest)) if index != 0 => [Some((true, optional)), Some((false, rest))],
            _ => [Some((false, text)), None],
        })
        .flatten()
}

fn value(sight: &Sight<'_>, words: &Words, data: &Value, name: &str) -> Option<Piece> {
    let found = name.split('.').try_fold(data, |within, name| within.get(name))?;
    let text = match found {
        Value::Null => return None,
        Value::Bool(_) | Value::Object(_) => return None,
        Value::Number(number) if NAMES.contains(&name) => number.to_string(),
        Value::Number(number) => match number.as_u64() {
            Some(number) => sight.number(number),
            None => number.to_string(),
        },
        Value::Array(list) if list.is_empty() => return None,
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        Value::String(text) if LITERAL.contains(&name) => return Some(Piece::Literal(plain(text))),
        Value::String(text) => match text.parse::<Timestamp>() {
            Ok(at) => sight.shown(at).people,
            Err(_) => word(sight, words, data, name, text),
        },
    };
    Some(Piece::Named(plain(&text)))
}

/// A word of the contract in the language, or the text itself.
fn word(sight: &Sight<'_>, words: &Words, data: &Value, name: &str, text: &str) -> String {
    match name {
        "signal" => sight.answers.signal(text).to_owned(),
        "reason" => {
            let refused = || sight.answers.reason(text, data["detail"].as_str());
            words.values.get(text).map(|said| (*said).to_owned()).or_else(refused).unwrap_or_else(|| text.to_owned())
        }
        "cause" | "milestone" | "condition" | "method" | "action" | "outcome" => {
            words.values.get(text).copied().unwrap_or(text).to_owned()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Kind;
    use crate::journal::Label;
    use crate::report::tests::now;
    use crate::web::look::Looks;
    use jiff::tz::TimeZone;
    use serde_json::json;

    fn said(kind: &str, data: &Value, language: Language) -> Vec<Piece> {
        let looks = Looks { language, timezone: TimeZone::get("Europe/Stockholm").unwrap() };
        let event = Stored {
            place: 1,
            id: uuid::Uuid::nil(),
            at: now(),
            label: Label::Synced,
            kind: Kind::named(kind).unwrap(),
            station: None,
            operator: None,
            subject: None,
            data: data.to_string(),
        };
        sentence(&Sight::new(&looks, now()), &event)
    }

    fn text(pieces: &[Piece]) -> String {
        let text = |piece: &Piece| match piece {
            Piece::Plain(text) | Piece::Named(text) => text.clone(),
            Piece::Literal(text) => format!("`{text}`"),
        };
        pieces.iter().map(text).collect::<String>().replace('\u{a0}', " ")
    }

    #[track_caller]
    fn check(kind: &str, data: &Value, english: &str, swedish: &str) {
        assert_eq!(text(&said(kind, data, Language::ENGLISH)), english);
        assert_eq!(text(&said(kind, data, Language::named("sv").unwrap())), swedish);
    }

    #[test]
    fn events_are_told_in_words() {
        check(
            "pick.item_picked",
            &json!({"name": "Oat <b>", "picked": 2, "wanted": 1_200, "code": "\u{202e}73", "method": "manual"}),
            "Oat <b> picked: 2 of 1,200 `\u{fffd}73`",
            "Oat <b> plockad: 2 av 1 200 `\u{fffd}73`",
        );
        let collection = json!({"id": "x", "at": "2026-11-22T15:30:00Z"});
        check(
            "dispatch.requested",
            &json!({"carrier_name": "DHL", "parcel": 1, "collection": collection}),
            "DHL asked to collect parcel 1, at 16:30:00",
            "DHL ombedd att hämta paket 1, kl. 16:30:00",
        );
        check(
            "dispatch.requested",
            &json!({"carrier_name": "DHL", "parcel": 1, "collection": null}),
            "DHL asked to collect parcel 1",
            "DHL ombedd att hämta paket 1",
        );
        check(
            "site.scan_refused",
            &json!({"code": "1", "signal": "refused", "reason": "tote_in_use", "detail": "10042"}),
            "Not allowed: `1`, the tote holds order 10042",
            "Stopp: `1`, i lådan ligger order 10042",
        );
    }

    #[test]
    fn every_kind_has_a_sentence_and_every_group_a_word_in_every_language() {
        for language in Language::all() {
            let words = Words::of(language);
            for (kind, of) in Kind::WORDS {
                assert!(words.kinds.contains_key(kind), "{language:?}: {kind}");
                assert!(words.groups.contains_key(of.group()), "{language:?}: {}", of.group());
            }
            assert_eq!(words.kinds.len(), Kind::WORDS.len(), "{language:?}");
        }
        for kind in ATTENTION.iter().chain(STOPPED) {
            assert!(Kind::named(kind).is_some(), "{kind}");
        }
    }

    #[test]
    fn sentences_ask_for_the_same_values_in_every_language() {
        let english = Words::of(Language::ENGLISH);
        for language in Language::all() {
            let words = Words::of(language);
            for (kind, sentence) in &english.kinds {
                let places = crate::words::places(words.kinds[kind]);
                assert_eq!(places, crate::words::places(sentence), "{language:?}: {kind}");
            }
            assert!(words.values.keys().eq(english.values.keys()), "{language:?}");
        }
    }

    #[test]
    fn data_that_is_damaged_is_told_with_dashes() {
        assert_eq!(text(&said("pack.completed", &json!(7), Language::ENGLISH)), "Packed, parcels: –");
    }
}
