//! A scan as the floor hands it over: the text, and what its symbology alone says about it.

use super::name::{ProductCode, ScannerId};
use super::sscc::Sscc;
use jiff::Timestamp;
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
    /// When its last byte arrived, by the wall clock: only a label.
    pub at: Timestamp,
    /// The same on the clock that never steps, for bounce.
    pub since_start: Duration,
}

/// What a code is, as far as the symbology and the text alone can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// `PD:{verb}:{check}` with the right check.
    Verb(Verb),
    /// A command barcode whose check is not this site's.
    Forged,
    /// A GS1 element string with AI 00.
    Sscc(Sscc),
    /// A code that products are looked up by.
    Product(ProductCode),
    /// None of these: an order number, a bare SSCC, or nothing known.
    Plain,
}

/// What a command barcode asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Done,
    Cancel,
    Seal,
    HandOver,
    Mode(super::station::Mode),
}

impl Verb {
    /// The verbs and the words that stand for them on a command barcode.
    pub const WORDS: [(&str, Self); 7] = [
        ("DONE", Self::Done),
        ("CANCEL", Self::Cancel),
        ("SEAL", Self::Seal),
        ("HANDOVER", Self::HandOver),
        ("PICK", Self::Mode(super::station::Mode::Pick)),
        ("PACK", Self::Mode(super::station::Mode::Pack)),
        ("LOAD", Self::Mode(super::station::Mode::Load)),
    ];

    /// The verb of `word`, as printed.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, verb)| *verb)
    }
}

impl Scan {
    /// The scanned text for people and for events: control characters and broken UTF-8 replaced, at most
    /// [`SHOWN_CHARACTERS_MAX`] long.
    #[must_use]
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.text)
            .chars()
            .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
            .take(SHOWN_CHARACTERS_MAX)
            .collect()
    }
}

/// Longer codes are cut where people or the platform see them: no product or parcel code is longer.
pub const SHOWN_CHARACTERS_MAX: usize = 128;
