//! Dates as GS1 writes them: two digits of the year, and no day where the month is meant.

use std::fmt;

/// A day of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    pub year: u16,
    /// From 1.
    pub month: u8,
    /// From 1.
    pub day: u8,
}

impl Date {
    /// The day that `YYMMDD` says, seen from `current_year`; the last of the month where `DD` is 00.
    ///
    /// The century is the one that puts the year at most 50 years ahead and less than 50 behind (GS1 General
    /// Specifications, section 7.12). `None` where there is no such day.
    #[must_use]
    pub fn from_yymmdd(text: &str, current_year: u16) -> Option<Self> {
        let (yy, month, day) = fields(text)?;
        let ahead = i32::from(yy) - i32::from(current_year % 100);
        let century = current_year / 100;
        let century = match ahead {
            51.. => century.checked_sub(1)?,
            ..=-50 => century + 1,
            _ => century,
        };
        let year = century.checked_mul(100)?.checked_add(yy.into())?;
        let days = days(year, month)?;
        let day = if day == 0 { days } else { day };
        (day <= days).then_some(Self { year, month, day })
    }
}

/// As ISO 8601 writes it.
impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// Whether `YYMMDD` is a day, or a month where `DD` is 00.
///
/// The year 00 is 2000, as the century rule has it until 2050, and has a 29 February.
pub(super) fn is_day_or_month(text: &str) -> bool {
    fields(text).is_some_and(|(yy, month, day)| days(2000 + u16::from(yy), month).is_some_and(|days| day <= days))
}

/// Whether `YYMMDD` is a day.
pub(super) fn is_day(text: &str) -> bool {
    is_day_or_month(text) && !text.ends_with("00")
}

/// Whether `YYYYMMDD` is a day.
pub(super) fn is_day_of_full_year(text: &str) -> bool {
    let Some((century, rest)) = text.split_at_checked(2) else { return false };
    let (Ok(century), Some((yy, month, day))) = (century.parse::<u16>(), fields(rest)) else { return false };
    days(century * 100 + u16::from(yy), month).is_some_and(|days| (1..=days).contains(&day))
}

/// Year of the century, month and day of six ASCII digits.
fn fields(text: &str) -> Option<(u8, u8, u8)> {
    if text.len() != 6 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((text.get(..2)?.parse().ok()?, text.get(2..4)?.parse().ok()?, text.get(4..)?.parse().ok()?))
}

fn days(year: u16, month: u8) -> Option<u8> {
    Some(match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_of_two_digits_is_the_one_nearby() {
        let rows = [
            ("261126", 2026, Some("2026-11-26")),
            ("760101", 2026, Some("2076-01-01")),
            ("770101", 2026, Some("1977-01-01")),
            ("000101", 2026, Some("2000-01-01")),
            ("990101", 2026, Some("1999-01-01")),
            ("001231", 2050, Some("2100-12-31")),
            ("011231", 2050, Some("2001-12-31")),
            ("490615", 2099, Some("2149-06-15")),
            ("500615", 2099, Some("2050-06-15")),
            ("510101", 2000, Some("1951-01-01")),
            ("500101", 2000, Some("2050-01-01")),
        ];
        for (text, current_year, expected) in rows {
            let date = Date::from_yymmdd(text, current_year).map(|date| date.to_string());
            assert_eq!(date.as_deref(), expected, "{text} {current_year}");
        }
    }

    #[test]
    fn day_zero_is_the_last_of_the_month() {
        let rows = [
            ("270100", Some("2027-01-31")),
            ("270200", Some("2027-02-28")),
            ("280200", Some("2028-02-29")),
            ("280229", Some("2028-02-29")),
            ("270229", None),
            ("270400", Some("2027-04-30")),
            ("270431", None),
            ("271200", Some("2027-12-31")),
            ("271300", None),
            ("270001", None),
            ("270132", None),
            ("27013", None),
            ("2701311", None),
            ("+70131", None),
            ("27 131", None),
        ];
        for (text, expected) in rows {
            let date = Date::from_yymmdd(text, 2026).map(|date| date.to_string());
            assert_eq!(date.as_deref(), expected, "{text}");
            assert_eq!(is_day_or_month(text), expected.is_some(), "{text}");
            assert_eq!(is_day(text), expected.is_some() && !text.ends_with("00"), "{text}");
        }
        assert_eq!(Date::from_yymmdd("000229", 2060), None, "2100 has no 29 February");
    }

    #[test]
    fn years_of_four_digits_have_their_own_leap_days() {
        for (text, expected) in [
            ("20000229", true),
            ("19000229", false),
            ("20240229", true),
            ("20230229", false),
            ("20200600", false),
            ("20201301", false),
            ("2020060", false),
            ("å0200601", false),
        ] {
            assert_eq!(is_day_of_full_year(text), expected, "{text}");
        }
    }
}
