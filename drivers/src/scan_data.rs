//! What one read of a scanner is: GS1 data, an EAN or UPC symbol, or a text that means what the caller knows it to mean.
//!
//! The symbology identifier decides, and the text only where it begins as a web address. Nothing else is guessed: lot
//! `10D9T` is a lot, not batch `D9T`.

use thiserror::Error;

use crate::ean::{self, Ean, EanError};
use crate::gs1::{Content, DigitalLink, ElementString, ElementStringError, Gtin};
use crate::symbology::{Symbology, identify};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanData<'a> {
    ElementString(ElementString<'a>),
    DigitalLink(DigitalLink<'a>),
    Ean(Ean<'a>),
    /// Any other text, and a GTIN if it can be read as one.
    Plain {
        text: &'a [u8],
        gtin: Option<Gtin>,
    },
}

/// Why a read whose symbology promises GS1 data isn't to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ScanDataError {
    #[error(transparent)]
    ElementString(#[from] ElementStringError),
    #[error(transparent)]
    Ean(#[from] EanError),
}

impl<'a> ScanData<'a> {
    /// Reads a frame, with its symbology identifier where the scanner sends one.
    ///
    /// A web address that is no Digital Link is a plain text.
    ///
    /// # Errors
    /// When a GS1 or EAN symbol holds what none may: a misread, a faulty label, or a scanner that drops the separators.
    pub fn read(frame: &'a [u8]) -> Result<Self, ScanDataError> {
        let (symbology, payload) = identify(frame);
        Self::of(symbology, payload)
    }

    /// What `payload` is in a symbol of this kind; as [`read`](Self::read), where the kind was told in another way.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn of(symbology: Symbology, payload: &'a [u8]) -> Result<Self, ScanDataError> {
        if symbology.is_gs1() {
            return Ok(Self::ElementString(ElementString::parse(payload)?));
        }
        if symbology.is_ean() {
            return Ok(Self::Ean(Ean::read(symbology, payload)?));
        }
        if let Some(link) = str::from_utf8(payload).ok().and_then(|text| DigitalLink::parse(text).ok()) {
            return Ok(Self::DigitalLink(link));
        }
        Ok(Self::Plain { text: payload, gtin: ean::gtin(symbology, payload) })
    }

    /// What the read says in GS1's terms.
    #[must_use]
    pub fn content(&self) -> Option<&Content<'a>> {
        match self {
            Self::ElementString(string) => Some(string.content()),
            Self::DigitalLink(link) => Some(link.content()),
            Self::Ean(ean) => ean.component.as_ref().map(ElementString::content),
            Self::Plain { .. } => None,
        }
    }

    /// The product, however it is said.
    #[must_use]
    pub fn gtin(&self) -> Option<Gtin> {
        match self {
            Self::ElementString(string) => string.content().gtin(),
            Self::DigitalLink(link) => link.content().gtin(),
            Self::Ean(ean) => Some(ean.gtin),
            Self::Plain { gtin, .. } => *gtin,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(frame: &str) -> String {
        match ScanData::read(frame.as_bytes()) {
            Ok(ScanData::ElementString(string)) => format!("elements {}", string.content()),
            Ok(ScanData::DigitalLink(link)) => format!("link {}", link.content()),
            Ok(ScanData::Ean(ean)) => format!("EAN {} {}", ean.gtin, ean.add_on.unwrap_or_default()),
            Ok(ScanData::Plain { text, gtin }) => {
                let gtin = gtin.map(|gtin| format!(" GTIN {gtin}")).unwrap_or_default();
                format!("plain {}{gtin}", String::from_utf8_lossy(text))
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn reads_are_what_their_symbology_says() {
        let rows = [
            ("]C10104006381333931", "elements (01)04006381333931"),
            ("]d2010400638133393110A\x1d21B", "elements (01)04006381333931(10)A(21)B"),
            ("]Q310A", "elements (10)A"),
            ("]J110A", "elements (10)A"),
            ("]e010A", "elements (10)A"),
            ("]C110D9T", "elements (10)D9T"),
            ("]C010D9T", "plain 10D9T"),
            ("10D9T", "plain 10D9T"),
            ("]d110D9T", "plain 10D9T"),
            ("]C00104006381333931", "plain 0104006381333931"),
            ("]e110D9T", "plain 10D9T"),
            ("]C210D9T", "plain 10D9T"),
            ("]E04006381333931", "EAN 04006381333931 "),
            ("]E3400638133393112", "EAN 04006381333931 12"),
            ("]E112", "plain 12"),
            ("]C04006381333931", "plain 4006381333931 GTIN 04006381333931"),
            ("4006381333931", "plain 4006381333931 GTIN 04006381333931"),
            ("4006381333932", "plain 4006381333932"),
            ("]I114006381333938", "plain 14006381333938 GTIN 14006381333938"),
            ("https://a/01/04006381333931/10/D9T", "link (01)04006381333931(10)D9T"),
            ("]Q1HTTPS://A/01/04006381333931", "link (01)04006381333931"),
            ("]d1http://a/00/006141411234567890", "link (00)006141411234567890"),
            ("]C0https://a/8003/00614141000012TOTE", "link (8003)00614141000012TOTE"),
            ("]Q1https://a/01/04006381333932", "plain https://a/01/04006381333932"),
            ("]Q1HtTps://a/01/04006381333931", "plain HtTps://a/01/04006381333931"),
            (
                "]Q3https://a/01/04006381333931",
                "no application identifier at byte 0: not GS1 data, or a scanner that drops the separators",
            ),
            ("]C1", "no data"),
            ("]C1010400638133393", "the value of (01) has 13 characters and needs 14"),
            ("]E0", "this symbol doesn't have 0 digits"),
            ("]E04006381333932", "the check digit is 2, it should be 1: misread or mistyped"),
            ("]E4400638A3", "a GTIN is made of digits only"),
            ("]E402345673|]e017", "the composite's component: the value of (17) is missing"),
        ];
        for (frame, expected) in rows {
            assert_eq!(shown(frame), expected, "{frame}");
        }
    }

    #[test]
    fn content_and_product_are_at_hand() {
        let read = |frame: &'static str| ScanData::read(frame.as_bytes()).unwrap();
        let product = |frame| read(frame).gtin().map(|gtin| gtin.to_string());
        let expected = Some("04006381333931".to_owned());
        for frame in ["]C1010400638133393110A", "https://a/01/04006381333931/10/A", "]E04006381333931|]e010A"] {
            assert_eq!(product(frame), expected, "{frame}");
            assert_eq!(read(frame).content().and_then(|content| content.lot()), Some("A"), "{frame}");
        }
        assert_eq!((product("4006381333931"), product("]C110A"), product("A")), (expected, None, None));
        assert!(read("4006381333931").content().is_none() && read("]E04006381333931").content().is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            identifier in "(\\][A-Za-z][0-9])?",
            payload in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            let _ = ScanData::read(&[identifier.as_bytes(), &payload].concat());
        }

        #[test]
        fn plain_codes_never_become_gs1(
            identifier in "(\\]C0|\\]A0|\\]d1|\\]Q1|\\]I1|\\]L0|\\]z0|\\]J0|\\]e1|\\]X0|)",
            text in "(00|01|10|17|21)[0-9A-Z\x1d./:-]{0,30}",
        ) {
            let frame = format!("{identifier}{text}");
            let read = ScanData::read(frame.as_bytes()).unwrap();
            let is_plain = matches!(&read, ScanData::Plain { text: whole, .. } if *whole == text.as_bytes());
            prop_assert!(is_plain, "{:?}", read);
        }
    }
}
