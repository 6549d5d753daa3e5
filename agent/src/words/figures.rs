//! Figures, dates and spans of time, as a language writes them.

use super::{Language, Part};
use serde::Deserialize;

/// How a language writes figures.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// Short names, from January.
    pub months: [&'static str; 12],
    /// Between groups of three digits.
    pub thousands: char,
    /// Before the part of a number that is less than one.
    pub decimal: &'static str,
    pub days: &'static str,
    pub hours: &'static str,
}

impl Figures {
    #[must_use]
    pub fn of(language: Language) -> &'static Self {
        static FIGURES: Part<Figures> = Part::new("figures");
        FIGURES.of(language)
    }

    /// `48,213`
    #[must_use]
    pub fn number(&self, number: u64) -> String {
        let digits = number.to_string();
        let mut text = String::with_capacity(digits.len() + digits.len() / 3);
        for (index, digit) in digits.chars().enumerate() {
            if 0 < index && (digits.len() - index).is_multiple_of(3) {
                text.push(self.thousands);
            }
            text.push(digit);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_digits() {
        for (number, text) in [(0, "0"), (999, "999"), (1_204, "1,204"), (48_213, "48,213"), (1_000_000, "1,000,000")] {
            assert_eq!(Figures::of(Language::ENGLISH).number(number), text);
        }
    }
}
