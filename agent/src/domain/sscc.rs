//! The serial shipping container code: what a parcel is called everywhere (GS1 General Specifications, AI 00).

use std::fmt;

/// Eighteen digits, the last of them the check digit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sscc(pub u64);

impl Sscc {
    /// Makes the SSCC of `serial` under a company prefix of 4 to 12 digits.
    ///
    /// The serial fills what the prefix leaves, with the extension digit as its highest place. A serial beyond that
    /// begins again at zero: with the longest prefix after 100,000 parcels, with a seven-digit one after ten billion.
    #[must_use]
    pub fn mint(company_prefix: &str, serial: u64) -> Self {
        let prefix_places = company_prefix.len() as u32;
        let serial_places = 16 - prefix_places;
        let serial = serial % 10u64.pow(serial_places + 1);
        let (extension, reference) = (serial / 10u64.pow(serial_places), serial % 10u64.pow(serial_places));
        let prefix = company_prefix.bytes().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
        let number = (extension * 10u64.pow(prefix_places) + prefix) * 10u64.pow(serial_places) + reference;
        Self(number * 10 + check_digit(number))
    }

    /// The serial that [`Sscc::mint`] makes this number of, where it has this company prefix.
    #[must_use]
    pub fn serial_under(self, company_prefix: &str) -> Option<u64> {
        let serial_places = 16 - company_prefix.len() as u32;
        let text = self.to_string();
        let (extension, rest) = text.split_at(1);
        let reference = rest.strip_prefix(company_prefix)?.get(..serial_places as usize)?;
        let serial = extension.parse::<u64>().ok()? * 10u64.pow(serial_places) + reference.parse::<u64>().ok()?;
        (Self::mint(company_prefix, serial) == self).then_some(serial)
    }
}

/// Weights 3, 1, 3, … from the right, to the next ten.
fn check_digit(mut number: u64) -> u64 {
    let mut sum = 0;
    let mut weight = 3;
    while 0 < number {
        sum += number % 10 * weight;
        weight = 4 - weight;
        number /= 10;
    }
    (10 - sum % 10) % 10
}

impl fmt::Display for Sscc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:018}", self.0)
    }
}

impl fmt::Debug for Sscc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mints_what_the_standard_gives() {
        for (prefix, serial, expected) in [
            ("0614141", 1_234_567_890, "106141412345678908"),
            ("7350053", 1, "073500530000000017"),
            ("123456789012", 12_345, "112345678901223455"),
            ("123456789012", 112_345, "112345678901223455"),
        ] {
            let digits = &expected[..17];
            let minted = Sscc::mint(prefix, serial).to_string();
            assert_eq!(&minted[..17], digits, "{prefix} {serial}");
            let minted = Sscc::mint(prefix, serial);
            assert_eq!(
                minted.serial_under(prefix),
                Some(serial % 10u64.pow(17 - prefix.len() as u32)),
                "{prefix} {serial}"
            );
            assert_eq!(minted.serial_under("4000"), None);
            assert_eq!(Sscc(minted.0 ^ 1).serial_under(prefix), None, "another check digit");
        }
        assert_eq!(Sscc::mint("0614141", 1_234_567_890).to_string(), "106141412345678908");
    }
}
