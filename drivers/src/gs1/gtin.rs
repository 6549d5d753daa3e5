//! Global Trade Item Number: what a product's own barcode carries.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::{check_digit, is_check_digit_right};

/// A GTIN-8, -12, -13 or -14, normalised to 14 digits; its check digit is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gtin(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum GtinError {
    #[error("a GTIN has 8, 12, 13 or 14 digits, this has {characters} characters")]
    Length { characters: usize },
    #[error("a GTIN is made of digits only")]
    NotDigits,
    #[error("the check digit is {found}, it should be {expected}: misread or mistyped")]
    CheckDigit { found: char, expected: char },
}

impl Gtin {
    #[must_use]
    pub fn as_u64(self) -> u64 {
        self.0
    }
}

impl FromStr for Gtin {
    type Err = GtinError;

    fn from_str(text: &str) -> Result<Self, GtinError> {
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(GtinError::NotDigits);
        }
        let (8 | 12 | 13 | 14) = text.len() else {
            return Err(GtinError::Length { characters: text.len() });
        };
        if !is_check_digit_right(text.as_bytes()) {
            let (digits, last) = text.as_bytes().split_at(text.len() - 1);
            return Err(GtinError::CheckDigit { found: last[0].into(), expected: check_digit(digits).into() });
        }
        text.parse().map(Self).map_err(|_| GtinError::NotDigits)
    }
}

/// A number as [`Gtin::as_u64`] gave it.
impl TryFrom<u64> for Gtin {
    type Error = GtinError;

    fn try_from(number: u64) -> Result<Self, GtinError> {
        format!("{number:014}").parse()
    }
}

impl fmt::Display for Gtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:014}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_lengths_become_fourteen_digits() {
        let rows = [
            ("02345673", Ok("00000002345673")),
            ("614141000036", Ok("00614141000036")),
            ("4006381333931", Ok("04006381333931")),
            ("12345678901231", Ok("12345678901231")),
            ("4006381333932", Err(GtinError::CheckDigit { found: '2', expected: '1' })),
            ("40063813339", Err(GtinError::Length { characters: 11 })),
            ("", Err(GtinError::Length { characters: 0 })),
            ("4006381333931 ", Err(GtinError::NotDigits)),
            ("+006381333931", Err(GtinError::NotDigits)),
            ("٤٠٠٦", Err(GtinError::NotDigits)),
        ];
        for (text, expected) in rows {
            let parsed = text.parse::<Gtin>().map(|gtin| gtin.to_string());
            assert_eq!(parsed, expected.map(str::to_owned), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in any::<String>()) {
            if let Ok(gtin) = text.parse::<Gtin>() {
                prop_assert_eq!(gtin.to_string().parse(), Ok(gtin));
                prop_assert_eq!(Gtin::try_from(gtin.as_u64()), Ok(gtin));
            }
        }

        #[test]
        fn any_single_wrong_digit_is_found(digits in "[0-9]{13}", place in 0..14usize, change in 1..10u8) {
            let mut key = digits.into_bytes();
            key.push(check_digit(&key));
            key[place] = b'0' + (key[place] - b'0' + change) % 10;
            prop_assert!(String::from_utf8(key).unwrap().parse::<Gtin>().is_err());
        }
    }
}
