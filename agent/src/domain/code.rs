//! A scan as the floor hands it over: the text, and what its symbology alone says about it.

use super::name::{BinId, OperatorId, ProductCode, ScannerId, ToteId};
use super::sscc::Sscc;
use super::station::Mode;
use jiff::Timestamp;
use jiff::civil::Date;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// One read of one scanner, or one `scan` from the command line.
#[derive(Clone, Debug)]
pub struct Scan {
    /// Which scanner read it; the command line and a touch screen have names of their own.
    pub scanner: ScannerId,
    /// The bytes between the terminators, at most a frame long.
    pub text: Arc<[u8]>,
    /// What the code carrier says that it is.
    pub meaning: Meaning,
    pub again: Again,
    /// When its last byte arrived, by the wall clock: only a label.
    pub at: Timestamp,
    /// The same on the clock that never steps, for bounce.
    pub since_start: Duration,
}

/// Whether the scanner says that it sends this again, because it has heard no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    No,
    Surely,
    /// Or what was damaged before was another scan of the same code.
    Perhaps,
}

/// What a code is, as far as the symbology and the text alone can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// `PD:{verb}:{check}` with the right check, as the five below.
    Verb(Verb),
    /// `PD:R-…`: why something is short, damaged, or did not leave.
    Cause(Cause),
    /// `PD:C-…`: how a returned item is.
    Condition(Condition),
    /// `PD:Q-…`: how many.
    Quantity(u32),
    /// `PD:OP:…`: who works here.
    Badge(OperatorId),
    /// A command barcode whose check is not this site's.
    Forged,
    /// `PD:BIN:…`: a place on the shelf.
    Bin(BinId),
    /// `PD:TOTE:…`: a box that an order is gathered in.
    Tote(ToteId),
    /// `PD:LINE:…`: a line of the order or return that is open here, from 1, for an item without a readable code.
    Line(usize),
    /// A GS1 element string with AI 00.
    Sscc(Sscc),
    /// A code that products are looked up by, with what else it says of the item.
    Product(Reading),
    /// None of these: an order number, a bare SSCC, a tracking number, or nothing known.
    Plain,
}

/// What a product's code says of the item that carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    pub code: ProductCode,
    /// Units in it: more than one on a case.
    pub units: u32,
    pub values: Values,
}

/// What tells one unit from others of its product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    pub serial: Option<Box<str>>,
    pub lot: Option<Box<str>>,
    /// The last day on which it may be used.
    pub expiry: Option<Date>,
    /// Net weight in grams.
    pub weight_g: Option<u32>,
}

/// What a command barcode asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Done,
    Cancel,
    Undo,
    Short,
    Remove,
    Take,
    Seal,
    Reprint,
    HandOver,
    Mode(Mode),
}

/// Why something did not go as asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It is not where it should be: nothing, or only so many, are on hand.
    NotThere,
    /// It is there and can't be sold.
    Damaged,
    /// Neither; stock is as it was.
    Other,
    /// Nobody came to collect.
    NoCourier,
    /// A parcel was found after its courier had left.
    LeftBehind,
}

/// What becomes of a returned item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// As new: back on the shelf.
    Restock,
    /// Somebody must look at it.
    Inspect,
    /// Nobody can use it.
    Discard,
    /// Announced, and not in the box.
    Missing,
}

impl Verb {
    /// The verbs and the words that stand for them on a command barcode.
    pub const WORDS: [(&str, Self); 15] = [
        ("DONE", Self::Done),
        ("CANCEL", Self::Cancel),
        ("UNDO", Self::Undo),
        ("SHORT", Self::Short),
        ("REMOVE", Self::Remove),
        ("TAKE", Self::Take),
        ("SEAL", Self::Seal),
        ("REPRINT", Self::Reprint),
        ("HANDOVER", Self::HandOver),
        ("PICK", Self::Mode(Mode::Pick)),
        ("PACK", Self::Mode(Mode::Pack)),
        ("LOAD", Self::Mode(Mode::Load)),
        ("RETURN", Self::Mode(Mode::Return)),
        ("COUNT", Self::Mode(Mode::Count)),
        ("RECEIVE", Self::Mode(Mode::Receive)),
    ];

    /// The verb of `word`, as printed.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        named(&Self::WORDS, word)
    }
}

impl Cause {
    /// The causes and the words that stand for them on a command barcode.
    pub const WORDS: [(&str, Self); 5] = [
        ("R-NOT-THERE", Self::NotThere),
        ("R-DAMAGED", Self::Damaged),
        ("R-OTHER", Self::Other),
        ("R-NO-COURIER", Self::NoCourier),
        ("R-LEFT-BEHIND", Self::LeftBehind),
    ];

    /// The word for it in interfaces.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NotThere => "not_there",
            Self::Damaged => "damaged",
            Self::Other => "other",
            Self::NoCourier => "no_courier",
            Self::LeftBehind => "left_behind",
        }
    }
}

impl Condition {
    /// The conditions and the words that stand for them on a command barcode.
    pub const WORDS: [(&str, Self); 4] = [
        ("C-RESTOCK", Self::Restock),
        ("C-INSPECT", Self::Inspect),
        ("C-DISCARD", Self::Discard),
        ("C-MISSING", Self::Missing),
    ];

    /// The word for it in interfaces.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Restock => "restock",
            Self::Inspect => "inspect",
            Self::Discard => "discard",
            Self::Missing => "missing",
        }
    }
}

/// A quantity barcode says at most this: nobody counts more at once.
pub const QUANTITY_MAX: u32 = 9_999;

impl Meaning {
    /// What a command barcode means whose check is right; `word` is all between `PD:` and the check.
    #[must_use]
    pub fn commanded(word: &str) -> Option<Self> {
        let verb = || Verb::named(word).map(Self::Verb);
        let cause = || named(&Cause::WORDS, word).map(Self::Cause);
        let condition = || named(&Condition::WORDS, word).map(Self::Condition);
        let badge = || word.strip_prefix("OP:").filter(|id| is_label(id)).map(|id| Self::Badge(id.into()));
        let quantity = || {
            word.strip_prefix("Q-").and_then(number).filter(|quantity| *quantity <= QUANTITY_MAX).map(Self::Quantity)
        };
        verb().or_else(cause).or_else(condition).or_else(badge).or_else(quantity)
    }

    /// What a barcode on a place, a box or a ticket means, which needs no check; `word` is all behind `PD:`.
    #[must_use]
    pub fn located(word: &str) -> Option<Self> {
        let (kind, id) = word.split_once(':')?;
        match kind {
            "BIN" => is_label(id).then(|| Self::Bin(id.into())),
            "TOTE" => is_label(id).then(|| Self::Tote(id.into())),
            "LINE" => number(id).filter(|line| (1..=LINE_MAX).contains(line)).map(Self::Line),
            _ => None,
        }
    }

    /// The product's code and what else it says, where it is one.
    #[must_use]
    pub fn reading(&self) -> Option<&Reading> {
        match self {
            Self::Product(reading) => Some(reading),
            _ => None,
        }
    }
}

const LINE_MAX: usize = 500;

/// Ids on badges, bins and totes: 1 to 32 of `A-Z a-z 0-9 . _ -`.
#[must_use]
pub fn is_label(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=32).contains(&id.len()) && id.bytes().all(plain)
}

/// Digits, and no sign before them.
fn number<T: FromStr>(digits: &str) -> Option<T> {
    digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

fn named<T: Copy>(words: &[(&str, T)], word: &str) -> Option<T> {
    words.iter().find(|(known, _)| *known == word).map(|(_, meant)| *meant)
}

impl From<&str> for Reading {
    /// One unit of the product with this code, and nothing else known of it.
    fn from(code: &str) -> Self {
        Self { code: code.into(), units: 1, values: Values::default() }
    }
}

impl Scan {
    /// The scanned text for people and for events: control characters and broken UTF-8 replaced, at most
    /// [`SHOWN_CHARACTERS_MAX`] long.
    #[must_use]
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.text)
            .chars()
            .map(|c| if is_unsafe_to_show(c) { char::REPLACEMENT_CHARACTER } else { c })
            .take(SHOWN_CHARACTERS_MAX)
            .collect()
    }
}

/// Control characters, the ones that turn the direction of writing, and those of no width: they would rewrite the line
/// around them, or make two codes look the same.
fn is_unsafe_to_show(c: char) -> bool {
    let is_format =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    c.is_control() || is_format
}

/// Longer codes are cut where people or the platform see them: no product or parcel code is longer.
pub const SHOWN_CHARACTERS_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_on_barcodes_mean_one_thing() {
        for (word, expected) in [
            ("DONE", Some(Meaning::Verb(Verb::Done))),
            ("RECEIVE", Some(Meaning::Verb(Verb::Mode(Mode::Receive)))),
            ("R-DAMAGED", Some(Meaning::Cause(Cause::Damaged))),
            ("C-RESTOCK", Some(Meaning::Condition(Condition::Restock))),
            ("Q-0", Some(Meaning::Quantity(0))),
            ("Q-9999", Some(Meaning::Quantity(9_999))),
            ("Q-10000", None),
            ("Q-+1", None),
            ("Q-", None),
            ("OP:op-7", Some(Meaning::Badge("op-7".into()))),
            ("OP:", None),
            ("OP:a:b", None),
            ("done", None),
            ("", None),
        ] {
            assert_eq!(Meaning::commanded(word), expected, "{word}");
        }
    }

    #[test]
    fn places_boxes_and_lines_need_no_check() {
        for (word, expected) in [
            ("BIN:A-01.3", Some(Meaning::Bin("A-01.3".into()))),
            ("TOTE:t1", Some(Meaning::Tote("t1".into()))),
            ("LINE:1", Some(Meaning::Line(1))),
            ("LINE:0", None),
            ("LINE:501", None),
            ("LINE:x", None),
            ("LINE:+1", None),
            ("BIN:", None),
            ("BIN:a b", None),
            ("BIN:../x", None),
            ("DONE", None),
        ] {
            assert_eq!(Meaning::located(word), expected, "{word}");
        }
    }

    #[test]
    fn nothing_that_is_shown_can_change_how_its_line_reads() {
        let text = "A\x1b[31m\u{202e}B\u{2066}\r\n\u{7}C\u{9b}";
        let scan = Scan {
            scanner: "s".into(),
            text: text.as_bytes().into(),
            meaning: Meaning::Plain,
            again: Again::No,
            at: Timestamp::UNIX_EPOCH,
            since_start: Duration::ZERO,
        };
        assert_eq!(scan.shown(), "A\u{fffd}[31m\u{fffd}B\u{fffd}\u{fffd}\u{fffd}\u{fffd}C\u{fffd}");
    }
}
