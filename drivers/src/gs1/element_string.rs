//! Element strings: what GS1-128, GS1 DataMatrix, GS1 QR, GS1 DataBar and GS1 DotCode carry.
//!
//! The payload is AI, value, AI, value, …, where GS (FNC1) ends each value whose AI has no predefined length. Each value
//! is judged by its AI. Which AIs must or must not stand together is a property of all codes on an item: see
//! [`Content::warnings`].

use std::borrow::Cow;

use thiserror::Error;

use super::ai::Ai;
use super::content::{Content, Element};
use super::value::{self, ValueError};

const GS: u8 = 0x1d;

/// No symbol holds so many that mean anything.
pub(super) const ELEMENTS_MAX: usize = 64;

/// A well-formed element string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElementString<'a> {
    content: Content<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ElementStringError {
    #[error("no data")]
    Empty,
    #[error("no application identifier at byte {at}: not GS1 data, or a scanner that drops the separators")]
    UnknownAi { at: usize },
    #[error(transparent)]
    Value(#[from] ValueError),
    #[error("({ai}) is there twice with different values")]
    Contradiction { ai: Ai },
    #[error("more than {ELEMENTS_MAX} application identifiers")]
    TooMany,
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
                return Err(ElementStringError::Contradiction { ai: element.ai });
            }
            if ELEMENTS_MAX <= elements.len() {
                return Err(ElementStringError::TooMany);
            }
            elements.push(element);
            rest = behind;
        }
        if elements.is_empty() {
            return Err(ElementStringError::Empty);
        }
        Ok(Self { content: Content::new(elements) })
    }

    #[must_use]
    pub fn content(&self) -> &Content<'a> {
        &self.content
    }

    #[must_use]
    pub fn into_content(self) -> Content<'a> {
        self.content
    }
}

impl Content<'_> {
    /// As a GS1 symbol carries it: a separator only where one must be.
    #[must_use]
    pub fn to_element_string(&self) -> String {
        let mut payload = String::new();
        let mut ends_itself = true;
        for Element { ai, value } in self.elements() {
            if !ends_itself {
                payload.push(GS.into());
            }
            payload.push_str(&format!("{ai}{value}"));
            ends_itself = ai.entry().is_some_and(|entry| entry.predefined);
        }
        payload
    }
}

/// The element that `rest` begins with, and what follows it; `at` is where `rest` begins in the payload.
fn take_element(rest: &[u8], at: usize) -> Result<(Element<'_>, &[u8]), ElementStringError> {
    let (ai, entry, rest) = Ai::take(rest).ok_or(ElementStringError::UnknownAi { at })?;
    let mut end = rest.iter().position(|&byte| byte == GS).unwrap_or(rest.len());
    if let ([only], true) = (entry.components, entry.predefined) {
        end = end.min(only.characters_max.into());
    }
    let (value, rest) = rest.split_at(end);
    let value = Cow::Borrowed(value::judge(ai, entry, value)?);
    Ok((Element { ai, value }, rest.strip_prefix(&[GS]).unwrap_or(rest)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(payload: &str) -> String {
        match ElementString::parse(payload.replace('^', "\x1d").as_bytes()) {
            Ok(string) => string.content().to_string(),
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
            ("10A^10A", "(10)A(10)A"),
            ("10A^10B", "(10) is there twice with different values"),
            ("", "no data"),
            ("10", "the value of (10) is missing"),
            ("10^21A", "the value of (10) is missing"),
            ("01", "the value of (01) is missing"),
            ("1", "no application identifier at byte 0: not GS1 data, or a scanner that drops the separators"),
            ("^10A", "no application identifier at byte 0: not GS1 data, or a scanner that drops the separators"),
            ("10A^^21B", "no application identifier at byte 4: not GS1 data, or a scanner that drops the separators"),
            ("31x3000750", "no application identifier at byte 0: not GS1 data, or a scanner that drops the separators"),
            ("234A", "no application identifier at byte 0: not GS1 data, or a scanner that drops the separators"),
            (
                "4217521147^4106141411234561",
                "the value of (410) has a wrong check digit: a damaged or badly printed code",
            ),
            ("0109521234543214", "the value of (01) has a wrong check digit: a damaged or badly printed code"),
            ("01095212345432", "the value of (01) has 12 characters and needs 14"),
            ("01095212345432^^", "the value of (01) has 12 characters and needs 14"),
            ("0109521234543x13", "the value of (01) has a character that isn't allowed at place 12"),
            ("10A B", "the value of (10) has a character that isn't allowed at place 2"),
            ("10Å", "the value of (10) has a character that isn't allowed at place 1"),
            ("7007211225211", "the value of (7007) has 9 characters and needs 12"),
            ("17271301", "the value of (17) has no date as YYMMDD"),
            (
                "37510ABC21XY",
                "the value of (37) has 10 characters, at most 8: perhaps a scanner that drops the separators",
            ),
        ];
        for (payload, expected) in rows {
            assert_eq!(shown(payload), expected, "{payload}");
        }
    }

    #[test]
    fn a_literal_caret_is_no_separator() {
        let error = ValueError::Character { ai: Ai::BATCH, place: 2 };
        assert_eq!(ElementString::parse(b"10A^21B"), Err(error.into()));
    }

    #[test]
    fn the_number_of_elements_has_a_limit() {
        assert_eq!(shown(&"10A^".repeat(ELEMENTS_MAX)), "(10)A".repeat(ELEMENTS_MAX));
        assert_eq!(shown(&"10A^".repeat(ELEMENTS_MAX + 1)), "more than 64 application identifiers");
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = ElementString::parse(&payload);
        }

        #[test]
        fn nothing_of_a_payload_is_left_out(payload in "((01[0-9]{14}|10[A-Z0-9]{1,9}|37[0-9]|00[0-9]{18})\x1d){1,4}") {
            if let Ok(string) = ElementString::parse(payload.as_bytes()) {
                let joined: String = string
                    .content()
                    .elements()
                    .iter()
                    .map(|element| format!("{}{}\x1d", element.ai, element.value))
                    .collect();
                prop_assert_eq!(joined, payload);
            }
        }

        #[test]
        fn what_is_rendered_is_read_alike(payload in "((0109521234543213|17[23][0-9]0[1-9]00|3103[0-9]{6})\x1d?|(10|21|240)[!-?A-Z]{1,9}\x1d){1,9}") {
            if let Ok(string) = ElementString::parse(payload.as_bytes()) {
                let rendered = string.content().to_element_string();
                prop_assert_eq!(ElementString::parse(rendered.as_bytes()), Ok(string));
            }
        }
    }
}
