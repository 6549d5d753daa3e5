//! What is said of actions and how they went.

use super::Told;
use crate::words::{Language, Part, fill};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Everything that is said of actions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    pub title: &'static str,
    pub back: &'static str,
    pub status: &'static str,
    pub sign_in_first: &'static str,
    pub sign_in: &'static str,
    pub sign_out: &'static str,
    pub well: &'static str,
    pub failed: &'static str,
    pub not_recorded: &'static str,
    pub forgotten: &'static str,
    pub station: &'static str,
    pub scanner: &'static str,
    pub signal: &'static str,
    pub each_in_turn: &'static str,
    pub from: &'static str,
    pub level: &'static str,
    pub minutes: &'static str,
    pub bundle_holds: &'static str,
    /// By the action's word.
    #[serde(borrow)]
    pub name: BTreeMap<&'static str, &'static str>,
    #[serde(borrow)]
    pub about: BTreeMap<&'static str, &'static str>,
    /// By the outcome's word.
    #[serde(borrow)]
    pub outcome: BTreeMap<&'static str, &'static str>,
}

static WORDS: Part<Words> = Part::new("action");

#[must_use]
pub fn words(language: Language) -> &'static Words {
    WORDS.of(language)
}

/// How it went, in a sentence or two.
#[must_use]
pub fn in_words(told: &Told, language: Language) -> String {
    let words = words(language);
    let values: Vec<(&str, &str)> = told.values.iter().map(|(place, value)| (place.as_str(), value.as_str())).collect();
    let sentence = fill(words.outcome.get(told.outcome.word()).copied().unwrap_or_default(), &values);
    let sentence = sentence.trim_end();
    if told.recorded { sentence.to_owned() } else { format!("{sentence} {}", words.not_recorded) }
}
