//! GS1 Digital Link: a web address that says what an element string would, as plain QR codes on products carry it.
//!
//! ```text
//! https://example.com/some/stem/01/09521234543213/10/ABC/21/42?17=290228&utm=x#top
//!         domain      stem      key               qualifiers  attributes
//! ```
//!
//! The last key of the path counts; a stem may look like one. The fragment and what the query says beside AIs mean
//! nothing here. Names for AIs (`/gtin/…`) were withdrawn from the standard and are not read.

use std::borrow::Cow;
use std::fmt::Write;

use thiserror::Error;

use super::ai::{Ai, Entry};
use super::content::{Content, Element};
use super::element_string::ELEMENTS_MAX;
use super::value::{self, ValueError};

/// The domain of a link that names no resolver of its own.
const CANONICAL_DOMAIN: &str = "https://id.gs1.org";

/// A Digital Link: its key is the first element, its qualifiers follow, then the attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigitalLink<'a> {
    content: Content<'a>,
    /// Elements that the path says.
    path_elements: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DigitalLinkError {
    #[error("a link begins with https:// or http://, all small or all capital letters")]
    Scheme,
    #[error("a web address has no character as at byte {at}")]
    Character { at: usize },
    #[error("the domain is missing or has a character that none has")]
    Domain,
    #[error("the path ends with no GS1 key: an ordinary web address")]
    NoKey,
    #[error("({ai}) has no place behind ({key})")]
    Qualifier { key: Ai, ai: Ai },
    #[error("the query says an application identifier that GS1 doesn't have")]
    UnknownAi,
    #[error("({ai}) may not stand in the query")]
    NotAnAttribute { ai: Ai },
    #[error("({ai}) belongs into the path, not into the query")]
    InPath { ai: Ai },
    #[error("({ai}) is there twice")]
    Twice { ai: Ai },
    #[error(transparent)]
    Value(#[from] ValueError),
    #[error("more than {ELEMENTS_MAX} application identifiers")]
    TooMany,
}

impl<'a> DigitalLink<'a> {
    /// Reads an uncompressed link.
    ///
    /// A GTIN of 8, 12 or 13 digits is filled up to 14: earlier releases of the standard allowed it.
    ///
    /// # Errors
    /// When the text is no link, or one that says what the standard forbids. Then it's an ordinary text: nothing of it
    /// is to be believed, but it may still be a code that the catalog has.
    pub fn parse(text: &'a str) -> Result<Self, DigitalLinkError> {
        let behind_scheme =
            SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme)).ok_or(DigitalLinkError::Scheme)?;
        if let Some(at) = text.bytes().position(|byte| !is_of_uri(byte)) {
            return Err(DigitalLinkError::Character { at });
        }
        let (domain, path) = behind_scheme.split_once('/').ok_or(DigitalLinkError::Domain)?;
        if domain.is_empty() || domain.bytes().any(|byte| b"_~?#@!$&'()*+,;=%".contains(&byte)) {
            return Err(DigitalLinkError::Domain);
        }
        let (path, _fragment) = path.split_once('#').unwrap_or((path, ""));
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut elements = read_path(path)?;
        let path_elements = elements.len();
        for parameter in query.split('&') {
            if let Some(element) = read_parameter(parameter, &elements, path_elements)? {
                if ELEMENTS_MAX <= elements.len() {
                    return Err(DigitalLinkError::TooMany);
                }
                elements.push(element);
            }
        }
        Ok(Self { content: Content::new(elements), path_elements })
    }

    #[must_use]
    pub fn content(&self) -> &Content<'a> {
        &self.content
    }

    #[must_use]
    pub fn into_content(self) -> Content<'a> {
        self.content
    }

    /// The link that says the same at GS1's own resolver: one form for all who compare.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut link = CANONICAL_DOMAIN.to_owned();
        for (place, Element { ai, value }) in self.content.elements().iter().enumerate() {
            let (before, between) = match place.checked_sub(self.path_elements) {
                None => ('/', '/'),
                Some(0) => ('?', '='),
                Some(_) => ('&', '='),
            };
            link.push_str(&format!("{before}{ai}{between}"));
            percent_encode(value, &mut link);
        }
        link
    }
}

const SCHEMES: [&str; 4] = ["https://", "http://", "HTTPS://", "HTTP://"];

fn is_of_uri(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}

/// Key and qualifiers: the last of them, each an AI and a value, back to a key.
fn read_path(path: &str) -> Result<Vec<Element<'_>>, DigitalLinkError> {
    let mut pairs = Vec::new();
    let mut segments = path.rsplit('/');
    let (key, sequences) = loop {
        let (Some(value), Some(ai)) = (segments.next(), segments.next()) else { return Err(DigitalLinkError::NoKey) };
        let (ai, entry) = Ai::parse(ai).ok_or(DigitalLinkError::NoKey)?;
        if ELEMENTS_MAX <= pairs.len() {
            return Err(DigitalLinkError::TooMany);
        }
        pairs.push((ai, entry, value));
        if let Some(sequences) = entry.key {
            break (ai, sequences);
        }
    };
    pairs.reverse();
    let qualifiers: Vec<Ai> = pairs.iter().skip(1).map(|(ai, ..)| *ai).collect();
    if !is_sequence_of(sequences, &qualifiers) {
        let wrong = (1..=qualifiers.len()).find(|&count| !is_sequence_of(sequences, &qualifiers[..count]));
        let ai = wrong.and_then(|count| qualifiers.get(count - 1)).copied().unwrap_or(key);
        return Err(DigitalLinkError::Qualifier { key, ai });
    }
    pairs.into_iter().map(|(ai, entry, value)| Ok(read_value(ai, entry, percent_decode(value, false))?)).collect()
}

/// What a parameter of the query says, beside what `elements` say, of which the first are the path's.
fn read_parameter<'a>(
    parameter: &'a str,
    elements: &[Element<'_>],
    path_elements: usize,
) -> Result<Option<Element<'a>>, DigitalLinkError> {
    let Some((name, value)) = parameter.split_once('=') else { return Ok(None) };
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    let (ai, entry) = Ai::parse(name).ok_or(DigitalLinkError::UnknownAi)?;
    let element = read_value(ai, entry, percent_decode(value, true))?;
    if elements.iter().any(|other| other.ai == ai) {
        return Err(DigitalLinkError::Twice { ai });
    }
    if has_place_in_path(ai, &elements[..path_elements]) {
        return Err(DigitalLinkError::InPath { ai });
    }
    if !entry.attribute {
        return Err(DigitalLinkError::NotAnAttribute { ai });
    }
    Ok(Some(element))
}

fn read_value<'a>(ai: Ai, entry: &Entry, mut value: Cow<'a, [u8]>) -> Result<Element<'a>, ValueError> {
    if ai == Ai::GTIN
        && let 8 | 12 | 13 = value.len()
    {
        let zeros = 14 - value.len();
        value.to_mut().splice(..0, std::iter::repeat_n(b'0', zeros));
    }
    let value = match value {
        Cow::Borrowed(value) => Cow::Borrowed(value::judge(ai, entry, value)?),
        Cow::Owned(value) => Cow::Owned(value::judge(ai, entry, &value)?.to_owned()),
    };
    Ok(Element { ai, value })
}

/// Whether the path would still be right with `ai` as one more qualifier.
fn has_place_in_path(ai: Ai, path: &[Element<'_>]) -> bool {
    let Some((key, qualifiers)) = path.split_first() else { return false };
    let sequences = key.ai.entry().and_then(|entry| entry.key).unwrap_or_default();
    (0..=qualifiers.len()).any(|place| {
        let mut longer: Vec<Ai> = qualifiers.iter().map(|element| element.ai).collect();
        longer.insert(place, ai);
        is_sequence_of(sequences, &longer)
    })
}

/// Whether one of the sequences has the qualifiers in this order, perhaps with others between.
fn is_sequence_of(sequences: &[&[u16]], qualifiers: &[Ai]) -> bool {
    let is_part_of = |sequence: &&[u16]| {
        let mut sequence = sequence.iter();
        qualifiers.iter().all(|qualifier| sequence.any(|ai| *ai == qualifier.number()))
    };
    qualifiers.is_empty() || sequences.iter().any(is_part_of)
}

/// What is encoded badly stays as it is, for the AI to judge.
fn percent_decode(text: &str, is_query: bool) -> Cow<'_, [u8]> {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|&byte| byte == b'%' || byte == b'+' && is_query) {
        return Cow::Borrowed(bytes);
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, behind)) = rest.split_first() {
        let (byte, behind) = match (byte, behind) {
            (b'%', [high, low, behind @ ..]) if let (Some(high), Some(low)) = (nibble(*high), nibble(*low)) => {
                (high << 4 | low, behind)
            }
            (b'+', _) if is_query => (b' ', behind),
            _ => (byte, behind),
        };
        decoded.push(byte);
        rest = behind;
    }
    Cow::Owned(decoded)
}

fn nibble(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| digit.try_into().ok())
}

fn percent_encode(value: &str, link: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            link.push(byte.into());
        } else {
            let _ = write!(link, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        DigitalLink::parse(text).map_or_else(|error| error.to_string(), |link| link.content().to_string())
    }

    #[test]
    fn links_say_what_is_wrong_with_them() {
        let rows = [
            ("https://example.com/01/09521234543213", "(01)09521234543213"),
            (
                "https://example.com/01/09521234543213/10/A?17=290228&linkType=all#x",
                "(01)09521234543213(10)A(17)290228",
            ),
            ("https://example.com/gtin/01/00/01/4006381333931", "(01)04006381333931"),
            ("https://example.com/01/04006381333931?01=4006381333931", "(01) is there twice"),
            (
                "Https://example.com/01/09521234543213",
                "a link begins with https:// or http://, all small or all capital letters",
            ),
            (
                "ftp://example.com/01/09521234543213",
                "a link begins with https:// or http://, all small or all capital letters",
            ),
            (
                "example.com/01/09521234543213",
                "a link begins with https:// or http://, all small or all capital letters",
            ),
            ("https://example.com/01/0952 1234543213", "a web address has no character as at byte 27"),
            ("https://example.com/01/Å", "a web address has no character as at byte 23"),
            ("https:///01/09521234543213", "the domain is missing or has a character that none has"),
            ("https://exa_mple.com/01/09521234543213", "the domain is missing or has a character that none has"),
            ("https://example.com", "the domain is missing or has a character that none has"),
            ("https://example.com/", "the path ends with no GS1 key: an ordinary web address"),
            ("https://example.com/shoes/42", "the path ends with no GS1 key: an ordinary web address"),
            ("https://example.com/01/09521234543213/", "the path ends with no GS1 key: an ordinary web address"),
            ("https://example.com/01/09521234543213/shoes", "the path ends with no GS1 key: an ordinary web address"),
            (
                "https://example.com/01/09521234543213/shoes/42",
                "the path ends with no GS1 key: an ordinary web address",
            ),
            ("https://example.com/10/A", "the path ends with no GS1 key: an ordinary web address"),
            ("https://example.com/1/09521234543213", "the path ends with no GS1 key: an ordinary web address"),
            (
                "https://example.com/01/09521234543214",
                "the value of (01) has a wrong check digit: a damaged or badly printed code",
            ),
            ("https://example.com/01/95212345432", "the value of (01) has 11 characters and needs 14"),
            ("https://example.com/01/", "the value of (01) is missing"),
            ("https://example.com/01//10/A", "the value of (01) is missing"),
            ("https://example.com/01/09521234543213/10/", "the value of (10) is missing"),
            ("https://example.com/01/09521234543213/21/1/10/A", "(10) has no place behind (01)"),
            ("https://example.com/01/09521234543213/10/A/235/B", "(235) has no place behind (01)"),
            ("https://example.com/01/09521234543213/10/A/10/A", "(10) has no place behind (01)"),
            ("https://example.com/01/09521234543213/17/290228", "(17) has no place behind (01)"),
            ("https://example.com/00/006141411234567890/21/1", "(21) has no place behind (00)"),
            ("https://example.com/01/09521234543213?21=1", "(21) belongs into the path, not into the query"),
            ("https://example.com/01/09521234543213/21/1?22=2", "(22) belongs into the path, not into the query"),
            ("https://example.com/01/09521234543213?254=1", "(254) may not stand in the query"),
            ("https://example.com/01/09521234543213?8200=x", "(8200) may not stand in the query"),
            (
                "https://example.com/01/09521234543213?18=1",
                "the query says an application identifier that GS1 doesn't have",
            ),
            ("https://example.com/01/09521234543213?17=290230", "the value of (17) has no date as YYMMDD"),
            ("https://example.com/01/09521234543213?17=", "the value of (17) is missing"),
            ("https://example.com/01/09521234543213?17", "(01)09521234543213"),
            ("https://example.com/01/09521234543213?=17&&x=17=", "(01)09521234543213"),
            (
                "https://example.com/01/09521234543213/10/A%00",
                "the value of (10) has a character that isn't allowed at place 2",
            ),
            (
                "https://example.com/01/09521234543213/10/A%C3%85",
                "the value of (10) has a character that isn't allowed at place 2",
            ),
            (
                "https://example.com/01/09521234543213/10/A%5EB",
                "the value of (10) has a character that isn't allowed at place 2",
            ),
            ("https://example.com/01/09521234543213/10/50%", "(01)09521234543213(10)50%"),
            ("https://example.com/01/09521234543213/10/%2", "(01)09521234543213(10)%2"),
            ("https://example.com/01/0952123454321%33", "(01)09521234543213"),
            ("https://example.com/8003/00614141000012A", "(8003)00614141000012A"),
            ("https://example.com/414/9520123456788/254/A", "(414)9520123456788(254)A"),
            ("https://example.com/414/9520123456788/7040/1ABC", "(414)9520123456788(7040)1ABC"),
            ("https://example.com/414/9520123456788/7040/1ABC/254/A", "(254) has no place behind (414)"),
            ("https://example.com/417/9520123456788/254/A", "(254) has no place behind (417)"),
        ];
        for (text, expected) in rows {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    /// GS1's rows of percent-encoding: text, as in a path, as in a query.
    #[test]
    fn percent_encoding_is_undone() {
        let rows: [(&str, &[u8], &[u8]); 12] = [
            ("", b"", b""),
            ("test", b"test", b"test"),
            ("+", b"+", b" "),
            ("A%20%20B", b"A  B", b"A  B"),
            ("ABC%2", b"ABC%2", b"ABC%2"),
            ("ABCD%", b"ABCD%", b"ABCD%"),
            ("A%01B", b"A\x01B", b"A\x01B"),
            ("A%fFB", b"A\xFFB", b"A\xFFB"),
            ("A%4fB", b"AOB", b"AOB"),
            ("A%4gB", b"A%4gB", b"A%4gB"),
            ("A%G4B", b"A%G4B", b"A%G4B"),
            ("%%20", b"% ", b"% "),
        ];
        for (text, in_path, in_query) in rows {
            assert_eq!(percent_decode(text, false), in_path, "{text}");
            assert_eq!(percent_decode(text, true), in_query, "{text}");
        }
    }

    #[test]
    fn the_canonical_link_is_gs1s_own() {
        let link =
            DigitalLink::parse("HTTP://Shop.example:8080/p/01/4006381333931/10/a%2fb%25?17=290228&x=1&99=A%2BB#y")
                .unwrap();
        let canonical = "https://id.gs1.org/01/04006381333931/10/a%2Fb%25?17=290228&99=A%2BB";
        assert_eq!(link.canonical(), canonical);
        assert_eq!(DigitalLink::parse(canonical), Ok(link));
    }

    #[test]
    fn the_number_of_elements_has_a_limit() {
        let path = "https://example.com/01/09521234543213".to_owned() + &"/10/A".repeat(ELEMENTS_MAX);
        assert_eq!(DigitalLink::parse(&path), Err(DigitalLinkError::TooMany));
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in any::<String>(), tail in "[!-~]{0,60}") {
            let _ = DigitalLink::parse(&text);
            let _ = DigitalLink::parse(&format!("https://a/{tail}"));
            let _ = DigitalLink::parse(&format!("https://a/01/09521234543213{tail}"));
        }

        #[test]
        fn what_is_rendered_is_read_alike(
            lot in "([A-Z!/%?&+=]|%2[0-9A-F]){1,9}",
            serial in "[0-9a-z.;,]{1,9}",
            query in "(17=290[1-9]00|99=[A-Z%0-9+]{1,9}|x=[a-z]{0,5}|3103=[0-9]{6}|&){0,6}",
        ) {
            let text = format!("https://example.com/01/09521234543213/10/{lot}/21/{serial}?{query}");
            if let Ok(link) = DigitalLink::parse(&text) {
                let canonical = link.canonical();
                let read = DigitalLink::parse(&canonical);
                prop_assert_eq!(read.as_ref(), Ok(&link));
                let string = link.content().to_element_string();
                let read = crate::gs1::ElementString::parse(string.as_bytes()).unwrap();
                prop_assert_eq!(read.content(), link.content());
            }
        }
    }
}
