//! What the content of a value's part must be, beyond its characters and length. Source: the linters that GS1's Barcode
//! Syntax Dictionary names.

use std::fmt;

use super::{check_digit, codes, date};

/// A rule for a part of a value. It is shown as what a value that breaks it is or has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    CheckDigit,
    /// The check character pair of alphanumeric keys.
    CheckCharacters,
    /// It begins with a GS1 company prefix: four digits or more. Which prefixes are given out is not looked up.
    CompanyPrefix,
    /// As [`Rule::CompanyPrefix`], from the second character.
    CompanyPrefixSecond,
    /// `YYMMDD`, where `DD` may be 00.
    DateOrMonth,
    /// `YYMMDD`
    Date,
    /// `YYYYMMDD`
    FullDate,
    HourMinute,
    Hour,
    Minute,
    Second,
    Country,
    /// 999: several countries.
    CountryOr999,
    CountryLetters,
    Currency,
    Sex,
    PercentEncoding,
    /// In units of 10⁻⁷ degrees from the south pole.
    Latitude,
    /// In units of 10⁻⁷ degrees.
    Longitude,
    Zero,
    NotZero,
    NoLeadingZero,
    YesNo,
    /// Of a roll: 0 face out, 1 face in, 9 undefined.
    Winding,
    Hyphen,
    /// What a blood bank's identification is carried by.
    MediaType,
    /// Two numbers of equal width: a piece and how many there are.
    PieceOfTotal,
    /// `1/3`
    PositionOfEnd,
    Iban,
    ImporterIndex,
    HasNonDigit,
}

impl Rule {
    /// Whether `part` keeps it; its characters and length are right.
    pub(super) fn is_kept_by(self, part: &str) -> bool {
        match self {
            Self::CheckDigit => check_digit::is_check_digit_right(part.as_bytes()),
            Self::CheckCharacters => check_digit::are_check_characters_right(part.as_bytes()),
            Self::CompanyPrefix => begins_with_digits(part),
            Self::CompanyPrefixSecond => part.get(1..).is_some_and(begins_with_digits),
            Self::DateOrMonth => date::is_day_or_month(part),
            Self::Date => date::is_day(part),
            Self::FullDate => date::is_day_of_full_year(part),
            Self::HourMinute => part
                .split_at_checked(2)
                .is_some_and(|(hour, minute)| Self::Hour.is_kept_by(hour) && Self::Minute.is_kept_by(minute)),
            Self::Hour => part < "24",
            Self::Minute | Self::Second => part < "60",
            Self::Country => codes::is_country(part),
            Self::CountryOr999 => part == "999" || codes::is_country(part),
            Self::CountryLetters => codes::is_country_letters(part),
            Self::Currency => codes::is_currency(part),
            Self::Sex => ["0", "1", "2", "9"].contains(&part),
            Self::PercentEncoding => is_percent_encoded(part.as_bytes()),
            Self::Latitude => part <= "1800000000",
            Self::Longitude => part <= "3600000000",
            Self::Zero => part.bytes().all(|byte| byte == b'0'),
            Self::NotZero => part.bytes().any(|byte| byte != b'0'),
            Self::NoLeadingZero => !part.starts_with('0'),
            Self::YesNo => ["0", "1"].contains(&part),
            Self::Winding => ["0", "1", "9"].contains(&part),
            Self::Hyphen => part.bytes().all(|byte| byte == b'-'),
            Self::MediaType => ("01"..="10").contains(&part) || ("80"..="99").contains(&part),
            Self::PieceOfTotal => part.split_at_checked(part.len() / 2).is_some_and(|(piece, total)| {
                Self::NotZero.is_kept_by(piece) && piece.len() == total.len() && piece <= total
            }),
            Self::PositionOfEnd => part.split_once('/').is_some_and(|(position, end)| is_position_of(position, end)),
            Self::Iban => is_iban(part),
            Self::ImporterIndex => part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
            Self::HasNonDigit => part.bytes().any(|byte| !byte.is_ascii_digit()),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CheckDigit => "has a wrong check digit: a damaged or badly printed code",
            Self::CheckCharacters => "has wrong check characters: a damaged or badly printed code",
            Self::CompanyPrefix | Self::CompanyPrefixSecond => "doesn't begin with a GS1 company prefix",
            Self::DateOrMonth | Self::Date => "has no date as YYMMDD",
            Self::FullDate => "has no date as YYYYMMDD",
            Self::HourMinute => "has no time of day as hhmm",
            Self::Hour => "has no hour",
            Self::Minute => "has no minute",
            Self::Second => "has no second",
            Self::Country | Self::CountryOr999 => "has no country's number (ISO 3166)",
            Self::CountryLetters => "has no country's two letters (ISO 3166)",
            Self::Currency => "has no currency's number (ISO 4217)",
            Self::Sex => "is not 0, 1, 2 or 9 (ISO/IEC 5218)",
            Self::PercentEncoding => "has a % without two hexadecimal digits behind it",
            Self::Latitude => "has no latitude",
            Self::Longitude => "has no longitude",
            Self::Zero => "has no 0 where one must be",
            Self::NotZero => "has a number 0",
            Self::NoLeadingZero => "begins with 0",
            Self::YesNo => "is neither 0 nor 1",
            Self::Winding => "has no winding direction (0, 1 or 9)",
            Self::Hyphen => "has no hyphen where one must be",
            Self::MediaType => "is no media type",
            Self::PieceOfTotal => "has no piece number within its total",
            Self::PositionOfEnd => "is no position within a sequence",
            Self::Iban => "is no IBAN",
            Self::ImporterIndex => "has no importer index",
            Self::HasNonDigit => "has digits only",
        })
    }
}

/// The shortest GS1 company prefix has four digits.
fn begins_with_digits(text: &str) -> bool {
    text.as_bytes().first_chunk::<4>().is_some_and(|prefix| prefix.iter().all(u8::is_ascii_digit))
}

fn is_percent_encoded(text: &[u8]) -> bool {
    text.split(|&byte| byte == b'%')
        .skip(1)
        .all(|behind| behind.first_chunk::<2>().is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)))
}

/// Numbers without leading zeros: the shorter is the smaller.
fn is_position_of(position: &str, end: &str) -> bool {
    let is_number =
        |text: &str| !text.is_empty() && !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number(position) && is_number(end) && (position.len(), position) <= (end.len(), end)
}

/// ISO 13616: country, check digits and account number; with the first four characters moved to the end and letters
/// read as 10 to 35, it is 1 modulo 97.
fn is_iban(text: &str) -> bool {
    let Some((head, account)) = text.split_at_checked(4).filter(|_| 10 < text.len()) else { return false };
    let remainder = account.bytes().chain(head.bytes()).try_fold(0, |remainder, byte| match byte {
        b'0'..=b'9' => Some((remainder * 10 + u32::from(byte - b'0')) % 97),
        b'A'..=b'Z' => Some((remainder * 100 + u32::from(byte - b'A' + 10)) % 97),
        _ => None,
    });
    remainder == Some(1) && head.get(..2).is_some_and(codes::is_country_letters)
}

#[cfg(test)]
mod tests {
    use super::Rule::*;

    /// Rows of GS1's own tests of its linters, as far as a scan can have them.
    #[test]
    fn rules_are_kept_or_broken() {
        let rows = [
            (CompanyPrefix, "1234AB", "123A4"),
            (CompanyPrefix, "0123", "123"),
            (CompanyPrefixSecond, "A1234", "1234"),
            (DateOrMonth, "200600", "201310"),
            (DateOrMonth, "000229", "210229"),
            (Date, "200131", "200600"),
            (FullDate, "19960229", "19960230"),
            (HourMinute, "2359", "2400"),
            (HourMinute, "0000", "2360"),
            (Hour, "23", "24"),
            (Minute, "59", "60"),
            (Second, "00", "99"),
            (Country, "752", "987"),
            (CountryOr999, "999", "987"),
            (CountryLetters, "SE", "AA"),
            (Currency, "978", "987"),
            (Sex, "9", "3"),
            (PercentEncoding, "ABC%Ff", "ABC%fg"),
            (PercentEncoding, "ABCDEFGHIJKLMNOPQRSTUVWXYZ%00+12345", "ABC%gXYZ"),
            (PercentEncoding, "%20%20", "%2"),
            (PercentEncoding, "AB", "%%20"),
            (Latitude, "1800000000", "1800000001"),
            (Longitude, "3600000000", "3600000001"),
            (Zero, "0", "1"),
            (NotZero, "0001", "0000"),
            (NoLeadingZero, "10", "01"),
            (YesNo, "1", "2"),
            (Winding, "9", "2"),
            (Hyphen, "-", "A"),
            (MediaType, "10", "11"),
            (MediaType, "80", "00"),
            (PieceOfTotal, "0203", "0302"),
            (PieceOfTotal, "9999", "0001"),
            (PieceOfTotal, "0101", "0100"),
            (PositionOfEnd, "9/9", "9/8"),
            (PositionOfEnd, "9/10", "10/9"),
            (PositionOfEnd, "1/3", "01/3"),
            (PositionOfEnd, "1/1", "1/"),
            (PositionOfEnd, "8/9", "1/0"),
            (PositionOfEnd, "2/3", "x/y"),
            (PositionOfEnd, "2/3", "1//"),
            (Iban, "FR7630006000011234567890189", "FR12345678901234"),
            (Iban, "MU43BOMM0101123456789101000MUR", "XX361234567890"),
            (Iban, "MT90MALT011000012345MTLCAST001SABC", "MT90MALT011000012345MTLCAST001SAB0"),
            (Iban, "BE71096123456769", "LC14BOSLxx3456789012345678901230"),
            (Iban, "GB98MIDL07009312345678", "BE71"),
            (ImporterIndex, "-", "="),
            (ImporterIndex, "_", "."),
            (HasNonDigit, "1A1", "111"),
        ];
        for (rule, kept, broken) in rows {
            assert!(rule.is_kept_by(kept), "{rule:?} {kept}");
            assert!(!rule.is_kept_by(broken), "{rule:?} {broken}");
            let words = rule.to_string();
            assert!(["has ", "is ", "begins ", "doesn't "].iter().any(|verb| words.starts_with(verb)), "{words}");
        }
    }
}
