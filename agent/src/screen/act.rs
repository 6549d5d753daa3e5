//! What can be touched: the same commands that barcodes have, as words of a page.
//!
//! A word is translated here, on the agent's side, into the meaning of a barcode with the right check. It comes from a
//! page of ours and never from a label: what a scanner reads is never taken for a word.

use super::{Facts, State, signal};
use crate::domain::code::{Cause, Condition, Meaning, QUANTITY_MAX, Verb};
use crate::domain::name::{BinId, OrderId, ToteId};
use crate::domain::order::Order;
use crate::domain::rules::{Flow, Rules};
use crate::domain::station::{Mode, Pending, Step, Work};
use crate::journal::view::Open;
use crate::words::fill;
use jiff::civil::Date;
use std::fmt;

/// A button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    pub touch: Touch,
    pub label: String,
    /// The one that goes on.
    pub is_main: bool,
}

/// What a touch asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touch {
    Verb(Verb),
    Cause(Cause),
    Condition(Condition),
    Quantity(u32),
    /// A line of what is open, from 1.
    Line(usize),
    Order(OrderId),
    Tote(ToteId),
    Bin(BinId),
    Expiry(Date),
}

/// Longer than any word: an order's id has at most as many characters.
const WORD_CHARS_MAX: usize = 128;

impl Touch {
    /// What `word` asks for; none for a word that this page does not have.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        if WORD_CHARS_MAX < word.chars().count() || word.chars().any(char::is_control) {
            return None;
        }
        let Some((kind, value)) = word.split_once(':') else {
            let verb = Verb::named(&word.to_ascii_uppercase()).filter(|_| word == word.to_ascii_lowercase())?;
            return Some(Self::Verb(verb)).filter(|_| !matches!(verb, Verb::Mode(_)));
        };
        match kind {
            "mode" => Mode::named(value).map(|mode| Self::Verb(Verb::Mode(mode))),
            "cause" => {
                Cause::WORDS.iter().find(|(_, cause)| cause.word() == value).map(|(_, cause)| Self::Cause(*cause))
            }
            "condition" => Condition::WORDS
                .iter()
                .find(|(_, condition)| condition.word() == value)
                .map(|(_, condition)| Self::Condition(*condition)),
            "quantity" => number(value).filter(|units| *units <= QUANTITY_MAX).map(Self::Quantity),
            "line" => match Meaning::located(&format!("LINE:{}", number(value)?))? {
                Meaning::Line(line) => Some(Self::Line(line)),
                _ => None,
            },
            "tote" => match Meaning::located(&format!("TOTE:{value}"))? {
                Meaning::Tote(tote) => Some(Self::Tote(tote)),
                _ => None,
            },
            "bin" => match Meaning::located(&format!("BIN:{value}"))? {
                Meaning::Bin(bin) => Some(Self::Bin(bin)),
                _ => None,
            },
            "expiry" => value.parse().ok().filter(|_| value.len() == "2027-03-01".len()).map(Self::Expiry),
            "order" if !value.is_empty() => Some(Self::Order(value.into())),
            _ => None,
        }
    }

    /// What its barcode means.
    #[must_use]
    pub fn meaning(&self) -> Meaning {
        match self {
            Self::Verb(verb) => Meaning::Verb(*verb),
            Self::Cause(cause) => Meaning::Cause(*cause),
            Self::Condition(condition) => Meaning::Condition(*condition),
            Self::Quantity(units) => Meaning::Quantity(*units),
            Self::Line(line) => Meaning::Line(*line),
            Self::Tote(tote) => Meaning::Tote(tote.clone()),
            Self::Bin(bin) => Meaning::Bin(bin.clone()),
            Self::Order(_) | Self::Expiry(_) => Meaning::Plain,
        }
    }

    /// What its barcode says, without a check.
    #[must_use]
    pub fn text(&self) -> String {
        let named = |words: &[(&str, Verb)], verb: Verb| {
            words.iter().find(|(_, known)| *known == verb).map_or("", |(word, _)| *word).to_owned()
        };
        match self {
            Self::Verb(verb) => format!("PD:{}", named(&Verb::WORDS, *verb)),
            Self::Cause(cause) => {
                let word = Cause::WORDS.iter().find(|(_, known)| known == cause).map_or("", |(word, _)| *word);
                format!("PD:{word}")
            }
            Self::Condition(condition) => {
                let known = Condition::WORDS.iter().find(|(_, known)| known == condition);
                format!("PD:{}", known.map_or("", |(word, _)| *word))
            }
            Self::Quantity(units) => format!("PD:Q-{units}"),
            Self::Line(line) => format!("PD:LINE:{line}"),
            Self::Tote(tote) => format!("PD:TOTE:{tote}"),
            Self::Bin(bin) => format!("PD:BIN:{bin}"),
            Self::Order(id) => id.to_string(),
            Self::Expiry(date) => date.to_string(),
        }
    }
}

fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

impl fmt::Display for Touch {
    /// The word: [`Touch::named`] reads it back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verb(Verb::Mode(mode)) => write!(f, "mode:{}", mode.word()),
            Self::Verb(verb) => {
                let word = Verb::WORDS.iter().find(|(_, known)| known == verb).map_or("", |(word, _)| *word);
                f.write_str(&word.to_ascii_lowercase())
            }
            Self::Cause(cause) => write!(f, "cause:{}", cause.word()),
            Self::Condition(condition) => write!(f, "condition:{}", condition.word()),
            Self::Quantity(units) => write!(f, "quantity:{units}"),
            Self::Line(line) => write!(f, "line:{line}"),
            Self::Order(id) => write!(f, "order:{id}"),
            Self::Tote(tote) => write!(f, "tote:{tote}"),
            Self::Bin(bin) => write!(f, "bin:{bin}"),
            Self::Expiry(date) => write!(f, "expiry:{date}"),
        }
    }
}

/// The commands that make sense now, the one that goes on last.
pub fn of(facts: &Facts<'_>) -> Vec<Act> {
    let station = &facts.bench.station;
    if signal::state(facts) == State::NotSaved || signal::wants_badge(facts) {
        return Vec::new();
    }
    let undo = || plain(facts, "undo", Verb::Undo);
    let leave = || plain(facts, "cancel", Verb::Cancel);
    if station.pending.is_some() {
        return vec![leave()];
    }
    match (&station.work, &facts.bench.open) {
        (Work::Order(_), Open::Order(order)) => at_order(facts, order),
        (Work::Round(_), _) => {
            vec![
                undo(),
                plain(facts, "short", Verb::Short),
                plain(facts, "remove", Verb::Remove),
                main(facts, "put_down"),
            ]
        }
        (Work::Manifest { .. }, _) => {
            let nobody = Act {
                touch: Touch::Cause(Cause::NoCourier),
                label: facts.words.act("no_courier").to_owned(),
                is_main: false,
            };
            let hand_over = Act {
                touch: Touch::Verb(Verb::HandOver),
                label: facts.words.act("handover").to_owned(),
                is_main: true,
            };
            vec![undo(), nobody, leave(), hand_over]
        }
        (Work::Collect(_), _) => {
            let hand_over = plain(facts, "handover", Verb::HandOver);
            vec![leave(), Act { is_main: true, ..hand_over }]
        }
        (Work::Return(_), _) => vec![undo(), leave(), main(facts, "complete")],
        (Work::PutBack(_), _) => vec![undo(), main(facts, "put_down")],
        (Work::Tally(_), _) => vec![undo(), leave(), main(facts, "write")],
        _ => at_rest(facts),
    }
}

fn plain(facts: &Facts<'_>, label: &str, verb: Verb) -> Act {
    Act { touch: Touch::Verb(verb), label: facts.words.act(label).to_owned(), is_main: false }
}

/// `DONE`, called by what it does here.
fn main(facts: &Facts<'_>, label: &str) -> Act {
    Act { is_main: true, ..plain(facts, label, Verb::Done) }
}

fn at_order(facts: &Facts<'_>, order: &Order) -> Vec<Act> {
    let mut acts = vec![plain(facts, "undo", Verb::Undo)];
    if signal::interruption(facts).is_none() {
        acts.push(plain(facts, "short", Verb::Short));
        acts.push(plain(facts, "remove", Verb::Remove));
        let line = super::rest::next_line(facts, order);
        if let Some(line) = line {
            let label = facts.words.act("line").to_owned();
            acts.push(Act { touch: Touch::Line(line + 1), label, is_main: false });
        }
        let packs = facts.rules.step(facts.bench.station.mode) != Step::Pick;
        if packs && (order.open_parcel().is_some() || line.is_none()) {
            acts.push(plain(facts, "seal", Verb::Seal));
        }
    }
    acts.push(main(facts, "put_down"));
    acts
}

/// Other modes, and the next order.
fn at_rest(facts: &Facts<'_>) -> Vec<Act> {
    let station = &facts.bench.station;
    let mode = |mode: Mode| Act {
        touch: Touch::Verb(Verb::Mode(mode)),
        label: facts.words.act(mode.word()).to_owned(),
        is_main: false,
    };
    let mut acts: Vec<Act> = modes(facts.rules, station.mode).map(mode).collect();
    if station.last.is_some() {
        acts.insert(0, plain(facts, "undo", Verb::Undo));
    }
    if let Some(first) = facts.waiting.first.first() {
        let label = fill(facts.words.act("start"), &[("order", &first.order.terms.number)]);
        acts.push(Act { touch: Touch::Verb(Verb::Done), label, is_main: true });
    }
    acts
}

/// The modes that a station can change to. Where one scan picks and packs, both are the same.
fn modes(rules: &Rules, now: Mode) -> impl Iterator<Item = Mode> {
    let is_one = rules.flow == Flow::SingleStep;
    let other = move |mode: &Mode| match mode {
        Mode::Pick if is_one => false,
        Mode::Pack if is_one => !now.is_bench(),
        mode => *mode != now,
    };
    Mode::WORDS.into_iter().map(|(_, mode)| mode).filter(other)
}

/// The lines that `wanted` holds for, to be touched.
pub fn lines(order: &Order, wanted: impl Fn(usize) -> bool) -> Vec<Act> {
    let named = |line: usize| Act {
        touch: Touch::Line(line + 1),
        label: order.terms.lines[line].name.to_string(),
        is_main: false,
    };
    (0..order.terms.lines.len()).filter(|line| wanted(*line)).take(CHOICES_MAX).map(named).collect()
}

/// More do not fit on a small screen; the others are scanned.
pub const CHOICES_MAX: usize = 6;

impl Facts<'_> {
    /// What is begun here, if anything.
    pub fn pending(&self) -> Option<&Pending> {
        self.bench.station.pending.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back_and_means_what_its_barcode_means() {
        let verbs = Verb::WORDS.iter().map(|(_, verb)| Touch::Verb(*verb));
        let causes = Cause::WORDS.iter().map(|(_, cause)| Touch::Cause(*cause));
        let conditions = Condition::WORDS.iter().map(|(_, condition)| Touch::Condition(*condition));
        let date = jiff::civil::date(2027, 3, 1);
        let others = [
            Touch::Quantity(12),
            Touch::Line(3),
            Touch::Order("o-1:2".into()),
            Touch::Tote("T-1".into()),
            Touch::Bin("A-03-2".into()),
            Touch::Expiry(date),
        ];
        for touch in verbs.chain(causes).chain(conditions).chain(others) {
            assert_eq!(Touch::named(&touch.to_string()).as_ref(), Some(&touch), "{touch}");
            let text = touch.text();
            let meant = match text.strip_prefix("PD:") {
                Some(word) => Meaning::located(word).or_else(|| Meaning::commanded(word)),
                None => Some(Meaning::Plain),
            };
            assert_eq!(meant, Some(touch.meaning()), "{touch}");
        }
        for wrong in ["DONE", "load", "line:x", "line:+1", "expiry:2027-3-1", "expiry:2027-02-30", "order:a\nb", "x:1"]
        {
            assert_eq!(Touch::named(wrong), None, "{wrong}");
        }
    }
}
