//! Serial Shipping Container Code: the number of one parcel, pallet or other logistic unit.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use thiserror::Error;

use super::{check_digit, is_check_digit_right};

/// An SSCC; its check digit is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sscc(u64);

/// Digits of an SSCC: extension digit, company prefix, serial reference, check digit.
const DIGITS: usize = 18;

/// Digits that company prefix and serial reference share.
const PREFIX_AND_SERIAL_DIGITS: usize = DIGITS - 2;

/// Digits of a GS1 company prefix.
const COMPANY_PREFIX_DIGITS: RangeInclusive<usize> = 4..=12;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SsccError {
    #[error("an SSCC has 18 digits, this has {characters} characters")]
    Length { characters: usize },
    #[error("an SSCC is made of digits only")]
    NotDigits,
    #[error("the check digit is {found}, it should be {expected}: misread or mistyped")]
    CheckDigit { found: char, expected: char },
    #[error("the extension digit is 0 to 9, not {extension_digit}")]
    ExtensionDigit { extension_digit: u8 },
    #[error("a GS1 company prefix has 4 to 12 digits and nothing else")]
    CompanyPrefix,
    #[error("serial {serial} has no room: under this company prefix they end at {serial_max}")]
    SerialTooLarge { serial: u64, serial_max: u64 },
}

impl Sscc {
    /// The SSCC of `serial` under a GS1 company prefix.
    ///
    /// # Errors
    /// When the extension digit or company prefix is none, or the serial is beyond [`Sscc::serial_max`].
    pub fn assemble(extension_digit: u8, company_prefix: &str, serial: u64) -> Result<Self, SsccError> {
        if 9 < extension_digit {
            return Err(SsccError::ExtensionDigit { extension_digit });
        }
        let serial_max = Self::serial_max(company_prefix)?;
        if serial_max < serial {
            return Err(SsccError::SerialTooLarge { serial, serial_max });
        }
        let serial_digits = PREFIX_AND_SERIAL_DIGITS - company_prefix.len();
        let mut key = format!("{extension_digit}{company_prefix}{serial:0serial_digits$}");
        key.push(check_digit(key.as_bytes()).into());
        key.parse()
    }

    /// The largest serial that fits behind a GS1 company prefix.
    ///
    /// # Errors
    /// When `company_prefix` isn't 4 to 12 digits.
    pub fn serial_max(company_prefix: &str) -> Result<u64, SsccError> {
        if !COMPANY_PREFIX_DIGITS.contains(&company_prefix.len())
            || !company_prefix.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Err(SsccError::CompanyPrefix);
        }
        let serial_digits = PREFIX_AND_SERIAL_DIGITS - company_prefix.len();
        Ok((0..serial_digits).fold(0, |max, _| max * 10 + 9))
    }

    #[must_use]
    pub fn as_u64(self) -> u64 {
        self.0
    }
}

impl FromStr for Sscc {
    type Err = SsccError;

    fn from_str(text: &str) -> Result<Self, SsccError> {
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SsccError::NotDigits);
        }
        if text.len() != DIGITS {
            return Err(SsccError::Length { characters: text.len() });
        }
        if !is_check_digit_right(text.as_bytes()) {
            let (digits, last) = text.as_bytes().split_at(DIGITS - 1);
            return Err(SsccError::CheckDigit { found: last[0].into(), expected: check_digit(digits).into() });
        }
        text.parse().map(Self).map_err(|_| SsccError::NotDigits)
    }
}

/// A number as [`Sscc::as_u64`] gave it.
impl TryFrom<u64> for Sscc {
    type Error = SsccError;

    fn try_from(number: u64) -> Result<Self, SsccError> {
        format!("{number:018}").parse()
    }
}

impl fmt::Display for Sscc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:018}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn serials_are_assembled_under_the_company_prefix() {
        let rows = [
            (0, "0614141", 123_456_789, Ok("006141411234567890")),
            (3, "7350012", 1, Ok("373500120000000012")),
            (0, "0000", 0, Ok("000000000000000000")),
            (9, "999999999999", 9999, Ok("999999999999999995")),
            (9, "999999999999", 10_000, Err(SsccError::SerialTooLarge { serial: 10_000, serial_max: 9999 })),
            (0, "0614", u64::MAX, Err(SsccError::SerialTooLarge { serial: u64::MAX, serial_max: 999_999_999_999 })),
            (10, "0614141", 1, Err(SsccError::ExtensionDigit { extension_digit: 10 })),
            (0, "061", 1, Err(SsccError::CompanyPrefix)),
            (0, "0614141061414", 1, Err(SsccError::CompanyPrefix)),
            (0, "061414x", 1, Err(SsccError::CompanyPrefix)),
        ];
        for (extension_digit, company_prefix, serial, expected) in rows {
            let assembled = Sscc::assemble(extension_digit, company_prefix, serial).map(|sscc| sscc.to_string());
            assert_eq!(assembled, expected.map(str::to_owned), "{extension_digit} {company_prefix} {serial}");
        }
    }

    #[test]
    fn what_is_no_sscc_is_refused() {
        let rows = [
            ("006141411234567891", SsccError::CheckDigit { found: '1', expected: '0' }),
            ("00614141123456789", SsccError::Length { characters: 17 }),
            ("00614141123456789O", SsccError::NotDigits),
        ];
        for (text, expected) in rows {
            assert_eq!(text.parse::<Sscc>(), Err(expected), "{text}");
        }
    }

    proptest! {
        #[test]
        fn serials_never_share_an_sscc(prefix in "[0-9]{4,12}", one in any::<u64>(), other in any::<u64>()) {
            let room = Sscc::serial_max(&prefix).unwrap() + 1;
            let (one, other) = (one % room, other % room);
            let first = Sscc::assemble(0, &prefix, one).unwrap();
            prop_assert_eq!(first == Sscc::assemble(0, &prefix, other).unwrap(), one == other);
            prop_assert_eq!(first.to_string().parse(), Ok(first));
            prop_assert_eq!(Sscc::try_from(first.as_u64()), Ok(first));
        }
    }
}
