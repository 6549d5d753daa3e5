//! What a scan is answered with: its signal, why it did not count, what comes next.

use super::{Language, Part, fill};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A language's words for answers, by their words in interfaces.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    #[serde(borrow)]
    signals: BTreeMap<&'static str, &'static str>,
    #[serde(borrow)]
    asks: BTreeMap<&'static str, &'static str>,
    #[serde(borrow)]
    reasons: BTreeMap<&'static str, &'static str>,
}

impl Answers {
    #[must_use]
    pub fn of(language: Language) -> &'static Self {
        static ANSWERS: Part<Answers> = Part::new("answer");
        ANSWERS.of(language)
    }

    /// What a signal is called; a word that has no name is its own.
    #[must_use]
    pub fn signal<'w>(&self, word: &'w str) -> &'w str {
        self.signal_name(word).unwrap_or(word)
    }

    /// What a signal is called.
    #[must_use]
    pub fn signal_name(&self, word: &str) -> Option<&'static str> {
        self.signals.get(word).copied()
    }

    /// What to scan next; `detail` is the place or tote that is meant, where it is a certain one.
    #[must_use]
    pub fn ask(&self, word: &str, detail: Option<&str>) -> Option<String> {
        said(&self.asks, word, detail)
    }

    /// Why a scan did not count; `detail` is what the reason names.
    #[must_use]
    pub fn reason(&self, word: &str, detail: Option<&str>) -> Option<String> {
        said(&self.reasons, word, detail)
    }
}

fn said(sentences: &BTreeMap<&str, &str>, word: &str, detail: Option<&str>) -> Option<String> {
    let sentence = sentences.get(word)?;
    Some(fill(sentence, &[("what", detail.unwrap_or_default())]))
}

#[cfg(test)]
mod tests {
    use super::super::places;
    use super::*;
    use crate::domain::signal::{Ask, Reason, Signal};

    #[test]
    fn every_signal_has_a_word() {
        for language in Language::all() {
            for signal in Signal::ALL {
                assert!(Answers::of(language).signals.contains_key(signal.word()), "{language:?} {signal:?}");
            }
        }
    }

    #[test]
    fn a_sentence_names_what_the_answer_names() {
        let swedish = Answers::of(Language::named("sv").unwrap());
        assert_eq!(swedish.ask("tote", Some("T-4")).as_deref(), Some("skanna låda T-4"));
        assert_eq!(swedish.reason("tote_in_use", Some("10042")).as_deref(), Some("i lådan ligger order 10042"));
        assert_eq!(swedish.reason("on_hold", None).as_deref(), Some("ordern är stoppad"));
        assert_eq!(swedish.reason("no_such_reason", None), None);
    }

    /// English stands in the domain too, for logs and terminals: both say the same.
    #[test]
    fn english_is_what_the_domain_says() {
        let english = Answers::of(Language::ENGLISH);
        for reason in [Reason::OnHold, Reason::NotSignedIn, Reason::OrderOpen("10042".into()), Reason::Storage] {
            let said = english.reason(reason.word(), reason.detail().as_deref());
            assert_eq!(said, Some(reason.sentence()), "{reason:?}");
        }
        for ask in [Ask::Serial, Ask::HandOver, Ask::Tote("T-4".into())] {
            assert_eq!(english.ask(ask.word(), ask.detail().as_deref()), Some(ask.sentence()), "{ask:?}");
        }
    }

    /// Where a sentence has a place for what is named, the domain names something, and the other way round.
    #[test]
    fn sentences_name_whatever_the_domain_names() {
        let asks = ["bin", "tote"];
        let reasons = "open_elsewhere order_open parcels_left take_out wrong_bin wrong_tote tote_in_use put_back";
        let reasons: Vec<&str> = reasons.split(' ').collect();
        for language in Language::all() {
            let answers = Answers::of(language);
            for (named, sentences) in [(&asks[..], &answers.asks), (&reasons[..], &answers.reasons)] {
                for (word, sentence) in sentences {
                    assert_eq!(places(sentence).contains("what"), named.contains(word), "{language:?} {word}");
                }
            }
        }
    }
}
