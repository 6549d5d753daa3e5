//! EAN, UPC and ITF-14: symbols whose payload is a GTIN as it stands, with no identifier before it.

use thiserror::Error;

use crate::gs1::{ElementString, ElementStringError, Gtin, GtinError, check_digit};
use crate::symbology::Symbology;

/// What an EAN-13, EAN-8, UPC-A or UPC-E symbol says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ean<'a> {
    pub gtin: Gtin,
    /// The 2 or 5 digits beside it: a magazine's issue, a book's price.
    pub add_on: Option<&'a str>,
    /// The two-dimensional component above it, where the scanner sends both in one read.
    pub component: Option<ElementString<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EanError {
    #[error("this symbol doesn't have {characters} digits")]
    Length { characters: usize },
    #[error(transparent)]
    Gtin(#[from] GtinError),
    #[error("the composite's component: {0}")]
    Component(#[from] ElementStringError),
}

/// What parts the symbol and its component, and identifies the latter.
const COMPONENT: &[u8; 4] = b"|]e0";

impl<'a> Ean<'a> {
    /// Reads the payload of a symbol that [is EAN](Symbology::is_ean).
    ///
    /// 12 digits are a UPC-A whose leading 0 the scanner drops, 8 that are no EAN-8 are a UPC-E that it doesn't expand.
    ///
    /// # Errors
    /// When it has another length or its check digit is wrong, as after a misread.
    pub fn read(symbology: Symbology, payload: &'a [u8]) -> Result<Self, EanError> {
        let (symbol, component) = match payload.windows(COMPONENT.len()).position(|window| window == COMPONENT) {
            Some(at) => (&payload[..at], Some(ElementString::parse(&payload[at + COMPONENT.len()..])?)),
            None => (payload, None),
        };
        let digits = str::from_utf8(symbol)
            .ok()
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            .ok_or(GtinError::NotDigits)?;
        let gtin_digits = match (symbology, digits.len()) {
            (Symbology::Ean13, 13 | 12 | 8) | (Symbology::Ean8, 8) | (Symbology::UpcE, 6..=8) => digits.len(),
            (Symbology::Ean13WithAddOn, 18 | 15) => 13,
            (Symbology::Ean13WithAddOn, 17 | 14) => 12,
            (_, characters) => return Err(EanError::Length { characters }),
        };
        let (gtin, add_on) = digits.split_at(gtin_digits);
        let gtin = match (symbology, gtin.as_bytes().try_into()) {
            (Symbology::Ean13 | Symbology::UpcE, Ok(upc_e)) => expand_upc_e(upc_e).parse()?,
            (Symbology::UpcE, Err(_)) => complete_upc_e(gtin).parse()?,
            _ => gtin.parse()?,
        };
        Ok(Self { gtin, add_on: Some(add_on).filter(|add_on| !add_on.is_empty()), component })
    }
}

/// The product that a read says, if it says one: in its own digits, or as AI 01.
///
/// A payload of digits in a symbol that may carry anything is a GTIN when it has the length and the check digit of one.
#[must_use]
pub fn gtin(symbology: Symbology, payload: &[u8]) -> Option<Gtin> {
    if symbology.is_gs1() {
        return ElementString::parse(payload).ok()?.content().gtin();
    }
    if symbology.is_ean() {
        return Ean::read(symbology, payload).ok().map(|ean| ean.gtin);
    }
    let text = str::from_utf8(payload).ok()?;
    if symbology == Symbology::Itf && text.len() == 13 {
        // Interleaved digits come in pairs: the scanner has verified the check digit and kept it to itself.
        return format!("{text}{}", char::from(check_digit(payload))).parse().ok();
    }
    text.parse().ok()
}

/// The 12 digits of UPC-A that a UPC-E symbol stands for: the number system, six digits, the check digit.
fn expand_upc_e(digits: &[u8; 8]) -> String {
    let [system, a, b, c, d, e, rule, check] = digits.map(char::from);
    match rule {
        '0'..='2' => format!("{system}{a}{b}{rule}0000{c}{d}{e}{check}"),
        '3' => format!("{system}{a}{b}{c}00000{d}{e}{check}"),
        '4' => format!("{system}{a}{b}{c}{d}00000{e}{check}"),
        _ => format!("{system}{a}{b}{c}{d}{e}0000{rule}{check}"),
    }
}

/// The UPC-A of a UPC-E that is sent without its check digit, or with nothing but the six digits in the middle: those
/// are of number system 0.
fn complete_upc_e(digits: &str) -> String {
    let mut upc_e = [b'0'; 8];
    let front = 7 - digits.len();
    upc_e[front..7].copy_from_slice(digits.as_bytes());
    let upc_a = expand_upc_e(&upc_e);
    let check = check_digit(&upc_a.as_bytes()[..11]);
    format!("{}{}", &upc_a[..11], char::from(check))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::symbology::identify;

    #[test]
    fn upc_e_is_expanded_with_and_without_its_ends() {
        for digits in ["00123457", "0012345", "012345"] {
            let gtin = gtin(Symbology::UpcE, digits.as_bytes()).map(|gtin| gtin.to_string());
            assert_eq!(gtin.as_deref(), Some("00001234000057"), "{digits}");
        }
        for digits in ["00123456", "12345", "001234570", "01234x", ""] {
            assert_eq!(gtin(Symbology::UpcE, digits.as_bytes()), None, "{digits}");
        }
    }

    #[test]
    fn symbols_say_their_product() {
        let rows = [
            ("]E04006381333931", Some("04006381333931")),
            ("]E00614141000036", Some("00614141000036")),
            ("]E0614141000036", Some("00614141000036")),
            ("]E00001234000057", Some("00001234000057")),
            ("]E000123457", Some("00001234000057")),
            ("]E001234505", Some("00012000003455")),
            ("]E04006381333932", None),
            ("]E040063813339317", None),
            ("]E0400638133393", None),
            ("]E02345673", None),
            ("]E4 2345673", None),
            ("]E402345673", Some("00000002345673")),
            ("]E496385074", Some("00000096385074")),
            ("]E402345674", None),
            ("]E44006381333931", None),
            ("]E3400638133393112", Some("04006381333931")),
            ("]E3400638133393112345", Some("04006381333931")),
            ("]E361414100003612", Some("00614141000036")),
            ("]E361414100003612345", Some("00614141000036")),
            ("]E340063813339311", None),
            ("]E3400638133393212", None),
            ("]E112", None),
            ("]E212345", None),
            ("]E02112345678900|]e099COMPOSITE\x1d98XYZ", Some("02112345678900")),
            ("]E02112345678900|]e0", None),
            ("]E02112345678900]e099X", None),
            ("]I112345678901231", Some("12345678901231")),
            ("]I012345678901231", Some("12345678901231")),
            ("]I31234567890123", Some("12345678901231")),
            ("]I012345678901232", None),
            ("]I0123456", None),
            ("]C10109521234543213", Some("09521234543213")),
            ("]C10009521234543213", None),
            ("]C00109521234543213", None),
            ("]C010D9T", None),
            ("10D9T", None),
            ("]C04006381333931", Some("04006381333931")),
            ("614141000036", Some("00614141000036")),
            ("96385074", Some("00000096385074")),
            ("]Q1", None),
        ];
        for (frame, expected) in rows {
            let (symbology, payload) = identify(frame.as_bytes());
            assert_eq!(gtin(symbology, payload).map(|gtin| gtin.to_string()).as_deref(), expected, "{frame}");
        }
    }

    #[test]
    fn add_on_and_component_are_kept() {
        let read = |symbology, payload: &'static str| Ean::read(symbology, payload.as_bytes()).unwrap();
        assert_eq!(read(Symbology::Ean13WithAddOn, "400638133393112345").add_on, Some("12345"));
        assert_eq!(read(Symbology::Ean13WithAddOn, "61414100003612").add_on, Some("12"));
        let composite = read(Symbology::Ean8, "02345673|]e017290228");
        assert_eq!(composite.add_on, None);
        assert_eq!(composite.component.unwrap().content().to_string(), "(17)290228");
    }

    /// The rows are those of the rule: each of its four forms, and a number system of its own.
    #[test]
    fn upc_e_is_expanded() {
        let rows = [
            ("01234505", "012000003455"),
            ("01234514", "012100003454"),
            ("01234523", "012200003453"),
            ("01234531", "012300000451"),
            ("01234543", "012340000053"),
            ("01234558", "012345000058"),
            ("01234596", "012345000096"),
            ("11234502", "112000003452"),
        ];
        for (upc_e, upc_a) in rows {
            assert_eq!(expand_upc_e(upc_e.as_bytes().try_into().unwrap()), upc_a);
            assert!(upc_a.parse::<Gtin>().is_ok(), "{upc_a}");
        }
    }
}
