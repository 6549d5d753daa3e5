//! The page's words, one file per language.

use crate::report::{Language, State, Why};
use std::borrow::Cow;

mod en;
mod sv;

/// Everything that the page says by itself.
#[derive(Debug)]
pub struct Words {
    /// BCP 47, for the document.
    pub language: &'static str,
    pub months: [&'static str; 12],
    pub thousands: char,
    pub days: &'static str,
    pub hours: &'static str,
    pub live: &'static str,
    pub lost: &'static str,
    pub well: &'static str,
    pub attention: &'static str,
    pub stopped: &'static str,
    pub since: &'static str,
    pub so_since: &'static str,
    pub what_to_do: &'static str,
    pub also: &'static str,
    pub scanners: &'static str,
    pub connected: &'static str,
    pub reads: &'static str,
    pub unreadable: &'static str,
    pub discarded: &'static str,
    pub last_scan: &'static str,
    pub gone: &'static str,
    pub opening: &'static str,
    pub never: &'static str,
    pub storage: &'static str,
    pub saves: &'static str,
    pub saves_not: &'static str,
    pub each_scan: &'static str,
    pub head: &'static str,
    pub not_saved: &'static str,
    pub backlog: &'static str,
    pub waiting: &'static str,
    pub oldest: &'static str,
    pub sent: &'static str,
    pub received: &'static str,
    pub last_receipt: &'static str,
    pub no_receipts: &'static str,
    pub missing_receipts: &'static str,
    pub no_receipts_expected: &'static str,
    pub broker: &'static str,
    pub connection_up: &'static str,
    pub connection_down: &'static str,
    pub connecting: &'static str,
    pub in_flight: &'static str,
    pub refused: &'static str,
    pub rewinds: &'static str,
    pub attempts: &'static str,
    pub retry: &'static str,
    pub agent: &'static str,
    pub running: &'static str,
    pub clock: &'static str,
    pub clock_trusted: &'static str,
    pub clock_untrusted: &'static str,
    pub quarantine: &'static str,
    pub empty: &'static str,
    pub version: &'static str,
    pub contract: &'static str,
    pub epoch: &'static str,
    pub answers: &'static str,
    pub no_answers: &'static str,
    pub events: &'static str,
    pub no_events: &'static str,
    pub unreadable_events: &'static str,
    /// Each signal's word in interfaces, and what it is called here.
    pub signals: [(&'static str, &'static str); 10],
    /// Before the names of what would have been right.
    pub expected: &'static str,
    pub printers: &'static str,
    pub printer_ready: &'static str,
    pub printer_unused: &'static str,
    pub printed: &'static str,
    pub dropped: &'static str,
    pub not_set_up: &'static str,
    /// The word for each next scan in interfaces, and its sentence; where one is missing it is said in English.
    pub asks: &'static [(&'static str, &'static str)],
    /// Each reason's word in interfaces, and its sentence; where one is missing it is said in English.
    pub reasons: &'static [(&'static str, &'static str)],
}

impl Words {
    pub fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &en::WORDS,
            Language::Swedish => &sv::WORDS,
        }
    }

    pub fn state(&self, state: State) -> &'static str {
        match state {
            State::Well => self.well,
            State::Attention => self.attention,
            State::Stopped => self.stopped,
        }
    }

    /// Why a scan did not count.
    pub fn reason<'w>(&self, why: &'w Why) -> Cow<'w, str> {
        said(self.reasons, why)
    }

    /// What to scan next.
    pub fn ask<'w>(&self, ask: &'w Why) -> Cow<'w, str> {
        said(self.asks, ask)
    }

    pub fn signal<'w>(&self, word: &'w str) -> &'w str {
        self.signals.iter().find(|(signal, _)| *signal == word).map_or(word, |(_, called)| called)
    }

    /// `48,213`
    pub fn number(&self, number: u64) -> String {
        let digits = number.to_string();
        let mut text = String::with_capacity(digits.len() + digits.len() / 3);
        for (index, digit) in digits.chars().enumerate() {
            if 0 < index && (digits.len() - index).is_multiple_of(3) {
                text.push(self.thousands);
            }
            text.push(digit);
        }
        text
    }
}

/// The sentence of a word with what it names in place of `{}`; the report's own where there is none.
fn said<'w>(sentences: &[(&str, &'static str)], why: &'w Why) -> Cow<'w, str> {
    match (sentences.iter().find(|(word, _)| *word == why.word), &why.detail) {
        (Some((_, sentence)), Some(detail)) => Cow::Owned(sentence.replace("{}", detail)),
        (Some((_, sentence)), None) => Cow::Borrowed(*sentence),
        (None, _) => Cow::Borrowed(&why.sentence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::signal::Signal;

    #[test]
    fn every_signal_has_a_word() {
        for language in [Language::English, Language::Swedish] {
            for signal in Signal::ALL {
                let words = Words::of(language);
                assert!(words.signals.iter().any(|(word, _)| *word == signal.word()), "{language:?} {signal:?}");
            }
        }
    }

    #[test]
    fn a_sentence_names_what_the_report_names() {
        let why = |word: &str, detail: Option<&str>| Why {
            word: word.to_owned(),
            detail: detail.map(str::to_owned),
            sentence: "said".to_owned(),
        };
        let swedish = Words::of(Language::Swedish);
        assert_eq!(swedish.ask(&why("tote", Some("T-4"))), "skanna låda T-4");
        assert_eq!(swedish.reason(&why("tote_in_use", Some("10042"))), "i lådan ligger order 10042");
        assert_eq!(swedish.reason(&why("on_hold", None)), "ordern är stoppad");
        assert_eq!(Words::of(Language::English).reason(&why("tote_in_use", Some("10042"))), "said");
    }

    /// Where a sentence has a place for what is named, the domain names something, and the other way round.
    #[test]
    fn swedish_names_whatever_the_domain_names() {
        let named = ["bin", "tote"];
        for (word, sentence) in Words::of(Language::Swedish).asks {
            assert_eq!(sentence.contains("{}"), named.contains(word), "{word}");
        }
        let named = "open_elsewhere order_open parcels_left take_out wrong_bin wrong_tote tote_in_use put_back";
        for (word, sentence) in Words::of(Language::Swedish).reasons {
            assert_eq!(sentence.contains("{}"), named.split(' ').any(|named| named == *word), "{word}");
        }
    }

    #[test]
    fn groups_digits() {
        for (number, text) in [(0, "0"), (999, "999"), (1_204, "1,204"), (48_213, "48,213"), (1_000_000, "1,000,000")] {
            assert_eq!(Words::of(Language::English).number(number), text);
        }
    }
}
