//! Element strings: what GS1-128, GS1 DataMatrix, GS1 QR, GS1 DataBar and GS1 DotCode carry.
//!
//! The payload is AI, value, AI, value, …, where GS (FNC1) ends each value whose AI has no predefined length. This is
//! the structure, the character set and the check digits of GTIN, SSCC and GLN; which AIs must or must not stand
//! together is a property of all carriers on an item and not judged on one scan.

use thiserror::Error;

use super::ai_table::{Structure, structure};
use super::{Gtin, Sscc, is_check_digit_right};

const GS: u8 = 0x1d;

/// The longest value of any AI, in characters.
const VALUE_CHARACTERS_MAX: usize = 90;

/// A well-formed element string; at least one element, no AI with two different values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElementString<'a> {
    elements: Vec<Element<'a>>,
}

/// One application identifier, 2 to 4 digits, and its value, never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    pub ai: &'a str,
    pub value: &'a str,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ElementStringError {
    #[error("no data")]
    Empty,
    #[error("no application identifier at byte {at}: not GS1 data, or a scanner that drops the separators")]
    UnknownAi { at: usize },
    #[error("the value of ({ai}) is missing")]
    NoValue { ai: String },
    #[error("the value of ({ai}) has {found} of {expected} digits")]
    Short { ai: String, expected: usize, found: usize },
    #[error("the value of ({ai}) has {characters} characters, none may have more than {VALUE_CHARACTERS_MAX}")]
    Long { ai: String, characters: usize },
    #[error("the value of ({ai}) has a character that isn't allowed there")]
    Character { ai: String },
    #[error("the check digit of ({ai}) is wrong: a damaged or badly printed code")]
    CheckDigit { ai: String },
    #[error("({ai}) is there twice with different values")]
    Contradiction { ai: String },
}

impl<'a> ElementString<'a> {
    /// Reads a payload whose symbology [is GS1](crate::symbology::Symbology::is_gs1), without its identifier.
    ///
    /// A separator behind a predefined length and one at the end are superfluous and tolerated.
    ///
    /// # Errors
    /// When the payload is not a well-formed element string; nothing of it is then to be believed.
    pub fn parse(payload: &'a [u8]) -> Result<Self, ElementStringError> {
        let mut elements: Vec<Element<'a>> = Vec::new();
        let mut rest = payload;
        while !rest.is_empty() {
            let (element, behind) = take_element(rest, payload.len() - rest.len())?;
            if elements.iter().any(|other| other.ai == element.ai && other.value != element.value) {
                return Err(ElementStringError::Contradiction { ai: element.ai.to_owned() });
            }
            elements.push(element);
            rest = behind;
        }
        if elements.is_empty() {
            return Err(ElementStringError::Empty);
        }
        Ok(Self { elements })
    }

    #[must_use]
    pub fn elements(&self) -> &[Element<'a>] {
        &self.elements
    }

    #[must_use]
    pub fn value(&self, ai: &str) -> Option<&'a str> {
        self.elements.iter().find(|element| element.ai == ai).map(|element| element.value)
    }

    /// AI 01: the product.
    #[must_use]
    pub fn gtin(&self) -> Option<Gtin> {
        self.value("01")?.parse().ok()
    }

    /// AI 00: the parcel or other logistic unit.
    #[must_use]
    pub fn sscc(&self) -> Option<Sscc> {
        self.value("00")?.parse().ok()
    }
}

/// The element that `rest` begins with, and what follows it; `at` is where `rest` begins in the payload.
fn take_element(rest: &[u8], at: usize) -> Result<(Element<'_>, &[u8]), ElementStringError> {
    let (ai, structure, rest) = take_ai(rest).ok_or(ElementStringError::UnknownAi { at })?;
    let ai_owned = || ai.to_owned();
    let (value, rest) = match structure.value_digits {
        Some(expected) => rest.split_at_checked(expected).ok_or_else(|| ElementStringError::Short {
            ai: ai_owned(),
            expected,
            found: rest.len(),
        })?,
        None => rest.split_at(rest.iter().position(|&byte| byte == GS).unwrap_or(rest.len())),
    };
    if value.is_empty() {
        return Err(ElementStringError::NoValue { ai: ai_owned() });
    }
    if VALUE_CHARACTERS_MAX < value.len() {
        return Err(ElementStringError::Long { ai: ai_owned(), characters: value.len() });
    }
    let is_allowed = if structure.value_digits.is_some() { u8::is_ascii_digit } else { is_cset_82 };
    let value = Some(value)
        .filter(|value| value.iter().all(is_allowed))
        .and_then(|value| str::from_utf8(value).ok())
        .ok_or_else(|| ElementStringError::Character { ai: ai_owned() })?;
    if structure.check_digit && !is_check_digit_right(value.as_bytes()) {
        return Err(ElementStringError::CheckDigit { ai: ai_owned() });
    }
    Ok((Element { ai, value }, rest.strip_prefix(&[GS]).unwrap_or(rest)))
}

fn take_ai(rest: &[u8]) -> Option<(&str, Structure, &[u8])> {
    let structure = structure(*rest.first_chunk()?)?;
    let (ai, rest) = rest.split_at_checked(structure.ai_digits)?;
    if !ai.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some((str::from_utf8(ai).ok()?, structure, rest))
}

/// GS1's character set 82, which has no `^`, `~`, space or control character.
fn is_cset_82(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!\"%&'()*+,-./:;<=>?_".contains(byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(payload: &str) -> String {
        match ElementString::parse(payload.replace('^', "\x1d").as_bytes()) {
            Ok(string) => {
                string.elements().iter().map(|element| format!("({}){}", element.ai, element.value)).collect()
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn element_strings_are_taken_apart() {
        let rows = [
            ("0109521234543213", "(01)09521234543213"),
            ("010952123454321310ABC123^21SERIAL", "(01)09521234543213(10)ABC123(21)SERIAL"),
            ("21SERIAL^0109521234543213", "(21)SERIAL(01)09521234543213"),
            ("0109521234543213^17270131^10AB^", "(01)09521234543213(17)270131(10)AB"),
            ("00006141411234567890", "(00)006141411234567890"),
            ("00006141411234567890403ROUTE^4217521147", "(00)006141411234567890(403)ROUTE(421)7521147"),
            ("3103000750", "(3103)000750"),
            ("235TPX^10A", "(235)TPX(10)A"),
            ("4217521147^4106141411234561", "the check digit of (410) is wrong: a damaged or badly printed code"),
            ("10A^10A", "(10)A(10)A"),
            ("10A^10B", "(10) is there twice with different values"),
            ("", "no data"),
            ("10", "the value of (10) is missing"),
            ("10^21A", "the value of (10) is missing"),
            ("1", "no application identifier at byte 0: not GS1 data, or a scanner that drops the separators"),
            ("^10A", "no application identifier at byte 0: not GS1 data, or a scanner that drops the separators"),
            ("10A^^21B", "no application identifier at byte 4: not GS1 data, or a scanner that drops the separators"),
            ("0109521234543214", "the check digit of (01) is wrong: a damaged or badly printed code"),
            ("01095212345432", "the value of (01) has 12 of 14 digits"),
            ("01095212345432^^", "the value of (01) has a character that isn't allowed there"),
            ("31x3000750", "no application identifier at byte 0: not GS1 data, or a scanner that drops the separators"),
            ("10A B", "the value of (10) has a character that isn't allowed there"),
            ("10Å", "the value of (10) has a character that isn't allowed there"),
        ];
        for (payload, expected) in rows {
            assert_eq!(shown(payload), expected, "{payload}");
        }
    }

    #[test]
    fn a_literal_caret_is_no_separator() {
        assert_eq!(ElementString::parse(b"10A^21B"), Err(ElementStringError::Character { ai: "10".to_owned() }));
    }

    #[test]
    fn the_keys_are_at_hand() {
        let string = ElementString::parse(b"00006141411234567890010952123454321310A").unwrap();
        assert_eq!(string.sscc().unwrap().to_string(), "006141411234567890");
        assert_eq!(string.gtin().unwrap().to_string(), "09521234543213");
        assert_eq!(string.value("10"), Some("A"));
        assert_eq!(string.value("21"), None);
    }

    #[test]
    fn gs1s_own_rows_are_judged_alike() {
        for line in include_str!("../../tests/data/gs1/element_strings.txt").lines() {
            if line.starts_with('#') {
                continue;
            }
            let (verdict, payload) = line.split_once(" ^").unwrap();
            let parsed = ElementString::parse(payload.replace('^', "\x1d").as_bytes()).map(|_| "accepted");
            assert_eq!(parsed.unwrap_or("refused"), verdict, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = ElementString::parse(&payload);
        }

        #[test]
        fn nothing_of_a_payload_is_left_out(payload in "((01[0-9]{14}|10[A-Z0-9]{1,9}|37[0-9]|00[0-9]{18})\x1d){1,4}") {
            if let Ok(string) = ElementString::parse(payload.as_bytes()) {
                let joined: String =
                    string.elements().iter().map(|element| format!("{}{}\x1d", element.ai, element.value)).collect();
                prop_assert_eq!(joined, payload);
            }
        }
    }
}
