//! Application identifiers, and what the [table](super::ai_table) says of them.

use std::fmt;

use thiserror::Error;

use super::ai_table::{DIGITS, TABLE};
use super::rule::Rule;

/// An application identifier that GS1 has assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ai(u16);

/// No application identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("GS1 has no such application identifier")]
pub struct NoSuchAi;

impl Ai {
    pub const SSCC: Self = Self(0);
    pub const GTIN: Self = Self(1);
    /// The GTIN of what a logistic unit contains.
    pub const CONTENT: Self = Self(2);
    pub const BATCH: Self = Self(10);
    pub const BEST_BEFORE: Self = Self(15);
    pub const EXPIRY: Self = Self(17);
    pub const SERIAL: Self = Self(21);
    /// How many items there are in a trade item of variable count.
    pub const VARIABLE_COUNT: Self = Self(30);
    /// How many trade items there are in a logistic unit.
    pub const COUNT: Self = Self(37);

    pub(super) fn number(self) -> u16 {
        self.0
    }

    /// What the table says; never `None`, since only AIs of the table become values of this type.
    pub(super) fn entry(self) -> Option<&'static Entry> {
        entry(self.0)
    }

    /// The AI that `bytes` begin with, and what follows it.
    pub(super) fn take(bytes: &[u8]) -> Option<(Self, &'static Entry, &[u8])> {
        let prefix = number(bytes.get(..2)?)?;
        let digits = *DIGITS.get(usize::from(prefix))?;
        let (ai, rest) = bytes.split_at_checked(digits.into())?;
        let number = number(ai)?;
        Some((Self(number), entry(number)?, rest))
    }

    pub(super) fn parse(text: &str) -> Option<(Self, &'static Entry)> {
        match Self::take(text.as_bytes())? {
            (ai, entry, []) => Some((ai, entry)),
            _ => None,
        }
    }
}

impl std::str::FromStr for Ai {
    type Err = NoSuchAi;

    fn from_str(text: &str) -> Result<Self, NoSuchAi> {
        Self::parse(text).map(|(ai, _)| ai).ok_or(NoSuchAi)
    }
}

impl fmt::Display for Ai {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}", self.0)
    }
}

/// At most four ASCII digits; nothing where there is no digit or another character.
fn number(digits: &[u8]) -> Option<u16> {
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
    if digits.is_empty() || 4 < digits.len() {
        return None;
    }
    digits.iter().try_fold(0, |number, byte| Some(number * 10 + digit(byte)?))
}

fn entry(number: u16) -> Option<&'static Entry> {
    let entry = TABLE.get(TABLE.partition_point(|entry| entry.last < number))?;
    (entry.first <= number).then_some(entry)
}

/// What GS1 says of one AI, or of several in a row that only say a number's decimal places or count on.
#[derive(Debug)]
pub(super) struct Entry {
    pub first: u16,
    pub last: u16,
    /// The length of the value is predefined: no separator needs to follow.
    pub predefined: bool,
    /// It may stand in a Digital Link's query.
    pub attribute: bool,
    pub components: &'static [Component],
    /// One of these groups must stand beside it, all of the group.
    pub requires: &'static [&'static [Ais]],
    /// None of these may stand beside it.
    pub excludes: &'static [Ais],
    /// It is a Digital Link's primary key, with these sequences of qualifiers.
    pub key: Option<&'static [&'static [u16]]>,
}

pub(super) const PLAIN: Entry = Entry {
    first: 0,
    last: 0,
    predefined: false,
    attribute: false,
    components: &[],
    requires: &[],
    excludes: &[],
    key: None,
};

/// A part of a value. Only the last may vary in length, and behind one that may be absent all may.
#[derive(Debug)]
pub(super) struct Component {
    pub characters: CharacterSet,
    pub characters_min: u8,
    pub characters_max: u8,
    pub optional: bool,
    pub rules: &'static [Rule],
}

pub(super) const fn must(characters: CharacterSet, min: u8, max: u8, rules: &'static [Rule]) -> Component {
    Component { characters, characters_min: min, characters_max: max, optional: false, rules }
}

pub(super) const fn may(characters: CharacterSet, min: u8, max: u8, rules: &'static [Rule]) -> Component {
    Component { characters, characters_min: min, characters_max: max, optional: true, rules }
}

/// Named as in GS1's dictionary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CharacterSet {
    /// Digits.
    N,
    /// GS1's set 82, which has no `^`, `~`, space or control character.
    X,
    /// GS1's set 39.
    Y,
    /// GS1's set 64, that of base64url; up to two `=` may fill up the end.
    Z,
}

impl CharacterSet {
    /// Where in `text` the first character is that the set doesn't have.
    pub fn first_foreign(self, text: &[u8]) -> Option<usize> {
        let filled =
            if self == Self::Z { text.iter().rev().take(2).take_while(|&&byte| byte == b'=').count() } else { 0 };
        text.iter().take(text.len() - filled).position(|&byte| !self.contains(byte))
    }

    fn contains(self, byte: u8) -> bool {
        match self {
            Self::N => byte.is_ascii_digit(),
            Self::X => byte.is_ascii_alphanumeric() || b"!\"%&'()*+,-./:;<=>?_".contains(&byte),
            Self::Y => byte.is_ascii_digit() || byte.is_ascii_uppercase() || b"#-/".contains(&byte),
            Self::Z => byte.is_ascii_alphanumeric() || b"-_".contains(&byte),
        }
    }
}

/// One AI, or all that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ais {
    first: u16,
    last: u16,
}

pub(super) const fn ai(number: u16) -> Ais {
    ais(number, number)
}

pub(super) const fn ais(first: u16, last: u16) -> Ais {
    Ais { first, last }
}

impl Ais {
    pub fn contains(self, ai: Ai) -> bool {
        (self.first..=self.last).contains(&ai.0)
    }
}

/// As in the dictionary: `394n`, `31nn`.
impl fmt::Display for Ais {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last - self.first {
            0 => write!(f, "({})", Ai(self.first)),
            9 => write!(f, "({}n)", self.first / 10),
            _ => write!(f, "({}nn)", self.first / 100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_two_digits_tell_the_length_of_an_ai() {
        let mut known = 0;
        for line in include_str!("../../tests/data/gs1/ai_length_by_prefix.txt").lines() {
            let Some((prefix, digits)) = line.split_once(' ').filter(|_| !line.starts_with('#')) else { continue };
            assert_eq!(DIGITS[prefix.parse::<usize>().unwrap()].to_string(), digits, "{line}");
            known += 1;
        }
        assert_eq!(DIGITS.iter().filter(|digits| **digits != 0).count(), known);
    }

    #[test]
    fn ais_are_taken_off() {
        let rows = [
            ("0109521234543213", Some(("01", "09521234543213"))),
            ("10A", Some(("10", "A"))),
            ("235X", Some(("235", "X"))),
            ("3105000750", Some(("3105", "000750"))),
            ("99", Some(("99", ""))),
            ("3106000750", None),
            ("234X", None),
            ("04", None),
            ("310", None),
            ("31A5000750", None),
            ("1", None),
            ("", None),
            ("A1", None),
            ("+1", None),
        ];
        for (text, expected) in rows {
            let taken = Ai::take(text.as_bytes()).map(|(ai, _, rest)| (ai.to_string(), rest));
            assert_eq!(taken, expected.map(|(ai, rest)| (ai.to_owned(), rest.as_bytes())), "{text}");
        }
    }

    #[test]
    fn every_ai_of_the_table_is_found_by_its_text() {
        let mut count = 0;
        for number in TABLE.iter().flat_map(|entry| entry.first..=entry.last) {
            let text = Ai(number).to_string();
            assert_eq!(text.parse(), Ok(Ai(number)));
            assert_eq!(usize::from(DIGITS[text[..2].parse::<usize>().unwrap()]), text.len(), "{text}");
            count += 1;
        }
        assert_eq!((0..=9999).filter(|number| entry(*number).is_some()).count(), count);
    }

    #[test]
    fn a_predefined_length_is_one_fixed_component() {
        for entry in &TABLE {
            if entry.predefined {
                let [only] = entry.components else { panic!("{entry:?}") };
                assert!(only.characters_min == only.characters_max && !only.optional, "{entry:?}");
            }
        }
    }

    #[test]
    fn what_a_pattern_means_is_shown_as_gs1_writes_it() {
        assert_eq!([ai(1), ais(3940, 3949), ais(3100, 3199)].map(|ais| ais.to_string()), ["(01)", "(394n)", "(31nn)"]);
        assert!(ais(3100, 3199).contains(Ai(3155)) && !ais(3100, 3199).contains(Ai(3200)) && ai(1).contains(Ai::GTIN));
    }
}
