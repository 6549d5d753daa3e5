//! The words of the pages of orders.

use crate::report::Language;
use crate::words::Part;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    pub title: &'static str,
    pub find: &'static str,
    pub find_hint: &'static str,
    pub show: &'static str,
    pub open: &'static str,
    pub closed: &'static str,
    pub found: &'static str,
    pub none_open: &'static str,
    pub none_closed: &'static str,
    pub none_found: &'static str,
    pub unreadable: &'static str,
    pub next: &'static str,
    pub first: &'static str,
    pub order: &'static str,
    pub state: &'static str,
    pub packed: &'static str,
    pub picked: &'static str,
    pub leaves: &'static str,
    pub left: &'static str,
    pub expedited: &'static str,
    pub open_at: &'static str,
    pub tote: &'static str,
    pub pickup: &'static str,
    pub no_promise: &'static str,
    pub not_there: &'static str,
    pub forgotten: &'static str,
    pub back: &'static str,
    pub carrier: &'static str,
    pub promise: &'static str,
    pub ship_by: &'static str,
    pub deliver: &'static str,
    pub until: &'static str,
    pub collection: &'static str,
    pub cut_off: &'static str,
    pub trouble: &'static str,
    pub broken: &'static str,
    pub revision: &'static str,
    pub lines: &'static str,
    pub asked: &'static str,
    pub short: &'static str,
    pub bin: &'static str,
    pub put_back: &'static str,
    pub parcels: &'static str,
    pub no_parcels: &'static str,
    pub parcel: &'static str,
    pub sscc: &'static str,
    pub tracking: &'static str,
    pub manifest: &'static str,
    pub place: &'static str,
    pub weight: &'static str,
    pub void: &'static str,
    pub contents: &'static str,
    pub recorded: &'static str,
    pub history: &'static str,
    pub no_history: &'static str,
    pub undone: &'static str,
    pub raw: &'static str,
    pub older: &'static str,
    pub newest: &'static str,
    pub event: &'static str,
    /// States of orders, by their words in the contract.
    #[serde(borrow)]
    pub states: BTreeMap<&'static str, &'static str>,
    #[serde(borrow)]
    pub courses: BTreeMap<&'static str, &'static str>,
    #[serde(borrow)]
    pub parcel_states: BTreeMap<&'static str, &'static str>,
    #[serde(borrow)]
    pub troubles: BTreeMap<&'static str, &'static str>,
}

impl Words {
    pub fn of(language: Language) -> &'static Self {
        static WORDS: Part<Words> = Part::new("orders");
        WORDS.of(language)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::order::{ParcelState, State};
    use crate::domain::promise::{Course, Trouble};

    #[test]
    fn every_state_and_trouble_has_a_word() {
        for language in Language::all() {
            let words = Words::of(language);
            let known = |names: &BTreeMap<&str, &str>, word: &str| {
                assert!(names.contains_key(word), "{language:?}: {word}");
            };
            State::WORDS.iter().for_each(|(word, _)| known(&words.states, word));
            known(&words.states, "held");
            Course::WORDS.iter().for_each(|(word, _)| known(&words.courses, word));
            ParcelState::WORDS.iter().for_each(|(word, _)| known(&words.parcel_states, word));
            Trouble::WORDS.iter().for_each(|(word, _)| known(&words.troubles, word));
        }
    }
}
