//! Ids of badges, bins and totes: one, or a range of them.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

use super::CODES_MAX;

/// Longer ids need bars too thin for a hand scanner.
const CHARACTERS_MAX: usize = 32;

/// What stands on a badge, a shelf or a tote: `[A-Za-z0-9_-]{1,32}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Id(String);

/// `A-01`, or all of `A-01..A-20`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids(pub Vec<Id>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadId {
    #[error("an id has 1 to {CHARACTERS_MAX} letters (A-Z, a-z), digits, - and _, and nothing else")]
    Characters,
    #[error("a range ends like it begins, but for its last digits, which are as many: A-01..A-20")]
    Range,
    #[error("the range ends before it begins")]
    Backwards,
    #[error("a range has at most {CODES_MAX} ids")]
    TooMany,
}

impl FromStr for Id {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_id = (1..=CHARACTERS_MAX).contains(&text.len()) && text.bytes().all(is_plain);
        if is_id { Ok(Self(text.to_owned())) } else { Err(BadId::Characters) }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Ids {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let Some((first, last)) = text.split_once("..") else {
            return Ok(Self(vec![text.parse()?]));
        };
        let (first, last): (Id, Id) = (first.parse()?, last.parse()?);
        let ((stem, from), (last_stem, to)) = (split(&first.0), split(&last.0));
        if stem != last_stem || from.len() != to.len() {
            return Err(BadId::Range);
        }
        let number = |digits: &str| digits.parse::<u64>().map_err(|_| BadId::Range);
        let (width, from, to) = (from.len(), number(from)?, number(to)?);
        if to < from {
            return Err(BadId::Backwards);
        }
        if CODES_MAX as u64 <= to - from {
            return Err(BadId::TooMany);
        }
        Ok(Self((from..=to).map(|number| Id(format!("{stem}{number:0width$}"))).collect()))
    }
}

/// What is before the last digits, and they.
fn split(id: &str) -> (&str, &str) {
    let stem = id.trim_end_matches(|c: char| c.is_ascii_digit());
    id.split_at(stem.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_one_or_a_range() {
        let long = "x".repeat(32);
        let rows: &[(&str, Result<&[&str], BadId>)] = &[
            ("A-01", Ok(&["A-01"])),
            (&long, Ok(&[&long])),
            ("A-08..A-11", Ok(&["A-08", "A-09", "A-10", "A-11"])),
            ("7..9", Ok(&["7", "8", "9"])),
            ("A-1..A-1", Ok(&["A-1"])),
            ("", Err(BadId::Characters)),
            ("A 1", Err(BadId::Characters)),
            ("A:1", Err(BadId::Characters)),
            ("Å1", Err(BadId::Characters)),
            ("<b>", Err(BadId::Characters)),
            ("A\n", Err(BadId::Characters)),
            ("A-01..", Err(BadId::Characters)),
            ("A-01...A-03", Err(BadId::Characters)),
            ("A-01..B-03", Err(BadId::Range)),
            ("A-1..A-10", Err(BadId::Range)),
            ("A..B", Err(BadId::Range)),
            ("A..A", Err(BadId::Range)),
            ("99999999999999999999..99999999999999999999", Err(BadId::Range)),
            ("A-20..A-01", Err(BadId::Backwards)),
            ("0000..1000", Err(BadId::TooMany)),
        ];
        for (text, expected) in rows {
            let ids = text.parse::<Ids>().map(|ids| ids.0.iter().map(ToString::to_string).collect::<Vec<_>>());
            assert_eq!(ids, expected.map(|ids| ids.iter().map(ToString::to_string).collect()), "{text:?}");
        }
        assert_eq!("x".repeat(33).parse::<Id>(), Err(BadId::Characters));
        assert_eq!("0000..0999".parse::<Ids>().map(|ids| ids.0.len()), Ok(1000));
    }
}
